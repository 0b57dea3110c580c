"""A recorded trace of set I: six episodes, until the first plateaus have changed the code.

Write a new one with ``python -m tests.equivalence.test_golden`` and a line under Numerics in the
changelog.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from brian2 import ms

from bioplastic.kernels.dispatch import KernelRun, run
from bioplastic.networks import temporal_memory as tm
from bioplastic.quantize import lower

GOLDEN = Path(__file__).parent / "golden" / "temporal-memory-set1-2026-11-23.npz"


def simulate() -> KernelRun:
    p = tm.parameters("I", episodes=6)
    lowered = lower(tm.temporal_memory(p, np.random.default_rng(1)), 0.1 * ms)
    return run(lowered, round(float(p.duration / (0.1 * ms))))


def trace(result: KernelRun) -> dict[str, np.ndarray]:
    spikes, onsets = result.spikes["excitatory"], result.onsets["excitatory.distal"]
    permanence = result.state.arrays["recurrent/permanence"].astype(np.int64)
    return {
        "spike_step": spikes.steps.astype(np.int32),
        "spike_id": spikes.ids.astype(np.int16),
        "onset_step": onsets.steps.astype(np.int32),
        "onset_id": onsets.ids.astype(np.int16),
        "permanence": np.array([permanence.sum(), (permanence**2).sum(), permanence[12345]]),
    }


def test_first_episodes_of_set_one_equal_the_recorded_trace():
    found = trace(simulate())
    assert len(found["onset_id"]) > 0
    with np.load(GOLDEN) as golden:
        assert set(golden) == set(found)
        for name in golden:
            np.testing.assert_array_equal(found[name], golden[name], err_msg=name)


if __name__ == "__main__":
    GOLDEN.parent.mkdir(exist_ok=True)
    np.savez_compressed(GOLDEN, **trace(simulate()))  # type: ignore[arg-type]
    print(GOLDEN)
