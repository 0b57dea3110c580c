"""The sparse kernel on tensors that live on a GPU: nothing is copied there, nothing is waited for.

The tables of a network are on the device before the first run and stay. A run copies the named
state into the flat arrays of the kernels, derives what is under way from the last spikes, launches,
and copies back out: all of it operations of the device, so a run can be captured in a CUDA graph.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from bioplastic.bridge.ops_values import masks
from bioplastic.kernels.feedforward.layer import words
from bioplastic.kernels.sparse import gpu_program, gpu_windows
from bioplastic.kernels.sparse.executors import OneProgram, Windows
from bioplastic.kernels.sparse.gpu_layout import KINDS, lay_out
from bioplastic.kernels.sparse.gpu_layout_tables import lay_tables
from bioplastic.kernels.sparse.gpu_plan import Plan, check_known, parts
from bioplastic.kernels.sparse.gpu_tables import EXTENT, State
from bioplastic.kernels.sparse.state import initial_state
from bioplastic.quantize.integer_network import IntegerNetwork

KIND = {name: torch.from_numpy(np.zeros(0, kind)).dtype for name, kind in KINDS.items()}
HEAD = 3
"""step, seed and recent stand before the named arrays of a state."""


class ResidentSparse:
    """A network on one device.

    executor   how a GPU runs it
    Raises UnsupportedModel for a kind of population or rule that these kernels do not know.
    """

    def __init__(
        self, network: IntegerNetwork, executor: Windows | OneProgram, device: torch.device
    ) -> None:
        check_known(network)
        self.network, self.executor, self.device = network, executor, device
        self.layout = lay_out(network)
        self.parts = parts(network, self.layout.word)
        tables = lay_tables(network, self.layout)
        self.topology = type(tables)(*(torch.tensor(a, device=device) for a in tables))
        window = gpu_windows.window_of(self.parts, executor) if isinstance(executor, Windows) else 0
        self.delay = network.max_delay
        self.slots = max(window, 1) + self.delay
        self.wide, self.places = max(self.layout.words, 1), max(self.layout.slots, 1)
        self.onset_wide = max(self.layout.onset_words, 1)
        sizes = [s.size for s in network.sources]
        self.given_words = sum(words(size) for size in sizes)
        self.mask = torch.tensor(masks(sizes), device=device)
        all_bits = masks([g.size for g in network.groups])
        self.all_mask = torch.tensor(all_bits, device=device)
        self.names = [n for n in initial_state(network).arrays if not n.startswith("recent_")]
        self.sizes = torch.tensor(self._sizes(), device=device)

    def __call__(self, given: Sequence[Tensor], state: Sequence[Tensor]) -> list[Tensor]:
        """T steps; what is given is left as it is."""
        sent = given[0]
        batch, steps = sent.shape[:2]
        flat = self._flat(state, batch)
        recent = (state[2] & self.all_mask).contiguous()
        spikes = self._room(torch.int32, batch, self.delay + steps, self.wide)
        spikes[:, : self.delay] = recent if self.layout.words else 0
        spikes[:, self.delay :, : self.given_words] = sent & self.mask
        counters = torch.zeros((batch, 3), dtype=torch.int64, device=self.device)
        onsets = torch.zeros((batch, steps, self.onset_wide), dtype=torch.int32, device=self.device)
        ring = torch.zeros((batch, self.slots, self.places), dtype=torch.int32, device=self.device)
        x = State(**flat, ring=ring, spikes=spikes, onsets=onsets, counters=counters)
        self._under_way(x, recent, batch, steps)
        self._launch(x, batch, steps)
        return self._back(x, state, steps)

    def _flat(self, state: Sequence[Tensor], batch: int) -> dict[str, Tensor]:
        """The arrays of gpu_layout.KINDS, (B, …)."""
        flat = {
            name: torch.zeros(
                (batch, max(self.layout.length[name], 1)), dtype=kind, device=self.device
            )
            for name, kind in KIND.items()
        }
        flat["first"][:, 0].copy_(state[0])
        flat["seed"][:, 0].copy_(state[1] & 0xFFFFFFFF)
        named = dict(zip(self.names, state[HEAD:], strict=True))
        for piece in self.layout.pieces:
            part = named[piece.key].reshape(batch, piece.size)
            flat[piece.field][:, piece.low : piece.low + piece.size].copy_(part)
        return flat

    def _sizes(self) -> np.ndarray:
        """`gpu_tables.Extent` and the length of every array of a member, for a run of no step."""
        length = {name: max(self.layout.length[name], 1) for name in KINDS}
        length |= {"ring": self.slots * self.places, "spikes": self.delay * self.wide}
        length |= {"onsets": 0, "counters": 3}
        extent = [self.delay, 0, self.wide, self.onset_wide, self.slots, self.places]
        return np.array(extent + [length[name] for name in State._fields], np.int64)

    def _sized(self, **changed: int) -> Tensor:
        """`sizes` with other numbers, filled in on the device."""
        names = ["history", "steps", "words", "onset_words", "slots", "places"]
        sizes = self.sizes.clone()
        assert len(names) == EXTENT.value
        for name, number in changed.items():
            place = names.index(name) if name in names else EXTENT.value + State._fields.index(name)
            sizes[place].fill_(number)
        return sizes

    def _under_way(self, x: State, recent: Tensor, batch: int, steps: int) -> None:
        """What earlier spikes still bring along static synapses: into the ring, and counted.

        The last D steps are delivered as if they were a run of their own from D steps ago, into a
        ring of 2·D steps, of which the second half is this run's. Arrivals are counted twice: those
        before the end of this run, less those before its start.
        """
        if not self.delay:
            return
        counted = []
        for end in (self.delay + steps, self.delay):
            shape = (batch, 2 * self.delay, self.places)
            ring = torch.zeros(shape, dtype=torch.int32, device=self.device)
            counters = torch.zeros((batch, 3), dtype=torch.int64, device=self.device)
            before = x._replace(spikes=recent, ring=ring, counters=counters)
            sizes = self._sized(
                history=0, steps=end, slots=2 * self.delay, onsets=steps * self.onset_wide,
                ring=2 * self.delay * self.places, spikes=self.delay * self.wide,
            )  # fmt: skip
            for part in self.parts:
                if part.rule is None and part.synapses:
                    grid = (part.pre_words, self.delay, batch)
                    gpu_windows.deliver[grid](
                        self.topology, before, sizes, part.place, part.pre_word, 0,
                        LANES=gpu_windows.LANES,
                    )  # fmt: skip
            counted.append(counters)
            x.ring[:, : self.delay] = ring[:, self.delay :]
        x.counters.copy_(counted[0] - counted[1])

    def _launch(self, x: State, batch: int, steps: int) -> None:
        sizes = self._sized(
            steps=steps, spikes=(self.delay + steps) * self.wide, onsets=steps * self.onset_wide
        )
        plan = Plan(
            populations=self.network.populations, parts=self.parts, steps=steps, batch=batch,
            arguments=(self.topology, x, sizes),
        )  # fmt: skip
        if isinstance(self.executor, OneProgram):
            gpu_program.launch(plan, self.executor)
        else:
            gpu_windows.launch(plan, self.executor)

    def _back(self, x: State, state: Sequence[Tensor], steps: int) -> list[Tensor]:
        """Spikes, onsets, counters and the new state, none of which shares memory with another."""
        after: dict[str, Tensor] = {}
        given = dict(zip(self.names, state[HEAD:], strict=True))
        for piece in self.layout.pieces:
            kind = given[piece.key]
            part = getattr(x, piece.field)[:, piece.low : piece.low + piece.size]
            after[piece.key] = self._room(kind.dtype, *kind.shape).copy_(part.reshape(kind.shape))
        made = x.spikes[:, self.delay :, self.given_words : self.layout.words].clone()
        recent = self._room(torch.int32, *state[2].shape).copy_(
            x.spikes[:, steps:, : self.layout.words]
        )
        fired = population_count(made).sum(dim=(1, 2), keepdim=False)[:, None]
        return [
            made.contiguous(),
            x.onsets[:, :, : self.layout.onset_words].clone().contiguous(),
            torch.cat([fired, x.counters], dim=1),
            state[0] + steps,
            state[1].clone(),
            recent,
            *(after[name] for name in self.names),
        ]

    def _room(self, kind: torch.dtype, *shape: int) -> Tensor:
        return torch.empty(shape, dtype=kind, device=self.device)


def population_count(bits: Tensor) -> Tensor:
    """Ones in every int32 word, int64."""
    x = bits.to(torch.int64) & 0xFFFFFFFF
    x = x - ((x >> 1) & 0x55555555)
    x = (x & 0x33333333) + ((x >> 2) & 0x33333333)
    x = (x + (x >> 4)) & 0x0F0F0F0F
    return ((x * 0x01010101) & 0xFFFFFFFF) >> 24
