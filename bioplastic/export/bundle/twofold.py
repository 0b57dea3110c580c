"""A table in JSON and arrays in a .npz that make one object together, read without trust."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from bioplastic.errors import CorruptFile, Malformed, UsageError, one_line
from bioplastic.export.bundle import npz
from bioplastic.export.bundle.sealed import read_json
from bioplastic.strict_json import canonical

Stored = tuple[dict[str, Any], dict[str, np.ndarray]]
"""What both files hold: the table, and the arrays by name."""
T = TypeVar("T")


def read(
    table: Path, arrays: Path, limit: int, *, what: str,
    make: Callable[[dict[str, Any], Mapping[str, np.ndarray]], T], store: Callable[[T], Stored],
) -> T:  # fmt: skip
    """Make an object of two files; store it anew and compare.

    So a value of another type, a key or an array too many are seen without a rule for each.

    limit   bytes that the arrays may take together
    make    may raise whatever Python raises of values that it did not expect
    store   the two files of an object, as they were written
    Raises CorruptFile, which says that they hold no `what`.
    """
    held, found = read_json(table), npz.read(arrays, limit)
    try:
        made = make(held, found)
        again, names = store(made)
        if canonical(again) != canonical(held) or names.keys() != found.keys():
            raise Malformed(f"something that no {what} has")
        return made
    except (UsageError, LookupError, TypeError, ValueError, AttributeError, ArithmeticError,
            RecursionError) as error:  # fmt: skip
        where = f"{table.parent}: {table.name} and {arrays.name}"
        raise CorruptFile(f"{where} hold no {what} ({one_line(error)})") from None
