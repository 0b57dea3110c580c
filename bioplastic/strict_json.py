"""JSON with one spelling, and a reader that takes no other liberties."""

from __future__ import annotations

import json
from typing import Any

from bioplastic.errors import Malformed


def canonical(tree: Any) -> str:
    """Return the one JSON text of a tree: sorted keys, no spaces, ASCII; ValueError for NaN."""
    return json.dumps(tree, sort_keys=True, separators=(",", ":"), allow_nan=False)


def parse(text: str | bytes) -> Any:
    """Return the tree of a JSON text; Malformed for NaN, repeated keys, deep nesting, no JSON."""
    try:
        return json.loads(text, parse_constant=_no_constant, object_pairs_hook=_no_repeats)
    except RecursionError:
        raise Malformed("JSON nested too deep") from None
    except ValueError as error:
        raise Malformed(f"not the JSON that was written ({error})") from None


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not a number")


def _no_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a key is repeated")
    return table
