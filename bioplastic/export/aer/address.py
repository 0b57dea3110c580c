"""Addresses of an event file: one block of consecutive numbers for each population."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bioplastic.errors import UsageError
from bioplastic.result import SpikeRecord
from bioplastic.unit_si import Malformed

# AEDAT 2.0 readers skip header lines by their '#' (0x23), so no event may start with that byte
MAX_ADDRESSES = 0x2300_0000
LONGEST_STEP = 1e9  # s
_FIELDS = {"population", "first", "size", "dt", "labels"}


@dataclass(frozen=True, kw_only=True)
class Block:
    """Addresses first … first + size − 1 are the neurons 0 … size − 1 of a population.

    dt       grid of its spikes, s
    labels   (size,) what each neuron stands for, or None
    """

    population: str
    first: int
    size: int
    dt: float
    labels: tuple[str, ...] | None = None


@dataclass(frozen=True)
class AddressMap:
    """All blocks, in order and without gaps from address 0."""

    blocks: tuple[Block, ...]

    @classmethod
    def of(cls, records: Mapping[str, SpikeRecord]) -> AddressMap:
        """Number the neurons of all populations in the order given.

        Raises UsageError without populations, for unfit names, or for too many neurons.
        """
        blocks: list[Block] = []
        first = 0
        for name, record in records.items():
            if not name or not name.isprintable() or "/" in name or name in (".", ".."):
                raise UsageError(f"population {name!r}: this name cannot stand in an event file")
            if record.size < 1 or not 0 < record.dt < LONGEST_STEP:
                raise UsageError(
                    f"population {name!r}: size and dt must be positive, dt below 10⁹ s"
                )
            blocks.append(
                Block(population=name, first=first, size=int(record.size), dt=float(record.dt),
                      labels=record.labels)
            )  # fmt: skip
            first += int(record.size)
        if not blocks:
            raise UsageError("the run recorded no spikes of any population")
        if first > MAX_ADDRESSES:
            raise UsageError(f"{first:,} neurons; an event file holds {MAX_ADDRESSES:,} addresses")
        return cls(tuple(blocks))

    def __iter__(self) -> Iterator[Block]:
        return iter(self.blocks)

    @property
    def size(self) -> int:
        """Number of addresses."""
        return self.blocks[-1].first + self.blocks[-1].size

    def locate(self, address: int) -> tuple[str, int, str | None]:
        """Return population, neuron and label of an address; IndexError outside 0 … size − 1."""
        for block in self.blocks:
            if block.first <= address < block.first + block.size:
                neuron = address - block.first
                return block.population, neuron, block.labels[neuron] if block.labels else None
        raise IndexError(f"address {address} is outside 0…{self.size - 1}")

    def neurons(self, block: Block, address: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return which addresses (E,) lie in `block`, as a mask, and their neuron indices."""
        inside = (address >= block.first) & (address < block.first + block.size)
        return inside, address[inside].astype(np.int64) - block.first

    def table(self) -> dict[str, Any]:
        """Return the map as JSON values."""
        blocks = [
            {
                "population": b.population, "first": b.first, "size": b.size, "dt": b.dt,
                "labels": None if b.labels is None else list(b.labels),
            }
            for b in self.blocks
        ]  # fmt: skip
        return {"addresses": self.size, "dt unit": "s", "blocks": blocks}

    @classmethod
    def parse(cls, table: Any) -> AddressMap:
        """Return the map from its JSON values; Malformed when they are not what `table` gives."""
        items = table.get("blocks") if isinstance(table, dict) else None
        if not isinstance(items, list) or not items:
            raise Malformed("the address map has no blocks")
        records: dict[str, SpikeRecord] = {}
        empty = np.empty(0, np.int64)
        for item in items:
            if not isinstance(item, dict) or set(item) != _FIELDS:
                raise Malformed(f"a block must have exactly {', '.join(sorted(_FIELDS))}")
            name, size, dt, labels = (item[k] for k in ("population", "size", "dt", "labels"))
            if not isinstance(name, str) or name in records:
                raise Malformed("the populations of the address map must be different names")
            if type(size) is not int or type(item["first"]) is not int or type(dt) is not float:
                raise Malformed(f"block {name!r}: first and size must be whole, dt a number")
            if labels is not None and (
                not isinstance(labels, list)
                or len(labels) != size
                or not all(isinstance(x, str) for x in labels)
            ):
                raise Malformed(f"block {name!r}: needs {size} labels or none")
            records[name] = SpikeRecord(
                population=name, steps=empty, ids=empty, size=size, dt=dt,
                labels=None if labels is None else tuple(labels),
            )  # fmt: skip
        try:
            found = cls.of(records)
        except UsageError as error:
            raise Malformed(str(error)) from None
        if found.table() != table:
            raise Malformed("the blocks of the address map overlap, leave gaps or are miscounted")
        return found


def in_order(name: str, record: SpikeRecord) -> SpikeRecord:
    """Return the record ordered by (step, id); UsageError for spikes that cannot be events."""
    steps, ids = (np.asarray(a, dtype=np.int64) for a in (record.steps, record.ids))
    if steps.ndim != 1 or steps.shape != ids.shape:
        raise UsageError(f"population {name!r}: steps and ids must be two lists of one length")
    if len(steps) and (steps.min() < 0 or ids.min() < 0 or ids.max() >= record.size):
        raise UsageError(f"population {name!r}: a spike before time 0 or outside the population")
    if not increasing(steps, ids):
        order = np.lexsort((ids, steps))
        steps, ids = steps[order], ids[order]
        if not increasing(steps, ids):
            raise UsageError(f"population {name!r}: a neuron spikes twice in one step")
    return SpikeRecord(
        population=name, steps=steps, ids=ids, size=int(record.size), dt=float(record.dt),
        labels=None if record.labels is None else tuple(record.labels),
    )  # fmt: skip


def increasing(time: np.ndarray, index: np.ndarray) -> bool:
    """Say whether (time, index) increases strictly, time first."""
    earlier = time[:-1] < time[1:]
    return bool(np.all(earlier | ((time[:-1] == time[1:]) & (index[:-1] < index[1:]))))


def same(a: SpikeRecord, b: SpikeRecord) -> bool:
    """Say whether two ordered records are equal in every field."""
    return (
        (a.population, a.size, a.dt, a.labels) == (b.population, b.size, b.dt, b.labels)
        and np.array_equal(a.steps, b.steps)
        and np.array_equal(a.ids, b.ids)
    )
