"""Into torch: the differentiable twin of a description, and its surrogate gradients.

The names below are loaded when first used: importing `bioplastic.bridge` loads no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

# public name -> the module that defines it
_HOME = {
    "ATan": "bioplastic.bridge.surrogate",
    "ActiveKeys": "bioplastic.bridge.twin_attention",
    "AttachedReset": "bioplastic.bridge.surrogate",
    "AttentionTwin": "bioplastic.bridge.twin_attention",
    "Counts": "bioplastic.bridge.surrogate",
    "DetachedReset": "bioplastic.bridge.surrogate",
    "FastSigmoid": "bioplastic.bridge.surrogate",
    "StraightThrough": "bioplastic.bridge.surrogate",
    "Triangle": "bioplastic.bridge.surrogate",
    "Trainable": "bioplastic.bridge.twin_value",
    "Twin": "bioplastic.bridge.twin_network",
    "TwinRun": "bioplastic.bridge.twin_run",
    "TwinState": "bioplastic.bridge.twin_run",
    "active_keys": "bioplastic.bridge.twin_attention",
    "twin": "bioplastic.bridge.twin_network",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        from bioplastic.errors import nearest

        raise AttributeError(f"bioplastic.bridge has no name {name!r}{nearest(name, _HOME)}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
