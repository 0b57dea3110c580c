"""A full disk is one error and no file; the HDF5 library used to crash the process."""

import subprocess
import sys
from pathlib import Path

import pytest

CODE = """
import resource, signal, sys
import numpy as np
from brian2 import ms
from bioplastic import simulate
from bioplastic.description import LIF, Network, Population
from bioplastic.errors import BioplasticError
from bioplastic.learned import Learned
network = Network(name="n", populations=[Population(name="cells", size=2000, neuron=LIF())])
learned = Learned(network, {"cells/v": np.random.default_rng(1).random(2000)}, {})
state = simulate.run(network, 1 * ms, progress=False).final
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (3000, 3000))
for what in (learned, state):
    try:
        what.save(sys.argv[1] + "/file.h5")
    except BioplasticError as error:
        print("refused:", str(error).splitlines()[0])
"""


@pytest.mark.skipif(sys.platform != "linux", reason="sets a limit of the Linux kernel")
def test_learned_and_state_survive_a_full_disk(tmp_path: Path):
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("refused:") == 2
    assert "file.h5: not written" in done.stdout
    assert list(tmp_path.iterdir()) == []
