"""The hand-over of a text network: what the circuit holds is what the file gives back."""

import numpy as np
from brian2 import ms

from bioplastic.description import SymbolSchedule
from bioplastic.learned import Learned
from bioplastic.learning.sequence import learned, run_sequence
from bioplastic.networks.dendritic_attention import Parameters, dendritic_attention


def test_the_learned_file_holds_the_circuit(tmp_path):
    symbols = np.random.default_rng(6).integers(0, 4, 80)
    schedule = SymbolSchedule(symbols=symbols, size=4)
    network = dendritic_attention(schedule, Parameters(order=2, pool=81))
    found = run_sequence(network, dt=1 * ms, seed=1, progress=False)
    back = Learned.load(learned(found, {"seed": 1}).save(tmp_path / "learned.h5"))
    state, program = found.run.state, found.circuit.program
    for b, name in enumerate(found.circuit.branches):
        row = int(program.branch_first[b])
        i, j = back.array(f"value {name}/i"), back.array(f"value {name}/j")
        assert len(i) == (state.f[row : int(program.branch_first[b + 1])] > 0).sum()
        assert np.array_equal(state.w[row + i, j] / 64, back.array(f"value {name}/weight"))
        assert np.array_equal(state.f[row + i, j], back.array(f"value {name}/fast"))
    parents = back.array("prime order2/i")
    assert np.array_equal(parents, state.parent[program.first[2] :][: len(parents)] - 1)
    frozen = back.network(plastic=False)
    assert frozen["order2"].size == 16
    assert len(frozen.projection("drive order2").connectivity) == state.mature[2]
    assert all(q.plasticity is None for q in frozen.projections)
