"""A result becomes one HTML page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from itertools import count
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from bioplastic.plot.palette import PALETTE
from bioplastic.report import surprise
from bioplastic.report.figures import inline_svg
from bioplastic.report.numbers import column, metric_name, number
from bioplastic.result import ColouredText, FoldedTable, Note, Panel, Result, Table

TILES = 6
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_TOML = re.compile(r"""(?m)^(\s*)([\w.\-"']+)(\s*=)|^(\s*\[[^\n]*\]\s*)$|((?<!\S)#[^\n]*)$""")


def render(
    *,
    name: str,
    result: Result,
    config_text: str,
    manifest: Mapping[str, Any],
    figures: Mapping[str, str],
    quick: bool,
) -> str:
    """Return the report of one run: HTML that needs no other file, no network and no script.

    name         experiment
    result       what was found; its first TILES metrics, without baselines, become the tiles
    config_text  config.toml, shown as it is
    manifest     see `provenance.manifest`; what is absent is left out
    figures      Panel key -> SVG text; a panel without one keeps its caption
    quick        put the banner that says toy size
    """
    sections = _sections(result.sections, figures)
    return _environment().get_template("page.html").render(
        name=name,
        headline=result.headline,
        quick=quick,
        facts=_facts(manifest),
        command=str(manifest.get("command") or ""),
        config=_toml(config_text),
        network=_table(result.network) if result.network is not None else None,
        tiles=[_tile(n, v) for n, v in _key_metrics(result.metrics)],
        sections=sections,
        metrics=[(n, number(v), metric_name(n)[1]) for n, v in result.metrics.items()],
        manifest=list(_flat(manifest)),
        palette=PALETTE,
        scales=(surprise.scale(), surprise.scale(dark=True)),
        step=surprise.STEP,
    )  # fmt: skip


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("bioplastic.report", ""),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_printable,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals["spans"] = surprise.spans
    return environment


def _printable(value: Any) -> Any:
    """Put a picture in the place of characters that HTML forbids; markup is left alone."""
    if isinstance(value, Markup) or not isinstance(value, str):
        return value
    return _UNPRINTABLE.sub(
        lambda m: chr(0x2400 + ord(m[0])) if ord(m[0]) < 32 else "\ufffd", value
    )


def _key_metrics(metrics: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the first metrics that are neither a baseline nor one seed of several."""
    shown = ((n, v) for n, v in metrics.items() if not re.match(r"baseline_|.*_seed_?\d+$", n))
    return [kv for kv, _ in zip(shown, range(TILES), strict=False)]


def _tile(name: str, value: Any) -> dict[str, Any]:
    """Return a tile: a short unit stands beside the value, a rate on the line below."""
    label, unit = metric_name(name)
    beside, below = ("", unit) if "/" in unit else (unit, "")
    lines = [x for x in (below, label) if x]
    return {"value": number(value), "unit": beside, "lines": lines, "name": name}


def _facts(manifest: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the few facts of the line below the headline."""
    versions = manifest.get("versions") or {}
    wall = manifest.get("wall_seconds")
    seconds = sum(wall.values()) if isinstance(wall, Mapping) else wall
    found = [
        ("backend", manifest.get("backend")),
        ("seed", manifest.get("seed")),
        ("started", str(manifest.get("started") or "").replace("T", " ").replace("+00:00", " UTC")),
        ("took", f"{number(float(seconds))} s" if seconds else None),
        ("bioplastic", versions.get("bioplastic") if isinstance(versions, Mapping) else None),
    ]
    return [(k, str(v)) for k, v in found if v not in (None, "")]


def _toml(text: str) -> Markup:
    """Return TOML text with keys, headings and comments marked; everything else as it is."""
    parts, last = [], 0
    text = _printable(text.strip("\n"))
    for m in _TOML.finditer(text):
        parts.append(escape(text[last : m.start()]))
        if m[2] is not None:
            parts.append(Markup('{}<span class="k">{}</span>{}').format(m[1], m[2], m[3]))
        else:
            kind = "h" if m[4] is not None else "c"
            parts.append(Markup('<span class="{}">{}</span>').format(kind, m[0]))
        last = m.end()
    return Markup("").join([*parts, escape(text[last:])])


def _breakable(text: str) -> Markup:
    """A cell whose names may go on in the next line after an underscore."""
    return escape(text).replace("_", Markup("_<wbr>"))


def _table(table: Table) -> dict[str, Any]:
    """Return a table written out: heads, rows of texts, and which columns stand flush right."""
    rows = [list(row) for row in table.rows]
    columns = [column(cells) for cells in zip(*rows, strict=True)] if rows else []
    right = [r for _, r in columns] or [False] * len(table.columns)
    shown = [
        [_breakable(t) for t in texts] if k and table.tight and not flush else texts
        for k, (texts, flush) in enumerate(columns)
    ]
    texts = list(zip(*shown, strict=True))
    return {
        "title": table.title, "caption": table.caption, "columns": list(table.columns),
        "rows": texts, "right": right, "best": table.best, "bold": table.bold, "tight": table.tight,
    }  # fmt: skip


def _sections(
    given: Sequence[Panel | Table | ColouredText | Note], figures: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Return what the template needs of each section: kind, anchor, and its content."""
    anchors: set[str] = set()
    figure, table = count(1), count(1)
    made = []
    for item in given:
        section: dict[str, Any] = {
            "item": item, "anchor": _anchor(item.key, anchors),
            "folded": isinstance(item, FoldedTable),
        }  # fmt: skip
        if isinstance(item, Panel):
            svg = figures.get(item.key, "")
            label = str(escape(_printable(item.title)))
            svg = inline_svg(svg, prefix=section["anchor"], title=label, inches=item.size[0])
            section |= {"kind": "panel", "number": next(figure), "svg": Markup(svg)}
        elif isinstance(item, Table):
            section |= {"kind": "table", "number": next(table), "table": _table(item)}
        elif isinstance(item, ColouredText):
            section |= {"kind": "text", "summary": surprise.summary(item.surprise)}
        else:
            section |= {"kind": "note", "paragraphs": item.text.strip().split("\n\n")}
        made.append(section)
    return made


def _anchor(key: str, taken: set[str]) -> str:
    """Return a name for an HTML id made from `key`, different from those in `taken`."""
    stem = "s-" + (re.sub(r"[^A-Za-z0-9]+", "-", key).strip("-").lower() or "section")
    found = next(a for a in (stem, *(f"{stem}-{k}" for k in range(2, 10_000))) if a not in taken)
    taken.add(found)
    return found


def _flat(value: Any, path: str = "") -> Iterable[tuple[str, str]]:
    """Yield the leaves of a nested manifest as (dotted name, text)."""
    if isinstance(value, Mapping) and value:
        for key, inner in value.items():
            yield from _flat(inner, f"{path}.{key}" if path else str(key))
    elif isinstance(value, list | tuple):
        yield path, ", ".join(str(x) for x in value) or "–"
    elif not (isinstance(value, Mapping) and not path):
        yield path, "–" if value is None or value == {} else str(value)
