"""Restated models with fixed weights: current-based, conductance-based, delays, inhibition."""

import numpy as np
from brian2 import (
    Hz,
    Network,
    NeuronGroup,
    PoissonInput,
    SpikeGeneratorGroup,
    Synapses,
    ms,
    mV,
    nS,
    pA,
    pF,
    psiemens,
    second,
)

from tests.read.cases import accepted


def random_pairs(rng, n_pre, n_post, p):
    i, j = np.nonzero(rng.random((n_pre, n_post)) < p)
    return {"i": i, "j": j}


@accepted("CUBA: current-based network of Vogels & Abbott 2005", "LinearIF")
def cuba(poisson):
    rng = np.random.default_rng(1)
    taum, taue, taui = 20 * ms, 5 * ms, 10 * ms
    Vt, Vr, El = -50 * mV, -60 * mV, -49 * mV
    eqs = """
    dv/dt  = (ge+gi-(v-El))/taum : volt (unless refractory)
    dge/dt = -ge/taue : volt
    dgi/dt = -gi/taui : volt
    """
    P = NeuronGroup(120, eqs, threshold="v>Vt", reset="v = Vr", refractory=5 * ms, method="exact",
                    name="P")  # fmt: skip
    P.v = Vr + rng.random(120) * (Vt - Vr)
    we, wi = (60 * 0.27 / 10) * mV, (-20 * 4.5 / 10) * mV
    Ce = Synapses(P, P, on_pre="ge += we", name="Ce")
    Ci = Synapses(P, P, on_pre="gi += wi", name="Ci")
    Ce.connect(**random_pairs(rng, 96, 120, 0.1))
    inhibitory = random_pairs(rng, 24, 120, 0.1)
    Ci.connect(i=inhibitory["i"] + 96, j=inhibitory["j"])
    return Network(P, Ce, Ci), locals()


@accepted("COBA: conductance-based network of Vogels & Abbott 2005", "ConductanceLIF")
def coba(poisson):
    rng = np.random.default_rng(2)
    taum, taue, taui = 20 * ms, 5 * ms, 10 * ms
    Vt, Vr, El = -50 * mV, -60 * mV, -49 * mV  # El above Vt keeps a small network active
    Ee, Ei = 0 * mV, -80 * mV
    we, wi = 6 / 10.0, 67 / 10.0
    eqs = """
    dv/dt = (ge*(Ee-v)+gi*(Ei-v)-(v-El))*(1./taum) : volt (unless refractory)
    dge/dt = -ge*(1./taue) : 1
    dgi/dt = -gi*(1./taui) : 1
    """
    P = NeuronGroup(100, model=eqs, threshold="v>Vt", reset="v=Vr", refractory=5 * ms,
                    method="exponential_euler", name="P")  # fmt: skip
    P.v = (rng.random(100) * 10 - 60) * mV
    P.ge, P.gi = rng.random(100) * 0.5, rng.random(100)
    Ce = Synapses(P[:80], P, on_pre="ge+=we", name="Ce")
    Ci = Synapses(P[80:], P, on_pre="gi+=wi", name="Ci")
    Ce.connect(**random_pairs(rng, 80, 100, 0.1))
    Ci.connect(**random_pairs(rng, 20, 100, 0.1))
    return Network(P, Ce, Ci), locals()


@accepted("Brunel 2000: sparse network, delays, Poisson input onto the potential", "LinearIF")
def brunel(poisson):
    rng = np.random.default_rng(3)
    tau, theta, V_r, tau_rp = 20 * ms, 20 * mV, 10 * mV, 2 * ms
    J, g, D = 0.9 * mV, 5, 1.5 * ms
    neurons = NeuronGroup(60, "dv/dt = -v/tau : volt (unless refractory)", threshold="v > theta",
                          reset="v = V_r", refractory=tau_rp, method="exact",
                          name="neurons")  # fmt: skip
    neurons.v = rng.random(60) * 20 * mV
    exc = Synapses(neurons[:48], neurons, on_pre="v += J", delay=D, name="exc")
    inh = Synapses(neurons[48:], neurons, on_pre="v += -g*J", delay=D, name="inh")
    exc.connect(**random_pairs(rng, 48, 60, 0.1))
    inh.connect(**random_pairs(rng, 12, 60, 0.1))
    from tests.read.cases import drawn

    if poisson is drawn:
        external = PoissonInput(neurons, "v", N=100, rate=25 * Hz, weight=J)
    else:
        drive = poisson(None, 0, "poissoninput")
        n = len(neurons)
        external = Synapses(drive, neurons, on_pre="v += J", name="replay")
        external.connect(i=np.arange(len(drive)), j=np.arange(len(drive)) % n)
        return Network(neurons, exc, inh, drive, external), locals()
    return Network(neurons, exc, inh, external), locals()


@accepted("IF_curve_LIF: a different drive for each neuron, refractory", "LinearIF", 200)
def if_curve(poisson):
    tau = 10 * ms
    group = NeuronGroup(20, "dv/dt = (v0 - v)/tau : volt (unless refractory)\nv0 : volt",
                        threshold="v > 10*mV", reset="v = 0*mV", refractory=5 * ms,
                        method="exact", name="group")  # fmt: skip
    group.v0 = np.linspace(0, 20, 20) * mV
    return Network(group), locals()


@accepted("Adaptive threshold", "LinearIF", 200)
def adaptive_threshold(poisson):
    eqs = """
    dv/dt = -v/(10*ms) : volt
    dvt/dt = (10*mV - vt)/(15*ms) : volt
    """
    reset = """
    v = 0*mV
    vt += 3*mV
    """
    IF = NeuronGroup(1, eqs, reset=reset, threshold="v>vt", method="exact", name="IF")
    IF.vt = 10 * mV
    PG = poisson(1, 700 * Hz, "PG")
    C = Synapses(PG, IF, on_pre="v += 3*mV", name="C")
    C.connect()
    return Network(IF, PG, C), locals()


@accepted("Lateral inhibition: a soft winner-take-all through one inhibitory neuron", "LinearIF")
def lateral_inhibition(poisson):
    tau, tau_i = 10 * ms, 4 * ms
    E = NeuronGroup(8, "dv/dt = (I + g - v)/tau : 1\ndg/dt = -g/tau_i : 1\nI : 1",
                    threshold="v > 1", reset="v = 0", method="exact", name="E")  # fmt: skip
    E.I = np.linspace(1.2, 2.7, 8)
    N = NeuronGroup(1, "dv/dt = -v/tau : 1", threshold="v > 0.5", reset="v -= 0.5", name="N")
    up = Synapses(E, N, on_pre="v_post += 0.31", delay=0.5 * ms, name="up")
    up.connect()
    down = Synapses(N, E, "w : 1", on_pre="g_post -= w", delay=1 * ms, name="down")
    down.connect()
    down.w = np.linspace(0.5, 1.5, 8)
    return Network(E, N, up, down), locals()


@accepted("Jeffress-like delay lines: coincidences through delays of each synapse", "LinearIF")
def delay_lines(poisson):
    tau = 1 * ms
    times = np.arange(5, 95, 7.0)
    ears = SpikeGeneratorGroup(2, np.tile([0, 1], len(times)),
                               np.stack([times, times + 0.4], 1).ravel() * ms,
                               name="ears")  # fmt: skip
    cells = NeuronGroup(30, "dv/dt = -v/tau : 1 (unless refractory)", threshold="v > 1",
                        reset="v = 0", refractory=2 * ms, method="exact", name="cells")  # fmt: skip
    S = Synapses(ears, cells, on_pre="v += 0.6", name="S")
    S.connect()
    S.delay["i == 0"] = "j*0.1*ms"
    S.delay["i == 1"] = "(29 - j)*0.1*ms"
    return Network(ears, cells, S), locals()


@accepted("Synfire chain of Diesmann et al. 1999, alpha currents, without its noise", "LinearIF")
def synfire(poisson):
    taum, taupsp, weight = 10 * ms, 0.325 * ms, 24 * mV
    Vr, Vt = -70 * mV, -55 * mV
    P = NeuronGroup(80, """
    dV/dt = (-(V-Vr)+x)*(1./taum) : volt
    dx/dt = (-x+y)*(1./taupsp) : volt
    dy/dt = -y*(1./taupsp) + 25.27*mV/ms : volt
    """, threshold="V>Vt", reset="V=Vr", refractory=1 * ms, method="euler", name="P")  # fmt: skip
    P.V = Vr
    first = SpikeGeneratorGroup(20, np.arange(20), (5 + 0.1 * (np.arange(20) % 7)) * ms,
                                name="first")  # fmt: skip
    S = Synapses(P, P, on_pre="y += weight", delay=5 * ms, name="S")
    i = np.arange(60)
    S.connect(i=np.repeat(i, 20), j=((i // 20 + 1) * 20)[:, None].repeat(20, 1).ravel()
              + np.tile(np.arange(20), 60))  # fmt: skip
    Sinput = Synapses(first, P[:20], on_pre="y += weight", name="Sinput")
    Sinput.connect()
    return Network(P, first, S, Sinput), locals()


@accepted("Subgroups, several Synapses on one population, weights and delays of each synapse",
          "LinearIF")  # fmt: skip
def subgroups(poisson):
    rng = np.random.default_rng(4)
    tau = 8 * ms
    P = NeuronGroup(30, "dv/dt = (b - v + s)/tau : 1 (unless refractory)\nds/dt = -s/(3*ms) : 1\n"
                    "b : 1 (constant)", threshold="v >= 1", reset="v = 0; s *= 0.5",
                    refractory="2*ms", name="P")  # fmt: skip
    P.b, P.v = rng.uniform(0.7, 1.6, 30), rng.random(30)
    a = Synapses(P[:10], P[12:25], "w : 1", on_pre="s_post += w*scale", name="a")
    b = Synapses(P[20:], P[:20], "w : 1 (constant)", on_pre={"one": "s_post += w",
                 "two": "s_post -= 0.5*w"}, name="b")  # fmt: skip
    scale = 0.7
    for S in (a, b):
        S.connect(p=1)
        S.w = rng.normal(0, 0.3, len(S))
    a.delay = rng.uniform(0, 4, len(a)) * ms
    b.one.delay = rng.uniform(0, 2, len(b)) * ms
    b.two.delay = 1.5 * ms
    c = Synapses(P, P, on_pre="v_post += 0.05\ns_post -= 0.02  # two states", name="c")
    c.connect(j="(i + 1) % N_pre", skip_if_invalid=True)
    return Network(P, a, b, c), locals()


@accepted(
    "Sources: periodic generator, rand() < rates*dt, PoissonGroup with many rates", "LinearIF"
)
def sources(poisson):
    periodic = SpikeGeneratorGroup(3, [0, 1, 2], [0.1, 2.5, 3] * ms, period=6 * ms, name="periodic")
    rates = np.linspace(20, 200, 10) * Hz
    background = poisson(10, rates, "background")
    P = NeuronGroup(5, "dv/dt = -v/(15*ms) : volt", threshold="v > 2*mV", reset="v -= 2*mV",
                    name="P")  # fmt: skip
    one = Synapses(periodic, P, on_pre="v += 0.7*mV", name="one")
    two = Synapses(background, P, on_pre="v += 0.4*mV", name="two")
    one.connect()
    two.connect()
    from tests.read.cases import drawn

    if poisson is drawn:
        own = NeuronGroup(4, "rates : Hz", threshold="rand() < rates*dt", name="own")
        own.rates = 100 * Hz
    else:
        own = poisson(4, 0, "own")
    three = Synapses(own, P, on_pre="v += 1*mV", name="three")
    three.connect(j="i")
    return Network(periodic, background, own, P, one, two, three), locals()


@accepted("Integration methods: rk2, rk4, heun, Brian2's own choice, and its Euler for cos",
          "LinearIF")  # fmt: skip
def methods(poisson):
    tau, f = 7 * ms, 80 * Hz
    eqs = "dv/dt = (1.4 + 0.3*u - v)/tau : 1\ndu/dt = w0*y - u/tau : 1\ndy/dt = -w0*u : 1"
    w0 = 2 * np.pi * f
    groups = []
    for name, method in (("a", "rk2"), ("b", "rk4"), ("c", "heun"), ("d", "euler")):
        groups.append(NeuronGroup(3, eqs, threshold="v > 1", reset="v = 0; y = 1", method=method,
                                  name=name))  # fmt: skip
    groups.append(NeuronGroup(3, "dv/dt = w0*y : 1\ndy/dt = -w0*v : 1", threshold="v > 0.9",
                              reset="v = 0; y = 1", name="e"))  # fmt: skip
    groups.append(NeuronGroup(3, "dv/dt = (1.3 - v)/tau : 1\ndu/dt = -u/tau : 1",
                              threshold="v > 1 + u", reset="v = 0; u += 0.2",
                              method="exponential_euler", name="f"))  # fmt: skip
    for group in groups[:5]:
        group.y = [0, 0.5, 1]
    return Network(groups), locals()


@accepted("A threshold that is a parameter, subexpressions, a counter that nothing reads",
          "LinearIF", 200)  # fmt: skip
def moved_parameter(poisson):
    eqs = """
    dv/dt = drive/tau : 1 (unless refractory)
    drive = I - v + couple : 1
    couple = 0.2*u : 1
    du/dt = -u/(30*ms) : 1
    tau = 9*ms : second
    vt : 1
    I : 1
    spikes_so_far : 1
    """
    reset = "v = 0.1*vt\nvt = 0.9*vt + 0.2\nu += 0.3\nspikes_so_far += 1"
    G = NeuronGroup(6, eqs, threshold="vt < v", reset=reset, refractory="ref", method="exact",
                    namespace={"ref": 3 * ms}, name="G")  # fmt: skip
    G.I = np.linspace(1.2, 3, 6)
    G.vt = 0.8
    return Network(G), locals()


@accepted("Conductances, an adapting threshold and a drive of each neuron", "ConductanceLIF", 150)
def adapting_conductance(poisson):
    rng = np.random.default_rng(6)
    C, gl, El = 200 * pF, 10 * nS, -65 * mV
    G = NeuronGroup(10, """
    dv/dt = (gl*(El - v) + ge*(0*mV - v) + gi*(-80*mV - v) + I)/C : volt
    dge/dt = -ge/(4*ms) : siemens
    dgi/dt = -gi/(9*ms) : siemens
    dvt/dt = (-52*mV - vt)/(40*ms) : volt
    I : amp (constant)
    """, threshold="v > vt", reset="v = -67*mV; vt += 2*mV", refractory=2 * ms, method="euler",
        name="G")  # fmt: skip
    G.v, G.vt = (-65 + 5 * rng.random(10)) * mV, -52 * mV
    G.I = rng.uniform(0, 200, 10) * pA
    G.ge = rng.uniform(0, 2, 10) * nS
    PG = poisson(20, 60 * Hz, "PG")
    S = Synapses(PG, G, "w : siemens", on_pre="ge_post += w", name="S")
    S.connect(p=1)
    S.w = rng.uniform(0, 900, len(S)) * psiemens
    L = Synapses(G, G, on_pre="gi_post += 3*nS", delay=0.8 * ms, name="L")
    L.connect(condition="i != j")
    jump = Synapses(PG, G, on_pre="v_post += 0.3*mV", name="jump")
    jump.connect(j="i % 10")
    return Network(G, PG, S, L, jump), locals()


DENDRITE = """
dV_s/dt = (g_c*(V_d - V_s) - g_l*V_s)/C : volt (unless refractory)
dV_d/dt = (g_c*(V_s - V_d) - g_l*V_d + I_syn + I_p)/C : volt
dI_syn/dt = -I_syn/(5*ms) : amp
I_p = I_0*int(t < t_end) : amp
t_end : second
"""


def _dendritic(equations, condition, action, method, poisson, when="after_resets"):
    C, g_l, g_c, I_0 = 100 * pF, 5 * nS, 8 * nS, 400 * pA
    P = NeuronGroup(6, equations, threshold="V_s > 14*mV", reset="V_s = 2*mV", refractory=3 * ms,
                    events={"dspike": condition}, method=method, name="P")  # fmt: skip
    P.run_on_event("dspike", action, when=when)
    if "t_end : second" in equations:
        P.t_end = -1 * second  # long ago
    rng = np.random.default_rng(7)
    inputs = poisson(12, 90 * Hz, "inputs")
    S = Synapses(inputs, P, "w : amp", on_pre="I_syn_post += w", name="S")
    S.connect()
    S.w = rng.uniform(20, 80, len(S)) * pA
    return Network(P, inputs, S), locals()


@accepted("Two compartments: a dendritic spike is a plateau of 7.95 ms, on a timer in seconds",
          "LinearIF + LinearEvent", 150)  # fmt: skip
def dendritic_plateau(poisson):
    return _dendritic(DENDRITE, "V_d > 9*mV and t > t_end + 2*ms",
                      "t_end = t + 7.95*ms\nV_d += 3*mV", "euler", poisson)  # fmt: skip


@accepted("The same with a timer in time steps, and an event before the reset",
          "LinearIF + LinearEvent", 150)  # fmt: skip
def dendritic_steps(poisson):
    equations = DENDRITE.replace("t < t_end", "t_in_timesteps < t_end").replace(
        "t_end : second", "t_end : integer")  # fmt: skip
    return _dendritic(equations, "t_in_timesteps >= t_end and V_d >= 9*mV",
                      "t_end = t_in_timesteps + 80", "euler", poisson, "before_resets")  # fmt: skip


@accepted("Two compartments under rk4, with an event that resets the dendrite",
          "LinearIF + LinearEvent", 150)  # fmt: skip
def dendritic_reset(poisson):
    equations = DENDRITE.replace("+ I_p", "").replace("I_p = I_0*int(t < t_end) : amp\n", "")
    return _dendritic(equations, "V_d > 9*mV and t - t_end >= 3.95*ms",
                      "V_s += 6*mV; V_d = 0*mV; t_end = t", "rk4", poisson)  # fmt: skip
