"""Settings of an experiment: a frozen dataclass, its ``key=value`` overrides and its TOML text.

A field's type is that of its annotation: bool, int, float, str, Path, Literal, ``X | None``,
``tuple[X, ...]`` or a Brian2 Quantity, whose unit is checked against the default's. Write a field
with `setting` to give it a help text, a range or choices:

    @dataclass(frozen=True, kw_only=True)
    class Config:
        tau: Quantity = setting(20 * ms, low=1 * ms, high=100 * ms, help="window time constant")
        corpus: str = setting("kjv", help="kjv, alice29 or the path of a file")

`low` and `high` are allowed values themselves.
"""

from __future__ import annotations

import dataclasses
import json
import tomllib
import typing
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from bioplastic.errors import CorruptFile, UsageError, nearest
from bioplastic.setting_text import check_value, read_value, show
from bioplastic.unit_text import is_quantity

C = TypeVar("C")


def setting(
    default: Any,
    *,
    help: str = "",
    low: Any = None,
    high: Any = None,
    choices: Iterable[Any] = (),
) -> Any:
    """Return a dataclass field with a default, a help text and the values it accepts.

    default    also a Quantity, which `dataclasses.field(default=...)` refuses as mutable
    low, high  smallest and largest allowed value, or None
    choices    the allowed values; empty for no restriction
    """
    metadata = {"help": help, "low": low, "high": high, "choices": tuple(choices)}
    if type(default).__hash__ is None:
        return dataclasses.field(default_factory=lambda: default, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def configure(
    cls: type[C], overrides: Iterable[str] = (), *, base: Mapping[str, Any] | None = None,
    where: str = "",
) -> C:  # fmt: skip
    """Return the settings `cls` with `base` and then the ``key=value`` texts put in.

    base   field name -> value or text, such as an experiment's QUICK
    where  who is being configured, for messages

    Raises UsageError for an unknown key, an unreadable value, a wrong unit, a value out of range.
    """
    fields, hints = _fields(cls), _hints(cls)
    where = where or cls.__name__
    given: dict[str, Any] = dict(base or {})
    for text in overrides:
        key, equals, value = text.partition("=")
        key = key.strip()
        if not equals:
            raise UsageError(f"{where}: {text!r} must be written key=value")
        given[key] = value.strip()
    values = {}
    for key, value in given.items():
        if key not in fields:
            raise UsageError(f"{where}: unknown setting {key!r}{nearest(key, fields)}")
        name = f"{where}: {key}"
        values[key] = read_value(value, hints.get(key), default_of(fields[key]), name)
        check_value(values[key], fields[key].metadata, name)
    return cls(**values)


def default_of(field: dataclasses.Field[Any]) -> Any:
    """Return the default of a dataclass field; every setting has one."""
    if field.default is not dataclasses.MISSING:
        return field.default
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    raise TypeError(f"setting {field.name!r} has no default")


def _fields(cls: type) -> dict[str, dataclasses.Field[Any]]:
    return {f.name: f for f in dataclasses.fields(cls) if f.init}


def _hints(cls: type) -> dict[str, Any]:
    """Return the annotations that can be evaluated; the type of the default decides the others."""
    try:
        return typing.get_type_hints(cls)
    except NameError:
        return {}


def to_toml(config: Any, **heading: Any) -> str:
    """Return TOML: the `heading` keys, then all fields of `config` below ``[config]``."""
    lines = [f"{key} = {_toml(value)}" for key, value in heading.items()]
    lines += ["", "[config]"] if lines else ["[config]"]
    lines += [f"{name} = {_toml(getattr(config, name))}" for name in _fields(type(config))]
    return "\n".join(lines) + "\n"


def _toml(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)) and not is_quantity(value):
        return repr(value)
    text = "none" if value is None else show(value)
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def from_toml(cls: type[C], text: str, *, where: str = "config.toml") -> C:
    """Return the settings that `to_toml` wrote; CorruptFile when the text is not TOML."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CorruptFile(f"{where}: not readable as TOML: {error}") from None
    if not isinstance(table.get("config"), dict):
        raise CorruptFile(f"{where}: has no table [config]")
    return configure(cls, base=table["config"], where=where)
