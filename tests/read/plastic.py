"""Restated models that learn: what changes the weights is made of traces."""

import numpy as np
from brian2 import (
    Hz,
    Network,
    NeuronGroup,
    SpikeGeneratorGroup,
    Synapses,
    ms,
    mV,
    nS,
    pA,
    pF,
)

from tests.read.cases import accepted
from tests.read.networks import random_pairs


@accepted("STDP of Song, Miller & Abbott 2000", "ConductanceLIF + TraceSTDP", 200)
def stdp(poisson):
    rng = np.random.default_rng(1)
    N, taum, taupre, taupost = 60, 10 * ms, 20 * ms, 20 * ms
    Ee, vt, vr, El, taue = 0 * mV, -54 * mV, -60 * mV, -74 * mV, 5 * ms
    gmax = 0.2
    dApre = 0.01
    dApost = -dApre * taupre / taupost * 1.05
    dApost *= gmax
    dApre *= gmax
    eqs = """
    dv/dt = (ge * (Ee-v) + El - v) / taum : volt
    dge/dt = -ge / taue : 1
    """
    inputs = poisson(N, 30 * Hz, "inputs")
    neurons = NeuronGroup(1, eqs, threshold="v>vt", reset="v = vr", method="euler", name="neurons")
    neurons.v = vr
    S = Synapses(inputs, neurons, """
    w : 1
    dApre/dt = -Apre / taupre : 1 (event-driven)
    dApost/dt = -Apost / taupost : 1 (event-driven)
    """, on_pre="""
    ge += w
    Apre += dApre
    w = clip(w + Apost, 0, gmax)
    """, on_post="""
    Apost += dApost
    w = clip(w + Apre, 0, gmax)
    """, name="S")  # fmt: skip
    S.connect()
    S.w = rng.random(N) * gmax
    return Network(inputs, neurons, S), locals()


TUTORIAL = """
w : 1
dapre/dt = -apre/taupre : 1 (event-driven)
dapost/dt = -apost/taupost : 1 (event-driven)
"""


@accepted("STDP of Brian2's tutorial: spikes at given times, nothing transmitted, no bounds",
          "LinearIF + TraceSTDP", 51)  # fmt: skip
def tutorial(poisson):
    taupre = taupost = 20 * ms
    Apre = 0.01
    Apost = -Apre * taupre / taupost * 1.05
    tmax, N = 50 * ms, 100
    G = NeuronGroup(N, "tspike:second", threshold="t>tspike", refractory=100 * ms, name="G")
    H = NeuronGroup(N, "tspike:second", threshold="t>tspike", refractory=100 * ms, name="H")
    G.tspike = "i*tmax/(N-1)"
    H.tspike = "(N-1-i)*tmax/(N-1)"
    S = Synapses(G, H, TUTORIAL, on_pre="""
    apre += Apre
    w = w+apost
    """, on_post="""
    apost += Apost
    w = w+apre
    """, method="linear", name="S")  # fmt: skip
    S.connect(j="i")
    return Network(G, H, S), locals()


@accepted("STDP of Brian2's tutorial, transmitted and clipped", "LinearIF + TraceSTDP", 100)
def tutorial_transmitted(poisson):
    taupre = taupost = 20 * ms
    wmax, Apre = 0.4, 0.01
    Apost = -Apre * taupre / taupost * 1.05
    G = NeuronGroup(4, "dv/dt = (1.5 - v)/(6*ms) : 1", threshold="v>1", reset="v = 0", name="G")
    G.v = [0, 0.2, 0.5, 0.7]
    S = Synapses(G, G, TUTORIAL, on_pre="""
    v_post += w
    apre += Apre
    w = clip(w+apost, 0, wmax)
    """, on_post="""
    apost += Apost
    w = clip(w+apre, 0, wmax)
    """, name="S")  # fmt: skip
    S.connect(condition="i != j")
    S.w = "0.02 + 0.03*i"
    S.delay = "1*ms + j*0.4*ms"
    return Network(G, S), locals()


def _driven(poisson, model, on_pre, on_post, start, constants, n=12, rest=0.8):
    """Poisson inputs onto four leaky neurons through one plastic Synapses."""
    rng = np.random.default_rng(9)
    inputs = poisson(n, 60 * Hz, "inputs")
    P = NeuronGroup(4, "dv/dt = (rest - v + s)/(12*ms) : 1\nds/dt = -s/(4*ms) : 1",
                    threshold="v > 1", reset="v = 0", method="exact", name="P")  # fmt: skip
    S = Synapses(inputs, P, model, on_pre=on_pre, on_post=on_post, name="S")
    S.connect()
    S.w = start(rng, len(S))
    S.pre.delay = rng.integers(0, 30, len(S)) * 0.1 * ms
    return Network(inputs, P, S), locals() | constants


@accepted("Triplets of Pfister & Gerstner 2006, with the value before the spike kept by name",
          "LinearIF + TraceSTDP", 200)  # fmt: skip
def triplets(poisson):
    model = """
    w : 1
    before : 1
    dr1/dt = -r1/(16.8*ms) : 1 (event-driven)
    dr2/dt = -r2/(101*ms) : 1 (event-driven)
    do1/dt = -o1/(33.7*ms) : 1 (event-driven)
    do2/dt = -o2/(125*ms) : 1 (event-driven)
    """
    on_pre = """
    s_post += w
    w = clip(w - o1*(A2m + A3m*r2), 0, 1)
    r1 += 1
    r2 += 1
    """
    on_post = """
    before = o2
    w = clip(w + r1*(A2p + A3p*before), 0, 1)
    o1 += 1
    o2 += 1
    """
    return _driven(poisson, model, on_pre, on_post, lambda rng, n: rng.random(n),
                   {"A2p": 5e-3, "A3p": 6e-3, "A2m": 7e-3, "A3m": 2e-3})  # fmt: skip


PAIR = """
w : 1
dx/dt = -x/(15*ms) : 1 (event-driven)
dy/dt = -y/(25*ms) : 1 (event-driven)
"""


@accepted("Nearest-neighbour STDP: traces are put, not raised", "LinearIF + TraceSTDP", 200)
def nearest(poisson):
    return _driven(poisson, PAIR, "s_post += w; x = 1; w = clip(w - 0.02*y, 0, 0.8)",
                   "y = 1.0; w = clip(w + 0.015*x, 0, 0.8)", lambda rng, n: 0.8 * rng.random(n),
                   {})  # fmt: skip


@accepted("Soft bounds and powers of the weight (van Rossum 2000, Gütig 2003)",
          "LinearIF + TraceSTDP", 200)  # fmt: skip
def soft_bounds(poisson):
    on_pre = "s_post += 0.5*w\nx += 1\nw -= eta*w*y\nw = clip(w, 0, wmax)"
    on_post = "y += 1\ndw = eta*(1 - w/wmax)**0.4*x + 0.3*eta*(wmax - w)*x\nw = clip(w+dw, 0, wmax)"
    return _driven(poisson, PAIR, on_pre, on_post, lambda rng, n: 0.9 * rng.random(n),
                   {"eta": 0.03, "wmax": 0.9})  # fmt: skip


@accepted("Pre-only rule: potentiated by the post trace at arrivals, with a constant leak",
          "LinearIF + TraceSTDP", 200)  # fmt: skip
def pre_only(poisson):
    return _driven(poisson, "w : 1\ndy/dt = -y/(25*ms) : 1 (event-driven)",
                   "s_post += w; w = clip(w + eta*(y - 0.4), 0, 1)", "y = 1",
                   lambda rng, n: rng.random(n), {"eta": 0.02})  # fmt: skip


@accepted("Negative plastic weights: f·w with f < 0 and a lower bound that is not 0",
          "LinearIF + TraceSTDP", 200)  # fmt: skip
def negative(poisson):
    return _driven(poisson, PAIR, "s_post -= 0.1*w; x += 1; w = clip(w + 0.02*w*y, 0.2, 1.1)",
                   "y += 0.5; w = clip(w - 0.05*x*(w - 0.2) + 0.01*(1.1 - w)**2, 0.2, 1.1)",
                   lambda rng, n: 0.2 + 0.9 * rng.random(n), {}, rest=2.0)  # fmt: skip


@accepted("Inhibitory plasticity of Vogels et al. 2011: the weight is sent after it changed",
          "ConductanceLIF + TraceSTDP", 150)  # fmt: skip
def vogels(poisson):
    rng = np.random.default_rng(11)
    El, Ei, V_th = -60 * mV, -80 * mV, -50 * mV
    gl, memc, bgcurrent = 10 * nS, 200 * pF, 200 * pA
    tau_ampa, tau_gaba, tau_stdp = 5 * ms, 10 * ms, 20 * ms
    eta, gmax, alpha = 1e-2, 100, 3 * Hz * tau_stdp * 2
    eqs = """
    dv/dt = (-gl*(v-El)-(g_ampa*v+g_gaba*(v-Ei))+bgcurrent)/memc : volt (unless refractory)
    dg_ampa/dt = -g_ampa/tau_ampa : siemens
    dg_gaba/dt = -g_gaba/tau_gaba : siemens
    """
    neurons = NeuronGroup(60, model=eqs, threshold="v > V_th", reset="v=El", refractory=5 * ms,
                          method="euler", name="neurons")  # fmt: skip
    neurons.v = (-60 + 9 * rng.random(60)) * mV
    Pe, Pi = neurons[:48], neurons[48:]
    con_e = Synapses(Pe, neurons, on_pre="g_ampa += 0.3*nS", name="con_e")
    con_e.connect(**random_pairs(rng, 48, 60, 0.1))
    con_ii = Synapses(Pi, Pi, on_pre="g_gaba += 3*nS", name="con_ii")
    con_ii.connect(**random_pairs(rng, 12, 12, 0.3))
    con_ie = Synapses(Pi, Pe, """
    w : 1
    dApre/dt=-Apre/tau_stdp : 1 (event-driven)
    dApost/dt=-Apost/tau_stdp : 1 (event-driven)
    """, on_pre="""
    Apre += 1.
    w = clip(w+(Apost-alpha)*eta, 0, gmax)
    g_gaba += w*nS
    """, on_post="""
    Apost += 1.
    w = clip(w+Apre*eta, 0, gmax)
    """, name="con_ie")  # fmt: skip
    con_ie.connect(**random_pairs(rng, 12, 48, 0.4))
    con_ie.w = rng.random(len(con_ie)) * 0.1
    return Network(neurons, con_e, con_ii, con_ie), locals()


@accepted("Unsupervised digits of Diehl & Cook 2015: triplets, adapting threshold, inhibition",
          "ConductanceLIF + TraceSTDP", 200)  # fmt: skip
def diehl(poisson):
    rng = np.random.default_rng(12)
    eqs = """
    dv/dt = ((El - v) + (I_e + I_i)/nS)/(100*ms) : volt (unless refractory)
    I_e = ge*nS*(-v) : amp
    I_i = gi*nS*(-100*mV - v) : amp
    dge/dt = -ge/(1.0*ms) : 1
    dgi/dt = -gi/(2.0*ms) : 1
    dtheta/dt = -theta/(1e7*ms) : volt
    """
    El, v_reset, v_thresh, offset = -65 * mV, -65 * mV, -52 * mV, 20 * mV
    theta_plus, nu_pre, nu_post, wmax = 0.05 * mV, 1e-3, 1e-2, 1.0
    exc = NeuronGroup(6, eqs, threshold="v > (theta - offset + v_thresh)",
                      reset="v = v_reset; theta += theta_plus", refractory=5 * ms, method="euler",
                      name="exc")  # fmt: skip
    exc.v, exc.theta = -65 * mV - 20 * mV * rng.random(6), 20 * mV
    inh = NeuronGroup(6, """
    dv/dt = ((-60*mV - v) + ge*(-v) + gi*(-85*mV - v))/(10*ms) : volt (unless refractory)
    dge/dt = -ge/(1*ms) : 1
    dgi/dt = -gi/(2*ms) : 1
    """, threshold="v > -40*mV", reset="v = -45*mV", refractory=2 * ms, method="euler",
        name="inh")  # fmt: skip
    inh.v = -60 * mV
    pixels = poisson(40, 60 * Hz, "pixels")
    S = Synapses(pixels, exc, """
    w : 1
    post2before : 1
    dnear/dt = -near/(20*ms) : 1 (event-driven)
    dpost1/dt = -post1/(20*ms) : 1 (event-driven)
    dpost2/dt = -post2/(40*ms) : 1 (event-driven)
    """, on_pre="""
    ge_post += w
    near = 1.
    w = clip(w - nu_pre*post1, 0, wmax)
    """, on_post="""
    post2before = post2
    w = clip(w + nu_post*near*post2before, 0, wmax)
    post1 = 1.
    post2 = 1.
    """, name="S")  # fmt: skip
    S.connect()
    S.w = 0.3 * rng.random(len(S)) + 0.6
    S.delay = rng.integers(0, 100, len(S)) * 0.1 * ms
    to_inh = Synapses(exc, inh, on_pre="ge_post += 10.4", name="to_inh")
    to_inh.connect(j="i")
    back = Synapses(inh, exc, on_pre="gi_post += 17.0", name="back")
    back.connect(condition="i != j")
    return Network(exc, inh, pixels, S, to_inh, back), locals()


@accepted("Barrel cortex after Kremer et al. 2011: nearest-neighbour STDP on currents",
          "LinearIF + TraceSTDP", 200)  # fmt: skip
def barrel(poisson):
    rng = np.random.default_rng(13)
    taum, taue, taui, El, Vt, Vr = 10 * ms, 2 * ms, 25 * ms, -70 * mV, -55 * mV, -70 * mV
    taup, taud, Ap, Ad, EPSC = 5 * ms, 25 * ms, 0.05, -0.04, 9 * mV
    L4 = poisson(20, 80 * Hz, "L4")
    L23 = NeuronGroup(15, """
    dv/dt = (ge + gi - (v - El))/taum : volt
    dge/dt = -ge/taue : volt
    dgi/dt = -gi/taui : volt
    x : 1
    """, threshold="v > Vt", reset="v = Vr", refractory=2 * ms, method="exact",
        name="L23")  # fmt: skip
    L23.v = (-70 + 15 * rng.random(15)) * mV
    L23.x = "i/4"
    forward = Synapses(L4, L23[:12], """
    w : volt
    dA_source/dt = -A_source/taup : 1 (event-driven)
    dA_target/dt = -A_target/taud : 1 (event-driven)
    """, on_pre="""
    ge_post += w
    A_source = Ap
    w = clip(w + A_target*EPSC, 0*volt, EPSC)
    """, on_post="""
    A_target = Ad
    w = clip(w + A_source*EPSC, 0*volt, EPSC)
    """, name="forward")  # fmt: skip
    forward.connect(**random_pairs(rng, 20, 12, 0.6))
    forward.w = rng.random(len(forward)) * EPSC
    lateral = Synapses(L23[:12], L23[12:], on_pre="ge_post += 12*mV", name="lateral")
    lateral.connect(**random_pairs(rng, 12, 3, 0.8))
    inhibit = Synapses(L23[12:], L23[:12], on_pre="gi_post -= 1*mV", name="inhibit")
    inhibit.connect()
    return Network(L4, L23, forward, lateral, inhibit), locals()


@accepted("Every order of pre and post, coincidences and repeats, through one synapse each",
          "LinearIF + TraceSTDP", 60)  # fmt: skip
def coincidences(poisson):
    lags = np.arange(-3, 4)
    n = len(lags)
    pre = SpikeGeneratorGroup(n, np.tile(np.arange(n), 2), np.repeat([20, 20.5], n) * ms,
                              name="pre")  # fmt: skip
    force = SpikeGeneratorGroup(n, np.arange(n), (20 + 0.1 * lags) * ms, name="force")
    P = NeuronGroup(n, "dv/dt = -v/(1*ms) : 1", threshold="v > 1", reset="v = 0", name="P")
    drive = Synapses(force, P, on_pre="v_post += 5", name="drive")
    drive.connect(j="i")
    S = Synapses(pre, P, PAIR, on_pre="v_post += 0.01*w; w = clip(w - 0.1*y, 0, 1); x += 1",
                 on_post="w = clip(w + 0.1*x, 0, 1); y += 1", name="S")  # fmt: skip
    S.connect(j="i")
    S.w = 0.5
    return Network(pre, force, P, drive, S), locals()
