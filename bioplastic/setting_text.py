"""One setting as text: what a person types after ``key=``, read by the type of the field."""

from __future__ import annotations

import math
import types
import typing
from collections.abc import Mapping
from typing import Any, Literal, Union

from bioplastic.errors import UsageError, nearest
from bioplastic.unit_text import format_quantity, is_quantity, parse_quantity

_TRUTH = {"true": True, "yes": True, "on": True, "1": True}
_TRUTH |= {"false": False, "no": False, "off": False, "0": False}


def read_value(value: Any, hint: Any, default: Any, name: str) -> Any:
    """Return `value`, read from text or TOML, as what the field holds.

    hint     the field's annotation, or None when it cannot be evaluated
    default  the field's default; its type decides where `hint` does not, its unit for a Quantity
    name     what is being set, for the message

    Raises UsageError for text that is not of the type, the choices or the unit.
    """
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin in (Union, types.UnionType):
        if value is None or (isinstance(value, str) and value.lower() == "none"):
            return None
        rest = [a for a in arguments if a is not type(None)]
        return read_value(value, rest[0] if len(rest) == 1 else None, default, name)
    if origin is Literal:
        matches = [a for a in arguments if a == value or str(a) == value]
        if not matches:
            raise UsageError(f"{name} = {value!r}{nearest(str(value), map(str, arguments))}")
        return matches[0]
    if origin is tuple or hint is tuple or isinstance(default, tuple):
        if not isinstance(value, (str, list, tuple)):
            raise UsageError(f"{name} = {value!r}: must be a list of values")
        parts = value.strip("()[] ").split(",") if isinstance(value, str) else list(value)
        parts = [p.strip() if isinstance(p, str) else p for p in parts]
        parts = [p for p in parts if p != ""]
        inner = [a for a in arguments if a is not Ellipsis]
        if inner and Ellipsis not in arguments and len(parts) != len(inner):
            raise UsageError(f"{name} = {value!r}: must have {len(inner)} values, not {len(parts)}")
        if Ellipsis in arguments or not inner:
            inner = (inner or [None]) * len(parts)
        first = default[0] if isinstance(default, tuple) and default else None
        return tuple(read_value(p, h, first, name) for p, h in zip(parts, inner, strict=True))
    if is_quantity(value):
        value = format_quantity(value)
    if is_quantity(default) or getattr(hint, "__name__", "") == "Quantity":
        return parse_quantity(
            str(value), like=default if is_quantity(default) else None, where=name
        )
    kind = hint if isinstance(hint, type) else type(default) if default is not None else str
    return _scalar(value, kind, name)


def _scalar(value: Any, kind: type, name: str) -> Any:
    if kind is bool:
        if str(value).lower() not in _TRUTH:
            raise UsageError(f"{name} = {value!r}: must be true or false")
        return _TRUTH[str(value).lower()]
    if kind in (int, float):
        try:
            number = float(value) if kind is float else _whole(value)
        except (TypeError, ValueError, OverflowError):
            what = "a whole number" if kind is int else "a number"
            raise UsageError(f"{name} = {value!r}: must be {what}") from None
        if not math.isfinite(number):
            raise UsageError(f"{name} = {value!r}: must be finite")
        return number
    if kind is str and not isinstance(value, str | int | float):
        raise UsageError(f"{name} = {value!r}: must be a text")
    try:
        return kind(value)
    except (TypeError, ValueError):
        raise UsageError(f"{name} = {value!r}: must be a {kind.__name__}") from None


def _whole(value: Any) -> int:
    """Read an int from 3, "3", "1_000" or "1e5", and refuse "3.5" and True."""
    try:
        if isinstance(value, (bool, float)):
            raise ValueError
        return int(value)
    except ValueError:
        number = float(value)
        if isinstance(value, bool) or not number.is_integer():
            raise ValueError from None
        return int(number)


def check_value(value: Any, metadata: Mapping[str, Any], name: str) -> None:
    """Raise UsageError unless `value`, or each value of a tuple, is one the field accepts."""
    if isinstance(value, tuple):
        for part in value:
            check_value(part, metadata, name)
        return
    choices, low, high = (metadata.get(k) for k in ("choices", "low", "high"))
    if choices and value not in choices:
        raise UsageError(f"{name} = {show(value)}{nearest(str(value), map(str, choices))}")
    if value is None:
        return
    if (low is not None and value < low) or (high is not None and value > high):
        bounds = [f">= {show(low)}"] * (low is not None) + [f"<= {show(high)}"] * (high is not None)
        raise UsageError(f"{name} = {show(value)}: must be {' and '.join(bounds)}")


def show(value: Any) -> str:
    """Return a setting's value as a person would type it after ``key=``."""
    if isinstance(value, tuple):
        return ", ".join(map(show, value))
    if isinstance(value, bool):
        return str(value).lower()
    return format_quantity(value) if is_quantity(value) else str(value)
