"""Numbers and metric names as people read them."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

_UNITS = {
    "seconds": "s", "ms": "ms", "mV": "mV", "hz": "Hz", "Hz": "Hz", "bytes": "bytes",
    "percent": "%", "gib": "GiB", "mib": "MiB", "nats": "nats", "bits": "bits",
}  # fmt: skip
_RATE = re.compile(r"^(.*?)([a-zA-Z]+)_per_([a-z]+)(?:_(.+))?$")
_NUMERIC = re.compile(r"^[<>≤≥~±+−-]?\s*\d[\d,.]*(?:[eE][+-]?\d+)?\s*(?:%|[A-Za-zµ]{1,3})?$")


def number(value: Any, decimals: int | None = None) -> str:
    """Write a number with four significant digits (integers whole), or with fixed `decimals`.

    >>> number(1.70712), number(0.000123456), number(None)
    ('1.707', '0.0001235', '–')
    """
    value = value.item() if hasattr(value, "item") else value
    if value is None:
        return "–"
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if isinstance(value, int):
        return f"{value:,}".replace("-", "−")
    if not math.isfinite(value):
        return "–" if math.isnan(value) else ("∞" if value > 0 else "−∞")
    if value and decimals is None and not 1e-4 <= abs(value) < 1e9:
        return f"{value:.3e}".replace("-", "−")
    places = _decimals(abs(value)) if decimals is None else decimals
    text = f"{value:,.{places}f}".replace("-", "−")
    return text.rstrip("0").rstrip(".") if decimals is None and "." in text else text


def _decimals(size: float) -> int:
    """Decimals that leave four significant digits of a number of that size."""
    return max(0, 3 - math.floor(math.log10(size))) if size else 0


def column(cells: Sequence[Any]) -> tuple[list[str], bool]:
    """Write one column of a table; say whether it stands flush right.

    Floats share their number of decimals, so that the points stand below each other, unless they
    differ by more than a factor of 10 000.
    """
    cells = [c.item() if hasattr(c, "item") else c for c in cells]
    sizes = [abs(c) for c in cells if isinstance(c, float) and math.isfinite(c) and c]
    decimals = None
    if sizes and max(sizes) < 1e4 * min(sizes) and 1e-4 <= max(sizes) < 1e9:
        decimals = min(_decimals(max(sizes)), 6)
    texts = [number(c, decimals if isinstance(c, float) else None) for c in cells]
    known = [t for t in texts if t.strip() not in ("", "–", "-", "—")]
    return texts, bool(known) and all(is_numeric(t) for t in known)


def is_numeric(text: str) -> bool:
    """Say whether a cell reads as a number, perhaps with a sign, separators and a short unit."""
    return _NUMERIC.match(text.strip()) is not None or text in ("∞", "−∞")


def metric_name(name: str) -> tuple[str, str]:
    """Split a flat metric name into a label and a unit.

    >>> metric_name("bits_per_symbol_last_third")
    ('last third', 'bits / symbol')
    >>> metric_name("wall_seconds"), metric_name("context_neurons")
    (('wall', 's'), ('context neurons', ''))
    >>> metric_name("weight_updates_per_symbol")
    ('', 'weight updates / symbol')
    """
    rate = _RATE.match(name)
    if rate is not None:
        before, what, per, after = rate.groups()
        head = before.removeprefix("baseline_").strip("_").replace("_", " ")
        tail = (after or "").replace("_", " ")
        if what in _UNITS:
            return f"{head} {tail}".strip(), f"{what} / {per}"
        return tail, f"{head} {what} / {per}".strip()
    stem, _, last = name.rpartition("_")
    if stem and last in _UNITS:
        return stem.replace("_", " "), _UNITS[last]
    return name.replace("_", " "), ""
