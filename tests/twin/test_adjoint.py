"""Backpropagation through time written out by hand, without autograd, as a second opinion.

For LIF with one exponential current, x_t = (v, I) and Δ = v⁻ − v_th:

    v⁻ = v_rest + a (v − v_rest) + b I   (v where refractory)      I⁻ = c I
    s  = f·H(Δ)                          I = I⁻ + Σ w s(t − d)      v = v⁻ (1 − s) + v_reset s

Backwards, with ḡ the gradient of the loss: v̄⁻ = v̄ (1 − s) + loss + s̄ f h'(Δ/scale)/scale, where s̄
gathers w Ī(t + d) over the synapses of the neuron (and v̄ (v_reset − v⁻) if the reset is attached);
then Ī ← c Ī + b v̄⁻ and v̄ ← a v̄⁻, or v̄⁻ itself and no current while refractory.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from brian2 import ms, mV, pA

from bioplastic.bridge import AttachedReset, DetachedReset, FastSigmoid, Trainable, twin
from bioplastic.description import LIF, ExponentialCurrent, Network, Population, Projection
from bioplastic.provenance import stream
from tests.twin.networks import DT, drawn, source

STEPS, N, K = 250, 7, 5
TAU, TAU_SYN, C_M, STEP = 10e-3, 4e-3, 250e-12, 1e-4


@dataclass
class Tape:
    """What the forward pass by hand leaves: tested potentials, spikes, freedom, all (T, N)."""

    potential: np.ndarray
    spikes: np.ndarray
    free: np.ndarray


@dataclass
class Model:
    """The network as plain arrays, SI."""

    given: np.ndarray  # (T, K)
    synapses: list[tuple[bool, np.ndarray, np.ndarray, np.ndarray, np.ndarray]]  # rec, i, j, d, w
    offset: np.ndarray
    v_th: float = 20e-3
    v_rest: float = 1e-3
    v_reset: float = -2e-3
    refractory: int = 20

    def __post_init__(self) -> None:
        self.a, self.c = np.exp(-STEP / TAU), np.exp(-STEP / TAU_SYN)
        gap = 1 / TAU - 1 / TAU_SYN
        self.b = (self.c - self.a) / gap / C_M  # ∫ exp(−s/tau) exp(−(dt − s)/tau_syn) ds / c_m
        self.d = TAU / C_M * (1 - self.a)

    def forward(self) -> Tape:
        v, current = np.full(N, self.v_rest), np.zeros(N)
        wait = np.full(N, 10**6)
        tape = Tape(*(np.zeros((STEPS, N)) for _ in range(3)))
        for t in range(STEPS):
            wait += 1
            free = wait >= self.refractory
            moved = self.v_rest + self.a * (v - self.v_rest) + self.b * current
            v = np.where(free, moved + self.d * self.offset, v)
            current = self.c * current
            s = ((v > self.v_th) & free).astype(float)
            tape.potential[t], tape.spikes[t], tape.free[t] = v, s, free
            wait[s > 0] = 0
            for recurrent, i, j, delay, w in self.synapses:
                train = tape.spikes if recurrent else self.given
                on = np.where(t >= delay, train[t - delay, i], 0.0)
                np.add.at(current, j, w * on)
            v = v * (1 - s) + self.v_reset * s
        return tape

    def backward(self, tape: Tape, cotangent: np.ndarray, spike_cotangent: np.ndarray, attached):
        """Gradients of Σ cotangent·potential + Σ spike_cotangent·spikes."""
        slope, scale = 25.0, self.v_th - self.v_reset
        v_bar, i_bar = np.zeros(N), np.zeros(N)
        s_bar = spike_cotangent.copy()
        weights = [np.zeros(len(w)) for *_, w in self.synapses]
        theta_bar, offset_bar = 0.0, np.zeros(N)
        for t in reversed(range(STEPS)):
            s, free, v = tape.spikes[t], tape.free[t], tape.potential[t]
            for k, (recurrent, i, j, delay, w) in enumerate(self.synapses):
                train = tape.spikes if recurrent else self.given
                seen = t >= delay
                weights[k] += np.where(seen, i_bar[j] * train[t - delay, i], 0.0)
                if recurrent:
                    np.add.at(s_bar, (t - delay[seen], i[seen]), (w * i_bar[j])[seen])
            h = 1 / (1 + slope * np.abs((v - self.v_th) / scale)) ** 2 / scale
            if attached:
                s_bar[t] += v_bar * (self.v_reset - v)
            through = s_bar[t] * free * h
            theta_bar -= through.sum()
            v_bar = v_bar * (1 - s) + cotangent[t] + through
            offset_bar += self.d * free * v_bar
            i_bar = self.c * i_bar + self.b * free * v_bar
            v_bar = np.where(free, self.a, 1.0) * v_bar
        return weights, theta_bar, offset_bar, v_bar, i_bar


def network(seed: int) -> Network:
    neuron = LIF(
        v_rest=1 * mV, v_reset=-2 * mV, t_ref=2 * ms,
        i_offset=stream(seed, "offset").uniform(500, 1100, N) * pA,
        receptors=(ExponentialCurrent(name="r", tau=TAU_SYN * 1e3 * ms),),
    )  # fmt: skip
    return Network(
        name="by hand",
        sources=[source("s", K, 150, STEPS, seed)],
        populations=[Population(name="x", size=N, neuron=neuron)],
        projections=[
            Projection(name="in", pre="s", post="x", target="r",
                       connectivity=drawn(seed + 1, K, N, 20, -50, 300, pA, (0, 12))),
            Projection(name="rec", pre="x", post="x", target="r",
                       connectivity=drawn(seed + 2, N, N, 25, -150, 200, pA, (1, 30))),
        ],
    )  # fmt: skip


def by_hand(net) -> Model:
    """Every number of the twin's network, from the description alone."""
    described = net.network
    synapses = []
    for q in described.projections:
        c = q.connectivity
        delay = np.rint(c.delays() / STEP).astype(int)
        synapses.append((q.pre == "x", c.i, c.j, delay, np.asarray(c.weight, dtype=float)))
    offset = np.asarray(described.populations[0].neuron.i_offset, dtype=float)
    return Model(net.trains(STEPS)["s"][0].numpy(), synapses, offset)


@pytest.mark.parametrize("attached", [False, True])
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_gradients_equal_the_adjoint_by_hand(seed, attached):
    net = twin(
        network(seed),
        dt=DT,
        surrogate=FastSigmoid(slope=25.0),
        reset=AttachedReset() if attached else DetachedReset(),
        trainable=Trainable(thresholds=True, offsets=True),
    )
    model = by_hand(net)
    tape = model.forward()
    state = net.start()
    start = {k: v.requires_grad_() for k, v in state.populations["x"].items() if k in ("v", "I_r")}
    found = net(net.trains(STEPS), state)
    spikes = found.spikes["x"][0]
    assert np.array_equal(spikes.detach().numpy(), tape.spikes)
    assert tape.spikes.sum() >= 15
    rng = stream(seed, "cotangent")
    on_v, on_s = rng.standard_normal((2, STEPS, N))
    on_v /= 20e-3  # potentials of order one
    loss = (torch.as_tensor(on_v) * found.potentials["x"][0]).sum()
    loss = loss + (torch.as_tensor(on_s) * spikes).sum()
    loss.backward()
    weights, theta, offset, v, current = model.backward(tape, on_v, on_s, attached)
    cells = net.population("x")
    pairs = [
        (_si(net.projection("in").weight), weights[0]),
        (_si(net.projection("rec").weight), weights[1]),
        (_si(cells.v_th), theta),
        (_si(cells.i_offset), offset),
        (start["v"].grad[0].numpy(), v),
        (start["I_r"].grad[0].numpy(), current),
    ]
    for got, wanted in pairs:
        assert np.any(wanted != 0)
        # both sum up to T·S terms of either sign in another order: 1e-9 of the largest gradient is
        # T·S·eps with a factor of 1e3 for cancellation
        assert np.abs(got - wanted).max() <= 1e-9 * np.abs(wanted).max()


def _si(parameter) -> np.ndarray:
    """Gradient with respect to the SI value of a scaled parameter."""
    return parameter.number.grad.numpy() / float(parameter.scale)
