"""How the bytes of a file become symbols: one class per alphabet, chosen by name at the edge.

An alphabet is fixed before the first symbol is predicted. `az`, `bytes` and `dna` are fixed by
definition; `text` and `integers` take the distinct symbols of the whole file, so the first N
symbols are coded alike however many are asked for.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from bioplastic.errors import UsageError

_BLANKS = "\t\n\v\f\r"
_MAX_CONTROLS = 0.01
_GLYPHS = {"\n": "↵", "\t": "⇥", "\r": "␍"}


@dataclass(frozen=True, kw_only=True)
class Coded:
    """A whole file in symbols.

    symbols (M,) int64: 0 <= symbol < V
    glyphs (V,): what a person sees for each symbol, printable
    octets: the V byte values under which a byte compressor sees the symbols; empty if V > 256
    """

    symbols: np.ndarray
    glyphs: tuple[str, ...]
    octets: bytes


class Alphabet(Protocol):
    """One way to read a file; `decode` raises UsageError naming `where` if the bytes do not fit."""

    def decode(self, raw: bytes, where: str) -> Coded:
        """Return the file in symbols."""
        ...


def printable(character: str) -> str:
    """Return the character, or a printable stand-in for a control character."""
    if character in _GLYPHS:
        return _GLYPHS[character]
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode("ascii")


def _utf8(raw: bytes, where: str) -> str:
    """Decode strictly; refuse what is no text, so that noise is not learned in silence."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(
            f"{where} is not UTF-8 text (byte 0x{raw[error.start]:02x} at offset {error.start}); "
            "convert it to UTF-8 or use alphabet=bytes"
        ) from None
    controls = sum(text.count(chr(code)) for code in (*range(32), 127) if chr(code) not in _BLANKS)
    if controls > _MAX_CONTROLS * len(text):
        raise UsageError(
            f"{where} looks binary ({controls} control characters in {len(text)}); "
            "use alphabet=bytes"
        )
    return text


def _indices(tokens: Sequence[str] | Sequence[int]) -> tuple[np.ndarray, list[str] | list[int]]:
    """Replace each token by its rank among the distinct ones."""
    distinct = sorted(set(tokens))  # type: ignore[type-var]
    rank = {token: i for i, token in enumerate(distinct)}
    return np.fromiter((rank[t] for t in tokens), np.int64, len(tokens)), distinct  # type: ignore[return-value]


class LowercaseLetters:
    """a–z and space, 27 symbols: 0 is space, 1 to 26 are a to z; all else becomes one space."""

    def decode(self, raw: bytes, where: str) -> Coded:
        """Return the text lower-cased, every run of other characters replaced by one space."""
        text = re.sub("[^a-z]+", " ", _utf8(raw, where).lower())
        codes = np.frombuffer(text.encode("ascii"), np.uint8).astype(np.int64)
        letters = " abcdefghijklmnopqrstuvwxyz"
        symbols = np.where(codes == ord(" "), 0, codes - 96)
        return Coded(symbols=symbols, glyphs=tuple(letters), octets=letters.encode())


class Bytes:
    """The file as it is, 256 symbols."""

    def decode(self, raw: bytes, where: str) -> Coded:
        """Return the bytes; nothing is refused."""
        glyphs = tuple(chr(b) if 32 <= b < 127 else f"\\x{b:02x}" for b in range(256))
        symbols = np.frombuffer(raw, np.uint8).astype(np.int64)
        return Coded(symbols=symbols, glyphs=glyphs, octets=bytes(range(256)))


class Text:
    """Every distinct character of a UTF-8 text is a symbol, in code-point order."""

    def decode(self, raw: bytes, where: str) -> Coded:
        """Return the characters; a byte order mark is not one."""
        text = _utf8(raw, where).removeprefix("\ufeff")
        symbols, characters = _indices(text)
        codes = [ord(c) for c in characters]  # type: ignore[arg-type]
        octets = bytes(codes if max(codes, default=0) < 256 else range(min(len(codes), 256)))
        return Coded(
            symbols=symbols,
            glyphs=tuple(printable(str(c)) for c in characters),
            octets=octets if len(octets) == len(codes) else b"",
        )


class Integers:
    """Integers from 0 between white space: notes, syllables, any labels, in numeric order."""

    def decode(self, raw: bytes, where: str) -> Coded:
        """Return the ranks of the integers among the distinct ones of the file.

        Raises UsageError with the line number for anything that is not a non-negative integer.
        """
        values: list[int] = []
        for number, line in enumerate(_utf8(raw, where).split("\n"), start=1):
            for token in line.split():
                if not re.fullmatch(r"\+?[0-9]{1,18}", token):
                    what = "negative" if re.fullmatch("-[0-9]+", token) else "not an integer"
                    shown = token if len(token) <= 20 else token[:17] + "..."
                    raise UsageError(
                        f"{where}, line {number}: {shown!r} is {what} "
                        "(alphabet=integers takes integers from 0, separated by white space)"
                    )
                values.append(int(token))
        symbols, distinct = _indices(values)
        octets = bytes(range(len(distinct))) if len(distinct) <= 256 else b""
        return Coded(symbols=symbols, glyphs=tuple(map(str, distinct)), octets=octets)


class Dna:
    """A, C, G, T in either case, 4 symbols; FASTA headers (``>``) and white space are left out."""

    def decode(self, raw: bytes, where: str) -> Coded:
        """Return the bases.

        Raises UsageError with the line number for any other letter, N included.
        """
        kept: list[str] = []
        for number, line in enumerate(_utf8(raw, where).upper().split("\n"), start=1):
            if line.startswith(">"):
                continue
            bases = "".join(line.split())
            if other := re.search("[^ACGT]", bases):
                raise UsageError(
                    f"{where}, line {number}: {other[0]!r} is no base "
                    "(alphabet=dna takes A, C, G, T)"
                )
            kept.append(bases)
        codes = np.frombuffer("".join(kept).encode("ascii"), np.uint8)
        return Coded(
            symbols=np.searchsorted(np.frombuffer(b"ACGT", np.uint8), codes).astype(np.int64),
            glyphs=tuple("ACGT"),
            octets=b"ACGT",
        )


ALPHABETS: dict[str, Alphabet] = {
    "az": LowercaseLetters(),
    "bytes": Bytes(),
    "text": Text(),
    "integers": Integers(),
    "dna": Dna(),
}
