"""GRU and LSTM against plain restatements."""

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from bioplastic.learning import from_symbols  # noqa: E402
from bioplastic.learning.gru import OnlineGRU  # noqa: E402
from bioplastic.learning.learners import learner  # noqa: E402
from bioplastic.learning.learners.online import OnlineStudent  # noqa: E402
from bioplastic.learning.learners.recurrent import GRU, LSTM, Recurrent  # noqa: E402
from bioplastic.learning.space import Symbols  # noqa: E402


def plain_online_gru(x, size, hidden, rate, decay, clip, truncation, seed):
    """The docstring of OnlineGRU, without the harness."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        recurrent, output = torch.nn.GRU(size, hidden), torch.nn.Linear(hidden, size)
    parameters = [*recurrent.parameters(), *output.parameters()]
    optimiser = torch.optim.Adam(parameters, lr=rate)
    eye = torch.cat((torch.eye(size), torch.zeros(1, size)))
    before = torch.from_numpy(np.concatenate(([size], x[:-1])))
    wanted = torch.from_numpy(x)
    state, bits = torch.zeros(1, 1, hidden), []
    for start in range(0, len(x), truncation):
        here = slice(start, start + truncation)
        out, state = recurrent(eye[before[here]][:, None], state.detach())
        nats = torch.nn.functional.cross_entropy(output(out[:, 0]), wanted[here], reduction="none")
        bits.append(nats.detach().double().numpy() / np.log(2.0))
        optimiser.zero_grad()
        nats.mean().backward()
        torch.nn.utils.clip_grad_norm_(parameters, clip)
        optimiser.param_groups[0]["lr"] = rate / (1 + start / decay) ** 0.5
        optimiser.step()
    return np.concatenate(bits)


@pytest.mark.parametrize(("length", "truncation"), [(100, 16), (96, 7)])
def test_gru_with_the_settings_of_the_baseline_is_the_baseline(length, truncation):
    x = np.random.default_rng(0).integers(0, 5, length)
    found = OnlineGRU(hidden=12, truncation=truncation, seed=4).bits(from_symbols(x, 5))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    wanted = plain_online_gru(x, 5, 12, 6e-3, 10_000.0, 0.5, truncation, 4)
    torch.set_num_threads(threads)
    assert (found == wanted).all()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(4)
        network = Recurrent(torch.nn.GRU, 5, 12, 5)
    settings = GRU(
        hidden=12, learning_rate=6e-3, decay=10_000.0, clip=0.5, truncation=truncation
    )  # fmt: skip
    assert (OnlineStudent(settings, Symbols(size=5), network).run(x) == wanted).all()


def test_lstm_by_hand():
    made = LSTM(hidden=3, forget_bias=2.0).network(Symbols(size=4), torch.Generator()).double()
    cell = made.recurrent
    assert (cell.bias_hh_l0[3:6] == 2.0).all()
    x = np.eye(4)[[2, 0, 3, 3]]
    h = c = np.zeros(3)
    wi, wh = (p.detach().numpy() for p in (cell.weight_ih_l0, cell.weight_hh_l0))
    b = (cell.bias_ih_l0 + cell.bias_hh_l0).detach().numpy()
    for step in x:
        i, f, g, o = np.split(wi @ step + wh @ h + b, 4)
        i, f, o = (1 / (1 + np.exp(-gate)) for gate in (i, f, o))
        c = f * c + i * np.tanh(g)
        h = o * np.tanh(c)
    outputs, state = made(torch.from_numpy(x), made.begin())
    np.testing.assert_allclose(state[0][0, 0].detach(), h, rtol=1e-12)
    wanted = made.output.weight.detach().numpy() @ h + made.output.bias.detach().numpy()
    np.testing.assert_allclose(outputs[-1].detach(), wanted, rtol=1e-12)


@pytest.mark.parametrize("name", ["gru", "lstm", "window_mlp", "transformer", "low_rank_attention"])
def test_learners_by_name_use_a_batch(name):
    made: Any = learner(name)
    assert made.name == name
    assert made.rule == "backprop"
    network = made.network(Symbols(size=6), torch.Generator().manual_seed(0))
    x = torch.eye(6)[torch.arange(24).reshape(4, 6) % 6]
    batch = network.forward_batch(x)
    assert batch.shape == (4, 6, 6)
    alone, _ = network(x[2], network.begin())
    # float32 sums in another order: some 10³ products of order one, each rounded by 2⁻²⁴
    np.testing.assert_allclose(batch[2].detach(), alone.detach(), atol=1e3 * 2**-24)


@pytest.mark.parametrize(
    "made", [GRU(hidden=24, learning_rate=0.02), LSTM(hidden=24, learning_rate=0.02)]
)
def test_they_learn_a_cycle(made):
    x = np.arange(1600) % 9
    losses = made.begin(Symbols(size=9), seed=0).run(x)
    assert losses[-100:].mean() < 0.2
