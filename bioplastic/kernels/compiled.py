"""How kernel functions are compiled that only compiled functions call."""

from __future__ import annotations

from typing import Any

import numba as nb

_OPTIONS: dict[str, Any] = {
    "cache": True,
    "error_model": "numpy",
    "no_cfunc_wrapper": True,
    "_nrt": False,
}
"""_nrt=False: compiled code neither allocates nor counts references; the caller holds every array
while it runs. Counting took a locked instruction per array and call, a quarter of the time or more,
three quarters in the circuit kernel.
error_model: no test for a divisor of zero."""
_njit: Any = nb.njit

entry = _njit(**_OPTIONS)
"""A function that Python calls."""

inner = _njit(no_cpython_wrapper=True, **_OPTIONS)
"""njit without the wrappers for Python and C callers: unpacking a state of forty arrays costs more
compile time than the function itself. It must not allocate."""

merged = _njit(no_cpython_wrapper=True, forceinline=True, **_OPTIONS)
"""`inner`, always inlined: for what takes whole NamedTuples and is called for every event: a call
would copy hundreds of arguments, and costs more than a row of a hundred synapses. So is every
function of the circuit kernel."""
