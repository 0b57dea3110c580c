"""A learned circuit on Loihi: the same keys spike, and latencies say what the circuit held."""

from dataclasses import replace

import numpy as np
import pytest
from brian2 import ms, second

from bioplastic.description import SymbolSchedule, ThetaSTDP
from bioplastic.errors import UnsupportedModel, UsageError
from bioplastic.kernels.circuit.run import by_cycle, run_circuit
from bioplastic.kernels.loihi.run import run_loihi
from bioplastic.learned import Learned
from bioplastic.learning import corpus, sequence
from bioplastic.learning.sequence import run_sequence
from bioplastic.networks.dendritic_attention import Parameters, dendritic_attention
from bioplastic.quantize.circuit import lower_circuit
from bioplastic.quantize.circuit_frozen import frozen
from bioplastic.quantize.circuit_learned import restored
from bioplastic.quantize.loihi_circuit import NEVER, Form, contributions, loihi_circuit

LEARNED, MORE, WARM = 500, 100, 20


def _learned(p):
    stream = corpus.load("kjv", symbols=LEARNED + MORE)
    schedule = SymbolSchedule(symbols=stream.symbols, size=stream.alphabet_size)
    network = dendritic_attention(schedule, replace(p, pool=LEARNED), labels=stream.glyphs)
    circuit = lower_circuit(network, dt=0.5 * ms, seed=1)
    train = network.sources[0].train
    symbols, steps = by_cycle(train.i, train.steps(0.5 * ms), circuit.program.period)
    run = run_circuit(circuit, symbols[:LEARNED], steps[:LEARNED])
    return circuit, run.state, symbols, steps


@pytest.fixture(scope="module", params=["words and fast states", "plain"])
def learned(request):
    """A circuit after 500 symbols, and the stream with 100 more."""
    if request.param == "plain":
        return _learned(Parameters(order=2, delimiter=None, stdp=ThetaSTDP()))
    return _learned(Parameters(order=4))


def test_the_same_keys_spike_and_latencies_hold_the_potentials(learned):
    """Expected: the sum of the contributions of the keys that the frozen circuit held.

    Each of B contributions is rounded to half an LSB; a latency lies within half a ramp.
    """
    circuit, state, symbols, steps = learned
    still = run_circuit(frozen(circuit, state), symbols[LEARNED:], steps[LEARNED:])
    made = loihi_circuit(circuit, state)
    assert made.clipped == 0
    x = symbols[LEARNED - WARM :]
    run = run_loihi(made.network, made.stimulus(x), len(x) * made.form.period)
    for b, pool in enumerate(circuit.program.branch_pool.tolist()):
        spikes = run.spikes[circuit.pools[pool]]
        assert set(np.unique(spikes.steps % made.form.period)) <= {1}
        held = np.full(len(x), -1)
        held[spikes.steps // made.form.period] = spikes.ids
        np.testing.assert_array_equal(held[WARM:], still.held[:, b])

    expected = np.zeros((MORE, made.symbols))
    for b in range(len(circuit.branches)):
        row, pool = int(circuit.program.branch_first[b]), int(circuit.program.branch_pool[b])
        n = int(state.mature[pool])
        each = contributions(circuit, state, b, slice(row, row + n))
        active = still.held[:, b] >= 0
        expected[active] += each[still.held[active, b]]
    found = made.potentials(run.spikes["outputs"], len(x))[WARM:]
    told = expected > made.top - made.form.span
    bound = made.form.ramp / 2 + len(circuit.branches) * made.form.lsb / 2
    assert told.mean() > 0.5
    assert np.abs(found - expected)[told].max() <= bound
    assert np.abs(found - expected)[told].max() > made.form.lsb / 2  # it is quantised
    assert (found[~told] <= made.top - made.form.span + bound).all()


def test_a_learned_file_gives_the_circuit_back(tmp_path):
    """Through a file, and frozen: the same potentials on the symbols that follow."""
    stream = corpus.load("kjv", symbols=LEARNED)
    schedule = SymbolSchedule(symbols=stream.symbols, size=stream.alphabet_size)
    network = dendritic_attention(schedule, Parameters(order=3, pool=LEARNED), labels=stream.glyphs)
    found = run_sequence(network, dt=0.5 * ms, seed=1, progress=False)
    file = sequence.learned(found, {}).save(tmp_path / "learned.h5")
    kept = Learned.load(file)
    back, state = restored(kept, dt=kept.manifest["dt_seconds"] * second)
    for name in ("mature", "parent", "symbol", "w", "f", "arrivals", "gain", "fast"):
        np.testing.assert_array_equal(getattr(state, name), getattr(found.run.state, name))
    assert back.pools == found.circuit.pools
    assert (state.parent >= 0).any()
    assert (state.w != 0).any()


@pytest.mark.parametrize(("period", "longest"), [(60, 5), (60, 29), (13, 0), (64, 62)])
def test_relays_stand_in_for_long_delays(learned, period, longest):
    """The same spikes of keys and outputs, whatever the delays of the chip."""
    circuit, state, symbols, _ = learned
    form = Form(period=period, longest_delay=longest)
    assert sum(d + 1 for d in form.hops) == period
    assert max(form.hops) <= longest
    x = symbols[LEARNED - WARM :]
    plain = Form(period=min(period, 63))

    def spikes(form):
        """Population -> (cycle, phase, id) of spikes before the end of the shorter cycle."""
        made = loihi_circuit(circuit, state, form)
        run = run_loihi(made.network, made.stimulus(x), len(x) * form.period)
        found = {}
        for name, record in run.spikes.items():
            if not name.startswith("relay"):
                cycle, phase = np.divmod(record.steps, form.period)
                early = phase < plain.reset_phase - 1
                found[name] = np.stack([cycle[early], phase[early], record.ids[early]])
        return found

    direct = spikes(plain)
    for name, relayed in spikes(form).items():
        np.testing.assert_array_equal(relayed, direct[name])
        assert relayed.shape[1] > 0


def test_a_pacemaker_stands_in_for_a_bias(learned):
    """The same latencies; in the first cycle of the run they are one step later."""
    circuit, state, symbols, _ = learned
    x, found = symbols[:30], []
    for form in (Form(), Form(pacemaker=True)):
        made = loihi_circuit(circuit, state, form)
        run = run_loihi(made.network, made.stimulus(x), len(x) * form.period)
        found.append(made.latencies(run.spikes["outputs"], len(x)))
    np.testing.assert_array_equal(found[0][1:], found[1][1:])
    spoke = (found[0][0] != NEVER) & (found[1][0] != NEVER)
    np.testing.assert_array_equal(found[0][0][spoke] + 1, found[1][0][spoke])


def test_every_cycle_starts_from_zero(learned):
    """After the clock's pulse all outputs have spiked, whatever they held."""
    circuit, state, symbols, _ = learned
    made = loihi_circuit(circuit, state)
    x = symbols[:30]
    p = made.form.period
    run = run_loihi(made.network, made.stimulus(x), len(x) * p, trace=True)
    at_reset = run.spikes["outputs"].steps % p == made.form.reset_phase
    assert at_reset.sum() == made.symbols * len(x)
    assert (run.v["outputs"][made.form.reset_phase :: p] == 0).all()


def test_weights_that_do_not_fit_are_counted(learned):
    circuit, state, _, _ = learned
    made = loihi_circuit(circuit, state, Form(lsb=1 / 512, ramp=1 / 32))
    assert made.clipped > 0


def test_what_cannot_be_held_is_refused():
    circuit, state, *_ = _learned(Parameters(order=3, skips=1))
    with pytest.raises(UnsupportedModel, match="branch 'skip1': its delay is"):
        loihi_circuit(circuit, state)
    with pytest.raises(UsageError, match="period = 7 steps: 8 to 1000"):
        Form(period=7)
    with pytest.raises(UsageError, match="longest_delay = 63 steps: 0 to 62"):
        Form(longest_delay=63)
    with pytest.raises(UsageError, match="0 < lsb <= ramp"):
        Form(lsb=0.5, ramp=0.25)
