"""Images to classify, read from files that the package does not ship: IDX and the digits table."""

from __future__ import annotations

import gzip
import lzma
from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO, cast

import numpy as np

from bioplastic.errors import CorruptFile
from bioplastic.learning.learners.image_learner import ImageSpace
from bioplastic.learning.tasks.data_folder import locate
from bioplastic.provenance import stream

MOST_BYTES = 1 << 28
"""Largest IDX file that is read, uncompressed."""
DEBIAN = Path("/usr/share/datasets/fashion-mnist")
"""Where the Debian package dataset-fashion-mnist puts its files."""
DIGITS = 1797
DIGITS_TEST = 500


@dataclass(frozen=True, kw_only=True, eq=False)
class ImageData:
    """Images (n, P) uint8 and labels (n,) int64, to learn from and to be tested on."""

    space: ImageSpace
    train: np.ndarray
    train_labels: np.ndarray
    test: np.ndarray
    test_labels: np.ndarray

    def held_out(self, size: int) -> ImageData:
        """The last `size` training images take the place of the test images (validation)."""
        return ImageData(
            space=self.space,
            train=self.train[:-size],
            train_labels=self.train_labels[:-size],
            test=self.train[-size:],
            test_labels=self.train_labels[-size:],
        )


def _open(path: Path) -> IO[bytes]:
    if path.suffix == ".xz":
        return cast(IO[bytes], lzma.open(path, "rb"))
    return cast(IO[bytes], gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb"))


def _read(path: Path, most: int) -> bytes:
    try:
        with _open(path) as file:
            found = file.read(most + 1)
    except (OSError, EOFError, lzma.LZMAError, ValueError) as error:
        raise CorruptFile(f"{path}: cannot be read: {error}") from None
    if len(found) > most:
        raise CorruptFile(f"{path}: more than {most} bytes")
    return found


def read_idx(path: Path, dimensions: int) -> np.ndarray:
    """The uint8 array of an IDX file, plain or in .gz or .xz.

    dimensions   that it must have: 3 for images (n, rows, columns), 1 for labels
    Magic 0x0000, 0x08 (unsigned byte), dimensions; a big-endian uint32 size each; then the bytes.
    Raises CorruptFile for another magic, and for bytes that are missing or left over.
    """
    found = _read(path, MOST_BYTES)
    head = 4 + 4 * dimensions
    if found[:4] != bytes((0, 0, 8, dimensions)):
        wanted = f"00 00 08 {dimensions:02x}"
        raise CorruptFile(f"{path}: begins with {found[:4].hex(' ')}, IDX with {wanted}")
    if len(found) < head:
        raise CorruptFile(f"{path}: ends inside its header")
    shape = [int(n) for n in np.frombuffer(found, ">u4", dimensions, offset=4)]
    size = 1
    for n in shape:
        size *= n
    if size != len(found) - head:
        raise CorruptFile(f"{path}: sizes {shape} need {size} bytes, {len(found) - head} follow")
    return np.frombuffer(found, np.uint8, offset=head).reshape(shape)


def pair(images: Path, labels: Path, space: ImageSpace) -> tuple[np.ndarray, np.ndarray]:
    """Images (n, P) uint8 and labels (n,) int64 of two IDX files that belong together."""
    x, y = read_idx(images, 3), read_idx(labels, 1)
    if x.shape[0] != len(y) or not len(y):
        raise CorruptFile(f"{images}: {x.shape[0]} images, {labels} has {len(y)} labels")
    if x.shape[1] * x.shape[2] != space.pixels:
        raise CorruptFile(f"{images}: {x.shape[1]} × {x.shape[2]}, not {space.pixels} pixels")
    if int(y.max()) >= space.classes:
        raise CorruptFile(f"{labels}: label {y.max()}, classes are 0..{space.classes - 1}")
    return x.reshape(len(x), -1), y.astype(np.int64)


SQUARE = ImageSpace(pixels=784, classes=10)
KINDS = ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1")


def _idx(find: Callable[[str], Path]) -> ImageData:
    a, b, c, d = (find(kind) for kind in KINDS)
    (train, train_labels), (test, test_labels) = pair(a, b, SQUARE), pair(c, d, SQUARE)
    return ImageData(
        space=SQUARE, train=train, train_labels=train_labels, test=test, test_labels=test_labels
    )


def mnist(seed: int = 0) -> ImageData:
    """MNIST from mnist/*.xz in the data folder; `seed` plays no part.

    Raises MissingData, CorruptFile. Source: LeCun et al. 1998 [lecun1998].
    """
    return _idx(
        lambda kind: locate(
            f"mnist/{kind}-ubyte.xz",
            source="yann.lecun.com/exdb/mnist, the four IDX files, each packed with xz",
            licence="CC BY-SA 3.0",
        )
    )


def fashion(seed: int = 0) -> ImageData:
    """Fashion-MNIST from its Debian package or fashion-mnist/*.gz in the data folder.

    Raises MissingData, CorruptFile. Source: Xiao, Rasul & Vollgraf 2017 [xiao2017].
    """

    def find(kind: str) -> Path:
        name = f"{kind}-ubyte.gz"
        installed = DEBIAN / name
        return locate(
            f"fashion-mnist/{name}",
            source="the Debian package dataset-fashion-mnist, or its upstream repository",
            licence="MIT",
            given=installed if installed.is_file() else None,
        )

    return _idx(find)


def digits(seed: int = 0) -> ImageData:
    """The 1797 8 × 8 digits of scikit-learn; which 500 are for the test was drawn once, for all.

    Reads digits.csv.gz of an installed scikit-learn (nothing of it is run), or digits/digits.csv.gz
    in the data folder; `seed` plays no part. Raises MissingData, CorruptFile.
    """
    spec = find_spec("sklearn")
    folder = Path(spec.origin).parent if spec is not None and spec.origin else None
    shipped = folder / "datasets/data/digits.csv.gz" if folder is not None else None
    path = locate(
        "digits/digits.csv.gz",
        source="sklearn/datasets/data of scikit-learn (pip install scikit-learn)",
        licence="BSD-3-Clause",
        given=shipped if shipped is not None and shipped.is_file() else None,
    )
    x, y = read_digits(path)
    order = stream(0, "images", "digits", "split").permutation(len(y))
    test, train = order[:DIGITS_TEST], order[DIGITS_TEST:]
    return ImageData(
        space=ImageSpace(pixels=64, classes=10, white=16),
        train=x[train], train_labels=y[train], test=x[test], test_labels=y[test],
    )  # fmt: skip


def read_digits(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Images (1797, 64) uint8 of 0..16 and labels (1797,) of the table; CorruptFile otherwise."""
    text = _read(path, 1 << 22)
    try:
        rows = [[float(v) for v in line.split(b",")] for line in text.split(b"\n") if line.strip()]
        table = np.array(rows, dtype=np.float64)
    except ValueError as error:
        raise CorruptFile(f"{path}: not a table of numbers: {error}") from None
    if table.shape != (DIGITS, 65):
        raise CorruptFile(f"{path}: a table of shape {table.shape}, not ({DIGITS}, 65)")
    x, y = table[:, :64], table[:, 64]
    whole = np.array_equal(table, np.rint(table))
    if not whole or x.min() < 0 or x.max() > 16 or y.min() < 0 or y.max() > 9:
        raise CorruptFile(f"{path}: pixels must be whole numbers 0..16, labels 0..9")
    return x.astype(np.uint8), y.astype(np.int64)
