"""Rules of every family, with amplitudes of pA."""

from typing import Any

from brian2 import ms, pA

from bioplastic.description import (
    Change,
    Jump,
    PairSTDP,
    PostTrace,
    PreTrace,
    Put,
    Term,
    TraceSTDP,
)

W_MAX = 100e-12
PAIR = PairSTDP(w_max=100 * pA, tau_plus=17 * ms, tau_minus=34 * ms, a_plus=0.04, a_minus=0.02)


def traced(on_pre, on_post, **taus):
    """A TraceSTDP: traces x… belong to pre, y… to post."""
    kinds: dict[str, Any] = {"x": PreTrace, "y": PostTrace}
    traces = tuple(kinds[name[0]](name=name, tau=tau * ms) for name, tau in taus.items())
    return TraceSTDP(traces=traces, on_pre=on_pre, on_post=on_post, low=0.0, high=W_MAX)


def change(**terms):
    """A Change; a name is the product of its traces, one for the constant, values in w_max."""
    return Change(
        terms=tuple(
            Term(coefficient=c * W_MAX, traces=() if name == "one" else tuple(name.split("_")))
            for name, c in terms.items()
        )
    )


def jump(*names):
    """Each trace up by one."""
    return tuple(Jump(trace=name, amount=1.0) for name in names)


INHIBITORY = traced(
    (change(y=0.01, one=-0.002), *jump("x")), (change(x=0.01), *jump("y")), x=20, y=20
)
TRIPLET = traced(
    (change(y1=-0.007, y1_x2=-0.0023), *jump("x1", "x2")),
    (change(x1=0.005, x1_y2=0.0062), *jump("y1", "y2")),
    x1=16.8, x2=101, y1=33.7, y2=125,
)  # fmt: skip
NEAREST = traced(
    (change(y=-0.02), Put(trace="x", value=1.0)), (change(x=0.04), Put(trace="y", value=1.0)),
    x=17, y=34,
)  # fmt: skip
