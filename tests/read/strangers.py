"""Restated models that a description cannot hold: refused with object, line and reason."""

import numpy as np
from brian2 import (
    Clock,
    Hz,
    Network,
    NeuronGroup,
    PoissonGroup,
    PoissonInput,
    SpikeGeneratorGroup,
    Synapses,
    TimedArray,
    linked_var,
    ms,
    network_operation,
)

from tests.read.cases import refused

LEAK = "dv/dt = -v/(10*ms) : 1"


def neurons(model=LEAK, n=4, **arguments):
    given = {"threshold": "v > 1", "reset": "v = 0", "name": "P"}
    return NeuronGroup(n, model, **{**given, **arguments})


def inputs(n=4):
    return SpikeGeneratorGroup(n, np.arange(n), np.arange(n) * ms, name="inputs")


def onto(P, model="", on_pre="v_post += w", on_post=None, **arguments):
    """Network of inputs and one Synapses onto P."""
    source = inputs()
    S = Synapses(source, P, model, on_pre=on_pre, on_post=on_post, name="S", **arguments)
    S.connect()
    return Network(source, P, S), {"w": 0.1}


@refused("COBAHH: Hodgkin–Huxley membranes", "P", "dm/dt", "not linear")
def cobahh():
    return Network(neurons("""
    dv/dt = (g*(0*mV - v) - m**3*h*(v - 50*mV))/(10*ms) : volt
    dm/dt = 0.32*(13*mV - v)/mV/(exp((13*mV - v)/(4*mV)) - 1)/ms*(1 - m) : 1
    dh/dt = 0.1*(1 - h)/ms : 1
    dg/dt = -g/(5*ms) : 1
    """, threshold="v > -20*mV", refractory="v > -40*mV", reset="",
        method="exponential_euler")), {}  # fmt: skip


@refused("Hodgkin–Huxley with polynomial gates only", "P", "dv/dt", r"product h\*m\*m\*m is not")
def polynomial_gates():
    return Network(neurons("""
    dv/dt = (m**3*h*(50*mV - v) - v)/(10*ms) : volt
    dm/dt = (0.3 - m)/(1*ms) : 1
    dh/dt = (0.6 - h)/(5*ms) : 1
    """, threshold="v > 20*mV", reset="", refractory=3 * ms, method="euler")), {}  # fmt: skip


@refused("AdEx: exponential spike initiation (Brette & Gerstner 2005)", "P", "exp", "not linear")
def adex():
    return Network(neurons("""
    dv/dt = ((-70*mV - v) + 2*mV*exp((v + 50*mV)/(2*mV)) - w)/(20*ms) : volt
    dw/dt = (0.5*(v + 70*mV) - w)/(100*ms) : volt
    """, threshold="v > 0*mV", reset="v = -60*mV; w += 1*mV", method="euler")), {}  # fmt: skip


@refused("EIF", "P", "exp", "not linear")
def eif():
    return Network(neurons("dv/dt = (exp(v) - v)/(10*ms) : 1", method="euler")), {}


@refused("QIF", "P", r"v\*\*2", r"product v\*v is not a conductance")
def qif():
    return Network(neurons("dv/dt = (v**2 + 0.1)/(10*ms) : 1", method="euler")), {}


@refused("Izhikevich 2003", "P", r"0\.04", r"product v\*v is not")
def izhikevich():
    return Network(neurons("""
    dv/dt = (0.04*v**2 + 5*v + 140 - u)/ms : 1
    du/dt = 0.02*(0.2*v - u)/ms : 1
    """, threshold="v > 30", reset="v = -65; u += 8", method="euler")), {}  # fmt: skip


@refused("Stochastic membranes (stochastic_odes, non_reliability, Licklider 1962)", "P", "xi",
         "noise")  # fmt: skip
def noise():
    return Network(neurons("dv/dt = -v/(10*ms) + 0.1*xi*(5*ms)**-0.5 : 1", method="euler")), {}


@refused("Reliability of spike timing: one noisy input linked to all", "P", "I",
         "linked variable")  # fmt: skip
def reliability():
    drive = NeuronGroup(1, "dx/dt = -x/(5*ms) : 1", name="drive", method="exact")
    P = neurons("dv/dt = (I - v)/(10*ms) : 1\nI : 1 (linked)", method="exact")
    P.I = linked_var(drive, "x")
    return Network(drive, P), {}


@refused("Phase locking: a TimedArray drives the membrane", "P", r"drive\(t\)", "TimedArray")
def phase_locking():
    drive = TimedArray(np.zeros(10), dt=1 * ms, name="drive")
    return Network(neurons("dv/dt = (drive(t) - v)/(10*ms) : 1", method="euler")), {"drive": drive}


@refused("A sinusoidal drive", "P", r"sin\(", "depends on t")
def sinusoid():
    return Network(neurons("dv/dt = (1 + sin(100*Hz*t) - v)/(10*ms) : 1", method="euler")), {}


@refused("Rates that change in time", "poisson", "rates", "depends on t")
def changing_rates():
    source = PoissonGroup(3, "10*Hz*(1 + sin(6*Hz*t))", name="poisson")
    P = neurons()
    S = Synapses(source, P, on_pre="v_post += 0.1", name="S")
    S.connect()
    return Network(source, P, S), {}


@refused("Gap junctions", "S", "I_gap_post", "summed variable")
def gap_junctions():
    P = neurons("dv/dt = (I_gap - v)/(10*ms) : 1\nI_gap : 1")
    S = Synapses(P, P, "I_gap_post = 0.1*(v_pre - v_post) : 1 (summed)", name="S")
    S.connect()
    return Network(P, S), {}


@refused("State variables summed over synapses (nonlinear NMDA)", "S", "g_post", "summed variable")
def summed():
    P = neurons("dv/dt = (g - v)/(10*ms) : 1\ng : 1")
    net, names = onto(P, "dx/dt = -x/(5*ms) : 1 (clock-driven)\ng_post = x : 1 (summed)",
                      "x += 1")  # fmt: skip
    return net, names


@refused("Nonlinear synapses integrated in time", "S", "dg/dt", "clock-driven")
def nonlinear_synapse():
    return onto(neurons(), "dg/dt = -g*(1 - g)/(5*ms) : 1 (clock-driven)", "g += 0.1",
                method="euler")  # fmt: skip


@refused(
    "Short-term plasticity (Tsodyks & Markram)",
    "S",
    r"u_ \+= 0\.2",
    "moves a trace that changes nothing",
)
def short_term():
    model = """
    dx_/dt = (1 - x_)/(200*ms) : 1 (event-driven)
    du_/dt = (0.2 - u_)/(20*ms) : 1 (event-driven)
    """
    on_pre = "u_ += 0.2*(1 - u_); v_post += u_*x_; x_ -= u_*x_"
    return onto(neurons(), model, on_pre)


@refused("A trace that decays to something else than 0", "S", "dx/dt", "must only decay to 0")
def drifting_trace():
    return onto(neurons(), "w : 1\ndx/dt = (0.1 - x)/(20*ms) : 1 (event-driven)",
                "v_post += w; x += 1", "w = clip(w + x, 0, 1)")  # fmt: skip


@refused("A trace that does not start at 0", "S", "dx/dt", "start at 0")
def warm_trace():
    net, names = onto(neurons(), "w : 1\ndx/dt = -x/(20*ms) : 1 (event-driven)",
                      "v_post += w; x += 1", "w = clip(w + x, 0, 1)")  # fmt: skip
    net["S"].x = 0.5
    return net, names


@refused("A saturating trace, x += a (1 − x)", "S", r"x \+= 0\.1", "something else than a constant")
def saturating_trace():
    return onto(neurons(), "w : 1\ndx/dt = -x/(20*ms) : 1 (event-driven)",
                "v_post += w; x += 0.1*(1 - x)", "w = clip(w + x, 0, 1)")  # fmt: skip


@refused("Voltage-dependent plasticity", "S", "v_post - 0.5", "depends on v_post, which moves")
def voltage_rule():
    return onto(neurons(), "w : 1", "v_post += w; w = clip(w + 0.1*(v_post - 0.5), 0, 1)")


@refused(
    "Calcium plasticity (Graupner & Brunel 2012)", "S", r"int\(c > 1\.3\)", "is no sum of products"
)
def calcium():
    return onto(neurons(), "w : 1\ndc/dt = -c/(20*ms) : 1 (event-driven)",
                "v_post += w; c += 1; w = clip(w + 0.1*int(c > 1.3), 0, 1)")  # fmt: skip


@refused("A plastic weight that two states receive", "S", r"g_post \+= w", "must move one state")
def two_sent():
    P = neurons("dv/dt = (g - v)/(10*ms) : 1\ndg/dt = -g/(3*ms) : 1")
    return onto(P, "w : 1\ndx/dt = -x/(20*ms) : 1 (event-driven)",
                "v_post += w; g_post += w; x += 1", "w = clip(w + x, 0, 1)")  # fmt: skip


@refused("Two bounds in one rule", "S", r"clip\(w", "one pair of bounds")
def two_bounds():
    return onto(neurons(), "w : 1\ndx/dt = -x/(20*ms) : 1 (event-driven)",
                "v_post += w; x += 1; w = clip(w - 0.1, 0, 2)",
                "w = clip(w + x, 0, 1)")  # fmt: skip


@refused("Plasticity at delayed post spikes", "S", "w = clip", "delay of post spikes")
def post_delay():
    return onto(neurons(), "w : 1\ndx/dt = -x/(20*ms) : 1 (event-driven)",
                "v_post += w; x += 1", "w = clip(w + x, 0, 1)", delay={"post": 1 * ms})  # fmt: skip


@refused("Reward-modulated STDP: an eligibility trace that other spikes read", "S",
         r"clip\(w \+ d \* x", "moves w beside d")  # fmt: skip
def reward():
    return onto(neurons(), "w : 1\nd : 1\ndx/dt = -x/(20*ms) : 1 (event-driven)",
                "v_post += w; x += 1; d += 0.1", "w = clip(w + d*x, 0, 1)")  # fmt: skip


@refused("Arrivals that scale with the potential", "S", r"v_post \+= w \* \(1 - v_post\)",
         "depends on v_post, which moves")  # fmt: skip
def reversal_jump():
    return onto(neurons(), "", "v_post += w*(1 - v_post)")


@refused("Arrivals that set a state", "S", "v_post = 1", "must add")
def setting():
    return onto(neurons(), "", "v_post = 1")


@refused("Synapses triggered by a custom event", "S", r"v_post \+= w", "triggered by 'burst'")
def on_event():
    P = neurons(events={"burst": "v > 2"})
    S = Synapses(P, P, on_pre="v_post += w", on_event="burst", name="S")
    S.connect()
    return Network(P, S), {"w": 0.1}


@refused("run_regularly", "P", "v = 0.1", "run_regularly")
def regularly():
    P = neurons()
    P.run_regularly("v = 0.1", dt=1 * ms)
    return Network(P), {}


@refused("A Python function in every step", "callback", "", "NetworkOperation")
def operation():
    @network_operation(name="callback")
    def callback():
        pass

    return Network(neurons(), callback), {}


@refused("Time constants that differ between neurons", "P", "tau", "factor of v differs")
def own_time_constants():
    P = neurons("dv/dt = -v/tau : 1\ntau : second", method="exact")
    P.tau = [5, 10, 15, 20] * ms
    return Network(P), {}


@refused("Resets that differ between neurons", "P", "v = low", "differs between neurons")
def own_resets():
    P = neurons(LEAK + "\nlow : 1", reset="v = low")
    P.low = [0, 0.1, 0.2, 0.3]
    return Network(P), {}


@refused("A random reset", "P", "rand", "draws anew")
def random_reset():
    return Network(neurons(reset="v = 0.1*rand()")), {}


@refused("Refractoriness as a condition", "P", "refractory='v > 0.5'", "a condition")
def refractory_condition():
    return Network(neurons(refractory="v > 0.5")), {}


@refused("A threshold that joins conditions", "P", "v > 1 and v < 2", "joins conditions")
def joined_threshold():
    return Network(neurons(threshold="v > 1 and v < 2")), {}


@refused("exponential_euler on coupled linear equations", "P", "dv/dt", "stand still for a step")
def coupled_exponential():
    return Network(neurons("dv/dt = (g - v)/(10*ms) : 1\ndg/dt = -g/(5*ms) : 1",
                           method="exponential_euler")), {}  # fmt: skip


@refused("Conductances under rk4", "P", "method='rk4'", "euler or exponential_euler")
def conductance_rk4():
    return Network(neurons("dv/dt = (g*(5 - v) - v)/(10*ms) : 1\ndg/dt = -g/(5*ms) : 1",
                           method="rk4")), {}  # fmt: skip


@refused("Conductances and a synaptic current in one membrane", "P", "dI/dt", "nothing else")
def conductance_and_current():
    return Network(
        neurons(
            """dv/dt = (g*(5 - v) + I - v)/(10*ms) : 1
    dg/dt = -g/(5*ms) : 1
    dI/dt = -I/(2*ms) : 1""",
            method="euler",
        )
    ), {}


@refused("GSL integration", "P", "method='gsl_rk4'", "is not one of")
def gsl():
    return Network(neurons(method="gsl_rk4")), {}


@refused("A plateau that may be prolonged while it lasts", "P", "v > 0.5", "own plateau lasts")
def prolonged_plateau():
    P = neurons("dv/dt = (0.1*int(t < t_end) - v)/(10*ms) : 1\nt_end : second", method="euler",
                events={"plateau": "v > 0.5"})  # fmt: skip
    P.run_on_event("plateau", "t_end = t + 5*ms")
    return Network(P), {}


@refused("A timer that spikes set", "P", r"t_end = t", "a timer that spikes set")
def spike_timer():
    P = neurons("dv/dt = (0.1*int(t < t_end) - v)/(10*ms) : 1\nt_end : second", method="euler",
                reset="v = 0; t_end = t + 5*ms")  # fmt: skip
    return Network(P), {}


@refused("Single precision", "P", "v", "is a float32")
def single_precision():
    return Network(neurons(dtype=np.float32)), {}


@refused("A PoissonInput whose weight reads a state", "P", r"v \+= 0\.1",
         "depends on v, which moves")  # fmt: skip
def state_input():
    P = neurons()
    return Network(P, PoissonInput(P, "v", N=10, rate=10 * Hz, weight="0.1*v")), {}


@refused("Two time steps", "inputs", "", "one clock only")
def two_clocks():
    P = neurons(clock=Clock(dt=0.05 * ms))
    net, names = onto(P)
    return net, names


@refused("Another schedule", "net", "synapses", "schedule is not Brian2's own")
def schedule():
    net = Network(neurons(), name="net")
    net.schedule = ["start", "groups", "synapses", "thresholds", "resets", "end"]
    return net, {}


@refused("A rule whose pathways were put in another order", "S", "", "order of its pathways")
def pathway_order():
    net, names = onto(neurons(), "w : 1\ndx/dt = -x/(20*ms) : 1 (event-driven)",
                      "v_post += w; x += 1", "w = clip(w + x, 0, 1)")  # fmt: skip
    net["S"].pre.order = 2
    return net, names


@refused("Retrograde change of the pre neuron", "S", "v_pre", "changes the pre neuron")
def retrograde():
    P = neurons()
    S = Synapses(P, P, on_pre="v_pre += 0.1", name="S")
    S.connect()
    return Network(P, S), {}
