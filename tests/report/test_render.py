"""The page of a run: whole, well formed, self-contained, and nothing in it unescaped."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from bioplastic.report import render
from bioplastic.report.page import _table
from bioplastic.result import ColouredText, FoldedTable, Note, Panel, Result, Table

VOID = {"meta", "wbr", "br", "hr", "img", "input", "link"}
SVG = """<?xml version="1.0" encoding="utf-8" standalone="no"?>
<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">
<svg xmlns:xlink="http://www.w3.org/1999/xlink" width="518pt" height="230pt" viewBox="0 0 518 230"
 xmlns="http://www.w3.org/2000/svg" version="1.1">
 <metadata><rdf>https://matplotlib.org/</rdf></metadata>
 <defs><clipPath id="p1"><rect width="1" height="1"/></clipPath><path id="g1" d="M 0 0"/></defs>
 <!-- a < b -->
 <g id="axes_1" clip-path="url(#p1)"><use xlink:href="#g1" style="fill: #1b2130"/></g>
</svg>"""
MANIFEST = {
    "command": "bioplastic run toy --set a=<b>",
    "seed": 7,
    "backend": "cpu",
    "started": "2025-01-02T03:04:05+00:00",
    "wall_seconds": {"run": 1.5},
    "versions": {"bioplastic": "0.1.0", "torch": None},
    "hardware": {"gpus": []},
}


class Checker(HTMLParser):
    """Fails at the first tag that closes another; collects ids, references and texts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: set[str] = set()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.text: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        given = dict(attrs)
        assert len(given) == len(attrs), f"<{tag}> repeats an attribute"
        self.ids += [v for k, v in attrs if k == "id" and v]
        self.links += [v for k, v in attrs if k in ("href", "xlink:href", "src") and v]
        self.links += re.findall(r"url\((#[^)]*)\)", " ".join(v or "" for v in given.values()))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def result(**changes) -> Result:
    sections = (
        Note(key="verdict", title="Verdict", text="One & two.\n\nThen <three>."),
        Panel(key="curve", title="Curve <1>", caption="A & B", draw=lambda figure: None),
        Panel(key="curve", title="Curve 2", caption="same key", draw=lambda figure: None),
        Panel(key="lost", title="Lost", caption="no figure", draw=lambda figure: None),
        Table(
            key="base", title="Baselines", caption="c", columns=("who", "bits", "n"), best=1,
            rows=[("a<b", 4.7549, 3), ("us", np.float64(1.7071), None), ("x", 2.0, 1_000_000)],
        ),
        ColouredText(
            key="text", title="Text", caption="c", glyphs=["<", "&", " ", "\x07", "\n", ""],
            surprise=np.array([0.1, 3.0, np.nan, np.inf, -1.0, 20.0]),
        ),
    )  # fmt: skip
    network = Table(
        key="network", title="Network", caption="c", columns=("name", "count"), rows=[("out", "27")]
    )
    metrics = {"bits_per_symbol": 1.7071, "model_seconds": 2.5, "baseline_x_bits_per_symbol": 2.0}
    given = {"metrics": metrics, "headline": "Is 1 < 2 & so on?", "network": network}
    return Result(**{**given, "sections": sections, **changes})


def page(*, quick: bool = False, config: str = 'a = "<b>"  # c\n[t]\n', **changes) -> str:
    return render(
        name="toy", result=result(**changes), config_text=config, manifest=MANIFEST,
        figures={"curve": SVG}, quick=quick,
    )  # fmt: skip


def test_every_part_is_there() -> None:
    text = "".join(Checker(page()).text)
    for part in (
        "Is 1 < 2 & so on?", "bioplastic run toy --set a=<b>", 'a = "<b>"', "Network", "Verdict",
        "Then <three>.", "Curve <1>", "Baselines", "a<b", "1.707", "4.755", "1,000,000", "Text",
        "All metrics", "baseline_x_bits_per_symbol", "Manifest", "hardware.gpus", "not drawn",
        "2025-01-02 03:04:05 UTC", "cpu", "1.5 s", "Figure 3.", "Table 1.",
    ):  # fmt: skip
        assert part in text, part


def test_is_one_file_without_script_or_network() -> None:
    made = page()
    checked = Checker(made)
    assert checked.tags.isdisjoint({"script", "link", "img", "iframe", "object"})
    assert re.search(r"https?:|//[a-z]|@import|<!--|javascript:", made) is None
    assert all(link.startswith("#") for link in checked.links)


def test_ids_are_unique_and_every_reference_leads_somewhere() -> None:
    checked = Checker(page())
    assert len(checked.ids) == len(set(checked.ids))
    assert {link[1:] for link in checked.links} <= set(checked.ids)
    assert {"s-curve-g1", "s-curve-2-g1"} <= set(checked.ids)


def test_figures_follow_the_page() -> None:
    made = page()
    assert "fill: var(--ink)" in made
    assert 'width="518pt"' not in made
    assert 'aria-label="Curve &lt;1&gt;"' in made


def test_control_characters_become_pictures() -> None:
    made = page(headline="a\x00b\ud800")
    assert "a\u2400b\ufffd" in made
    assert "\u2407" in made
    assert re.search(r"[\x00-\x08\x0b-\x1f\ud800-\udfff]", made) is None
    made.encode()


def test_surprise_chooses_the_shade() -> None:
    made = page()
    for span in (
        '<span class="s0" title="0.10 bits">&lt;</span>',
        '<span class="s6" title="3.00 bits">&amp;</span>',
        '<span class="sx" title="no prediction"> </span><wbr>',
        '<span class="s16" title="inf bits">',
        '<span class="s16" title="20.00 bits">∅</span>',
    ):
        assert span in made


def test_best_row_and_flush_right_columns() -> None:
    made = page()
    assert '<tr class="best"><td>us</td><td class="r">1.707</td><td class="r">–</td></tr>' in made


def test_long_names_of_tight_tables_break_after_underscores() -> None:
    told = Table(
        key="t", title="t", caption="", columns=("task", "best"), tight=True,
        rows=[("a_b", "1 <x>_long_name"), ("c", "–")],
    )  # fmt: skip
    (first, best), _ = _table(told)["rows"]
    assert first == "a_b"
    assert best == "1 &lt;x&gt;_<wbr>long_<wbr>name"
    assert _table(replace(told, tight=False))["rows"][0][1] == "1 <x>_long_name"


def test_a_folded_table_is_whole_behind_its_title() -> None:
    open_, closed = (
        render(
            name="x", config_text="", manifest={}, figures={}, quick=False, result=Result(
                metrics={}, headline="", sections=[
                    kind(key="t", title="Long one", caption="said", columns=("a",), rows=[[1], [2]])
                ],
            ),
        )
        for kind in (Table, FoldedTable)
    )  # fmt: skip
    start = closed.index('<section id="s-t"')
    part = closed[start : closed.index("</section>", start)]
    assert part.index("<details>") < part.index("<h2>Long one</h2>") < part.index("2 rows")
    assert part.index("<td") < part.index("said") < part.index("</details>")
    assert open_.count("<details") == closed.count("<details") - 1


@pytest.mark.parametrize("quick", [True, False])
def test_toy_size_is_said(quick: bool) -> None:
    assert ("Toy size." in page(quick=quick)) is quick


def test_nothing_but_a_headline() -> None:
    empty = Result(metrics={}, headline="nothing")
    made = render(name="x", result=empty, config_text="", manifest={}, figures={}, quick=False)
    assert "nothing" in "".join(Checker(made).text)


def test_empty_table_and_empty_text() -> None:
    sections = (
        Table(key="t", title="T", caption="", columns=("a",), rows=[]),
        ColouredText(key="c", title="C", caption="", glyphs=[], surprise=np.zeros(0)),
    )
    assert "no predictions" in page(sections=sections)
