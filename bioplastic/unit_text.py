"""Physical quantities as text: ``"20ms"`` to a Brian2 Quantity and back, without losing a bit.

Grammar: ``NUMBER [*] UNIT { (* or /) UNIT }`` with ``UNIT = name [^ integer]``. Names are those of
Brian2 (`mV`, `msecond`, `nS`, `Mohm`, ...) and `s`, `V`, `A`, `S`, `F`, `m`; a leading `µ` is `u`.
brian2 is imported on the first call only.
"""

from __future__ import annotations

import functools
import math
import re
from typing import Any

from bioplastic.errors import UsageError, nearest

_NUMBER = re.compile(r"\s*([+-]?(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)\s*\*?\s*(.*?)\s*$")
_FACTOR = re.compile(
    r"\s*([*/]?)\s*([^\W\d_][A-Za-z0-9]*?)(?:\s*(?:\^|\*\*)\s*(-?\d+))?\s*(?=[*/]|$)"
)
_SHORT = {"s": "second", "V": "volt", "A": "amp", "S": "siemens", "F": "farad", "m": "metre"}
_PREFERRED = (
    "s", "ms", "us", "ns", "V", "mV", "uV", "A", "mA", "uA", "nA", "pA", "S", "mS", "uS", "nS",
    "pS", "F", "uF", "nF", "pF", "Hz", "kHz", "m", "mm", "um", "ohm", "kohm", "Mohm", "Gohm",
)  # fmt: skip
_BASE = ("metre", "kilogram", "second", "amp", "kelvin", "mole", "candela")


@functools.cache
def _units() -> dict[str, Any]:
    """Every unit name that is understood, with its Brian2 Unit."""
    from brian2 import Unit
    from brian2.units import allunits, stdunits

    units = {
        name: value
        for module in (allunits, stdunits)
        for name, value in vars(module).items()
        if isinstance(value, Unit)
    }
    units |= {short: units[name] for short, name in _SHORT.items()}
    prefixed = {p + s: units[p + n] for s, n in _SHORT.items() for p in "kmunp" if p + n in units}
    return prefixed | units


def is_quantity(value: Any) -> bool:
    """Say whether `value` is a Brian2 Quantity, without importing brian2."""
    return hasattr(value, "dim") and type(value).__module__.startswith("brian2")


def parse_quantity(text: str, *, like: Any = None, where: str = "value") -> Any:
    """Return the Brian2 Quantity that `text` names.

    text   such as ``"20ms"``, ``"0.1 mV"``, ``"3 nS/ms"``
    like   a Quantity whose dimension is required, or None for any
    where  what is being set, for the message

    Raises UsageError when there is no number, no unit, an unknown unit or a wrong dimension.

    >>> float(parse_quantity("20ms"))
    0.02
    """
    from brian2 import Quantity
    from brian2.units.fundamentalunits import DIMENSIONLESS, have_same_dimensions

    example = f" such as {format_quantity(like)!r}" if like is not None else " such as '20 ms'"
    match = _NUMBER.match(text)
    if match is None:
        raise UsageError(f"{where} = {text!r}: must be a number with a unit{example}")
    number, unit = float(match[1]), _unit(match[2], whole=f"{where} = {text!r}", like=like)
    if unit.dim is DIMENSIONLESS and (like is None or like.dim is not DIMENSIONLESS):
        raise UsageError(f"{where} = {text!r}: the unit is missing; write it{example}")
    if like is not None and not have_same_dimensions(unit, like):
        raise UsageError(f"{where} = {text!r}: the unit is of another kind; write it{example}")
    if not math.isfinite(number):
        raise UsageError(f"{where} = {text!r}: must be finite")
    return Quantity(number * float(unit), dim=unit.dim)


def _unit(text: str, *, whole: str, like: Any) -> Any:
    """Return the product of the unit factors in `text` as a Quantity; `whole` is for messages."""
    from brian2 import Quantity

    product: Any = Quantity(1.0)
    position = 0
    while position < len(text):
        factor = _FACTOR.match(text, position)
        if factor is None or (position == 0) != (factor[1] == ""):
            raise UsageError(f"{whole}: cannot read the unit {text!r}")
        name = factor[2].replace("µ", "u").replace("μ", "u")  # micro sign, Greek mu
        if name not in _units():
            kin = [n for n in _PREFERRED if like is not None and _units()[n].dim is like.dim]
            raise UsageError(f"{whole}: unknown unit {name!r}{nearest(name, kin or _PREFERRED)}")
        power = int(factor[3] or 1) * (-1 if factor[1] == "/" else 1)
        product = product * _units()[name] ** power
        position = factor.end()
    return product


def format_quantity(value: Any) -> str:
    """Return the shortest text that `parse_quantity` turns into exactly `value`.

    >>> format_quantity(parse_quantity("0.02 s"))
    '20 ms'
    """
    candidates = []
    for order, name in enumerate(_PREFERRED):
        unit = _units()[name]
        if unit.dim is value.dim:
            number = float(value) / float(unit)
            if number * float(unit) == float(value):
                inside = value == 0 or 0.1 <= abs(number) < 1000
                candidates.append((not inside, len(_number(number)), order, number, name))
    if candidates:
        *_, number, name = min(candidates)
        return f"{_number(number)} {name}"
    powers = zip(_BASE, value.dim._dims, strict=True)
    factors = [f"{n}^{int(p)}" if p != 1 else n for n, p in powers if p]
    return f"{float(value)!r} {' * '.join(factors)}".rstrip()


def _number(value: float) -> str:
    """Write a float as briefly as `float` reads it back, sign of zero included."""
    whole = value.is_integer() and abs(value) < 1e15 and not (value == 0 and str(value)[0] == "-")
    return str(int(value)) if whole else repr(value)
