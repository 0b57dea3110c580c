"""`import bioplastic` and the command line start without the large libraries."""

from __future__ import annotations

import importlib
import subprocess
import sys
import time

import pytest

import bioplastic

HEAVY = ("brian2", "torch", "matplotlib", "scipy", "numba", "sympy", "h5py")


def loaded_by(code: str) -> set[str]:
    """Return which large libraries a fresh interpreter has loaded after `code`."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print('LOADED', *sys.modules)"],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    last = next(line for line in done.stdout.splitlines() if line.startswith("LOADED"))
    return set(HEAVY) & set(last.split())


@pytest.mark.parametrize(
    "code",
    [
        "import bioplastic",
        "import bioplastic; bioplastic.UsageError, bioplastic.seed_tree, bioplastic.Result",
        "from bioplastic.cli import main; main(['list'])",
        "from bioplastic.cli import main; main(['run', 'no-such-experiment'])",
        "from bioplastic.cli import main; main(['frobnicate'])",
        "from bioplastic.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass",
    ],
)
def test_large_libraries_stay_out(code):
    start = time.perf_counter()
    assert loaded_by(code) == set()
    print(f"{time.perf_counter() - start:.2f} s: {code!r}")


def test_every_public_name_resolves():
    for name in bioplastic.__all__:
        assert getattr(bioplastic, name) is not None
        assert name in dir(bioplastic)
    for name, home in bioplastic._HOME.items():
        assert getattr(importlib.import_module(home), name) is getattr(bioplastic, name)


def test_unknown_name_offers_the_nearest():
    with pytest.raises(AttributeError, match="did you mean 'UsageError'"):
        bioplastic.UsageEror  # noqa: B018
