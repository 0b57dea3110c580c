"""The errors that a person sees: one line with object, value, range and nearest name."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class BioplasticError(Exception):
    """Something failed although it was asked for correctly. The command line exits with 1."""

    exit_code = 1


class UsageError(BioplasticError, ValueError):
    """What was asked for cannot be: wrong name, value, unit or combination. Exit code 2."""

    exit_code = 2


class DescriptionError(UsageError):
    """A network description that contradicts itself or physics. Raised at construction."""


class UnsupportedModel(UsageError):
    """An executor cannot run this description; the message names object and reason."""


class CorruptFile(BioplasticError):
    """A file that is truncated, tampered with, of unknown version, or not what its name says."""


def nearest(name: str, valid: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'? (valid: a, b, x)"`` for a mistyped name.

    name   what was given
    valid  the names that exist
    """
    names = sorted(valid)
    close = difflib.get_close_matches(name.lower(), [n.lower() for n in names], n=1, cutoff=0.5)
    guess = next((n for n in names if close and n.lower() == close[0]), None)
    hint = f"; did you mean {guess!r}?" if guess else ""
    return f"{hint} (valid: {', '.join(names) if names else 'none'})"
