"""IntegerModule: its state, its files, its refusals."""

from __future__ import annotations

import copy

import h5py
import numpy as np
import pytest
import torch
from torch.utils import _pytree

import bioplastic
from bioplastic.bridge.module import IntegerModule
from bioplastic.bridge.module_state import joined
from bioplastic.bridge.ops import Numba, Triton
from bioplastic.bridge.ops_program import INTERPRETED
from bioplastic.errors import CorruptFile, UsageError
from bioplastic.kernels.dispatch import run
from bioplastic.kernels.feedforward.layer import EventDriven
from bioplastic.kernels.sparse.executors import OneProgram
from bioplastic.quantize import lower
from tests.bridge.scenes import drawn_spikes
from tests.circuit.test_gpu import scenario
from tests.feedforward.drawn import case
from tests.sparse_gpu.test_gpu import DT, balanced, learner


@pytest.fixture(scope="module")
def lowered():
    return lower(learner(), DT, seed=9, fraction=8)


@pytest.fixture
def module(lowered):
    return IntegerModule(lowered)


@pytest.fixture
def spikes(lowered):
    return drawn_spikes(np.random.default_rng(1), lowered, 2, 60, 0.2)


@pytest.fixture
def state(module, spikes):
    """Where two copies are after 60 steps."""
    return module(spikes, module.initial_state(2))[1]


def test_it_is_a_public_name():
    assert bioplastic.IntegerModule is IntegerModule


def test_a_run_of_the_dispatcher_goes_on_in_torch_and_back(lowered, module):
    start = run(lowered, 50).state
    state = module.from_kernel([start, start], seeds=[9, 4])
    assert module.to_kernel(state, 1).difference(start) == []
    assert state["seed"].tolist() == [9, 4]
    silent = torch.zeros((2, 0, 2), dtype=torch.int32)
    assert module(silent, state)[1].difference(state) == []


def test_a_state_is_a_pytree_of_its_tensors(state):
    leaves, spec = _pytree.tree_flatten(state)
    assert len(leaves) == len(state.names)
    back = _pytree.tree_unflatten(leaves, spec)
    assert back.program == state.program
    assert back.difference(state) == []


def test_members_of_a_batch_can_be_taken_and_joined(state):
    back = joined([state.member(0), state.member(1)])
    assert back.difference(state) == []
    with pytest.raises(UsageError, match="no member 2: a batch of 2"):
        state.member(2)


def test_a_file_gives_the_state_back(module, state, tmp_path):
    module.save(tmp_path / "state.h5", state)
    back = module.load(tmp_path / "state.h5")
    assert back.difference(state) == []
    assert back.program == state.program
    with pytest.raises(FileExistsError):
        module.save(tmp_path / "state.h5", state)


def test_files_of_layers_and_circuits(circuit, tmp_path):
    drawn = case(
        np.random.default_rng(5), batch=2, steps=12, density=0.3, sizes=[33, 40], longest=4,
        levels=3, parallel=1, alpha=True, adaptive=False, t_ref=2,
    )  # fmt: skip
    layers = IntegerModule(drawn.layers)
    low, symbols, _ = scenario(circuit, "everything")
    pair = (
        (layers, torch.from_numpy(drawn.spikes)),
        (IntegerModule(low), torch.tensor(np.asarray(symbols)[None], dtype=torch.int32)),
    )
    for k, (module, given) in enumerate(pair):
        state = module(given, module.initial_state(len(given)))[1]
        module.save(tmp_path / f"{k}.h5", state)
        assert module.load(tmp_path / f"{k}.h5").difference(state) == []


def other():
    return IntegerModule(lower(balanced(33, 20, 5 * DT), DT, fraction=8))


def test_a_state_of_another_network_is_refused(module, spikes, state, tmp_path):
    another = other()
    text = rf"another network: its content is {another.program[:12]}.*{module.program[:12]}"
    with pytest.raises(UsageError, match=text):
        module(spikes, another.initial_state(2))
    another.save(tmp_path / "other.h5", another.initial_state(2))
    with pytest.raises(UsageError, match=text):
        module.load(tmp_path / "other.h5")
    with pytest.raises(UsageError, match="different networks"):
        joined([state, another.initial_state()])


def _retype(file):
    data = file["state/4"][()]
    name = file["state/4"].attrs["name"]
    del file["state/4"]
    file.create_dataset("state/4", data=data.astype(np.int64)).attrs["name"] = name


def _reshape(file):
    data, name = file["state/4"][()], file["state/4"].attrs["name"]
    del file["state/4"]
    file.create_dataset("state/4", data=data[:, :-1]).attrs["name"] = name


def _rename(file):
    file["state/4"].attrs["name"] = np.bytes_(b"q/none".hex())


def _link(file):
    del file["state/4"]
    file["state/4"] = h5py.ExternalLink("/etc/hostname", "/")


def _change(file):
    file["state/4"][0, 0] += 1


def _more(file):
    file["state/99"] = np.zeros(3, np.int32)
    file["state/99"].attrs["name"] = np.bytes_(b"more".hex())


@pytest.mark.parametrize(
    ("harm", "text"),
    [
        (_retype, "must be .* int32, not .* int64"),
        (_reshape, "must be .* not"),
        (_rename, "is missing, or not where it belongs"),
        (_link, "links are not part of this format"),
        (_change, "not what was sealed"),
        (_more, "not part of this state"),
    ],
)
def test_a_changed_file_is_corrupt(module, state, tmp_path, harm, text):
    module.save(tmp_path / "state.h5", state)
    with h5py.File(tmp_path / "state.h5", "r+") as file:
        harm(file)
    with pytest.raises(CorruptFile, match=text):
        module.load(tmp_path / "state.h5")


def test_a_truncated_file_is_corrupt(module, state, tmp_path):
    module.save(tmp_path / "state.h5", state)
    whole = (tmp_path / "state.h5").read_bytes()
    for length in (0, 100, len(whole) // 2):
        (tmp_path / "cut.h5").write_bytes(whole[:length])
        with pytest.raises(CorruptFile):
            module.load(tmp_path / "cut.h5")


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("feed/weight", -1, "holds -1 to .* allowed is 0 to 127"),
        ("wide/permanence", 1 << 25, "allowed is 0 to 16777216"),
        ("feed/post_step", 1 << 40, "a step lies ahead"),
        ("p/left", 6, "allowed is 0 to 5"),
        ("recent", -1, "bits beyond the last neuron"),
    ],
)
def test_a_sealed_file_with_numbers_no_run_leaves_is_corrupt(
    module, state, tmp_path, name, value, text
):
    tensor = state[name].clone()
    tensor.view(-1)[-1] = value
    module.save(tmp_path / "state.h5", state.replace(**{name: tensor}))
    with pytest.raises(CorruptFile, match=text):
        module.load(tmp_path / "state.h5")


def test_a_state_dict_goes_round(module, lowered):
    names = set(module.state_dict())
    assert {"content", "projections/0/row_ptr", "projections/0/weight"} <= names
    twin = IntegerModule(lowered, executor=Numba())
    twin.load_state_dict(module.state_dict())
    deep = copy.deepcopy(module)
    assert deep.prepared is module.prepared


def test_a_state_dict_goes_round_through_safetensors(module, tmp_path):
    safetensors = pytest.importorskip("safetensors.torch")
    safetensors.save_file(module.state_dict(), tmp_path / "module.safetensors")
    back = safetensors.load_file(tmp_path / "module.safetensors")
    assert set(back) == set(module.state_dict())
    module.load_state_dict(back)


def test_a_state_goes_round_through_safetensors(module, state, tmp_path):
    safetensors = pytest.importorskip("safetensors.torch")
    safetensors.save_file(state.as_dict(), tmp_path / "state.safetensors")
    back = safetensors.load_file(tmp_path / "state.safetensors")
    assert state.replace(**back).difference(state) == []


def test_a_state_dict_of_another_network_says_what_differs(module):
    another = other()
    with pytest.raises(RuntimeError) as error:
        module.load_state_dict(another.state_dict())
    assert f"the state_dict {another.program[:12]}" in str(error.value)
    changed = {k: v.clone() for k, v in module.state_dict().items()}
    changed["projections/0/weight"][0] += 1
    before = module.get_buffer("projections/0/weight").clone()
    with pytest.raises(RuntimeError, match=r"learner: projections/0/weight differs"):
        module.load_state_dict(changed)
    assert torch.equal(module.get_buffer("projections/0/weight"), before)


def test_what_is_given_must_fit(module, spikes, state):
    with pytest.raises(UsageError, match=r"\(B, T, 2\) int32, .*not \(2, 60, 1\) torch.int32"):
        module(spikes[..., :1], state)
    with pytest.raises(UsageError, match=r"not \(2, 60, 2\) torch.int64"):
        module(spikes.long(), state)
    with pytest.raises(UsageError, match=r"torch.float32; spikes .* have no gradient"):
        module(spikes.float(), state)
    with pytest.raises(UsageError, match=r"asks for a gradient: .*twin"):
        module(spikes.float().requires_grad_(), state)
    with pytest.raises(UsageError, match=r"state 'step': must be \(2,\) .*not \(1,\)"):
        module(spikes, state.member(0))
    with pytest.raises(UsageError, match=r"state 'p/v': must be \(2, 35\) torch.int32"):
        module(spikes, state.replace(**{"p/v": state["p/v"].long()}))
    with pytest.raises(UsageError, match="no 'p/w'; did you mean 'p/v'"):
        state.replace(**{"p/w": state["p/v"]})
    with pytest.raises(UsageError, match="tensors on meta: must be on a CPU, CUDA or HIP device"):
        module(spikes.to("meta"), state.to("meta"))
    with pytest.raises(UsageError, match="phase: is for circuits only"):
        module.record(spikes, state, phase=spikes)
    with pytest.raises(UsageError, match="batch = 0: must be >= 1"):
        module.initial_state(0)
    with pytest.raises(UsageError, match="seeds: 1 for 2 copies"):
        module.initial_state(2, seeds=[1])
    with pytest.raises(UsageError, match=r"seed = -1: must be in 0\.\.2\^32 - 1"):
        module.initial_state(1, seeds=[-1])
    with pytest.raises(UsageError, match="a str is no state of this kernel"):
        module.from_kernel(["state"])


def test_an_executor_must_know_the_program(lowered):
    with pytest.raises(UsageError, match=r"EventDriven\(\)\): valid here are None, Numba\(\), "):
        IntegerModule(lowered, executor=Numba(how=EventDriven()))
    with pytest.raises(UsageError, match="str: must be an IntegerNetwork"):
        IntegerModule("network")


@pytest.mark.skipif(INTERPRETED, reason="the interpreter stands in for a GPU")
def test_triton_runs_no_tensors_of_the_cpu(lowered, spikes):
    pytest.importorskip("triton")
    module = IntegerModule(lowered, executor=Triton(how=OneProgram()))
    with pytest.raises(UsageError, match="on tensors of the CPU needs Triton's interpreter"):
        module(spikes, module.initial_state(2))


def test_symbols_must_lie_in_the_alphabet(circuit):
    lowered, _, _ = scenario(circuit, "everything")
    module = IntegerModule(lowered)
    with pytest.raises(UsageError, match="symbols: 3 to 3: must be -1 to 2"):
        module(torch.full((1, 2), 3, dtype=torch.int32), module.initial_state())
