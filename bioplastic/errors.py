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


class Malformed(ValueError):
    """Something inside a file is not what its writer writes; the message has place and reason.

    Readers turn it into `CorruptFile`, with the path: nobody outside the package sees it.
    """


def one_line(error: BaseException, most: int = 500) -> str:
    """Return what an error says as one line of bounded length, whatever names it carries."""
    text = " ".join(str(error).split())
    return text if len(text) <= most else f"{text[:most]} …"


def chosen(asked: str | None, valid: Iterable[str], what: str) -> tuple[str, ...]:
    """Names that were given as one word with commas, each once; every valid one for None.

    what   what they are names of, for the message
    Raises UsageError for a name that is not valid, with the nearest.
    """
    names = tuple(valid)
    if asked is None:
        return names
    words = [word.strip() for word in asked.split(",")]
    for word in words:
        if word not in names:
            raise UsageError(f"no {what} {word!r}{nearest(word, names)}")
    return tuple(dict.fromkeys(words))


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
