"""Restated models of others: read and equal spike for spike, or refused by object, line, reason."""

import re

import brian2
import numpy as np
import pytest
from brian2 import ms

from bioplastic import simulate
from bioplastic.errors import UnsupportedModel
from tests.docs.pages import DOCS
from tests.read import networks, plastic, strangers
from tests.read.cases import ACCEPTED, REFUSED, drawn, replayed

pytestmark = pytest.mark.filterwarnings("ignore")  # Brian2 on objects that never run
EPS = np.finfo(float).eps
LISTING = (networks, plastic, strangers)  # importing them lists their models

NAMES = [case.build.__name__ for case in ACCEPTED]
STRANGERS = [case.build.__name__ for case in REFUSED]


def describe(case):
    network, names = case.build(drawn)
    return simulate.read(network, duration=case.duration * ms, namespace=names, name="model")


def original(case, description):
    """Run Brian2's own network, with the spikes that `read` drew, and watch it."""
    network, names = case.build(replayed(description))
    watched = {}
    for population in description.populations:
        group = network[population.name]
        for event in group.events:
            name = population.name if event == "spike" else f"{population.name}.{event}"
            kind = brian2.SpikeMonitor if event == "spike" else brian2.EventMonitor
            watched[name] = kind(group, *([] if event == "spike" else [event]))
    network.add(*watched.values())
    network.run(case.duration * ms, namespace=names)
    return network, watched


def weight_error(network, name, spikes, weights):
    """Bound of the rounding difference of a weight after E events at its synapse.

    A trace is decayed at every event in one program and since its last jump in the other: at most
    4 roundings an event, so 4 E ulp. Each of at most E changes of at most the weight's range adds
    that error once, and 4 roundings of its own: 4 E (E + 1) ulp of the largest weight.
    """
    synapses = network[name]
    pre = np.bincount(spikes[0], minlength=int(synapses.i[:].max()) + 1)
    post = np.bincount(spikes[1], minlength=1)
    events = int(pre.max(initial=0) + post.max(initial=0))
    return 4 * events * (events + 1) * EPS * max(np.abs(weights).max(), EPS)


@pytest.mark.slow
@pytest.mark.parametrize("case", ACCEPTED, ids=NAMES)
def test_a_model_that_is_read_gives_the_same(case):
    description = describe(case)
    assert kinds(description) == case.becomes
    network, watched = original(case, description)
    dt = description.notes["dt"]
    run = simulate.run(description, case.duration * ms, dt=dt)
    total = 0
    for name, monitor in watched.items():
        steps = np.rint(np.asarray(monitor.t_[:]) / float(dt)).astype(int)
        order = np.lexsort((np.asarray(monitor.i[:]), steps))
        record = run.spikes[name]
        assert steps[order].tolist() == record.steps.tolist(), name
        assert np.asarray(monitor.i[:])[order].tolist() == record.ids.tolist(), name
        total += len(steps)
    assert total > 5, "a silent model proves nothing"
    for name, factor in description.notes["scale"].items():
        theirs = factor * np.asarray(network[name].w_[:])
        ours = run.final.weight(name)
        projection = description.projection(name)
        spikes = [run.spikes[p].ids for p in (projection.pre, projection.post)]
        bound = weight_error(network, name, spikes, theirs)
        np.testing.assert_allclose(ours, theirs, rtol=0, atol=bound)
        assert np.abs(ours - projection.connectivity.weight).max() > 100 * bound, "it learned"


def kinds(description):
    """What a description is made of, in one line."""
    neurons = {type(p.neuron).__name__ for p in description.populations}
    events = any(getattr(p.neuron, "events", ()) for p in description.populations)
    rules = {type(p.plasticity).__name__ for p in description.projections if p.plasticity}
    return " + ".join([*sorted(neurons), *(["LinearEvent"] if events else []), *sorted(rules)])


def refusal(case):
    network, names = case.build()
    with pytest.raises(UnsupportedModel) as caught:
        simulate.read(network, namespace=names, duration=10 * ms)
    return str(caught.value)


@pytest.mark.parametrize("case", REFUSED, ids=STRANGERS)
def test_a_model_that_cannot_be_held_is_refused(case):
    message = refusal(case)
    assert "\n" not in message
    assert message.startswith(f"{case.thing}: "), message
    rest = message.removeprefix(f"{case.thing}: ")
    found = re.fullmatch(r"(['\"])(.*)\1: (.*)", rest)
    line, reason = (found[2], found[3]) if found else ("", rest)
    assert re.search(case.line, line), message
    assert re.search(case.reason, reason), message


def rows(marker):
    page = (DOCS / "read.md").read_text(encoding="utf-8")
    table = page.partition(f"<!-- {marker} -->")[2].partition(f"<!-- end of {marker} -->")[0]
    lines = [line for line in table.strip().splitlines() if line.startswith("|")]
    return lines[2:]


def test_the_page_lists_the_models_that_are_read():
    wanted = [f"| {case.title} | {kinds(describe(case))} |" for case in ACCEPTED]
    assert rows("models that are read") == wanted, "\n".join(["the table is:", *wanted])


def test_the_page_lists_the_models_that_are_refused():
    wanted = [f"| {case.title} | `{refusal(case)}` |" for case in REFUSED]
    assert rows("models that are refused") == wanted, "\n".join(["the table is:", *wanted])


def test_there_are_enough_models():
    assert len(ACCEPTED) >= 25
    assert len(REFUSED) >= 25
    assert len(set(NAMES + STRANGERS)) == len(NAMES + STRANGERS)
