"""EIEIO data packets: the spikes that a SpiNNaker board and its host send over UDP.

A packet is one little-endian half word of head, the time of its spikes, and up to 63 keys:
    head   from the lowest bit: count:8, tag:2, type:2, T, D, F, P
           type 0: keys of 16 bits, 2: of 32 bits (1 and 3: a payload after each key)
           T: payloads are times; D: one for the whole packet; F, P: a key prefix, unused here
    time   of the width of a key, in steps
    keys   of the neurons that spiked in that step
Packets carry no length but their count: a file of them is one after the other.
Source: SpiNNaker's EIEIO protocol, as SpiNNMan 7.4 reads it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from bioplastic.errors import CorruptFile, UsageError

MOST = 63
"""Keys in a packet: 2 + 4 + 63·4 bytes stay within the 256 bytes of data that SpiNNaker takes."""
_TYPES = {16: 0, 32: 2}
_TIMED = 1 << 12 | 1 << 13
"""T and D: payloads are times, and there is one for the whole packet."""


def _head(count: int, bits: int) -> int:
    return count | _TYPES[bits] << 10 | _TIMED


def encode(step: np.ndarray, key: np.ndarray, bits: int = 32) -> bytes:
    """Packets of spikes, (E,) steps and (E,) keys, ordered by (step, key), none twice.

    bits   of a key and of a time, 16 or 32
    Raises UsageError for a step or key that `bits` do not hold, or one out of order.
    """
    step, key = np.asarray(step, np.int64), np.asarray(key, np.int64)
    if bits not in _TYPES:
        raise UsageError(f"bits = {bits}: keys of EIEIO have 16 or 32")
    for name, values in (("step", step), ("key", key)):
        if len(values) and not 0 <= values.min() <= values.max() < 1 << bits:
            raise UsageError(f"a {name} outside 0..{(1 << bits) - 1}, which {bits} bits hold")
    if not _increasing(step, key):
        raise UsageError("spikes must be ordered by (step, key), none twice")
    word = "<u2" if bits == 16 else "<u4"
    edges = np.flatnonzero(np.diff(step)) + 1
    parts = []
    for low, high in zip([0, *edges], [*edges, len(step)], strict=True):
        for first in range(low, high, MOST):
            last = min(first + MOST, high)
            body = np.array([step[first], *key[first:last]], word)
            parts.append(np.array([_head(last - first, bits)], "<u2").tobytes() + body.tobytes())
    return b"".join(parts)


def decode(payload: bytes, bits: int = 32) -> tuple[np.ndarray, np.ndarray]:
    """Steps (E,) and keys (E,), int64, of packets from `encode`.

    Raises CorruptFile for anything that `encode` does not write: another head, a cut packet, an
    empty one, spikes out of order.
    """
    steps, keys = [], []
    for time, held in packets(payload, bits):
        steps.append(np.full(len(held), time, np.int64))
        keys.append(held)
    none = np.zeros(0, np.int64)
    step, key = np.concatenate([none, *steps]), np.concatenate([none, *keys])
    if not _increasing(step, key):
        raise CorruptFile("spikes are not ordered by (step, key), or one is there twice")
    if encode(step, key, bits) != payload:
        raise CorruptFile("the spikes of a step are cut into packets otherwise than they must be")
    return step, key


def packets(payload: bytes, bits: int = 32) -> Iterator[tuple[int, np.ndarray]]:
    """Walk the packets: step and keys of each, in the order of the bytes."""
    width, at = bits // 8, 0
    word = "<u2" if bits == 16 else "<u4"
    while at < len(payload):
        if at + 2 + width > len(payload):
            raise CorruptFile(f"byte {at}: a packet without head and time; truncated?")
        head = int.from_bytes(payload[at : at + 2], "little")
        count = head & 0xFF
        if not 1 <= count <= MOST or head != _head(count, bits):
            raise CorruptFile(f"byte {at}: head {head:#06x} is not that of keys with one time")
        end = at + 2 + width * (1 + count)
        if end > len(payload):
            raise CorruptFile(f"byte {at}: a packet of {count} keys is cut off")
        body = np.frombuffer(payload[at + 2 : end], word).astype(np.int64)
        yield int(body[0]), body[1:]
        at = end


def _increasing(step: np.ndarray, key: np.ndarray) -> bool:
    earlier = step[:-1] < step[1:]
    return bool(np.all(earlier | ((step[:-1] == step[1:]) & (key[:-1] < key[1:]))))
