"""The twin of the circuit's readout: the kernel's potentials, the delta rule, and training."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from brian2 import ms, second

from bioplastic.analysis.surprise import bits, log_softmax
from bioplastic.bridge import ActiveKeys, AttentionTwin, active_keys
from bioplastic.description import BranchGain, SymbolSchedule
from bioplastic.errors import UsageError
from bioplastic.kernels.circuit.run import by_cycle, run_circuit
from bioplastic.learning import corpus
from bioplastic.networks.dendritic_attention import Parameters, dendritic_attention
from bioplastic.quantize.circuit import lower_circuit
from bioplastic.quantize.circuit_frozen import frozen
from bioplastic.quantize.circuit_program import FRACTION

LEARNED, SHOWN = 300, 200


@pytest.fixture(scope="module", params=[1, 12], ids=["one gain", "gain bins"])
def runs(request):
    """A circuit that read 300 symbols and stopped learning, and its run on 200 more."""
    stream = corpus.load("kjv", symbols=LEARNED + SHOWN)
    schedule = SymbolSchedule(symbols=stream.symbols, size=stream.alphabet_size)
    parameters = Parameters(
        pool=LEARNED + SHOWN, order=4, skips=1, gain=BranchGain(bins=request.param)
    )
    network = dendritic_attention(schedule, parameters)
    circuit = lower_circuit(network, dt=0.5 * ms, seed=3)
    train = network.sources[0].train
    steps = train.steps(circuit.dt * second)
    symbols, steps = by_cycle(train.i, steps, circuit.program.period)
    taught = run_circuit(circuit, symbols[:LEARNED], steps[:LEARNED], progress=False)
    still = frozen(circuit, taught.state)
    shown = run_circuit(still, symbols[LEARNED:], steps[LEARNED:], progress=False)
    return still, taught.state, shown


def test_probabilities_are_the_kernels(runs):
    """The kernel rounds each branch's product once to 2⁻¹⁷ nat: at most half of that apart.

    Weights, gains and efficacies are dyadic and exact in float64, whose own rounding is far below.
    """
    circuit, state, shown = runs
    net = AttentionTwin(circuit, state)
    active = active_keys(shown, state.arrivals)
    with torch.no_grad():
        u = net(active).numpy()
    wanted = shown.potential / 2.0**FRACTION
    live = (shown.held >= 0).sum(axis=1)
    assert live.max() >= 3
    assert np.abs(wanted).max() > 0.5
    half = live[:, None] * 2.0 ** -(FRACTION + 1)
    assert np.all(np.abs(u - wanted) <= half + 1e-12)
    # ln p moves by at most twice the largest change of a logit
    log_p = torch.log_softmax(torch.as_tensor(u), dim=-1).numpy()
    assert np.all(np.abs(log_p - log_softmax(wanted)) <= 2 * half + 1e-12)


def test_the_loss_is_the_surprise_of_the_run(runs):
    circuit, state, shown = runs
    active = active_keys(shown, state.arrivals)
    loss = AttentionTwin(circuit, state).loss(active).item()
    wanted = bits(shown.potential[:-1], 2.0**-FRACTION, shown.symbols[1:]).mean() * np.log(2)
    assert abs(loss - wanted) <= 2 * shown.held.shape[1] * 2.0 ** -(FRACTION + 1)


def test_the_gradient_is_the_delta_rule(runs):
    """∂loss/∂w[row, v] = −Σ_k g (target − p)_v / K over the K cycles that used the row."""
    circuit, state, shown = runs
    net = AttentionTwin(circuit, state)
    active = active_keys(shown, state.arrivals)
    net.loss(active).backward()
    with torch.no_grad():
        p = torch.softmax(net(active), dim=-1).numpy()[:-1]
    error = -p
    error[np.arange(SHOWN - 1), active.following[:-1].numpy()] += 1
    wanted = np.zeros(net.weight.shape)
    for k in range(SHOWN - 1):
        for b in np.flatnonzero(shown.held[k] >= 0):
            n = min(int(active.earlier[k, b]), len(circuit.program.gain_bin) - 1)
            g = state.gain[b, circuit.program.gain_bin[n]] / 2.0**24
            row = circuit.program.branch_first[b] + shown.held[k, b]
            wanted[row] -= g * error[k] / (SHOWN - 1)
    assert net.weight.grad is not None
    # sums of SHOWN terms of order one in another order
    assert np.abs(net.weight.grad.numpy() - wanted).max() <= SHOWN * 10 * np.finfo(float).eps
    assert np.abs(wanted).max() > 1e-3
    for parameter in (net.gain, net.efficacy):
        assert parameter.grad is not None
        assert bool((parameter.grad != 0).any())
    assert net.efficacy.grad is not None
    assert not net.efficacy.grad[:, 0].any()  # a silent synapse is worth nothing, whatever E[0]


def test_training_lowers_the_surprise_that_the_kernel_measures(runs):
    circuit, state, shown = runs
    net = AttentionTwin(circuit, state)
    active = active_keys(shown, state.arrivals)
    optimiser = torch.optim.Adam(net.parameters(), lr=0.05)
    for _ in range(10):
        optimiser.zero_grad()
        net.loss(active).backward()
        optimiser.step()
    trained = net.write_back(state)
    assert trained.w.dtype == np.int8
    steps = shown.spikes[circuit.source].steps
    again = run_circuit(
        replace(circuit, state=trained), shown.symbols, steps, progress=False
    )  # fmt: skip
    assert np.array_equal(again.held, shown.held)  # keys do not depend on the readout
    before, after = (
        bits(r.potential[:-1], 2.0**-FRACTION, r.symbols[1:]).mean() for r in (shown, again)
    )
    assert after < before - 0.5
    rounded = AttentionTwin(circuit, trained).loss(active).item() / np.log(2)
    assert abs(rounded - after) <= 2 * shown.held.shape[1] * 2.0**-FRACTION / np.log(2)


def test_untrained_it_goes_back_unchanged(runs):
    circuit, state, _ = runs
    back = AttentionTwin(circuit, state).write_back(state)
    for name in ("w", "gain", "fast"):
        assert np.array_equal(getattr(back, name), getattr(state, name)), name


def test_bad_input(runs):
    circuit, state, shown = runs
    net = AttentionTwin(circuit, state)
    good = active_keys(shown, state.arrivals)
    with pytest.raises(UsageError, match=r"active.held: shape \(200, 2\)"):
        net(replace(good, held=good.held[:, :2]))
    with pytest.raises(UsageError, match=r"active.earlier: type torch\.float64"):
        net(replace(good, earlier=good.earlier.double()))
    with pytest.raises(UsageError, match="a key lies outside its pool"):
        net(replace(good, held=good.held + 10**6))
    with pytest.raises(UsageError, match="no cycle knows the symbol after it"):
        net.loss(replace(good, following=torch.full_like(good.following, -1)))
    with pytest.raises(UsageError, match="does not fit the circuit"):
        AttentionTwin(circuit, state._replace(w=state.w[1:]))
    with pytest.raises(UsageError, match=r"synapse row \d+ saw"):
        active_keys(shown, state.arrivals + 1)
    with torch.no_grad():
        net.gain.fill_(torch.nan)
    with pytest.raises(UsageError, match=r"AttentionTwin.gain: must be finite"):
        net.write_back(state)
    assert isinstance(good, ActiveKeys)
