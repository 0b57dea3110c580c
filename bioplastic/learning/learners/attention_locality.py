"""The locality audit of dendritic attention: every quantity that one of its updates uses."""

from __future__ import annotations

from bioplastic.learning.locality import Use

THETA_STDP: tuple[Use, ...] = (
    Use(
        quantity="pre spike (as the plateau that it raised)",
        place="branch",
        latency="120 ms, until the next plateau replaces it",
        local=True,
        why="the plateau at the synapse's own branch is the eligibility trace",
    ),
    Use(
        quantity="post spike",
        place="post",
        latency="at the spike",
        local=True,
        why="back-propagating spike of the neuron that owns the branch",
    ),
    Use(
        quantity="teacher: the symbol that came drives its output",
        place="post",
        latency="1 ms after the symbol",
        local=True,
        why="one fixed synapse from the symbol's source makes the post neuron spike; the one-to-one"
        " wiring is given, not learned",
    ),
    Use(
        quantity="phase of the theta rhythm (sign of the change)",
        place="broadcast",
        latency="at the spike",
        local=False,
        why="one oscillation for the whole network, the same for every task; it carries no error",
    ),
    Use(
        quantity="phase of the gamma rhythm (start of a race, common ramp)",
        place="broadcast",
        latency="one gamma cycle, 25 ms",
        local=False,
        why="one ramp for all outputs; it makes the race, learning does not read it",
    ),
    Use(
        quantity="who won the race (inhibition)",
        place="population",
        latency="within one step of dt",
        local=True,
        why="hard inhibition silences the rest; the losers change nothing",
    ),
    Use(
        quantity="n, earlier arrivals from this key (metaplasticity, first use spared)",
        place="pre",
        latency="125 ms, latched with the plateau",
        local=True,
        why="one count per key and branch, shared by its synapses onto all outputs: a property of"
        " the axon, stored once; a synapse of its own could count the same arrivals",
    ),
    Use(
        quantity="1/winners, the relation of depression to potentiation",
        place="synapse",
        latency="constant",
        local=True,
        why="a constant of the rule that fits the number of gamma cycles",
    ),
    Use(
        quantity="fast state f of the synapse",
        place="synapse",
        latency="at the teacher's spike",
        local=True,
        why="the synapse's own state",
    ),
    Use(
        quantity="competition: the teacher's spike on one output lowers f of the key's others",
        place="elsewhere",
        latency="at the teacher's spike",
        local=False,
        why="synapses of one axon onto other neurons must hear of it: the axon, or an inhibitory"
        " neuron that reports the teacher, would have to carry it back",
    ),
    Use(
        quantity="gain of a branch",
        place="broadcast",
        latency="the next plateau",
        local=False,
        why="one number per branch order for all outputs; changed by weight and spike of whichever"
        " output fired, so excitability of that branch is shared by the population",
    ),
    Use(
        quantity="worth E of a fast state",
        place="broadcast",
        latency="the next plateau",
        local=False,
        why="three numbers per branch order for all outputs, changed like the gain",
    ),
    Use(
        quantity="rounding dither",
        place="synapse",
        latency="at the spike",
        local=True,
        why="noise; drawn per post spike and branch",
    ),
    Use(
        quantity="recruitment: parent's and symbol's spikes at the young neuron's silent synapses",
        place="pre",
        latency="25 ms, the window of the gate",
        local=True,
        why="the two synapses that made it spike grow at its own spike",
    ),
    Use(
        quantity="recruitment: no mature key answered",
        place="population",
        latency="about 1 ms",
        local=True,
        why="a mature key spikes first and shunts its pool: inhibition tells the young neuron",
    ),
    Use(
        quantity="recruitment: which neuron of the pool is young, and that no other holds the pair",
        place="population",
        latency="since the last recruit",
        local=False,
        why="one neuron at a time is excitable, in order of index; maturation that takes turns is"
        " assumed, nothing in the circuit makes it",
    ),
)

BACKPROP: tuple[Use, ...] = (
    Use(
        quantity="softmax(u) − target of the post output",
        place="elsewhere",
        latency="at the symbol that came",
        local=False,
        why="a signed real number from all potentials at once; no spike of the post neuron is it",
    ),
    Use(
        quantity="gain of the branch, in the slope of its weights",
        place="broadcast",
        latency="until the symbol that came",
        local=False,
        why="one number for all outputs, carried back with the error",
    ),
    Use(
        quantity="Σ_v w δ_v, the slope of a gain; Σ_v δ_v, the slope of a worth",
        place="elsewhere",
        latency="at the symbol that came",
        local=False,
        why="weights and errors of all outputs are summed",
    ),
    Use(
        quantity="moments of the slope (Adagrad, Adam)",
        place="synapse",
        latency="kept",
        local=True,
        why="one or two real numbers for each synapse, beside its weight",
    ),
    Use(
        quantity="activity of the key",
        place="pre",
        latency="until the symbol that came",
        local=True,
        why="the plateau that the pre spike raised; nothing is sent further back: keys are"
        " recruited as in the circuit, not trained",
    ),
)
