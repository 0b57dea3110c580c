"""Code of resets and pathways is read line by line, however the lines are indented or joined."""

from __future__ import annotations

import numpy as np
import pytest

from bioplastic.description import TraceSTDP
from bioplastic.errors import UnsupportedModel
from bioplastic.simulate.read_scope import statements

CODE = {
    "as in a docstring": "ge += w\n                Apre += dApre\n    w = clip(w + Apost, 0, gmax)",
    "from the next line on": "\n    ge += w\n    Apre += dApre\n    w = clip(w + Apost, 0, gmax)\n",
    "semicolons": "ge += w; Apre += dApre;w = clip(w + Apost, 0, gmax);",
    "comments": "ge += w  # arrives\n# the rule\n  Apre += dApre\n\n w = clip(w + Apost, 0, gmax)",
}


@pytest.mark.parametrize("code", CODE.values(), ids=CODE)
def test_lines(code):
    found = [(s.target, s.operator, s.value) for s in statements("S", code)]
    assert found == [
        ("ge", "+=", "w"),
        ("Apre", "+=", "dApre"),
        ("w", "=", "clip(w + Apost, 0, gmax)"),
    ]


def test_a_line_that_is_none_names_the_object():
    with pytest.raises(UnsupportedModel, match="S: 'ge \\+= w if w': is not a list of assignments"):
        statements("S", "ge += w if w")


def test_stdp_as_its_documentation_writes_it():
    from brian2 import Network, NeuronGroup, PoissonGroup, Synapses, prefs
    from brian2.units import Hz, ms, mV

    from bioplastic import simulate

    prefs.codegen.target = "numpy"
    inputs = PoissonGroup(7, rates=15 * Hz, name="inputs")
    neurons = NeuronGroup(1, '''dv/dt = (ge * (Ee-v) + El - v) / taum : volt
                                dge/dt = -ge / taue : 1''',
                          threshold='v>vt', reset='v = vr', method='euler',
                          name="neurons")  # fmt: skip
    S = Synapses(inputs, neurons,
                 '''w : 1
                    dApre/dt = -Apre / taupre : 1 (event-driven)
                    dApost/dt = -Apost / taupost : 1 (event-driven)''',
                 on_pre='''ge += w
                           Apre += dApre
                           w = clip(w + Apost, 0, gmax)''',
                 on_post='''Apost += dApost
                            w = clip(w + Apre, 0, gmax)''', name="S")  # fmt: skip
    S.connect()
    S.w = np.linspace(0, 0.01, 7)
    names = {
        "taum": 10 * ms, "taupre": 20 * ms, "taupost": 20 * ms, "taue": 5 * ms, "Ee": 0 * mV,
        "vt": -54 * mV, "vr": -60 * mV, "El": -74 * mV, "gmax": 0.01, "dApre": 1e-4,
        "dApost": -1.05e-4,
    }  # fmt: skip
    network = simulate.read(Network(inputs, neurons, S), duration=20 * ms, seed=1, namespace=names)
    rule = network.projection("S").plasticity
    assert isinstance(rule, TraceSTDP)
    assert [len(code) for code in (rule.on_pre, rule.on_post)] == [2, 2]
