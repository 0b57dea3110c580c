"""What sPyNNaker compiled, decoded: a recorded compilation, and each way in which it differs."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from bioplastic.errors import BioplasticError
from bioplastic.export.spinnaker import check as spinnaker_check
from bioplastic.export.spinnaker import memory as spinnaker_memory
from bioplastic.export.spinnaker import route as spinnaker_route
from bioplastic.export.spinnaker import stdp as spinnaker_stdp
from tests.export.pynn_small import RECORDED, RULE, small


@pytest.fixture(scope="module")
def recorded():
    with np.load(RECORDED, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def changed(network, name, **fields):
    projections = tuple(replace(q, **fields) if q.name == name else q for q in network.projections)
    return replace(network, projections=projections)


def test_a_recorded_compilation_is_the_network(recorded):
    found = spinnaker_check.check(small(), recorded)
    assert found.wrong is None
    assert "280 neurons on" in found.said
    assert found.figures["synapses_decoded"] == small().synapses == 740
    quantum = spinnaker_memory.synapse_params(_region(recorded, "b", "SynapseParams")).quantum(0)
    assert quantum == 2.0 ** (6 - 15)  # most = 40 needs 2^6
    assert found.figures["largest_weight_error"] <= 0.5 * 2.0**-9


def _region(recorded, label, name):
    report = json.loads(bytes(recorded["report"]))
    part = next(p for p in report["placements"] if p["label"] == label)
    core = f"{part['x']},{part['y']},{part['p']}"
    number = next(n for n, held, _ in report["regions"][core] if held == name)
    return recorded[f"{core}/{number}"]


@pytest.mark.parametrize("name", ["learn", "same", "up", "down"])
@pytest.mark.parametrize("field", ["weight", "delay", "i", "j"])
def test_one_changed_synapse_is_named(recorded, name, field):
    q = next(q for q in small().projections if q.name == name)
    values = getattr(q, field).copy()
    values[17] = values[17] + (1 if field != "weight" else 0.25) if values[17] < 2 else 0
    found = spinnaker_check.check(changed(small(), name, **{field: np.maximum(values, 1) if field == "delay" else values}), recorded)  # fmt: skip # noqa: E501
    assert found.wrong is not None
    assert name in found.wrong or field in ("i", "j")
    assert "ours" in found.wrong


def test_a_missing_synapse_is_named(recorded):
    q = small().projections[2]
    less = {n: getattr(q, n)[:-1] for n in ("i", "j", "weight", "delay")}
    found = spinnaker_check.check(changed(small(), "up", **less), recorded)
    assert found.wrong is not None
    assert f"a[{q.i[-1]}] to b[{q.j[-1]}]: ours none" in found.wrong


@pytest.mark.parametrize(
    ("part", "name", "value"),
    [
        ("timing_args", "tau_plus", 17.5),
        ("timing_args", "tau_minus", 33.0),
        ("timing_args", "A_plus", 0.0501),
        ("timing_args", "A_minus", 0.0301),
        ("weight_args", "w_max", 1.25),
    ],
)
def test_another_rule_is_seen(recorded, part, name, value):
    rule = replace(RULE, **{part: getattr(RULE, part) | {name: value}})
    found = spinnaker_check.check(changed(small(), "learn", rule=rule), recorded)
    assert found.wrong is not None
    assert "STDP, " in found.wrong


def test_the_table_of_a_time_constant():
    """Half words: length, shift, then ⌊2048 exp(−k dt/tau)⌋ while that is 1 or more."""
    halves = spinnaker_stdp.table(20.0, 1.0).view("<u2")
    size, shift, *values = halves.tolist()
    assert (size, shift) == (len(values), 0)
    assert values == [int(2048 * np.exp(-k / 20)) for k in range(size)]
    assert values[0] == 2048
    assert values[-3] >= 1


def test_placements_and_keys_that_are_wrong(recorded):
    report = json.loads(bytes(recorded["report"]))
    sizes, heard = small().sizes, {"in", "a"}
    assert spinnaker_route.uncovered(spinnaker_route.parts(report), sizes, heard) is None
    for change, message in (
        (lambda r: r["placements"][0].update(first=1), "in: neurons 0 to 0 are placed nowhere"),
        (lambda r: r["placements"][0].update(last=5), "in: 6 neurons are placed, of 7"),
        (lambda r: r["keys"].clear(), "has no key"),
        (lambda r: [k.update(key=0) for k in r["keys"]], "is in both"),
        (lambda r: [k.update(mask=0xFFFF_FFFF) for k in r["keys"]], "do not fit the 1 keys"),
    ):
        other = json.loads(bytes(recorded["report"]))
        change(other)
        wrong = spinnaker_route.uncovered(spinnaker_route.parts(other), sizes, heard)
        assert wrong is not None
        assert message in wrong


def test_a_route_that_ends_early_is_seen(recorded):
    report = json.loads(bytes(recorded["report"]))
    report["tables"] = {chip: [] for chip in report["tables"]}
    text = np.frombuffer(json.dumps(report).encode(), np.uint8)
    found = spinnaker_check.check(small(), {**recorded, "report": text})
    assert found.wrong is not None
    assert "comes to 0 of the cores" in found.wrong


def test_packets_go_straight_on_where_no_entry_is():
    east = {"0,0": [[16, 0xFFF0, [0], []]], "2,0": [[16, 0xFFF0, [], [7, 9]]]}
    assert spinnaker_route.reached(east, (0, 0), 17) == {(2, 0, 7), (2, 0, 9)}
    assert spinnaker_route.reached(east, (0, 0), 33) == set()
    ring = {"0,0": [[0, 0, [0], [1]]], "1,0": [[0, 0, [3], [2]]]}
    assert spinnaker_route.reached(ring, (0, 0), 5) == {(0, 0, 1), (1, 0, 2)}


@pytest.mark.parametrize("size", [3, 4, 27])
def test_memory_that_is_cut_is_refused(recorded, size):
    with pytest.raises(BioplasticError, match="words"):
        spinnaker_memory.synapse_params(bytes(_region(recorded, "b", "SynapseParams"))[:size])
    with pytest.raises(BioplasticError, match="words"):
        spinnaker_memory.pop_table(bytes(_region(recorded, "b", "PopTable"))[:size])
