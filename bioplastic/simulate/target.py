"""The Brian2 engine of one run: chosen explicitly, put back afterwards, without its noise."""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, get_args

import brian2
from brian2.devices.device import get_device, reset_device, set_device

from bioplastic.errors import UsageError, nearest

Target = Literal["numpy", "cython", "cpp_standalone"]
TARGETS: tuple[str, ...] = get_args(Target)

# brian2 2.9 calls old names of pyparsing; nothing that a user can act on
_NOISE = r".*(setName|setResultsName|parseString|setParseAction|setWhitespaceChars).*"


@contextmanager
def engine(target: str) -> Iterator[None]:
    """Run the body on `target`; preferences and device are as before when it ends."""
    if target not in TARGETS:
        raise UsageError(f"target = {target!r}: no such Brian2 target{nearest(target, TARGETS)}")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=_NOISE)
        warnings.filterwarnings("ignore", category=DeprecationWarning, module="brian2")
        if target == "cpp_standalone":
            with _standalone():
                yield
        else:
            with _codegen("numpy"):
                yield


@contextmanager
def stepping(target: str) -> Iterator[None]:
    """Code for the steps of a run comes from `target`; what happens once stays with numpy.

    (Brian2 would compile the setting of start values too, minutes for nothing.)
    """
    if target == "cpp_standalone":
        yield
    else:
        with _codegen(target):
            yield


@contextmanager
def _codegen(target: str) -> Iterator[None]:
    before = brian2.prefs["codegen.target"]
    brian2.prefs["codegen.target"] = target
    try:
        yield
    finally:
        brian2.prefs["codegen.target"] = before


@contextmanager
def _standalone() -> Iterator[None]:
    """A fresh standalone device in a folder that is removed; its results live until then."""
    with tempfile.TemporaryDirectory(prefix="bioplastic_") as folder:
        set_device("cpp_standalone", directory=folder)
        standalone = get_device()
        standalone.reinit()
        standalone.activate(directory=folder)
        try:
            yield
        finally:
            standalone.reinit()
            reset_device()
