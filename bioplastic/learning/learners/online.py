"""Online training of any network of torch: predict a stretch, then one step of Adam on it.

Another learner of this kind is one dataclass with one method:

    @dataclass(frozen=True, kw_only=True)
    class Mine(Online):
        name: str = "mine"

        def module(self, space, generator):
            return MyNetwork(*sizes(space))      # an nn.Module; see online_network.Module
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from bioplastic.errors import UsageError
from bioplastic.learning.cost import Cost
from bioplastic.learning.learner import Learner, Unsuited, fraction
from bioplastic.learning.learners.online_code import Code, code_of
from bioplastic.learning.learners.online_code import sizes as sizes
from bioplastic.learning.learners.online_meter import Meter, dtype
from bioplastic.learning.learners.online_network import Module as Module
from bioplastic.learning.learners.online_network import SequenceNetwork, weights
from bioplastic.learning.locality import Use
from bioplastic.learning.space import Space
from bioplastic.provenance import seed_tree

_OBSERVED = 256
"""Steps at a time where nothing is learned."""

BACKPROP = (
    Use(
        quantity="activity of the presynaptic unit at every step of the stretch",
        place="pre",
        latency="until the end of the stretch",
        local=False,
        why="it must be stored step by step and read backwards in time; no trace does that",
    ),
    Use(
        quantity="error of every unit downstream, through the transposed weights",
        place="elsewhere",
        latency="until the end of the stretch",
        local=False,
        why="weights of other synapses are needed on the way back",
    ),
    Use(
        quantity="errors of later steps of the stretch",
        place="elsewhere",
        latency="from the future, up to one stretch",
        local=False,
        why="the gradient through time runs backwards",
    ),
    Use(
        quantity="norm of the whole gradient (clipping)",
        place="broadcast",
        latency="at the end of the stretch",
        local=False,
        why="one number made of all synapses",
    ),
    Use(
        quantity="running mean and square of the synapse's own gradient (Adam)",
        place="synapse",
        latency="at the end of the stretch",
        local=True,
        why="two numbers kept at the synapse",
    ),
)
"""Locality of truncated BPTT with Adam."""


@dataclass(frozen=True, kw_only=True)
class Online(Learner):
    """Truncated BPTT online, batch 1, one pass: the scheme of `gru.OnlineGRU` for every network.

    The stream is cut into stretches of `truncation`. All of a stretch is predicted and charged with
    the weights of before it, each x from those before it; then one step of Adam is made on the mean
    loss of the stretch. The state runs on, the gradient does not. The first prediction is made from
    a zero input. In a `Series` the value that a forecast meant comes `horizon` − 1 records late:
    the step at the end of a stretch learns from all forecasts whose value has come by then, with
    the gradient reaching back to the beginning of the stretch of the first of them. Where learning
    is switched off, the open stretch is first closed by a step on what was learned of it.

    The loss is what the space charges: surprise, nats of the frame, absolute error (here in running
    standard deviations of the value).

    learning_rate  η₀ of Adam; after t examples η = η₀ min(1, (t + 1) / warm_up) / √(1 + t / decay)
    decay          examples after which the rate has fallen by √2; inf keeps it
    warm_up        examples in which the rate rises; 0 for none
    betas          of Adam
    clip           largest Euclidean norm of the gradient of the mean loss
    truncation     steps per stretch
    Losses that are not finite stay in the record and poison the weights: that is divergence, and
    the caller reports it. One thread of the CPU; equal seed and torch build give equal figures.
    Raises UsageError for values out of range, Unsuited for alphabets above 4096.
    Source: Kingma & Ba 2015 [kingma2015].
    """

    name: str = "online"
    rule: str = "backprop"
    learning_rate: float = 2e-3
    decay: float = 10_000.0
    warm_up: float = 0.0
    betas: tuple[float, float] = (0.9, 0.999)
    clip: float = 1.0
    truncation: int = 16

    def __post_init__(self) -> None:
        """Check the ranges."""
        super().__post_init__()
        if self.truncation < 1:
            raise UsageError(f"{self.name}: truncation={self.truncation} starts at 1")
        if not (self.learning_rate > 0 and self.decay > 0 and self.clip > 0):
            raise UsageError(
                f"{self.name}: learning_rate={self.learning_rate}, decay={self.decay} and "
                f"clip={self.clip} must be positive"
            )
        if not (self.warm_up >= 0 and all(0 <= b < 1 for b in self.betas)):
            raise UsageError(
                f"{self.name}: warm_up={self.warm_up} starts at 0, betas={self.betas} lie in [0, 1)"
            )

    def module(self, space: Space, generator: torch.Generator) -> nn.Module:
        """The network of this space.

        Called with torch's own generator seeded like `generator`, so that layers of torch are equal
        for equal seeds; use either.
        """
        raise NotImplementedError

    def network(self, space: Space, generator: torch.Generator) -> Any:
        """The network alone, for training of another kind; torch's generator is left as it was.

        Those of this package are a `SequenceNetwork`, which takes batches of sequences.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(generator.initial_seed())
            return self.module(space, generator)

    def begin(self, space: Space, *, seed: int) -> OnlineStudent:
        """Start on a space, with the weights of this seed."""
        code_of(space)
        generator = torch.Generator().manual_seed(seed_tree(seed).key("weights"))
        return OnlineStudent(self, space, self.network(space, generator))

    def rate(self, examples: int) -> float:
        """Learning rate after this many examples."""
        warm = min(1.0, (examples + 1) / self.warm_up) if self.warm_up else 1.0
        return float(self.learning_rate * warm / (1.0 + examples / self.decay) ** 0.5)

    def locality(self) -> tuple[Use, ...]:
        """Truncated BPTT with Adam: nearly nothing is local."""
        return BACKPROP


@dataclass
class _Journal:
    """What was met since the oldest stretch from which something is still to be learned.

    rows     inputs, one per prediction, in the code's form
    x        what came
    states   state at the beginning of each stretch
    learned  how many predictions from the front were learned from
    """

    rows: np.ndarray
    x: np.ndarray
    states: list[tuple[int, Any]]
    learned: int = 0

    def __len__(self) -> int:
        return len(self.rows)


class OnlineStudent:
    """A network in the middle of a stream.

    Made by `Online.begin`; with a module of one's own: OnlineStudent(learner, space, module). The
    student can be deep-copied. `run` is the loop of predict and learn with the steps of a stretch
    in one call of the module; it saves the second forward pass that the loop makes for the
    gradient, so only the loop's `learning_macs` are larger.
    """

    def __init__(
        self,
        learner: Online,
        space: Space,
        module: nn.Module,
        optimiser: torch.optim.Optimizer | None = None,
    ) -> None:
        self.learner = learner
        self.space = space
        self.module: Any = module
        self.optimiser = optimiser or torch.optim.Adam(
            module.parameters(), lr=learner.learning_rate, betas=learner.betas
        )
        self.code: Code = code_of(space)
        self.masks: dict[str, torch.Tensor] = {}
        self.meter = Meter(module, self.code.binary)
        self.examples = 0
        self._restart()

    def _restart(self) -> None:
        self.position = 0
        self.state = self.module.begin()
        self.row = self.code.blank()
        self._ahead: tuple[torch.Tensor, Any] | None = None
        self._forget()

    def restart(self) -> None:
        """Begin a new piece: forget the state, keep what was learned. An open stretch is closed."""
        with self.meter.running():
            self._close()
            self._restart()

    def _forget(self) -> None:
        """Open an empty journal here."""
        self.journal = _Journal(rows=self.row[:0], x=np.zeros(0), states=[])

    def _tensor(self, rows: np.ndarray) -> torch.Tensor:
        return self.code.tensor(rows, dtype(self.module))

    def _look(self) -> tuple[torch.Tensor, Any]:
        """Output for the next x and the state after, computed once."""
        if self._ahead is None:
            inputs = self._tensor(self.row)
            with torch.no_grad():
                self._ahead = self.module(inputs, self.state)
            self.meter.forward(self.module, inputs, self.state, self.position)
        return self._ahead

    def predict(self, history: Any = None) -> np.ndarray:
        """The prediction of the next x, in the form of the space."""
        with self.meter.running():
            outputs, _ = self._look()
            return self.code.prediction(outputs[0], self.row)

    def learn(self, x: Any) -> None:
        """Meet the next x and learn from it, at the latest at the end of its stretch."""
        with self.meter.running():
            met = self.space.check(np.asarray(x)[None])
            _, after = self._look()
            self._note(self.row, met)
            self._move(met, after)
            if len(self.journal) % self.learner.truncation == 0:
                self._learn()

    def observe(self, x: Any) -> None:
        """Meet the next x without learning."""
        with self.meter.running():
            self._pass_by(self.space.check(np.asarray(x)[None]))

    def _pass_by(self, met: np.ndarray) -> None:
        """Meet one x without learning from it."""
        _, after = self._look()
        self._close()
        self._move(met, after)

    def _move(self, met: np.ndarray, after: Any) -> None:
        """Go past these x: the last of them is the next input."""
        self.row = self.code.rows(met)[-1:]
        self.state = after
        self.position += len(met)
        self.meter.symbols += len(met)
        self._ahead = None

    def _note(self, rows: np.ndarray, met: np.ndarray) -> None:
        """Write into the journal, from the present state on."""
        journal = self.journal
        if len(journal) % self.learner.truncation == 0:
            journal.states.append((self.position, self.state))
        journal.rows = np.concatenate((journal.rows, rows))
        journal.x = np.concatenate((journal.x, met)) if len(journal.x) else met

    def run(self, stream: np.ndarray, *, learning: bool = True) -> np.ndarray:
        """Losses (L,) of a stream in the unit of the space."""
        x = self.space.check(stream)
        told = np.empty(len(x))
        with self.meter.running():
            at = 0
            if not learning and len(x) and len(self.journal):  # as the loop: predicted, then closed
                told[:1] = self.code.told(self._look()[0], self.row, x[:1])
                self._pass_by(x[:1])
                at = 1
            while at < len(x):
                stretch = self.learner.truncation
                room = stretch - len(self.journal) % stretch if learning else _OBSERVED
                piece = x[at : at + room]
                told[at : at + room] = self._through(piece, learning)
                at += len(piece)
        return self.code.settle(told, x)

    def _through(self, x: np.ndarray, learning: bool) -> np.ndarray:
        """Go through at most the rest of a stretch; return what was told of it."""
        following = self.code.rows(x)
        rows = np.concatenate((self.row, following[:-1]))
        inputs = self._tensor(rows)
        whole = len(x) == self.learner.truncation and not len(self.journal)
        at_once = learning and whole and self.code.lag == 1
        spent = self.meter.forward(self.module, inputs, self.state, self.position)
        with torch.set_grad_enabled(at_once):
            outputs, after = self.module(inputs, self.state)
            if at_once:
                self._descend(self.code.nats(outputs, rows, x).mean(), len(x), spent)
        told = self.code.told(outputs, rows, x)
        if learning and not at_once:
            self._note(rows, x)
        self.row, self.state = following[-1:], self.module.detached(after)
        self.position += len(x)
        self.meter.symbols += len(x)
        self._ahead = None
        if learning and not at_once and len(self.journal) % self.learner.truncation == 0:
            self._learn()
        return told

    def _learn(self) -> None:
        """Learn from all predictions of the journal whose x has come, and drop what is done."""
        journal, stretch = self.journal, self.learner.truncation
        known = len(journal) - self.code.lag + 1
        first = journal.learned
        if known <= first:
            return
        position, state = journal.states[0]
        rows = journal.rows[:known]
        inputs = self._tensor(rows)
        spent = self.meter.again(self.module, inputs, state, position)
        outputs, _ = self.module(inputs, state)
        x = journal.x[first + self.code.lag - 1 : known + self.code.lag - 1]
        loss = self.code.nats(outputs[first:known], rows[first:known], x).mean()
        self._descend(loss, known - first, spent)
        done = known // stretch
        journal.rows, journal.x = journal.rows[done * stretch :], journal.x[done * stretch :]
        journal.states = journal.states[done:]
        journal.learned = known - done * stretch

    def _close(self) -> None:
        """Learn from the open stretch, if there is one; later nothing of it is known any more."""
        if len(self.journal):
            self._learn()
            self._forget()

    def _descend(self, loss: torch.Tensor, examples: int, spent: tuple[float, float]) -> None:
        """One step of Adam."""
        self.optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.module.parameters(), self.learner.clip)
        self.optimiser.param_groups[0]["lr"] = self.learner.rate(self.examples)
        self.optimiser.step()
        self._keep_lesions()
        self.examples += examples
        self.meter.step(spent)

    def learn_pieces(self, pieces: list[np.ndarray]) -> None:
        """One step of Adam on whole pieces side by side, each from the beginning.

        Pieces are padded to the longest; the loss is the mean over all their examples. The place
        in the stream is forgotten. Unsuited for a Series and for a module without `forward_batch`.
        """
        module = self.module
        if not isinstance(module, SequenceNetwork) or self.code.lag > 1:
            raise Unsuited(f"{self.learner.name}: cannot learn pieces side by side")
        self.restart()
        with self.meter.running():
            found = [self.space.check(piece) for piece in pieces]
            found = [x for x in found if len(x)]
            if not found:
                return
            padded = torch.zeros(len(found), max(map(len, found)), self.code.inputs)
            padded = padded.to(dtype(module))
            rows = []
            inner = drive = 0.0
            for b, x in enumerate(found):
                rows.append(np.concatenate((self.code.blank(), self.code.rows(x[:-1]))))
                padded[b, : len(x)] = self._tensor(rows[b])
                self.meter.symbols += len(x)
                spent = self.meter.forward(module, padded[b, : len(x)], module.begin(), 0)
                inner, drive = inner + spent[0], drive + spent[1]
            outputs = module.forward_batch(padded)
            losses = [self.code.nats(outputs[b, : len(x)], rows[b], x) for b, x in enumerate(found)]
            self._descend(torch.cat(losses).mean(), sum(map(len, found)), (inner, drive))

    def lesion_neurons(self, share: float, rng: np.random.Generator) -> None:
        """Silence this fraction of each group of units: what they feed is cut for good.

        Groups are those of the module's `readers`. A silent unit's own computation goes on; nothing
        reads it. Unsuited for a module without them.
        """
        share = fraction(share, "lesion_neurons")
        if not isinstance(self.module, SequenceNetwork):
            raise Unsuited(f"{self.learner.name}: the module does not say what its units feed")
        names = {id(p): name for name, p in self.module.named_parameters()}
        for units, fed in self.module.readers():
            dead = rng.permutation(units)[: round(share * units)]
            for p in fed:
                self._mask(names[id(p)], p)[..., torch.from_numpy(dead)] = 0.0
        self._lesioned()

    def lesion_synapses(self, share: float, rng: np.random.Generator) -> None:
        """Remove this fraction of the weights, biases and norms excepted."""
        share = fraction(share, "lesion_synapses")
        named = [(name, p) for name, p in self.module.named_parameters() if p.dim() >= 2]
        total = sum(p.numel() for _, p in named)
        dead = np.zeros(total, bool)
        dead[rng.permutation(total)[: round(share * total)]] = True
        at = 0
        for name, p in named:
            here = torch.from_numpy(dead[at : at + p.numel()].reshape(tuple(p.shape)))
            self._mask(name, p)[here] = 0.0
            at += p.numel()
        self._lesioned()

    def _mask(self, name: str, p: torch.Tensor) -> torch.Tensor:
        if name not in self.masks:
            self.masks[name] = torch.ones_like(p.detach())
        return self.masks[name]

    def _lesioned(self) -> None:
        self._ahead = None
        self._keep_lesions()
        self.meter.lesion(self.module, self.masks)

    def _keep_lesions(self) -> None:
        if self.masks:
            named = dict(self.module.named_parameters())
            with torch.no_grad():
                for name, mask in self.masks.items():
                    named[name].mul_(mask)

    def snapshot(self) -> Any:
        """What was learned so far, for `restore`."""
        learned = self.module.state_dict(), self.optimiser.state_dict()
        return copy.deepcopy((*learned, self.code, self.examples, self.masks))

    def restore(self, kept: Any) -> None:
        """Go back to a snapshot, at the beginning of a piece. What was spent stays spent."""
        learned, moments, self.code, self.examples, self.masks = copy.deepcopy(kept)
        self.module.load_state_dict(learned)
        self.optimiser.load_state_dict(moments)
        self.meter.lesion(self.module, self.masks)
        self._restart()

    def cost(self) -> Cost:
        """Totals since the start; see `online_meter.Meter` for how they are counted."""
        return self.meter.cost(self.module, self.state)


def synapses(module: nn.Module) -> int:
    """How many weights a module has, biases and norms excepted."""
    return sum(p.numel() for p in weights(module))


__all__ = [
    "BACKPROP",
    "Module",
    "Online",
    "OnlineStudent",
    "SequenceNetwork",
    "sizes",
    "synapses",
]
