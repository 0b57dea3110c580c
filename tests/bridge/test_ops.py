"""`bioplastic::sparse`, `::feedforward`, `::circuit`: the reference's bits, torch's rules."""

from __future__ import annotations

import gc

import numpy as np
import pytest
import torch
from brian2 import ms
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bioplastic.bridge.module import IntegerModule, check_state
from bioplastic.bridge.module_state import joined
from bioplastic.bridge.ops import Numba, prepare
from bioplastic.errors import UnsupportedModel, UsageError
from bioplastic.kernels.circuit.run import run_circuit
from bioplastic.kernels.feedforward.layer import TimeBatched, pack
from bioplastic.kernels.feedforward.run import run as run_layers
from bioplastic.quantize import lower
from tests.bridge.scenes import assert_same, drawn_spikes, reference
from tests.circuit.test_gpu import SCENARIOS, scenario
from tests.equivalence.test_sparse_properties import networks as plain_networks
from tests.feedforward.drawn import case, cases
from tests.sparse_gpu.test_gpu import DT, balanced, learner
from tests.sparse_gpu.test_gpu import networks as rich_networks

STEPS = 30
some = settings(
    max_examples=100, deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)  # fmt: skip
drawn = given(
    network=st.one_of(rich_networks(), plain_networks()),
    seeds=st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=2),
    density=st.sampled_from([0.0, 0.05, 0.4]),
    cut=st.integers(0, STEPS),
)


def agree(network, seeds, density, cut):
    """Op = reference = cpu; a run in two parts = one; the members of a batch are alone."""
    lowered = lower(network, DT, seed=1, fraction=8)
    module = IntegerModule(lowered)
    rng = np.random.default_rng(seeds)
    spikes = drawn_spikes(rng, lowered, len(seeds), STEPS, density)
    start = module.initial_state(len(seeds), seeds=seeds)
    before = [t.clone() for t in (spikes, *start.tensors)]
    found = module.record(spikes, start)
    for backend in ("reference", "cpu"):
        assert_same(module, found.made, found.state, reference(lowered, spikes, seeds, backend))
    assert all(torch.equal(a, b) for a, b in zip(before, (spikes, *start.tensors), strict=True))
    first, middle = module(spikes[:, :cut], start)
    second, end = module(spikes[:, cut:], middle)
    assert torch.equal(torch.cat([first, second], dim=1), found.made["spikes"])
    assert end.difference(found.state) == []
    alone = [module(spikes[b : b + 1], start.member(b))[1] for b in range(len(seeds))]
    assert joined(alone).difference(found.state) == []


@some
@drawn
def test_sparse_equals_the_reference_on_drawn_networks(network, seeds, density, cut):
    agree(network, seeds, density, cut)


@pytest.mark.study
@settings(some, max_examples=2000)
@drawn
def test_sparse_equals_the_reference_on_many_drawn_networks(network, seeds, density, cut):
    agree(network, seeds, density, cut)


@some
@given(drawn=cases(steps=20), cut=st.integers(0, 20))
def test_feedforward_equals_the_reference_on_drawn_layers(drawn, cut):
    spikes, steps = torch.from_numpy(drawn.spikes), drawn.spikes.shape[1]
    wanted = run_layers(drawn.layers, drawn.spikes, backend="reference")
    for executor in (None, Numba(how=TimeBatched(steps=7))):
        module = IntegerModule(drawn.layers, executor=executor)
        start = module.initial_state(len(spikes))
        whole, end = module(spikes, start)
        np.testing.assert_array_equal(whole, np.concatenate(list(wanted.spikes.values()), axis=2))
        assert end["step"].tolist() == [steps] * len(spikes)
        for name, array in wanted.state.arrays.items():
            np.testing.assert_array_equal(end[name], array, err_msg=name)
        first, middle = module(spikes[:, :cut], start)
        second, after = module(spikes[:, cut:], middle)
        assert torch.equal(torch.cat([first, second], dim=1), whole)
        assert after.difference(end) == []


def shown(lowered, symbols, steps):
    """What a circuit module is given for the symbols of a run."""
    phase = np.asarray(steps) % lowered.program.period
    return [torch.tensor(np.asarray(a)[None], dtype=torch.int32) for a in (symbols, phase)]


@pytest.mark.parametrize("name", SCENARIOS)
def test_circuit_equals_the_reference(circuit, name):
    lowered, symbols, steps = scenario(circuit, name)
    wanted = run_circuit(lowered, symbols, steps, backend="reference", progress=False)
    module = IntegerModule(lowered)
    given_symbols, phase = shown(lowered, symbols, steps)
    found = module.record(given_symbols, module.initial_state(), phase=phase)
    for key in ("potential", "share", "winners"):
        np.testing.assert_array_equal(found.made[key][0], getattr(wanted, key), err_msg=key)
    for key, array in wanted.state._asdict().items():
        np.testing.assert_array_equal(found.state[key][0], array, err_msg=key)
    fired = sum(len(r.steps) for n, r in wanted.spikes.items() if n in lowered.pools)
    assert found.made["written"][0].tolist() == [fired, len(wanted.spikes[lowered.outputs].steps)]
    assert (found.made["key_id"][0, fired:] == -1).all()
    parts = [slice(0, 2), slice(2, 6)]
    state = module.initial_state()
    for part in parts:
        state = module.record(given_symbols[:, part], state, phase=phase[:, part]).state
    assert state.difference(found.state) == []


def test_a_batch_of_circuits_has_a_seed_each(circuit):
    lowered, symbols, steps = scenario(circuit, "everything")
    module = IntegerModule(lowered)
    given_symbols, phase = shown(lowered, symbols, steps)
    twice = [torch.cat([t, t]) for t in (given_symbols, phase)]
    state = module.initial_state(2, seeds=[lowered.program.seed, 77])
    found = module.record(twice[0], state, phase=twice[1])
    alone = module.record(given_symbols, module.initial_state(), phase=phase)
    assert found.state.member(0).difference(alone.state) == []
    assert not torch.equal(found.made["winners"][0], found.made["winners"][1])


def sparse_arguments(_):
    lowered = lower(learner(), DT, fraction=8)
    module = IntegerModule(lowered)
    rng = np.random.default_rng(3)
    state = module(drawn_spikes(rng, lowered, 2, 40, 0.2), module.initial_state(2, seeds=[4, 5]))[1]
    return module, [drawn_spikes(rng, lowered, 2, 12, 0.2)], state


def layer_arguments(_):
    drawn = case(
        np.random.default_rng(5), batch=2, steps=12, density=0.3, sizes=[33, 40, 5], longest=4,
        levels=3, parallel=2, alpha=True, adaptive=True, t_ref=2, offset=0.6,
    )  # fmt: skip
    module = IntegerModule(drawn.layers)
    return module, [torch.from_numpy(drawn.spikes)], module.initial_state(2)


def circuit_arguments(circuit):
    lowered, symbols, steps = scenario(circuit, "everything")
    module = IntegerModule(lowered)
    symbols_, phase = (torch.cat([t, t]) for t in shown(lowered, symbols, steps))
    return module, [symbols_, phase], module.initial_state(2, seeds=[4, 5])


ARGUMENTS = {
    "sparse": sparse_arguments, "feedforward": layer_arguments, "circuit": circuit_arguments,
}  # fmt: skip


@pytest.mark.parametrize("op", ARGUMENTS)
def test_ops_keep_the_rules_of_torch(op, circuit):
    module, given_, state = ARGUMENTS[op](circuit)
    check_state(module, given_[0], state)
    arguments = (*given_, list(state.tensors), module.prepared.key)
    torch.library.opcheck(getattr(torch.ops.bioplastic, op).default, arguments)


class Twice(torch.nn.Module):
    """A module that does something around the ops."""

    def __init__(self, module):
        super().__init__()
        self.module = module

    def forward(self, spikes, state):
        first, state = self.module(spikes, state)
        second, state = self.module(spikes & 5, state)
        return (first | second).sum(dim=1), state


@pytest.mark.parametrize("op", ARGUMENTS)
@pytest.mark.parametrize(
    "backend", ["aot_eager", pytest.param("inductor", marks=[pytest.mark.slow, pytest.mark.study])]
)
def test_compiled_as_one_graph_it_gives_the_same_bits(op, backend, circuit):
    torch._dynamo.reset()
    module, spikes, state = ARGUMENTS[op](circuit)
    twice = Twice(module)
    wanted, end = twice(spikes[0], state)
    found, after = torch.compile(twice, fullgraph=True, backend=backend)(spikes[0], state)
    assert wanted.any()
    assert torch.equal(found, wanted)
    assert after.difference(end) == []
    assert end.difference(state) != []


@pytest.mark.parametrize("op", ARGUMENTS)
def test_exported_it_gives_the_same_bits(op, circuit):
    module, spikes, state = ARGUMENTS[op](circuit)
    found, after = torch.export.export(module, (spikes[0], state)).module()(spikes[0], state)
    wanted, end = module(spikes[0], state)
    assert torch.equal(found, wanted)
    assert after.difference(end) == []


def test_results_share_no_memory_with_what_was_given_or_with_each_other():
    module, spikes, state = sparse_arguments(None)
    for steps in (0, 12):
        found = torch.ops.bioplastic.sparse(
            spikes[0][:, :steps], list(state.tensors), module.prepared.key
        )
        spans = [
            (t.untyped_storage().data_ptr(), t.untyped_storage().nbytes())
            for t in (spikes[0], *state.tensors, *found)
            if t.numel()
        ]
        assert len({start for start, _ in spans}) == len(spans)


def test_spikes_beyond_the_last_neuron_do_not_count():
    module, spikes, state = sparse_arguments(None)
    dirty = spikes[0].clone()
    dirty[..., 1] |= ~1  # 33 neurons: one bit of the second word
    found, end = module(dirty, state)
    wanted, after = module(spikes[0], state)
    assert torch.equal(found, wanted)
    assert end.difference(after) == []


def test_a_network_that_some_spikes_could_overflow_is_refused():
    lowered = lower(balanced(33, 20, 0.5 * ms), DT, fraction=22)
    with pytest.raises(
        UnsupportedModel, match=r"if every neuron of every source spikes .*fraction"
    ):
        prepare(lowered)


def test_a_program_lives_as_long_as_its_module():
    lowered = lower(learner(), DT, fraction=9)  # no other test has it
    module = IntegerModule(lowered)
    spikes, state = torch.zeros((1, 2, 2), dtype=torch.int32), module.initial_state()
    key = module.prepared.key
    assert prepare(lowered) is module.prepared
    del module
    gc.collect()
    with pytest.raises(UsageError, match=r"no program .* is prepared in this process"):
        torch.ops.bioplastic.sparse(spikes, list(state.tensors), key)


def test_pack_is_the_order_of_bits():
    bits = np.zeros((1, 1, 40), bool)
    bits[0, 0, [0, 33]] = True
    assert pack(bits).tolist() == [[[1, 2]]]
