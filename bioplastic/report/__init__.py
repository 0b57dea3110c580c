"""One self-contained HTML page for each run: no network, no script, figures as inline SVG."""

from bioplastic.report.page import render as render
