"""Descriptions as a tree of JSON and a table of arrays, and back; no pickle, no code in files.

A node of the tree is null, a boolean, a number, a string, a list, or an object with a tag ``"$"``:

    {"$": "LIF", field: node, ...}               a description; the classes are a closed list
    {"$": "quantity", "value": x, "unit": u}     a scalar; x in SI units
    {"$": "array", "at": a, "unit": u}           an array, stored beside the tree under the name a;
                                                 u = null: a plain array, else a Quantity in SI
    {"$": "tuple", "items": [...]}, {"$": "dict", "items": {...}}

Reading trusts nothing: unknown tags, missing or surplus fields, values of the wrong type, numbers
that are not finite and trees deeper than `DEPTH` raise `Malformed` with the place in the tree.
"""

from __future__ import annotations

import dataclasses
import functools
import math
import sys
import types
import typing
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from brian2 import Quantity

from bioplastic import description
from bioplastic.errors import BioplasticError, UsageError, nearest
from bioplastic.unit_si import Malformed, dimension_of, unit_of

DEPTH = 24
CLASSES: dict[str, type] = {
    name: value
    for name, value in vars(description).items()
    if isinstance(value, type) and dataclasses.is_dataclass(value)
}
_PLAIN = (type(None), bool, int, float, str)


def dump(value: Any) -> tuple[Any, dict[str, np.ndarray]]:
    """Return the tree of `value` and its arrays by name.

    value   a description, or what may stand in its notes: numbers, strings, quantities, arrays,
            lists, tuples and dicts with string keys
    Raises UsageError, naming the place, for anything else.
    """
    arrays: dict[str, np.ndarray] = {}
    tree = _dump(value, "network", arrays)
    return tree, arrays


def _dump(value: Any, at: str, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(value, (Quantity, np.ndarray)):
        return _dump_array(value, at, arrays)
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        raise UsageError(f"{at} = {value}: must be finite to be stored")
    if isinstance(value, _PLAIN):
        return value
    if isinstance(value, (list, tuple)):
        items = [_dump(item, f"{at}.{k}", arrays) for k, item in enumerate(value)]
        return items if isinstance(value, list) else {"$": "tuple", "items": items}
    if isinstance(value, Mapping) and all(isinstance(k, str) for k in value):
        table = {k: _dump(v, f"{at}.{k}", arrays) for k, v in value.items()}
        return {"$": "dict", "items": table}
    if dataclasses.is_dataclass(value) and CLASSES.get(type(value).__name__) is type(value):
        names = [f.name for f in dataclasses.fields(value)]
        return {"$": type(value).__name__} | {
            n: _dump(getattr(value, n), f"{at}.{n}", arrays) for n in names
        }
    raise UsageError(f"{at}: a {type(value).__name__} cannot be stored in a file")


def _dump_array(value: Any, at: str, arrays: dict[str, np.ndarray]) -> Any:
    unit = unit_of(value.dim) if isinstance(value, Quantity) else None
    numbers = np.asarray(value)
    if numbers.dtype.kind not in "biuf" or numbers.dtype.itemsize > 8:
        raise UsageError(f"{at}: an array of {numbers.dtype} cannot be stored in a file")
    if unit is not None and numbers.ndim == 0:
        if not np.isfinite(numbers):
            raise UsageError(f"{at} = {value}: must be finite to be stored")
        return {"$": "quantity", "value": float(numbers), "unit": unit}
    name = at.encode("ascii", "backslashreplace").decode().replace("/", "|").replace("\0", "|")
    while name in arrays:  # only odd keys in notes can collide
        name += "'"
    arrays[name] = little_endian(numbers)
    return {"$": "array", "at": name, "unit": unit}


def little_endian(numbers: np.ndarray) -> np.ndarray:
    """Return the same numbers contiguous and in the byte order of the files."""
    order = numbers.dtype.newbyteorder("<")
    return np.ascontiguousarray(numbers, dtype=order).reshape(numbers.shape)


def load(tree: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """Return the value of a tree from `dump`; every array must be used exactly once.

    Raises Malformed with the place and the reason for anything that `dump` does not write.
    """
    unused = dict(arrays)
    value = _load(tree, "network", unused, 0)
    if unused:
        raise Malformed(f"array {min(unused)!r} belongs to nothing")
    return value


def _load(node: Any, at: str, arrays: dict[str, np.ndarray], depth: int) -> Any:
    if depth > DEPTH:
        raise Malformed(f"{at}: nested more than {DEPTH} deep")
    if isinstance(node, float) and not math.isfinite(node):
        raise Malformed(f"{at} = {node}: must be finite")
    if isinstance(node, _PLAIN):
        return node
    if isinstance(node, list):
        return [_load(item, f"{at}.{k}", arrays, depth + 1) for k, item in enumerate(node)]
    tag = node.get("$") if isinstance(node, dict) else None
    if tag == "quantity":
        value, unit = _fields(node, at, "value", "unit")
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise Malformed(f"{at}: the value of a quantity must be a number")
        if abs(value) > sys.float_info.max or not math.isfinite(value):
            raise Malformed(f"{at}: must be finite")
        return Quantity(float(value), dim=dimension_of(unit))
    if tag == "array":
        name, unit = _fields(node, at, "at", "unit")
        if not isinstance(name, str) or name not in arrays:
            raise Malformed(f"{at}: its array is missing")
        numbers = arrays.pop(name)
        return numbers if unit is None else Quantity(numbers, dim=dimension_of(unit))
    if tag == "tuple":
        (items,) = _fields(node, at, "items")
        if not isinstance(items, list):
            raise Malformed(f"{at}: the items of a tuple must be a list")
        return tuple(_load(items, at, arrays, depth))
    if tag == "dict":
        (items,) = _fields(node, at, "items")
        if not isinstance(items, dict):
            raise Malformed(f"{at}: the items of a dict must be an object")
        return {k: _load(v, f"{at}.{k}", arrays, depth + 1) for k, v in items.items()}
    if isinstance(tag, str) and tag in CLASSES:
        return _load_class(CLASSES[tag], node, at, arrays, depth)
    hint = nearest(tag, CLASSES) if isinstance(tag, str) else ""
    raise Malformed(f"{at}: unknown kind {tag!r}{hint if len(str(tag)) < 80 else ''}")


def _fields(node: dict[str, Any], at: str, *names: str) -> list[Any]:
    if set(node) != {"$", *names}:
        raise Malformed(f"{at}: {node['$']} must have exactly the fields {', '.join(names)}")
    return [node[name] for name in names]


def _load_class(
    cls: type, node: dict[str, Any], at: str, arrays: dict[str, np.ndarray], depth: int
) -> Any:
    names = [f.name for f in dataclasses.fields(cls)]
    values = _fields(node, at, *names)
    hints = _hints(cls)
    found = {}
    for name, value in zip(names, values, strict=True):
        found[name] = _load(value, f"{at}.{name}", arrays, depth + 1)
        if not _fits(found[name], hints[name]):
            raise Malformed(f"{at}.{name}: must not be a {type(found[name]).__name__}")
    try:
        return cls(**found)
    except BioplasticError as error:
        raise Malformed(f"{at}: {error}") from None
    except Exception as error:  # constructors see values that no person typed
        raise Malformed(f"{at}: {type(error).__name__} in {cls.__name__}: {error}") from None


@functools.cache
def _hints(cls: type) -> dict[str, Any]:
    return typing.get_type_hints(cls)


def _fits(value: Any, hint: Any) -> bool:
    """Say whether `value` may stand for the annotation; sequences of one kind stand for another."""
    if hint is Any:
        return True
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (typing.Union, types.UnionType):
        return any(_fits(value, one) for one in inner)
    if origin in (tuple, list, Sequence):
        return isinstance(value, (list, tuple)) and all(_fits(item, inner[0]) for item in value)
    if hint is np.ndarray:
        return isinstance(value, (list, tuple, np.ndarray))
    if hint is float:
        return isinstance(value, (int, float, Quantity)) and not isinstance(value, bool)
    if hint is int:
        return isinstance(value, int) and not isinstance(value, bool)
    return isinstance(value, origin or hint)
