"""Links, paths, references, wording and measured tables of README and docs."""

from __future__ import annotations

import importlib.util
import re
import sys

import pytest

from tests.docs.pages import DOCS, NAMES, PAGES, ROOT, anchors, blocks, prose

LINK = re.compile(r"\[[^]]*\]\(([^)\s]+)\)|^\[[^]]+\]: (\S+)", re.MULTILINE)
INLINE = re.compile(r"`([^`\n]+)`")
PATH = re.compile(r"(bioplastic|networks|experiments|tests|docs)/[\w./-]+")
KEY = re.compile(r"\[([a-z]+[12][0-9]{3})\]")
CITED = re.compile(r"\{cite:[a-z]+\}`([^`]+)`")
FORBIDDEN = (
    r"/home/", r"/root/", r"(?-i:\bTODO\b)",
    r"state[- ]of[- ]the[- ]art", r"cutting[- ]edge", r"powerful", r"seamless", r"blazing",
    r"revolutionary", r"effortless", r"unleash", r"leverag", r"simply\b", r"world[- ]class",
    r"game[- ]chang", r"robustly\b", r"delve",
)  # fmt: skip


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_links_lead_somewhere(page):
    for match in LINK.finditer(prose(page)):
        target = match[1] or match[2]
        if re.match(r"https?://|mailto:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (page.parent / name).resolve() if name else page
        assert file.exists(), f"{page.name}: {target}"
        if anchor:
            assert anchor in anchors(file), f"{page.name}: {target} has no such heading"


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_paths_exist(page):
    for text in INLINE.findall(prose(page)):
        for match in PATH.finditer(text):
            path = match[0].rstrip(".")
            if match.start() == 0 and not path.startswith("docs/_build"):
                assert (ROOT / path).exists(), f"{page.name}: {path}"


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_wording(page):
    text = page.read_text(encoding="utf-8")
    for word in FORBIDDEN:
        found = re.search(word, text, re.IGNORECASE)
        assert found is None, f"{page.name}: {found and found[0]!r}"


def test_every_page_is_in_a_table_of_contents():
    listed = set()
    for page in PAGES:
        for block in blocks(page):
            if block.kind == "{toctree}":
                listed |= {w for w in block.body.split("\n") if w and not w.startswith(":")}
    pages = {p.stem for p in DOCS.glob("*.md")} - {"index"}
    assert pages - listed == set(), "not listed"
    assert listed - pages == set(), "listed without a page"


def bibliography() -> set[str]:
    return set(re.findall(r"^@\w+\{(\w+),", (DOCS / "papers.bib").read_text(), re.MULTILINE))


def cited_in_code() -> set[str]:
    folders = ("bioplastic", "networks", "experiments")
    files = [f for folder in folders for f in (ROOT / folder).rglob("*.py")]
    return {key for f in files for key in KEY.findall(f.read_text(encoding="utf-8"))}


def cited_in_pages() -> set[str]:
    text = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    inline = {k.strip() for group in CITED.findall(text) for k in group.split(",")}
    return inline | set(KEY.findall(text))


def test_every_cited_work_is_in_the_bibliography():
    assert (cited_in_code() | cited_in_pages()) - bibliography() == set()


def test_every_work_in_the_bibliography_is_cited():
    assert bibliography() - cited_in_code() - cited_in_pages() == set()


@pytest.fixture
def measure(monkeypatch):
    """docs/measure.py as a module."""
    spec = importlib.util.spec_from_file_location("measure", DOCS / "measure.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "measure", module)  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def test_measured_tables_are_bounded_and_known(measure):
    shown = set()
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        names = re.findall(r"<!-- measured: ([\w-]+) -->", text)
        assert names == re.findall(r"<!-- end of ([\w-]+) -->", text), page.name
        for name in names:
            assert name in measure.MEASUREMENTS, f"{page.name}: {name}"
            first, last = measure.marks(name)
            inside = text.partition(first)[2].partition(last)[0]
            pending = measure.PENDING.format(name=name)
            rows = [c for c in measure.MEASUREMENTS[name].commands if f"`{c}`" in inside]
            complete = len(rows) == len(measure.MEASUREMENTS[name].commands)
            assert pending in inside or complete, f"{page.name}: {name} lacks a command"
            shown.add(name)
    assert shown == set(measure.MEASUREMENTS)


def test_a_measured_table_replaces_the_old_one(measure, tmp_path, monkeypatch):
    page = tmp_path / "page.md"
    page.write_text("before\n\n<!-- measured: costs -->\n\nold\n\n<!-- end of costs -->\n\nafter\n")
    monkeypatch.setattr(measure, "PAGES", (page,))
    versions = {"bioplastic": "1", "python": "3", "numba": "0"}
    manifest = {
        "git": None, "versions": versions, "seed": 1,
        "hardware": {"processor": "a processor", "cores": 2},
    }  # fmt: skip
    measurement = measure.MEASUREMENTS["costs"]
    runs = [
        measure.Run(
            command=c, metrics={"spikes_per_symbol": 3.14}, manifest=manifest, folder=tmp_path
        )
        for c in measurement.commands
    ]
    assert measure.put("costs", measure.table(measurement, runs)) == [page]
    text = page.read_text()
    assert "| 3.1 | – |" in text
    assert "old" not in text
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert measurement.commands[0] in text


def test_the_interface_page_names_modules_that_exist():
    text = (DOCS / "api.md").read_text(encoding="utf-8")
    modules = re.findall(r"automodule:: (\S+)", text)
    assert len(modules) == len(set(modules)) > 20
    for module in modules:
        assert importlib.util.find_spec(module) is not None, module
