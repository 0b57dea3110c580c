"""Spiking networks that learn by local plasticity, in Brian2 and in integers.

A description becomes Brian2, Brian2 becomes learned weights, learned weights become integers,
integers become kernels and chip files. Each arrow is one folder; nothing points back.

The names below are loaded when first used: `import bioplastic` itself loads neither brian2 nor
torch nor matplotlib.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# public name -> the module that defines it; one line for each name, sorted within its module
_HOME = {
    "BioplasticError": "bioplastic.errors",
    "CorruptFile": "bioplastic.errors",
    "DescriptionError": "bioplastic.errors",
    "UnsupportedModel": "bioplastic.errors",
    "UsageError": "bioplastic.errors",
    "AdaptiveLIF": "bioplastic.description",
    "Connectivity": "bioplastic.description",
    "DendriticTree": "bioplastic.description",
    "HardWTA": "bioplastic.description",
    "LIF": "bioplastic.description",
    "LinearIF": "bioplastic.description",
    "Network": "bioplastic.description",
    "PairSTDP": "bioplastic.description",
    "PermanenceSTDP": "bioplastic.description",
    "PlateauBranch": "bioplastic.description",
    "Population": "bioplastic.description",
    "Projection": "bioplastic.description",
    "Source": "bioplastic.description",
    "SpikeTrain": "bioplastic.description",
    "SymbolSchedule": "bioplastic.description",
    "ThetaSTDP": "bioplastic.description",
    "Learned": "bioplastic.learned",
    "IntegerNetwork": "bioplastic.quantize",
    "lower": "bioplastic.bridge.door",
    "Panel": "bioplastic.result",
    "Result": "bioplastic.result",
    "SpikeRecord": "bioplastic.result",
    "Table": "bioplastic.result",
    "setting": "bioplastic.config",
    "seed_tree": "bioplastic.provenance",
    "stream": "bioplastic.provenance",
    "RunFolder": "bioplastic.runs",
    "read_arrays": "bioplastic.result_file",
    "read_spikes": "bioplastic.result_file",
    "IntegerModule": "bioplastic.bridge.module",
    "twin": "bioplastic.bridge",
}

__all__ = ["__version__", *sorted(_HOME)]


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        from bioplastic.errors import nearest

        raise AttributeError(f"bioplastic has no name {name!r}{nearest(name, _HOME)}")
    value = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})
