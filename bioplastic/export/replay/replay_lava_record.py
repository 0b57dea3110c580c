"""A sink for lava-nc that writes spikes to a file.

lava hands variables of a process back number by number; for all spikes of a long run that takes far
longer than the run. This one writes them when the last step is over. Imported after the repair of
dataclasses in replay_lava.py, in the same environment.
"""

import numpy as np
from lava.magma.core.decorator import implements, requires, tag
from lava.magma.core.model.py.model import PyLoihiProcessModel
from lava.magma.core.model.py.ports import PyInPort
from lava.magma.core.model.py.type import LavaPyType
from lava.magma.core.process.ports.ports import InPort
from lava.magma.core.process.process import AbstractProcess
from lava.magma.core.resources import CPU
from lava.magma.core.sync.protocols.loihi_protocol import LoihiProtocol


class Recorder(AbstractProcess):
    """Receives the spikes of `size` neurons for `steps` steps; PATH.npz gets steps and ids."""

    def __init__(self, *, size, steps, path):
        """Make the port; the rest goes to the model."""
        super().__init__(size=size, steps=steps, path=path)
        self.a_in = InPort(shape=(size,))


@implements(proc=Recorder, protocol=LoihiProtocol)
@requires(CPU)
@tag("fixed_pt")
class PyRecorder(PyLoihiProcessModel):
    """Keeps (step, id) of every spike; step 0 is lava's first."""

    a_in: PyInPort = LavaPyType(PyInPort.VEC_DENSE, bool, precision=1)

    def __init__(self, proc_params):
        """Start empty."""
        super().__init__(proc_params)
        self.found = []

    def run_spk(self):
        """Append the spikes of this step; write all after the last."""
        ids = np.flatnonzero(self.a_in.recv())
        self.found.append(np.stack([np.full(len(ids), self.time_step - 1), ids]))
        if self.time_step == self.proc_params["steps"]:
            steps, ids = np.concatenate(self.found, axis=1)
            np.savez(self.proc_params["path"], steps=steps, ids=ids)
