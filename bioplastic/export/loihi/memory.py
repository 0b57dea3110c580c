"""A temporal memory on a chip: lowered, and what it predicts compared with the frozen integers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from brian2 import second

from bioplastic.analysis.temporal_memory_sets import Answers, Elements, answers, equal_sets
from bioplastic.description import Network, SpikeTrain
from bioplastic.errors import CorruptFile, UnsupportedModel
from bioplastic.export.loihi.lowerings import TRACE_STEPS, Spikes
from bioplastic.export.sanafe import network as sanafe
from bioplastic.kernels import dispatch
from bioplastic.kernels.loihi.run import run_loihi
from bioplastic.kernels.sparse.state import initial_state
from bioplastic.learned import Learned
from bioplastic.provenance import stream
from bioplastic.quantize import lower as integers
from bioplastic.quantize.integer_network import IntegerNetwork
from bioplastic.quantize.loihi import LoihiNetwork
from bioplastic.quantize.loihi_memory import LoihiMemory, MemoryForm, loihi_memory
from bioplastic.quantize.loihi_memory_parts import (
    Parts,
    branches,
    parts_of,
    refuse_other_parts,
)

FOLLOWS = False
FORMS = {
    "loihi": MemoryForm(),
    "brian2-loihi": MemoryForm(),
    "spinnaker": MemoryForm(),
    "sanafe": MemoryForm(longest_delay=sanafe.LONGEST),
}
"""How it is laid out for each target."""
PROBE = 0.008
"""s after an element at which predictions are read, as in the paper."""
TAIL = 0.1
"""s that a trace goes on after its last element, if the stimulus ends before it does."""


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Chip and frozen integers on the same elements.

    elements, active, predicted   how many there were; in how many both sets are the same
    sequences                     whose last element could be predicted
    own_error, error              mean over them of sqrt(FP + FN), in integers and on the chip
    false_positives, …            their sums; own_… in integers
    """

    elements: int
    active: int
    predicted: int
    sequences: int
    own_error: float
    error: float
    own_false_positives: int
    own_false_negatives: int
    false_positives: int
    false_negatives: int


@dataclass(frozen=True, kw_only=True, eq=False)
class LoweredMemory:
    """A temporal memory in the chip's integers, and what it predicts.

    shown      agreement on what the run was shown
    shuffled   agreement on the same elements in random order, most of them never learned
    """

    made: LoihiMemory
    stimulus: Mapping[str, Spikes]
    steps: int
    shown: Agreement
    shuffled: Agreement

    @property
    def network(self) -> LoihiNetwork:
        """What the chip would hold."""
        return self.made.network

    def trace(self) -> tuple[Mapping[str, Spikes], int]:
        """The beginning of what the run was shown."""
        return self.stimulus, self.steps

    def lines(self) -> list[str]:
        """Rounding, and predictions on both sides."""
        made, a, b = self.made, self.shown, self.shuffled
        found = [
            f"  a step of {made.form.step * 1e3:g} ms; charges: largest rounding"
            f" {made.rounding:.2%};"
            f" {'; '.join(f'{k}: {n} inputs start a plateau' for k, n in made.fewest.items())}",
            f"  {a.elements:,} elements as learned: the same neurons answer in {a.active:,}, the"
            f" same are predicted after {a.predicted:,}",
            f"  {b.elements:,} in random order: the same answer in {b.active:,}, the same are"
            f" predicted after {b.predicted:,}",
        ]
        if a.sequences:
            found.append(
                f"  {a.sequences:,} sequences: prediction error {a.error:.4f} on the chip,"
                f" {a.own_error:.4f} before; false positives {a.false_positives} (before"
                f" {a.own_false_positives}), negatives {a.false_negatives}"
                f" ({a.own_false_negatives})"
            )
        return found

    def facts(self) -> Mapping[str, Any]:
        """The same for the bundle."""
        return {
            "form": asdict(self.made.form), "largest_rounding": self.made.rounding,
            "fewest_inputs": dict(self.made.fewest), "plateau_steps": dict(self.made.plateaus),
            "winners": dict(self.made.winners),
            "as_learned": asdict(self.shown), "shuffled": asdict(self.shuffled),
        }  # fmt: skip


def refusal(description: Network) -> str | None:
    """Why this is no temporal memory."""
    try:
        refuse_other_parts(description)
    except UnsupportedModel as reason:
        return str(reason)
    return None


def lower(learned: Learned, symbols: np.ndarray | None, target: str) -> LoweredMemory:
    """Lower a learned temporal memory, plasticity off, and compare it with its integers.

    symbols   not used: the description holds what is shown
    Raises UnsupportedModel for what cannot be lowered, CorruptFile for a file without its grid.
    """
    dt = learned.manifest.get("dt_seconds")
    if not isinstance(dt, float) or not 0 < dt < 1:
        raise CorruptFile(f"the learned network does not say its grid: dt_seconds = {dt!r}")
    still = learned.network(plastic=False)
    parts, made = parts_of(still), loihi_memory(still, FORMS[target])
    trains = {s.name: s.train for s in still.sources}
    last = max((float(t.t[-1]) for t in trains.values() if len(t)), default=-1.0)
    steps = 0 if last < 0 else min(TRACE_STEPS, made.form.steps(last + TAIL))
    own = _Both(parts=parts, made=made, integers=integers(still, dt * second), steps=steps)
    return LoweredMemory(
        made=made, stimulus=made.stimulus(trains, steps), steps=steps,
        shown=own.agreement(trains), shuffled=own.agreement(_shuffled(parts, trains)),
    )  # fmt: skip


def _driving(parts: Parts) -> list[str]:
    return list(dict.fromkeys(q.pre for q in parts.drives))


def _shuffled(parts: Parts, trains: Mapping[str, SpikeTrain]) -> dict[str, SpikeTrain]:
    """The same times, the elements of each driving source in random order; primes stay."""
    rng = stream(0, "shuffled elements")
    return {
        name: SpikeTrain(i=rng.permutation(t.i), t=t.t) if name in _driving(parts) else t
        for name, t in trains.items()
    }


@dataclass(frozen=True, kw_only=True, eq=False)
class _Both:
    """The chip's network and the frozen integers, shown the same."""

    parts: Parts
    made: LoihiMemory
    integers: IntegerNetwork
    steps: int

    def agreement(self, trains: Mapping[str, SpikeTrain]) -> Agreement:
        end = self.steps * self.made.form.step
        chip = run_loihi(self.made.network, self.made.stimulus(trains, self.steps), self.steps)
        long = round(end / self.integers.dt)
        given = {
            name: (when[when < long], t.i[when < long])
            for name, t in trains.items()
            for when in [t.steps(self.integers.dt * second)]
        }
        own = dispatch.run_batch(
            self.integers, long, states=[initial_state(self.integers)], sources=[given]
        )[0]
        elements, group = self._elements(trains, end), self._groups()
        before, after = [], []
        for p in self.parts.excitatory:
            names = [f"{p.name}.{b.name}" for b in branches(p)]
            onsets = [own.onsets[name] for name in names]
            before.append(answers(own.spikes[p.name], onsets, elements, PROBE, end))
            onsets = [self.made.onsets(chip.spikes, name) for name in names]
            after.append(answers(chip.spikes[p.name], onsets, elements, PROBE, end))
        return _compared(_joined(before), _joined(after), elements, group, self._enough())

    def _elements(self, trains: Mapping[str, SpikeTrain], end: float) -> Elements:
        """Spikes of the driving sources, numbered through."""
        times, group, first = [], [], 0
        for name in _driving(self.parts):
            times.append(np.asarray(trains[name].t / second))
            group.append(trains[name].i + first)
            first += next(s.size for s in self.parts.network.sources if s.name == name)
        when, which = np.concatenate(times), np.concatenate(group)
        order = np.lexsort((which, when))
        order = order[when[order] < end]
        lasts = max(float(b.duration) for p in self.parts.excitatory for b in branches(p))
        return Elements(times=when[order], group=which[order], duration=lasts)

    def _groups(self) -> np.ndarray:
        """Which element drives each excitatory neuron, populations in order."""
        first, at = {}, 0
        for name in _driving(self.parts):
            first[name] = at
            at += next(s.size for s in self.parts.network.sources if s.name == name)
        found = []
        for p in self.parts.excitatory:
            own = np.full(p.size, -1, np.int64)
            for q in self.parts.drives:
                if q.post == p.name:
                    own[q.j] = q.i + first[q.pre]
            found.append(own)
        return np.concatenate(found)

    def _enough(self) -> int:
        """Half the winners: those of the description's notes, or what its inhibition takes."""
        noted = self.parts.network.notes.get("winners")
        winners = noted if isinstance(noted, int) else min(self.made.winners.values(), default=2)
        return max(1, winners // 2)


def _joined(parts: list[Answers]) -> Answers:
    return Answers(
        active=np.concatenate([a.active for a in parts], axis=1),
        predicted=np.concatenate([a.predicted for a in parts], axis=1),
    )


def _compared(
    before: Answers, after: Answers, elements: Elements, group: np.ndarray, enough: int
) -> Agreement:
    own_fp, own_fn = before.errors(elements, group, enough)
    fp, fn = after.errors(elements, group, enough)
    some = len(fp) > 0
    return Agreement(
        elements=len(elements.times),
        active=equal_sets(before.active, after.active),
        predicted=equal_sets(before.predicted, after.predicted),
        sequences=len(fp),
        own_error=float(np.sqrt(own_fp + own_fn).mean()) if some else 0.0,
        error=float(np.sqrt(fp + fn).mean()) if some else 0.0,
        own_false_positives=int(own_fp.sum()), own_false_negatives=int(own_fn.sum()),
        false_positives=int(fp.sum()), false_negatives=int(fn.sum()),
    )  # fmt: skip
