"""How kernel functions are compiled that only compiled functions call."""

from __future__ import annotations

import numba as nb

inner = nb.njit(cache=True, no_cpython_wrapper=True, no_cfunc_wrapper=True)  # type: ignore[call-overload]
"""njit without the wrappers for Python and C callers: unpacking a state of forty arrays costs more
compile time than the function itself."""

merged = nb.njit(  # type: ignore[call-overload]
    cache=True, no_cpython_wrapper=True, no_cfunc_wrapper=True, forceinline=True
)
"""`inner`, always inlined: for what takes whole NamedTuples and is called for every event: a call
would copy hundreds of arguments, and costs more than a row of a hundred synapses."""
