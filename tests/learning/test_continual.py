"""A, B, A: what is forgotten, when it is back, and that probes leave the student alone."""

from __future__ import annotations

import numpy as np
import pytest

from bioplastic.errors import UsageError
from bioplastic.learning.continual import continual, relearning
from bioplastic.learning.space import Symbols
from bioplastic.learning.tasks.continual import Continual
from bioplastic.learning.walk import walk
from tests.learning.compare_fakes import Counter, Counting

SPACE = Symbols(size=6)


def cycle(step: int, length: int) -> np.ndarray:
    """Symbols that advance by `step`; step 1 and step 5 contradict each other everywhere."""
    return (step * np.arange(length)) % 6


def run(student=None, **settings):
    student = student or Counting(6, 1.0, None)
    return continual(
        student, SPACE, cycle(1, 200), cycle(5, 200), cycle(1, 200),
        probes=(cycle(1, 60), cycle(5, 60)), **{"window": 20, **settings},
    )  # fmt: skip


def test_contradiction_is_forgotten_and_learned_again():
    found = run()
    p = found.probes
    assert p["A", "A"] < 0.4 < 1.0 < p["B", "A"]  # 33 counts of 6 against as many of the other
    assert found.forgetting == pytest.approx(p["B", "A"] - p["A", "A"])
    assert p["A again", "A"] < p["B", "A"]
    assert found.backward_transfer < 0
    assert found.starts == (200, 400)
    assert found.losses.shape == (600,)


def test_probes_change_nothing():
    student = Counting(6, 1.0, None)
    plain = np.concatenate(
        [walk(student, SPACE, x) for x in (cycle(1, 200), cycle(5, 200), cycle(1, 200))]
    )
    np.testing.assert_array_equal(run().losses, plain)


def test_who_never_learns_never_forgets_and_that_is_no_merit():
    found = run(Counting(6, 0.0, None))
    assert found.forgetting == 0.0
    assert found.probes["B", "A"] == pytest.approx(np.log2(6))
    assert found.relearning == 20  # it was never worse than before: the first whole window


def test_relearning_counts_examples():
    losses = np.array([4.0, 4.0, 4.0, 1.0, 1.0, 1.0])
    assert relearning(losses, 1.0, 2) == 5
    assert relearning(losses, 2.5, 2) == 4
    assert relearning(losses, 0.5, 2) == np.inf
    assert relearning(np.array([np.inf, 1.0, 1.0]), 1.0, 1) == 2


def test_parts_must_hold_the_window():
    with pytest.raises(UsageError, match="must hold the window of 51"):
        run(window=51)
    with pytest.raises(UsageError, match="within"):
        run(within=-0.1)


def test_task_runs_on_bundled_text():
    task = Continual(symbols=200, probe=50, window=50)
    task.check()
    record = task.measure(Counter(name="counter", rule="local", noisy=False), seed=1)
    assert record.score == record.extra["a_after_b_bits_per_symbol"]
    assert record.cost is not None
    assert record.cost.symbols == 600  # probes are met by copies, and charged to nobody
    assert list(record.series["held-out A"][0]) == [0, 200, 400, 600]
    assert list(record.series["held-out B"][0]) == [200, 400, 600]
    assert record.x[-1] == 600


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"symbols": 200_000}, "alice29 has"),
        ({"symbols": 100}, "must hold the window of 500; at least 2000"),
        ({"probe": 0}, "each from 1"),
        ({"a": "kjw"}, "did you mean 'kjv'"),
    ],
)
def test_task_refuses_what_cannot_be(settings, said):
    with pytest.raises(UsageError, match=said):
        Continual(**settings).check()
