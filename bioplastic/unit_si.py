"""SI units of stored numbers as text: "V", "s", "m^2 kg^1 s^-3", "1"; exact both ways.

Files hold SI numbers and one of these texts. What people type is read by `bioplastic.unit_text`.
"""

from __future__ import annotations

import re
from contextlib import suppress

from brian2 import amp, farad, hertz, ohm, second, siemens, volt
from brian2.units.fundamentalunits import DIMENSIONLESS, Dimension, get_or_create_dimension

from bioplastic.errors import Malformed as Malformed
from bioplastic.errors import UsageError
from bioplastic.unit_text import parse_quantity

_BASE = ("m", "kg", "s", "A", "K", "mol", "cd")  # the order of Brian2's dimension exponents
_NAMED = {
    "1": DIMENSIONLESS, "V": volt.dim, "A": amp.dim, "s": second.dim, "F": farad.dim,
    "S": siemens.dim, "ohm": ohm.dim, "Hz": hertz.dim,
}  # fmt: skip
_COUNTS = ("", "nat", "nats", "bit", "bits")  # words for plain numbers
_FACTOR = re.compile(r"(m|kg|s|A|K|mol|cd)\^(-?\d{1,2}(?:\.\d{1,20})?)")


def unit_of(dimension: Dimension) -> str:
    """Return the text of the SI unit of a Brian2 dimension.

    >>> from brian2 import mV, pA
    >>> unit_of(mV.dim), unit_of((mV * pA).dim)
    ('V', 'm^2 kg^1 s^-3')
    """
    for name, known in _NAMED.items():
        if known is dimension:
            return name
    powers = zip(_BASE, map(float, dimension._dims), strict=True)
    return " ".join(f"{n}^{int(p) if p.is_integer() else p!r}" for n, p in powers if p)


def dimension_of(text: object) -> Dimension:
    """Return the dimension of a text from `unit_of`; Malformed for any other."""
    if not isinstance(text, str) or len(text) > 200:
        raise Malformed("a unit must be a short text")
    if text in _NAMED:
        return _NAMED[text]
    powers = dict.fromkeys(_BASE, 0.0)
    for factor in text.split(" "):
        match = _FACTOR.fullmatch(factor)
        if match is None or powers[match[1]]:
            raise Malformed(f"unknown unit {text!r}")
        powers[match[1]] = float(match[2])
    return get_or_create_dimension(list(powers.values()))


def scale_of(text: str, where: str) -> tuple[float, Dimension]:
    """Return what one `text` is in SI, and its dimension.

    text   an SI text as above, a unit that people type (`pA`, `mV`), or '', 'nats', 'bits' = 1
    where  what carries the unit, for the message of the UsageError
    """
    if text in _COUNTS:
        return 1.0, DIMENSIONLESS
    with suppress(Malformed):  # not an SI text: a unit that people type
        return 1.0, dimension_of(text)
    try:
        one = parse_quantity(f"1 {text}", where=where)
    except UsageError as error:
        raise UsageError(f"{where}: unit {text!r}: {str(error).split(': ', 1)[-1]}") from None
    return float(one), one.dim
