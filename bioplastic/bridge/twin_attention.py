"""The twin of a dendritic-attention circuit: the same readout, so that backpropagation trains it.

Which keys are active in a cycle is given (as a circuit's run recorded it); the readout is

    u_v = Σ_b g_b[bin(n_b)] w[row_b, v] + E_b[f[row_b, v]]   over branches with a live plateau,
    P(v fires first) = softmax(u)_v,     loss = −ln softmax(u) at the symbol that came next.

w: value synapses, nats; g: gain of a branch by bin of earlier arrivals n; E: worth of each fast
state f. The circuit learns w by theta-phase STDP, whose expectation is the gradient step at g = 1;
here the gradient itself is at hand.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bioplastic.bridge.twin_run import same_tensor
from bioplastic.bridge.twin_value import refuse_dtype
from bioplastic.errors import UsageError
from bioplastic.kernels.circuit.run import CircuitRun
from bioplastic.quantize.circuit import IntegerCircuit
from bioplastic.quantize.circuit_program import (
    EFFICACY_MAX,
    FRACTION,
    GAIN_FRACTION,
    WEIGHT_FRACTION,
    State,
)


@dataclass(frozen=True, kw_only=True, eq=False)
class ActiveKeys:
    """What drives the readout over L cycles.

    held (L, B)      key whose plateau lives on each branch at the end of the cycle, −1 = none
    earlier (L, B)   arrivals that its synapses had seen before (0 where none)
    following (L,)   symbol of the next cycle, −1 = unknown; left out of the loss
    """

    held: Tensor
    earlier: Tensor
    following: Tensor


def active_keys(run: CircuitRun, arrivals: np.ndarray) -> ActiveKeys:
    """The active keys of a run.

    arrivals   ``state.arrivals`` with which the run started
    Raises UsageError when a branch got more than one arrival in a cycle: the run then does not say
    how often each synapse was used.
    """
    first = run.circuit.program.branch_first
    seen = np.array(arrivals, dtype=np.int64)
    earlier = np.zeros(run.held.shape, dtype=np.int64)
    for cycle, keys in enumerate(run.held):
        for b in np.flatnonzero(keys >= 0):
            row = first[b] + keys[b]
            earlier[cycle, b] = seen[row]
            seen[row] += 1
    wrong = np.flatnonzero(seen != run.state.arrivals)
    if len(wrong):
        raise UsageError(
            f"active_keys: synapse row {wrong[0]} saw {run.state.arrivals[wrong[0]]} arrivals, "
            f"the plateaus at the ends of cycles account for {seen[wrong[0]]}"
        )
    following = np.append(np.asarray(run.symbols[1:], dtype=np.int64), -1)
    held = np.asarray(run.held, dtype=np.int64)
    return ActiveKeys(
        held=torch.as_tensor(held),
        earlier=torch.as_tensor(earlier),
        following=torch.as_tensor(following),
    )


class AttentionTwin(nn.Module):
    """The readout of a circuit in a state, as float parameters.

    weight (R, V)          nats          gain (B, bins)   dimensionless
    efficacy (B, levels)   nats; level 0 is silent and stays 0
    Fast states are not trained. Make it from a circuit and a state of it.
    """

    row_of: Tensor
    keys: Tensor
    bin_of: Tensor
    fast: Tensor

    def __init__(
        self,
        circuit: IntegerCircuit,
        state: State | None = None,
        *,
        dtype: torch.dtype = torch.float64,
    ) -> None:
        super().__init__()
        refuse_dtype(dtype)
        program, now = circuit.program, circuit.state if state is None else state
        rows = int(program.branch_first[-1])
        if now.w.shape != (rows, program.symbols):
            raise UsageError(
                f"AttentionTwin: a state with weights {now.w.shape} does not fit the circuit, "
                f"{(rows, program.symbols)}"
            )
        self.circuit, self.dtype, self.has_fast = circuit, dtype, bool(program.fast_levels)

        def numbers(values: np.ndarray, fraction: int) -> nn.Parameter:
            return nn.Parameter(torch.as_tensor(values / 2.0**fraction).to(dtype))

        self.weight = numbers(now.w, WEIGHT_FRACTION)
        self.gain = numbers(now.gain, GAIN_FRACTION)
        self.efficacy = numbers(now.fast, FRACTION)
        buffers: dict[str, Any] = {
            "row_of": program.branch_first[:-1],
            "keys": np.diff(program.branch_first),
            "bin_of": program.gain_bin,
            "fast": now.f,
        }
        for name, values in buffers.items():
            self.register_buffer(name, torch.as_tensor(np.array(values, dtype=np.int64)))

    def forward(self, active: ActiveKeys) -> Tensor:
        """Logits u (L, V), nats: softmax(u[k]) predicts the symbol after cycle k.

        Raises UsageError for shapes that do not fit, and keys outside their pool.
        """
        held, earlier = active.held, active.earlier
        like = self.row_of
        same_tensor("active.held", held, (None, len(self.row_of)), like)
        same_tensor("active.earlier", earlier, tuple(held.shape), like)
        if bool((held < -1).any() | (held >= self.keys).any() | (earlier < 0).any()):
            raise UsageError("active: a key lies outside its pool, or a count is below 0")
        live = held >= 0  # [L, B]
        row = self.row_of + held.clamp(min=0)
        branch = torch.arange(len(self.row_of), device=like.device).expand_as(row)
        gain = self.gain[branch, self.bin_of[earlier.clamp(max=len(self.bin_of) - 1)]]
        u = gain.unsqueeze(-1) * self.weight[row]  # [L, B, V]
        if self.has_fast:
            level = self.fast[row]
            worth = self.efficacy[branch.unsqueeze(-1).expand_as(level), level]
            u = u + worth * (level > 0).to(worth.dtype)
        return (u * live.unsqueeze(-1).to(u.dtype)).sum(dim=1)

    def loss(self, active: ActiveKeys) -> Tensor:
        """Mean of −ln softmax(u) at the symbol that came next, nats per symbol."""
        known = active.following >= 0
        if not bool(known.any()):
            raise UsageError("active.following: no cycle knows the symbol after it")
        log_p = torch.log_softmax(self(active)[known], dim=-1)
        return -log_p.gather(1, active.following[known].unsqueeze(1)).mean()

    def write_back(self, state: State) -> State:
        """`state` with the trained readout as integers: nearest, half to even, within bounds.

        A weight moves by at most 1/128 nat (more only where it passes w_max), a gain by 2⁻²⁵.
        Raises UsageError for values that are not finite.
        """
        program = self.circuit.program

        def whole(name: str, values: Tensor, fraction: int, low: int, high: int) -> np.ndarray:
            scaled = values.detach().cpu().double().numpy() * 2.0**fraction
            if not np.all(np.isfinite(scaled)):
                raise UsageError(
                    f"AttentionTwin.{name}: must be finite; training made it otherwise"
                )
            return np.clip(np.rint(scaled), low, high)

        top, most = program.w_max, EFFICACY_MAX
        w = whole("weight", self.weight, WEIGHT_FRACTION, -top, top).astype(np.int8)
        gain = whole("gain", self.gain, GAIN_FRACTION, 0, program.gain_max).astype(np.int32)
        fast = whole("efficacy", self.efficacy, FRACTION, -most, most).astype(np.int32)
        fast[:, 0] = 0
        return state._replace(w=w, gain=gain, fast=fast)
