"""A corpus as a stream of symbols: a bundled text or any file, read through an alphabet."""

from __future__ import annotations

import gzip
import hashlib
import io
import lzma
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np

from bioplastic.errors import BioplasticError, CorruptFile, UsageError, nearest
from bioplastic.learning.alphabets import ALPHABETS

BUNDLED = {
    "kjv": ("kjv_az.txt.xz", "King James Bible, public domain"),
    "alice29": (
        "alice29.txt",
        "Alice's Adventures in Wonderland, Canterbury corpus, public domain",
    ),
}
MAX_BYTES = 1 << 28
MAX_ALPHABET = 1 << 16


@dataclass(frozen=True, kw_only=True)
class SymbolStream:
    """The symbols that a network and its baselines predict one by one.

    name               short name of the corpus
    symbols (L,) uint16: 0 <= symbol < alphabet_size; read-only
    alphabet_size      V, known before the first prediction
    glyphs (V,)        one printable string per symbol of the alphabet
    source             where it comes from, for a person
    sha256             of the file as it lies on disk, before decompression
    alphabet           name of the alphabet
    symbols_available  how many symbols the whole file has: L is this or what was asked for
    octets             the V byte values that a byte compressor sees; empty if V > 256
    """

    name: str
    symbols: np.ndarray
    alphabet_size: int
    glyphs: tuple[str, ...]
    source: str
    sha256: str
    alphabet: str
    symbols_available: int
    octets: bytes = b""

    def __len__(self) -> int:
        """Return L, the number of symbols."""
        return len(self.symbols)

    def text(self, start: int = 0, stop: int | None = None) -> tuple[str, ...]:
        """Return the glyphs of symbols[start:stop], one string each."""
        return tuple(self.glyphs[s] for s in self.symbols[start:stop])

    def as_bytes(self) -> bytes:
        """Return the L symbols as bytes, one each. Raises UsageError if V > 256."""
        if not self.octets:
            raise UsageError(
                f"corpus {self.name!r} has {self.alphabet_size} symbols, a byte holds 256"
            )
        return np.frombuffer(self.octets, np.uint8)[self.symbols].tobytes()


def from_symbols(
    symbols: Sequence[int] | np.ndarray, alphabet_size: int, *, name: str = "array"
) -> SymbolStream:
    """Make a stream of symbols that are at hand already.

    symbols (L,): integers, 0 <= symbol < alphabet_size
    Raises UsageError when a symbol lies outside, or when there are fewer than two.
    """
    values = np.asarray(symbols)
    if values.ndim != 1 or len(values) < 2 or not np.issubdtype(values.dtype, np.integer):
        raise UsageError(f"symbols of {name!r}: at least two integers in one row are needed")
    if not 2 <= alphabet_size <= MAX_ALPHABET:
        raise UsageError(f"alphabet_size {alphabet_size} is out of range 2 to {MAX_ALPHABET}")
    if values.min() < 0 or values.max() >= alphabet_size:
        raise UsageError(
            f"symbols of {name!r} run from {values.min()} to {values.max()}; "
            f"an alphabet of {alphabet_size} has 0 to {alphabet_size - 1}"
        )
    held = values.astype(np.uint16)
    held.flags.writeable = False
    return SymbolStream(
        name=name,
        symbols=held,
        alphabet_size=alphabet_size,
        glyphs=tuple(map(str, range(alphabet_size))),
        source="given as an array",
        sha256=hashlib.sha256(held.tobytes()).hexdigest(),
        alphabet="integers",
        symbols_available=len(held),
        octets=bytes(range(alphabet_size)) if alphabet_size <= 256 else b"",
    )


def load(corpus: str, *, symbols: int, alphabet: str = "az", limit: int = 256) -> SymbolStream:
    """Read the first `symbols` symbols of a bundled text or of a file.

    corpus    ``kjv``, ``alice29``, or the path of a file; ``.xz`` and ``.gz`` are opened as such.
              A bundled name wins over a file of that name: write ``./kjv`` for the file
    symbols   how many, at least 2; a shorter file gives what it has (`symbols_available`)
    alphabet  ``az``, ``bytes``, ``text``, ``integers`` or ``dna``
    limit     largest alphabet accepted, 2 to 65536
    Raises UsageError for what cannot be asked for, CorruptFile for a damaged archive and
    BioplasticError for a file that cannot be read.
    """
    if alphabet not in ALPHABETS:
        raise UsageError(f"unknown alphabet {alphabet!r}{nearest(alphabet, ALPHABETS)}")
    if symbols < 2:
        raise UsageError(
            f"symbols={symbols}: at least 2 are needed, the first to predict the second"
        )
    if not 2 <= limit <= MAX_ALPHABET:
        raise UsageError(f"limit={limit} is out of range 2 to {MAX_ALPHABET}")
    name, source, suffix, stored = _stored(corpus)
    where = f"corpus {corpus!r}"
    raw = _unpacked(stored, suffix, where)
    if not raw:
        raise UsageError(f"{where} is empty")
    coded = ALPHABETS[alphabet].decode(raw, where)
    _check(coded.symbols, len(coded.glyphs), symbols, where, alphabet, limit)
    taken = coded.symbols[:symbols].astype(np.uint16)
    taken.flags.writeable = False
    return SymbolStream(
        name=name,
        symbols=taken,
        alphabet_size=len(coded.glyphs),
        glyphs=coded.glyphs,
        source=source,
        sha256=hashlib.sha256(stored).hexdigest(),
        alphabet=alphabet,
        symbols_available=len(coded.symbols),
        octets=coded.octets,
    )


def _check(
    found: np.ndarray, alphabet_size: int, asked: int, where: str, alphabet: str, limit: int
) -> None:
    """Refuse a corpus with nothing to predict or with too many symbols."""
    if len(found) == 0:
        raise UsageError(f"{where} holds no symbol of alphabet={alphabet}")
    if alphabet_size > limit:
        raise UsageError(
            f"{where} has an alphabet of {alphabet_size} symbols under alphabet={alphabet}, "
            f"over the limit of {limit}; raise limit= or choose another alphabet"
        )
    taken = found[:asked]
    if len(taken) == 1 or (taken == taken[0]).all():
        what = "only one symbol" if len(taken) == 1 else f"{len(taken)} times the same symbol"
        raise UsageError(f"{where} gives {what} under alphabet={alphabet}: nothing to predict")


def _stored(corpus: str) -> tuple[str, str, str, bytes]:
    """Return name, source, suffix and bytes on disk."""
    if corpus in BUNDLED:
        file, source = BUNDLED[corpus]
        entry = resources.files("bioplastic.data").joinpath(file)
        return corpus, source, Path(file).suffix, entry.read_bytes()
    path = Path(corpus).expanduser()
    if not corpus.strip() or not path.exists():
        raise UsageError(
            f"corpus {corpus!r} is neither a bundled text nor a file{nearest(corpus, BUNDLED)}"
        )
    if path.is_dir():
        raise UsageError(f"corpus {corpus!r} is a directory; name one file")
    if not path.is_file():
        raise UsageError(f"corpus {corpus!r} is not a regular file")
    try:
        with path.open("rb") as file_:
            stored = file_.read(MAX_BYTES + 1)
    except OSError as error:
        raise BioplasticError(f"corpus {corpus!r} cannot be read: {error.strerror}") from None
    name = path.name.removesuffix(path.suffix) if path.suffix in (".xz", ".gz") else path.name
    return Path(name).stem, str(path), path.suffix, stored


def _unpacked(stored: bytes, suffix: str, where: str) -> bytes:
    """Return the contents, decompressed by suffix, refusing more than MAX_BYTES."""
    packed = io.BytesIO(stored)
    try:
        if suffix == ".xz":
            with lzma.open(packed) as opened:
                raw = opened.read(MAX_BYTES + 1)
        elif suffix == ".gz":
            with gzip.open(packed) as unzipped:
                raw = unzipped.read(MAX_BYTES + 1)
        else:
            raw = stored
    except (lzma.LZMAError, OSError, EOFError, zlib.error) as error:
        raise CorruptFile(f"{where} is not a whole {suffix} file: {error}") from None
    if max(len(raw), len(stored)) > MAX_BYTES:
        raise UsageError(f"{where} is larger than {MAX_BYTES >> 20} MiB; cut it first")
    return raw
