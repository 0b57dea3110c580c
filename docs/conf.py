"""Sphinx: Markdown pages by MyST, the interface by autodoc, references from papers.bib.

There is no intersphinx: the pages must build without a network.
"""

from __future__ import annotations

import re
from typing import Any

from pybtex.plugin import register_plugin
from pybtex.style.formatting.unsrt import Style
from pybtex.style.labels import BaseLabelStyle

import bioplastic

project = "bioplastic"
author = "the authors of bioplastic"
version = release = bioplastic.__version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinxcontrib.bibtex"]
exclude_patterns = ["_build"]
myst_enable_extensions = ["deflist"]
myst_heading_anchors = 3

html_theme = "furo"
html_title = f"bioplastic {version}"
html_show_sourcelink = False
html_show_copyright = False
html_static_path = ["static"]
html_css_files = ["docs.css"]

autodoc_typehints = "none"  # docstrings give shapes and units, which annotations cannot
autodoc_member_order = "bysource"
autodoc_class_signature = "separated"
suppress_warnings = ["autodoc.mocked_object"]

CITATION = re.compile(r"\[([a-z]+[12][0-9]{3})\]")


class _KeyLabels(BaseLabelStyle):  # type: ignore[misc]
    """A reference is called by its key, as in the docstrings."""

    def format_labels(self, sorted_entries: Any) -> Any:
        return [entry.key for entry in sorted_entries]


class _KeyStyle(Style):  # type: ignore[misc]
    default_label_style = _KeyLabels
    default_sorting_style = "author_year_title"


register_plugin("pybtex.style.formatting", "keys", _KeyStyle)
bibtex_bibfiles = ["papers.bib"]
bibtex_default_style = "keys"
bibtex_reference_style = "label"


def _as_written(app: Any, what: str, name: str, obj: Any, options: Any, lines: list[str]) -> None:
    """Show a docstring as it stands: a first paragraph, then its columns; link its references."""
    text = list(lines)
    while text and not text[-1].strip():
        text.pop()
    end = next((k for k, line in enumerate(text) if not line.strip()), len(text))
    first = [_escaped(line.strip()) for line in text[:end]]
    lines[:] = [*first, ""]
    rest = text[end + 1 :]
    if rest:
        lines += [".. code-block:: none", "", *(f"    {line}" for line in rest), ""]
    keys = dict.fromkeys(CITATION.findall("\n".join(text)))
    if keys:
        lines += [f":cite:label:`{','.join(keys)}`", ""]


def _escaped(line: str) -> str:
    """Text without markup, but `code` as code."""
    parts = line.split("`")
    if len(parts) % 2 == 0:
        parts = [line]
    plain = [re.sub(r"([\\*`|_])", r"\\\1", part) for part in parts]
    return "".join(f"``{parts[k]}``" if k % 2 and parts[k] else plain[k] for k in range(len(parts)))


def _plain_signature(
    app: Any, what: str, name: str, obj: Any, options: Any, signature: str, returns: str
) -> tuple[str, str] | None:
    """Leave defaults that only a factory knows out of signatures."""
    return (signature.replace("=<factory>", ""), returns) if signature else None


def setup(app: Any) -> None:
    app.connect("autodoc-process-docstring", _as_written)
    app.connect("autodoc-process-signature", _plain_signature)
