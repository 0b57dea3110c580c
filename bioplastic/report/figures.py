"""SVG figures made fit to stand inside one page."""

from __future__ import annotations

import re

from bioplastic.plot.palette import PALETTE

_PROLOGUE = re.compile(r"<\?xml.*?\?>|<!DOCTYPE.*?>|<!--.*?-->|<metadata>.*?</metadata>", re.S)
_SCRIPT = re.compile(r"<script\b.*?(?:</script\s*>|/>)", re.S | re.I)
_NAMESPACE = re.compile(r"""\sxmlns(?::\w+)?=(["']).*?\1""")
_ID = re.compile(r'(\s(?:id|clip-path|mask|filter|href|xlink:href|style)=")([^"]*)(")')
_HEX = re.compile(r"#[0-9a-fA-F]{6}\b")
_OPEN = re.compile(r"<svg\b([^>]*)>", re.S)
_VARIABLE = {paper: f"var(--{name})" for name, (paper, _) in PALETTE.items()}


def inline_svg(svg: str, *, prefix: str, title: str, inches: float) -> str:
    """Return an SVG document as an element that can stand beside others in HTML.

    prefix  put before every id and every reference to one, so that figures do not share them
    title   already escaped text that a screen reader says
    inches  width it was drawn for; the page shows it a fifth larger where there is room
    Prologue, comments and metadata go; width and height give way to the view box, so that the
    figure follows the width of the page; colours of the palette become CSS variables.
    """
    svg = _NAMESPACE.sub("", _SCRIPT.sub("", _PROLOGUE.sub("", svg))).strip()
    svg = _ID.sub(lambda m: m[1] + _prefixed(m[1].strip(), m[2], prefix) + m[3], svg)
    opening = _OPEN.search(svg)
    if opening is None:
        return ""
    kept = re.sub(r'\s(?:width|height|role|aria-label)="[^"]*"', "", opening[1])
    width = f"max-width:{7.2 * inches:.1f}rem;min-width:{4.2 * inches:.1f}rem"
    tag = f'<svg{kept} role="img" aria-label="{title}" style="{width}">'
    return svg[: opening.start()] + tag + svg[opening.end() :]


def _prefixed(attribute: str, value: str, prefix: str) -> str:
    """Rename the ids in one attribute value, and name its colours."""
    if attribute == 'id="':
        return f"{prefix}-{value}"
    if "href" in attribute:
        return f"#{prefix}-{value[1:]}" if value.startswith("#") else value
    value = re.sub(r"url\(#", f"url(#{prefix}-", value)
    return _HEX.sub(lambda m: _VARIABLE.get(m[0].lower(), m[0]), value)
