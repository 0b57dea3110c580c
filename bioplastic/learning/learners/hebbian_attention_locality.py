"""What the updates of k-WTA Hebbian attention use."""

from bioplastic.learning.locality import Use

ONE_SHOT = (
    Use(
        quantity="spike of the output neuron, driven by its teacher",
        place="post",
        latency="at the spike",
        local=True,
        why="the spike propagates back into the branch",
    ),
    Use(
        quantity="plateau of the branch, raised by the key's spike one theta cycle before",
        place="branch",
        latency="one theta cycle",
        local=True,
        why="the plateau lasts until the teacher's spike; it is the eligibility",
    ),
    Use(
        quantity="phase of the theta rhythm",
        place="population",
        latency="at the spike",
        local=True,
        why="the inhibitory rhythm reaches every neuron of the population",
    ),
)
"""Every update: theta-phase potentiation of a binary synapse."""

COMPETITION = (
    Use(
        quantity="potentiation of a sister synapse of the same key onto another output",
        place="pre",
        latency="one theta cycle",
        local=True,
        why="heterosynaptic: one resource of the key's axon, taken by the synapse that grew",
    ),
)
"""The last successor wins."""

RECRUITED = (
    Use(
        quantity="coincidence of the drive with the open gate of the young neuron",
        place="post",
        latency="at the spike",
        local=True,
        why="both arrive at the neuron that grows the synapse",
    ),
    Use(
        quantity="no earlier spike in the pool",
        place="population",
        latency="at the spike",
        local=True,
        why="shunting inhibition of the pool: a matching key spikes first",
    ),
)
"""Growth of a key neuron."""
