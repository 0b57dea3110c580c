"""What sPyNNaker 7 would load into the memory of a SpiNNaker core, decoded: synapses and STDP.

Regions of a core, little-endian words of 32 bits:
    SynapseParams   neurons, receptors, bits of a neuron, of a receptor, of a delay, 2 words, shifts
    PopTable        entries (key, mask, start, count, …) and addresses (row length, place / 16)
    SynBlocks       one row per pre neuron: [words of plastic part][plastic part][fixed synapses n]
                    [plastic synapses m][n words][m half words]
    synapseDynamicsParams   back-propagation, tables of exponentials, bounds and amplitudes
A fixed synapse is weight << 16 | delay | receptor | neuron; a plastic one is a half word of the
latter three, its weight a half word of the plastic part, after a header. Written from the formats
that the tool documents in its own reader; nothing of it is imported.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bioplastic.errors import BioplasticError

HEADER_WORDS = {
    "SpikePairRule": 2,
    "extra_models.SpikeNearestPairRule": 1,
    "extra_models.PfisterSpikeTriplet": 2,
    "extra_models.Vogels2011Rule": 2,
}
"""Words before the weights of a plastic row: a time stamp, and the pre trace where there is one."""
_INVALID = (1 << 24) - 1


@dataclass(frozen=True, kw_only=True)
class SynapseParams:
    """Layout of the synapses of a core.

    neuron_bits, receptor_bits, delay_bits   widths     shifts   left shift of each ring buffer
    """

    neurons: int
    neuron_bits: int
    receptor_bits: int
    delay_bits: int
    shifts: tuple[int, ...]

    @property
    def slots(self) -> int:
        """Longest delay that needs no delay extension, steps; a delay of 0 stands for it."""
        return int(1 << self.delay_bits)

    def quantum(self, receptor: int) -> float:
        """Weight of one unit in memory, mV or nA."""
        return float(2.0 ** (self.shifts[receptor] - 15))


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One entry of the population table.

    key, mask              of the spikes it is for
    colour_bits            low bits of the key that are no neuron
    core_mask, core_shift  part of the key that counts the cores of pre
    rows_per_core          rows of every core but the last
    blocks                 (words of a row without its 3 of head, byte where the block begins)
    """

    key: int
    mask: int
    colour_bits: int
    core_mask: int
    core_shift: int
    rows_per_core: int
    blocks: tuple[tuple[int, int], ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """Synapses of a block: row, neuron on the core, receptor, delay in memory, units of weight."""

    row: np.ndarray
    neuron: np.ndarray
    receptor: np.ndarray
    delay: np.ndarray
    weight: np.ndarray
    plastic: np.ndarray


def words(data: np.ndarray | bytes, where: str) -> np.ndarray:
    """Bytes as 32-bit words; BioplasticError where there are not whole ones."""
    raw = bytes(data)
    if len(raw) % 4:
        raise BioplasticError(f"{where}: {len(raw)} bytes are no whole words")
    return np.frombuffer(raw, "<u4")


def synapse_params(data: np.ndarray | bytes) -> SynapseParams:
    """Decode the region SynapseParams."""
    row = words(data, "SynapseParams")
    if len(row) < 7 or len(row) < 7 + int(row[1]):
        raise BioplasticError(f"SynapseParams: {len(row)} words are too few")
    return SynapseParams(
        neurons=int(row[0]), neuron_bits=int(row[2]), receptor_bits=int(row[3]),
        delay_bits=int(row[4]), shifts=tuple(int(x) for x in row[7 : 7 + int(row[1])]),
    )  # fmt: skip


def pop_table(data: np.ndarray | bytes) -> tuple[Entry, ...]:
    """Decode the region PopTable."""
    row = words(data, "PopTable")
    if len(row) < 2 or len(row) != 2 + 5 * int(row[0]) + int(row[1]):
        raise BioplasticError(f"PopTable: {len(row)} words do not hold what its head tells")
    places = row[2 + 5 * int(row[0]) :]
    found = []
    for key, mask, packed, core, sizes in row[2 : 2 + 5 * int(row[0])].reshape(-1, 5).tolist():
        start, count = packed & 0x1FFF, packed >> 16
        blocks = tuple(
            ((p & 0xFF) + 1, (p >> 8) * 16)
            for p in places[start : start + count].tolist()
            if p >> 8 != _INVALID
        )
        found.append(
            Entry(
                key=key, mask=mask, colour_bits=packed >> 13 & 7, core_mask=core & 0xFFFF,
                core_shift=core >> 16, rows_per_core=sizes & 0xFFFF, blocks=blocks,
            )
        )  # fmt: skip
    return tuple(found)


def rows(
    block: np.ndarray, count: int, length: int, layout: SynapseParams, header: int | None
) -> Rows:
    """Decode a block of `count` rows of `length` words each, the 3 of head not counted.

    header   words before the plastic weights, None where no synapse may be plastic
    """
    table = block[: count * (length + 3)].reshape(count, length + 3)
    parts: list[tuple[np.ndarray, ...]] = []
    for r, line in enumerate(table):
        held = int(line[0])
        fixed, plastic = (int(x) for x in line[1 + held : 3 + held])
        if 3 + held + fixed + -(-plastic // 2) > length + 3 or (held and header is None):
            raise BioplasticError(f"SynBlocks: row {r} is longer than its table says")
        body = line[3 + held :]
        if fixed:
            word = body[:fixed]
            parts.append(_unpacked(r, word & 0xFFFF, word >> 16, layout, plastic=False))
        if plastic:
            half = np.ascontiguousarray(body[fixed:]).view("<u2")[:plastic]
            own = np.ascontiguousarray(line[1 + (header or 0) : 1 + held]).view("<u2")[:plastic]
            if len(own) < plastic:
                raise BioplasticError(f"SynBlocks: row {r} has fewer weights than synapses")
            parts.append(_unpacked(r, half, own, layout, plastic=True))
    if not parts:
        parts = [(np.zeros(0, np.int64),) * 6]
    row, neuron, receptor, delay, weight, marked = (
        np.concatenate(column) for column in zip(*parts, strict=True)
    )
    return Rows(
        row=row, neuron=neuron, receptor=receptor, delay=delay, weight=weight, plastic=marked
    )


def _unpacked(
    row: int, half: np.ndarray, weight: np.ndarray, layout: SynapseParams, *, plastic: bool
) -> tuple[np.ndarray, ...]:
    half = half.astype(np.int64)
    rest = half >> layout.neuron_bits
    return (
        np.full(len(half), row), half & (1 << layout.neuron_bits) - 1,
        rest & (1 << layout.receptor_bits) - 1, rest >> layout.receptor_bits,
        weight.astype(np.int64), np.full(len(half), int(plastic)),
    )  # fmt: skip
