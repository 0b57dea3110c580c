"""Address-events of a whole run, in files of any event format, with an address map and an index.

    events-0000.SUFFIX ...  events; times count from the start of their segment
    address_map.json        address -> population, neuron, label
    index.json              offset of every segment in µs, counts, SHA-256 of every file

Where the clock of a format ends long before a run does, time is cut into segments, each an
ordinary file of its format. Silent segments have no file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from bioplastic.errors import CorruptFile, UsageError, one_line
from bioplastic.export.aer.address import AddressMap
from bioplastic.export.aer.event_file import Events
from bioplastic.export.aer.fold import Fold
from bioplastic.export.bundle import sealed
from bioplastic.result import SpikeRecord
from bioplastic.unit_si import Malformed

MAP = "address_map.json"
MAX_TIME = 2**61  # µs
_CHUNK = 1 << 19


@dataclass(frozen=True, kw_only=True)
class Form:
    """A format of event files.

    kind      name of the format in the index      suffix   of its files
    segment   µs of a segment, at most `MAX_TIME`
    fold      number of addresses -> their rectangle; None where a format holds addresses as they
              are. Raises UsageError for more addresses than fit
    write_file   (path, chunks of events, lines of comment, fold) -> number of events written
    read_file    (path, fold) -> events; raises CorruptFile
    """

    kind: str
    suffix: str
    segment: int
    fold: Callable[[int], Fold] | None
    write_file: Callable[[Path, Iterable[Events], list[str], Fold | None], int]
    read_file: Callable[[Path, Fold | None], Events]

    def write(self, records: Mapping[str, SpikeRecord], folder: Path) -> dict[str, Any]:
        """Write ordered records into an empty folder; see `write`."""
        return write(records, folder, self)

    def read(self, folder: Path) -> dict[str, SpikeRecord]:
        """Return population -> SpikeRecord of a folder from `write`; see `read`."""
        return read(folder, self)


def write(records: Mapping[str, SpikeRecord], folder: Path, form: Form) -> dict[str, Any]:
    """Write all events of ordered records into an empty folder and return the index.

    Raises UsageError, naming the population, when its dt is not a whole number of µs.
    """
    addresses = AddressMap.of(records)
    fold = form.fold(addresses.size) if form.fold else None
    sealed.write_json(folder / MAP, addresses.table() | (fold.table() if fold else {}))
    segments: list[dict[str, Any]] = []
    for number, first, last in _spans(records, form.segment):
        name = f"events-{len(segments):04d}.{form.suffix}"
        offset = number * form.segment
        note = [f"bioplastic: times count from {offset} us; addresses are explained by {MAP}"]
        part = {k: _cut(r, first[k], last[k]) for k, r in records.items()}
        chunks = ((t - offset, a) for t, a in merge(part, addresses))
        count = form.write_file(folder / name, chunks, note, fold)
        segments.append({"file": name, "offset_us": offset, "events": count})
    body = {"clock": "us", "segment_us": form.segment, "address_map": MAP, "segments": segments}
    sealed.seal(folder, form.kind, body)
    return body


def read(folder: Path, form: Form) -> dict[str, SpikeRecord]:
    """Return population -> SpikeRecord of a folder from `write`.

    Raises UsageError when there is none; CorruptFile when a file is missing, changed or not what
    the format says: an address outside the map, a time off the grid, events out of order.
    """
    index = sealed.unseal(folder, form.kind)
    try:
        table = sealed.read_json(sealed.listed(folder, index, index.get("address_map")))
        fold = Fold.parse(table) if form.fold else None
        addresses = AddressMap.parse(table)
        ticks = {b.population: ticks_of(b.population, b.dt) for b in addresses}
        if form.fold and fold != form.fold(addresses.size):
            raise Malformed("the addresses are not folded as this format folds them")
    except (Malformed, UsageError) as error:
        raise CorruptFile(f"{folder / MAP}: {one_line(error)}") from None
    found: dict[str, list[Events]] = {b.population: [] for b in addresses}
    for path, offset, count in _segments(folder, index, form.segment):
        time, address = form.read_file(path, fold)
        if len(time) != count or (len(time) and time[-1] >= form.segment):
            raise CorruptFile(f"{path}: has not the events that the index tells")
        if len(address) and address.max() >= addresses.size:
            raise CorruptFile(f"{path}: address {address.max()} is outside the address map")
        for block in addresses:
            inside, ids = addresses.neurons(block, address)
            steps, off_grid = np.divmod(time[inside] + offset, ticks[block.population])
            if off_grid.any():
                raise CorruptFile(f"{path}: an event of {block.population!r} is off its grid")
            found[block.population].append((steps, ids))
    return {
        b.population: SpikeRecord(
            population=b.population, size=b.size, dt=b.dt, labels=b.labels,
            steps=np.concatenate([np.empty(0, np.int64), *(s for s, _ in found[b.population])]),
            ids=np.concatenate([np.empty(0, np.int64), *(i for _, i in found[b.population])]),
        )
        for b in addresses
    }  # fmt: skip


def _segments(folder: Path, index: dict[str, Any], segment: int) -> Iterator[tuple[Path, int, int]]:
    """Check the list of segments and walk it: path, offset in µs, number of events."""
    segments, before = index.get("segments"), -1
    if not isinstance(segments, list) or index.get("segment_us") != segment:
        raise CorruptFile(f"{folder}: its {sealed.INDEX} lists no segments")
    for item in segments:
        if not isinstance(item, dict) or set(item) != {"file", "offset_us", "events"}:
            raise CorruptFile(f"{folder}: its {sealed.INDEX} describes a segment wrongly")
        offset, count = item["offset_us"], item["events"]
        if type(offset) is not int or offset % segment or not before < offset < MAX_TIME:
            raise CorruptFile(f"{folder}: its {sealed.INDEX} has segments out of order")
        before = offset
        yield sealed.listed(folder, index, item["file"]), offset, count


def ticks_of(population: str, dt: float) -> int:
    """Return dt (s) in whole µs; UsageError when it is not representable."""
    ticks = round(dt * 1e6) if dt < MAX_TIME else 0
    if ticks < 1 or abs(dt * 1e6 - ticks) > 1e-9 * ticks:
        raise UsageError(f"population {population!r}: dt = {dt * 1e6!r} µs; events need whole µs")
    return ticks


def _spans(
    records: Mapping[str, SpikeRecord], segment: int
) -> Iterator[tuple[int, dict[str, int], dict[str, int]]]:
    """Walk the segments that have events: number, first and last position in every record."""
    ticks = {name: ticks_of(name, r.dt) for name, r in records.items()}
    place = dict.fromkeys(records, 0)
    for name, record in records.items():
        if len(record.steps) and int(record.steps[-1]) * ticks[name] >= MAX_TIME:
            raise UsageError(f"population {name!r}: a spike after {MAX_TIME} µs")
    while waiting := [k for k, r in records.items() if place[k] < len(r.steps)]:
        number = min(int(records[k].steps[place[k]]) * ticks[k] for k in waiting) // segment
        until = (number + 1) * segment
        ends = {k: int(np.searchsorted(r.steps, -(-until // ticks[k]))) for k, r in records.items()}
        yield number, place, ends
        place = ends


def _cut(record: SpikeRecord, first: int, last: int) -> SpikeRecord:
    return SpikeRecord(
        population=record.population, size=record.size, dt=record.dt,
        steps=record.steps[first:last], ids=record.ids[first:last],
    )  # fmt: skip


def merge(records: Mapping[str, SpikeRecord], addresses: AddressMap) -> Iterator[Events]:
    """Walk the events of all populations in the order (µs, address), in chunks of bounded size."""
    share = max(1, _CHUNK // len(records))
    blocks = {b.population: (b.first, ticks_of(b.population, b.dt)) for b in addresses}
    place = dict.fromkeys(records, 0)
    while waiting := [k for k, r in records.items() if place[k] < len(r.steps)]:
        ahead = {k: min(place[k] + share, len(records[k].steps)) - 1 for k in waiting}
        until = min(int(records[k].steps[ahead[k]]) * blocks[k][1] for k in waiting)
        times, places = [], []
        for name in waiting:
            record, (first, ticks) = records[name], blocks[name]
            end = int(np.searchsorted(record.steps, until // ticks, side="right"))
            times.append(record.steps[place[name] : end] * ticks)
            places.append(record.ids[place[name] : end] + first)
            place[name] = end
        time, address = np.concatenate(times), np.concatenate(places)
        order = np.lexsort((address, time))
        yield time[order], address[order]
