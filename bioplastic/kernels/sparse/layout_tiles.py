"""Full weight matrices in tiles of 8 groups × 8 post neurons, so that columns are near as well.

A column of a matrix in row order touches one cache line for every weight; in tiles of 64 weights it
touches one for eight, and so does a row.

    place(g, j) = (g >> 3)·stride + (j >> 3)·64 + (g & 7)·8 + (j & 7)
"""

from __future__ import annotations

import numpy as np

SIDE = 8
TILE = SIDE * SIDE
PAGE = 4096


def stride_of(posts: int) -> int:
    """Weights from one band of eight groups to the next; never a multiple of a page.

    Bands that lie whole pages apart would share the same few sets of the cache.
    """
    band = -(-posts // SIDE) * TILE
    return band + 2 * TILE if band % PAGE == 0 else band


def to_tiles(weight: np.ndarray, posts: int) -> np.ndarray:
    """(S,) in row order, S = groups·posts → flat tiles, unused places 0."""
    groups = len(weight) // posts
    bands, across = -(-groups // SIDE), -(-posts // SIDE)
    tiles = np.zeros((bands, stride_of(posts)), weight.dtype)
    view = tiles[:, : across * TILE].reshape(bands, across, SIDE, SIDE)
    rows = weight.reshape(groups, posts)
    for g in range(0, groups, SIDE):  # band by band: no second copy of the whole matrix
        band = np.zeros((SIDE, across * SIDE), weight.dtype)
        band[: len(rows[g : g + SIDE]), :posts] = rows[g : g + SIDE]
        view[g // SIDE] = band.reshape(SIDE, across, SIDE).swapaxes(0, 1)
    return tiles.ravel()


def from_tiles(flat: np.ndarray, groups: int, posts: int) -> np.ndarray:
    """The inverse of `to_tiles`: (groups·posts,) in row order."""
    bands, across, stride = -(-groups // SIDE), -(-posts // SIDE), stride_of(posts)
    tiles = flat[: bands * stride].reshape(bands, stride)[:, : across * TILE]
    weight = np.empty((groups, posts), flat.dtype)
    for b, band in enumerate(tiles):
        rows = band.reshape(across, SIDE, SIDE).swapaxes(0, 1).reshape(SIDE, across * SIDE)
        weight[b * SIDE : (b + 1) * SIDE] = rows[: groups - b * SIDE, :posts]
    return weight.ravel()
