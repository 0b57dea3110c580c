"""NIR graphs of Loihi networks: what they hold, what they compute, what comes back."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import h5py
import nir
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bioplastic.errors import CorruptFile, UnsupportedModel, UsageError
from bioplastic.export import verify
from bioplastic.export.bundle import folder as bundles
from bioplastic.export.bundle import foreign
from bioplastic.export.nir import conformance, target
from bioplastic.export.nir import euler as nir_euler
from bioplastic.export.nir import file as nir_file
from bioplastic.export.nir import golden as nir_golden
from bioplastic.export.nir import nodes as nir_nodes
from bioplastic.export.nir import read as nir_read
from bioplastic.export.nir.graph import canonical, flat, lanes, node_names
from bioplastic.export.nir.nested import dense_entries, line, nested, walk
from bioplastic.quantize.loihi import (
    LoihiNetwork,
    LoihiPopulation,
    LoihiProjection,
    LoihiSource,
)
from tests.loihi.drawn import networks
from tests.loihi.test_loihi import one

STEPS = 100
FORMS = [pytest.param(flat, id="flat"), pytest.param(nested, id="nested")]


def exact_network(seed: int = 3) -> tuple[LoihiNetwork, dict[str, tuple[np.ndarray, np.ndarray]]]:
    """Integrators and coincidence cells; a chain, a self-loop, a loop of two, delays 0 to 3."""
    rng = np.random.default_rng(seed)
    cells = [
        LoihiPopulation(name="key cells", size=7, du=4095, dv=4095, vth=150),
        LoihiPopulation(name="sums", size=5, du=4095, dv=0, vth=400,
                        bias_mantissa=np.full(5, 500), bias_exponent=1),
        LoihiPopulation(name="input", size=4, du=4095, dv=0, vth=300),
        LoihiPopulation(name="see/n", size=3, du=4095, dv=0, vth=120),
    ]  # fmt: skip
    size = {"in": 4, "clock": 2} | {p.name: p.size for p in cells}
    links = [
        ("in", "key cells", (100,), 0), ("clock", "key cells", (100,), 0),
        ("key cells", "key cells", (100, -100), 0), ("key cells", "sums", (-30, 80, 140), 1),
        ("sums", "sums", (-20, 40), 0), ("sums", "input", (90, 200), 0),
        ("input", "sums", (-60, 50), 0), ("in", "input", (60,), 0),
        ("input", "see/n", (70, 10), -2), ("clock", "see/n", (44,), 0),
    ]  # fmt: skip
    projections = []
    for k, (pre, post, choices, exponent) in enumerate(links):
        i, j = np.nonzero(rng.random((size[pre], size[post])) < 0.6)
        projections.append(
            LoihiProjection(
                name=f"q{k}", pre=pre, post=post, i=i, j=j, exponent=exponent,
                weight=rng.choice(choices, len(i)), delay=rng.integers(0, 4, len(i)),
            )
        )  # fmt: skip
    net = LoihiNetwork(
        name="exact", dt=0.0020833333333333333, populations=tuple(cells),
        sources=(LoihiSource(name="in", size=4), LoihiSource(name="clock", size=2)),
        projections=tuple(projections),
    )  # fmt: skip
    stimulus = {}
    for name, n in (("in", 4), ("clock", 2)):
        when, which = np.nonzero(rng.random((STEPS, n)) < 0.25)
        stimulus[name] = when, which
    return net, stimulus


def computed(form, bundle: bundles.Bundle) -> dict[str, np.ndarray]:
    """Spikes of the populations as the graph computes them, (T, n)."""
    net = canonical(bundle.network)
    columns, name = lanes(net), node_names(net)
    x = np.zeros((bundle.steps, columns[net.sources[0].name][1]))
    for s in net.sources:
        when, which = bundle.stimulus[s.name]
        x[when, which + columns[s.name][0]] = 1
    out = nir_euler.run(form(net), x, net.dt, walked=form is nested)
    node = {p.name: name[p.name] for p in net.populations}
    return {p: out[n] if n in out else out[f"{n}.cell"] for p, n in node.items()}


def differing(form, bundle: bundles.Bundle) -> int:
    """Steps in which a population of the graph spikes otherwise than the bundle says."""
    found = computed(form, bundle)
    count = 0
    for p in bundle.network.populations:
        ours = np.zeros((bundle.steps, p.size))
        when, which = bundle.expected[p.name]
        ours[when, which] = 1
        count += int((ours != found[p.name]).any(axis=1).sum())
    return count


@pytest.mark.parametrize("form", FORMS)
def test_the_graph_computes_the_spikes_of_the_chip(form):
    net, stimulus = exact_network()
    made = bundles.made(net, stimulus, STEPS)
    assert all(len(when) > 10 for when, _ in made.expected.values())
    assert not any(nir_nodes.inexact(net, p) for p in net.populations)
    assert differing(form, made) == 0
    q = net.projections[2]
    later = replace(net, projections=(*net.projections[:2], replace(q, delay=q.delay + 1),
                                      *net.projections[3:]))  # fmt: skip
    assert differing(form, replace(made, network=later)) > 0  # the comparison can fail


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck))
@given(drawn=networks(), old=st.booleans())
def test_files_are_read_back_as_the_same_integers(tmp_path, drawn, old):
    there_and_back(canonical(drawn[0]), tmp_path / "x.nir", flat, old)


@pytest.mark.parametrize("old", [False, True])
def test_the_nested_graph_is_read_back_too(tmp_path, old):
    net = canonical(exact_network()[0])
    there_and_back(net, tmp_path / "x.nir", nested, old)
    p = replace(net.populations[0], dv=400, vth=9)  # scaled weights, of an LIF whose r is not 1
    leaky = replace(net, populations=(p, *net.populations[1:]))
    there_and_back(leaky, tmp_path / "y.nir", nested, old)


def there_and_back(net, path, form, old):
    nir_file.write(path, form(net, {"rule": {"a": "x", "n": 3, "f": 0.5}}), old=old)
    assert target.same(nir_read.read(path), net)
    read = nir.read(path)
    weights = [n.weight for n in read.nodes.values() if "projection" in n.metadata]
    assert form is nested or all(w.dtype == np.int32 for w in weights)


def test_canonical_keeps_the_dynamics():
    net, stimulus = exact_network()
    q = net.projections[3]
    twice = LoihiProjection(
        name="more", pre=q.pre, post=q.post, exponent=1, i=np.array([2, 2, 0, 1]),
        j=np.array([1, 1, 0, 0]), weight=np.array([40, 30, 0, 8]), delay=np.array([3, 3, 1, 1]),
    )  # fmt: skip
    both = replace(net, projections=(*net.projections, twice))
    made = bundles.made(both, stimulus, STEPS)
    again = bundles.made(canonical(both), stimulus, STEPS)
    assert bundles.same(replace(made, network=net), replace(again, network=net))
    assert canonical(both).projections[-1].weight.tolist() == [8, 30, 40]
    assert differing(flat, made) == differing(nested, made) == 0  # parallel synapses: two matrices


def test_a_line_holds_its_steps():
    x = (np.random.default_rng(0).random((90, 3)) < 0.4).astype(float)
    for steps in (1, 2, 7, 60):
        out = nir_euler.run(line(3, steps, 1e-3), x, 1e-3, walked=True)["output"]
        assert np.array_equal(out[steps:], x[:-steps])
        assert not out[:steps].any()


def test_the_walk_computes_what_is_heard_first():
    tree = nested(canonical(exact_network()[0]))
    order = {name: k for k, name in enumerate(walk(tree["edges"]))}
    assert set(order) == set(tree["nodes"])
    assert list(order)[-1] == "output"
    behind = {(a, b) for a, b in tree["edges"] if order[a] >= order[b]}
    assert {b for _, b in behind} == {"pop_sums"}  # the loop of two, and nothing else


def test_delays_of_the_flat_graph_hold_the_whole_way():
    net = canonical(exact_network()[0])
    tree = flat(net)
    for name, node in tree["nodes"].items():
        if node["type"] == "Delay":
            assert np.all(node["delay"] == (1 + int(name.rsplit("_", 1)[1])) * net.dt)
    held = {n["metadata"].get("delay") for n in tree["nodes"].values()}
    assert held == {None, *range(4)}


def small(**change) -> LoihiPopulation:
    return replace(LoihiPopulation(name="n", size=1, du=4095, dv=4095, vth=150), **change)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({}, ""),
        ({"dv": 0}, ""),
        ({"refractory": 3}, "refractory period of 3 steps"),
        ({"du": 100}, "u decays (du = 100)"),
        ({"dv": 400}, "v decays (dv = 400)"),
        ({"vth": 200}, "v decays (dv = 4095)"),  # 2·100: what v keeps decides
        ({"bias_mantissa": np.array([1])}, "v decays (dv = 4095)"),
    ],
)
def test_what_nir_cannot_hold_is_named(change, reason):
    p = small(**change)
    q = LoihiProjection(name="q", pre="in", post="n", i=np.zeros(3, int), j=np.zeros(3, int),
                        weight=np.full(3, 100), delay=np.arange(3))  # fmt: skip
    net = LoihiNetwork(name="x", dt=1e-3, sources=(LoihiSource(name="in", size=1),),
                       populations=(p,), projections=(q,))  # fmt: skip
    found = nir_nodes.inexact(net, p)
    assert (found == "") == (reason == "")
    assert reason in found


def test_memory_that_can_decide_is_seen():
    """199·64 stays at 12736 of 12800; what v keeps of it, 3, lifts the next 200·64 − 2 over."""
    p = small(vth=200)
    weights = np.array([200, -2])
    q = LoihiProjection(name="q", pre="in", post="n", i=np.arange(2), j=np.zeros(2, int),
                        weight=weights, delay=np.zeros(2, int))  # fmt: skip
    net = LoihiNetwork(name="x", dt=1e-3, sources=(LoihiSource(name="in", size=2),),
                       populations=(p,), projections=(q,))  # fmt: skip
    stimulus = {"in": (np.array([0, 1]), np.array([0, 0]))}
    made = bundles.made(net, stimulus, 5)
    assert not nir_nodes.memoryless(net, p)
    assert made.expected["n"][0].tolist() == [2]  # 12800 is not above, 12800 + 3 is
    memory = replace(net, populations=(replace(p, vth=150),))
    assert not nir_nodes.memoryless(memory, memory.populations[0])


def test_large_matrices_are_refused_before_they_are_made():
    n = 20_000
    wide = [small(name=k, size=n) for k in "ab"]
    q = LoihiProjection(name="q", pre="a", post="b", i=np.arange(5), j=np.arange(5),
                        weight=np.full(5, 100), delay=np.zeros(5, int))  # fmt: skip
    net = LoihiNetwork(name="x", dt=1e-3, sources=(LoihiSource(name="in", size=1),),
                       populations=tuple(wide), projections=(q,))  # fmt: skip
    assert dense_entries(net) >= n * n
    with pytest.raises(UnsupportedModel, match=r"NIR has no sparse synapses\. Learn from fewer"):
        target.refuse_if_large(net)
    bare = replace(net, sources=(), projections=())
    with pytest.raises(UsageError, match="NIR needs an input"):
        dense_entries(bare)


def test_the_size_that_is_stated_is_the_size_that_is_made():
    net = canonical(exact_network()[0])
    made = []
    for form in (flat, nested):
        nodes, _ = nir_euler.flattened(form(net))
        made.append(sum(n["weight"].size for n in nodes.values() if "weight" in n))
    assert dense_entries(net) == max(made)


def test_the_trace_names_nodes_and_holds_the_spikes(tmp_path):
    net, stimulus = exact_network()
    made = bundles.made(net, stimulus, STEPS)
    target.write_into(made, tmp_path, {})
    trace = nir.read_data(str(tmp_path / target.GOLDEN))
    name = node_names(net)
    for p in net.populations:
        grid = trace.nodes[name[p.name]].observables["spikes"].to_time_gridded(net.dt).data[0]
        assert grid.shape == (STEPS, p.size)
        when, which = np.nonzero(grid)
        order = np.lexsort((made.expected[p.name][1], made.expected[p.name][0]))
        assert np.array_equal(when, made.expected[p.name][0][order])
        assert np.array_equal(which, made.expected[p.name][1][order])
    v = trace.nodes[name["see/n"]].observables["v"].data
    assert np.array_equal(v[0, -1], made.v[-3:])
    for form in (target.FLAT, target.NESTED):
        trace.check_nodes(nir.read(tmp_path / form))
    del trace.nodes["input"]
    trace.nodes["nowhere"] = trace.nodes[name["see/n"]]
    with pytest.raises(KeyError):
        trace.check_nodes(nir.read(tmp_path / target.FLAT))


@pytest.fixture(scope="module")
def written(tmp_path_factory) -> Path:
    net = one(vth=9, delay=3)
    folder = tmp_path_factory.mktemp("w")
    target.write_into(bundles.made(net, {"in": (np.array([0, 5, 6]), np.zeros(3, int))}, 20),
                      folder, {"a": "b"})  # fmt: skip
    return folder


@pytest.mark.parametrize("name", [target.FLAT, target.NESTED, target.GOLDEN])
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_damaged_files_give_one_error(written, tmp_path, name, data):
    raw = bytearray((written / name).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(raw)))
    path = tmp_path / name
    path.write_bytes(raw[:cut] if data.draw(st.booleans()) else raw)
    net = canonical(one(vth=9, delay=3))
    try:
        if name == target.GOLDEN:
            nir_golden.read(path, net)
        else:
            assert nir_read.read(path).name  # what can be read is whole: it was compared
    except CorruptFile:
        pass


def forged(path: Path, where: str, value) -> None:
    with h5py.File(path, "r+") as file:
        if where in file:
            del file[where]
        if value is not None:
            file[where] = value


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("node/nodes/w0_d3/weight", np.array([[130]], np.int32)),  # not a multiple of a weight
        ("node/nodes/w0_d3/weight", np.array([[1280]], np.int64)),
        ("node/nodes/delay_input_3/delay", np.array([0.5])),
        ("node/nodes/pop_n/v_threshold", np.array([1.0])),
        ("node/nodes/pop_n/metadata/vth", 10),
        ("node/nodes/pop_n/metadata/vth", "nine"),
        ("node/nodes/pop_n/metadata/vth", None),
        ("node/nodes/pop_n/type", "CubaLIF"),
        ("node/nodes/w0_d3/metadata/delay", 63),
        ("node/nodes/w0_d3/metadata/projection", 7),
        ("node/metadata/dt", -1.0),
        ("node/metadata/dt", float("nan")),
        ("node/metadata/form", "round"),
        ("node/metadata/specification", "loihi-2"),
        ("node/metadata/populations", 3),
        ("node/metadata/sources/0000/size", 2**62),
        ("node/metadata/sources/0000/size", 1_000_000),
        ("node/edges", np.zeros((2, 2))),
        ("node/nodes/more/type", "Input"),
        ("version", None),
    ],
)
def test_forged_files_are_refused(written, tmp_path, where, value):
    path = tmp_path / "flat.nir"
    path.write_bytes((written / target.FLAT).read_bytes())
    nir_read.read(path)
    forged(path, where, value)
    with pytest.raises(CorruptFile, match=r"flat\.nir: "):
        nir_read.read(path)


def test_norse_is_not_asked_what_nir_cannot_hold(tmp_path, monkeypatch):
    monkeypatch.delenv(foreign.IMPORTERS[0], raising=False)
    monkeypatch.chdir(tmp_path)
    assert verify.interpreter(None, "norse") is None
    made = bundles.made(one(vth=1), {}, 3)
    found = verify.verify(made, tmp_path, "norse", python=None, seconds=9)
    assert found.outcome == "unable"
    assert "population 'n': v decays (dv = 163)" in found.message
    assert "by up to 126; in the trace v stays 64 from its threshold" in found.message
    found = verify.verify(bundles.made(one(dv=0), {}, 3), tmp_path, "norse", python=None, seconds=9)
    assert found.outcome == "absent"
    assert "make importers" in found.message


@pytest.mark.oracle
@pytest.mark.parametrize("old", [None, False, True])
def test_norse_agrees(tmp_path, old):
    """Loops, delays, coincidence, bias; through the graph of the bundle, or one made for it."""
    python = verify.interpreter(None, "norse")
    if python is None:
        pytest.skip(f"set {foreign.IMPORTERS[0]} to the Python of make importers")
    net, stimulus = exact_network()
    made = bundles.made(net, stimulus, STEPS)
    more = None if old is None else lambda part: target.write_into(made, part, {}, old=old)
    folder = bundles.write(made, tmp_path / "bundle", more)
    found = verify.verify(made, folder, "norse", python=python, seconds=900)
    assert found.outcome == "equal", found.message
    when, which = made.expected["see/n"]
    forged = replace(made, expected={**made.expected, "see/n": (when[1:], which[1:])})
    again = verify.verify(forged, folder, "norse", python=python, seconds=900)
    assert again.outcome == "differs"


@pytest.mark.oracle
def test_nir_1_0_4_reads_the_old_dialect(tmp_path):
    python = conformance.interpreter("sinabs")
    if python is None:
        pytest.skip(f"set {conformance.OLD_IMPORTERS[0]} to the Python of make importers")
    net = canonical(exact_network()[0])
    code = "import nir, sys; print(nir.version, *(len(nir.read(a).nodes) for a in sys.argv[1:]))"
    for old in (True, False):
        for form in (flat, nested):
            nir_file.write(tmp_path / f"{form.__name__}.nir", form(net), old=old)
        paths = [str(tmp_path / f"{f.__name__}.nir") for f in (flat, nested)]
        done = subprocess.run([str(python), "-c", code, *paths], capture_output=True, text=True,
                              check=False)  # fmt: skip
        if old:
            sizes = [len(form(net)["nodes"]) for form in (flat, nested)]
            assert done.stdout.split() == ["1.0.4", *map(str, sizes)]
        else:
            assert "v_reset" in done.stderr or "metadata" in done.stderr


FULL = """
import resource, signal, sys
from pathlib import Path
from bioplastic.export.bundle import folder as bundles
from bioplastic.export.nir import file, golden
from bioplastic.export.nir.graph import canonical, flat
from tests.export.test_nir import STEPS, exact_network
net, stimulus = exact_network()
made = bundles.made(net, stimulus, STEPS)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
for write in (
    lambda path: file.write(path, flat(canonical(net))),
    lambda path: file.write(path, flat(canonical(net)), old=True),
    lambda path: golden.write(made, path),
):
    try:
        write(Path(sys.argv[1]) / "x")
    except OSError as error:
        print(error.errno)
"""


def test_a_disk_that_is_full_is_an_error_and_no_crash(tmp_path):
    """The HDF5 library raises in destructors there, and takes the process with it."""
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], cwd=Path(__file__).parents[2],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout.split()) == (0, ["27"] * 3), done.stderr[-2000:]
    assert done.stderr == ""


def test_links_and_other_files_are_refused(written, tmp_path):
    path = tmp_path / "flat.nir"
    path.write_bytes((written / target.FLAT).read_bytes())
    with h5py.File(path, "r+") as file:
        file["node/nodes/x"] = h5py.ExternalLink("/etc/passwd", "/")
    for broken in (path, written / target.GOLDEN, tmp_path / "none"):
        with pytest.raises(CorruptFile):
            nir_read.read(broken)
    with pytest.raises(CorruptFile):
        nir_golden.read(written / target.FLAT, one())


def test_a_trace_of_other_sizes_is_refused(written):
    net = canonical(one(vth=9, delay=3))
    assert nir_golden.read(written / target.GOLDEN, net)
    wider = replace(net, populations=(replace(net.populations[0], size=2),))
    with pytest.raises(CorruptFile, match="1 neurons instead of 2"):
        nir_golden.read(written / target.GOLDEN, wider)


def test_a_few_bytes_do_not_become_a_large_graph(tmp_path):
    """62 relays a lane, of which the file holds none: refused before they are made."""
    tree = nested(canonical(one(vth=9, delay=3)))
    linear = tree["nodes"]["w0_d3"]
    linear["weight"] = np.zeros((1, 1 << 20), np.int32)
    linear["weight"][0, 5] = 1280
    linear["metadata"]["delay"] = 62
    tree["metadata"]["sources"]["0000"]["size"] = 1 << 20
    with h5py.File(tmp_path / "x.nir", "w") as file:
        file["version"] = "1.0.6"
        put(file.create_group("node"), tree)
    assert (tmp_path / "x.nir").stat().st_size < 1 << 17
    with pytest.raises(CorruptFile, match="where its network has at least"):
        nir_read.read(tmp_path / "x.nir")


def put(group, tree):
    for name, value in tree.items():
        if isinstance(value, dict):
            put(group.create_group(name), value)
        elif name == "edges":
            group.create_dataset(name, data=value, dtype=h5py.string_dtype())
        else:
            more = {"compression": "gzip"} if np.ndim(value) == 2 else {}
            group.create_dataset(name, data=value, **more)
