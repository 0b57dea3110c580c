"""Truncated BPTT whose gradient reaches back: run is the loop, against autograd, a long lag."""

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from bioplastic.errors import UsageError  # noqa: E402
from bioplastic.learning.learners.online import OnlineStudent  # noqa: E402
from bioplastic.learning.learners.recurrent import GRU, LSTM  # noqa: E402
from bioplastic.learning.learners.recurrent_reaching import (  # noqa: E402
    ReachingGRU,
    ReachingLSTM,
    ReachingStudent,
)
from bioplastic.learning.space import Symbols  # noqa: E402
from bioplastic.learning.walk import walk  # noqa: E402
from tests.learning.test_online import CLOSE, SPACES, Loop, data  # noqa: E402

LEARNERS = {
    "gru": ReachingGRU(hidden=5, truncation=3, reach=6),
    "lstm": ReachingLSTM(hidden=5, truncation=3, reach=6),
}


def begin(learner, space):
    """A student in float64."""
    network = learner.network(space, torch.Generator().manual_seed(1)).double()
    if isinstance(learner, ReachingGRU | ReachingLSTM):
        return ReachingStudent(learner, space, network, learner.reach)
    return OnlineStudent(learner, space, network)


@pytest.mark.parametrize("learner", LEARNERS.values(), ids=LEARNERS)
@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_run_is_the_loop(space, learner):
    x = data(space)
    fast, slow = begin(learner, space), begin(learner, space)
    for piece, learning in ((x[:29], True), (x[29:36], False), (x[36:], True)):
        np.testing.assert_allclose(
            walk(fast, space, piece, learning=learning),
            walk(Loop(slow), space, piece, learning=learning),
            **CLOSE,
        )
    halfway = copy.deepcopy(slow)
    np.testing.assert_allclose(halfway.run(x), walk(Loop(slow), space, x), **CLOSE)


@pytest.mark.parametrize("kind", [(ReachingGRU, GRU), (ReachingLSTM, LSTM)], ids=["gru", "lstm"])
def test_without_reach_it_is_the_network_without_reaching(kind):
    space = SPACES["symbols"]
    make, plain_kind = kind
    reaching = make(hidden=5, truncation=3, reach=0)
    plain = plain_kind(hidden=5, truncation=3)
    x = data(space)
    np.testing.assert_allclose(begin(reaching, space).run(x), begin(plain, space).run(x), **CLOSE)
    further = begin(make(hidden=5, truncation=3, reach=3), space).run(x)
    assert np.abs(further - begin(plain, space).run(x)).max() > 1e-3


def test_the_gradient_runs_through_the_stretches_before():
    """Three stretches of 2 restated with autograd: the loss of 2 steps, the gradient through 6."""
    space = SPACES["symbols"]
    learner = ReachingGRU(hidden=3, truncation=2, reach=4, clip=1e9)
    student = begin(learner, space)
    twin = copy.deepcopy(student.module)
    adam = torch.optim.Adam(twin.parameters(), lr=learner.learning_rate)
    x = data(space, 12)
    student.run(x)
    inputs = torch.cat((torch.zeros(1, 4), torch.eye(4)[torch.from_numpy(x[:-1])])).double()
    states = [twin.begin()]  # at the beginning of each stretch, with the weights of then
    for k in range(6):
        oldest = max(0, k - 2)
        outputs, _ = twin(inputs[2 * oldest : 2 * k + 2], states[oldest])
        with torch.no_grad():
            states.append(twin(inputs[2 * k : 2 * k + 2], states[k])[1])
        wanted = torch.from_numpy(x[2 * k : 2 * k + 2])
        adam.param_groups[0]["lr"] = learner.rate(2 * k)
        adam.zero_grad()
        torch.nn.functional.cross_entropy(outputs[-2:], wanted).backward()
        adam.step()
    for p, q in zip(student.module.parameters(), twin.parameters(), strict=True):
        np.testing.assert_allclose(p.detach(), q.detach(), **CLOSE)


def test_the_future_changes_no_earlier_figure():
    space = SPACES["symbols"]
    x = data(space, 40)
    changed = x.copy()
    changed[20:] = (x[20:] + 1) % 4
    one, other = (LEARNERS["gru"].begin(space, seed=0).run(s) for s in (x, changed))
    assert (one[:20] == other[:20]).all()
    assert (one[20:] != other[20:]).any()


def test_it_finds_a_cause_before_the_stretch():
    """Symbol t is symbol t − 3; stretches of 1 see no cause, those that reach back 4 do."""
    rng = np.random.default_rng(3)
    x = rng.integers(0, 2, 1500)
    for t in range(3, len(x)):
        x[t] = x[t - 3] ^ (rng.random() < 0.1)
    space = Symbols(size=2)
    told = {
        reach: ReachingGRU(hidden=16, truncation=1, reach=reach, clip=1.0).begin(space, seed=1)
        .run(x)[-500:].mean()
        for reach in (0, 4)
    }  # fmt: skip
    entropy = -(0.1 * np.log2(0.1) + 0.9 * np.log2(0.9))  # what nobody can beat
    assert entropy < told[4] < (entropy + told[0]) / 2


def test_the_second_pass_is_a_cost_of_learning():
    space, x = SPACES["symbols"], data(SPACES["symbols"], 30)
    plain, reaching = GRU(hidden=5, truncation=3), LEARNERS["gru"]
    costs = [one.begin(space, seed=1) for one in (plain, reaching)]
    for student in costs:
        student.run(x)
    first, second = (student.cost() for student in costs)
    assert second.effective_macs == first.effective_macs
    assert second.weight_updates == first.weight_updates
    assert second.learning_macs > 2 * first.learning_macs


def test_a_reach_between_two_stretches_is_refused():
    with pytest.raises(UsageError, match=r"gru_reaching: reach=5 must be a multiple"):
        ReachingGRU(truncation=4, reach=5)
    with pytest.raises(UsageError, match="reach=-4"):
        ReachingGRU(truncation=4, reach=-4)
