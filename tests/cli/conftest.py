from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

FAKE = str(Path(__file__).parent / "fake")
START = """
import sys
import bioplastic.experiments
bioplastic.experiments.__path__.append({fake!r})
{before}
from bioplastic.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.fixture
def cli(monkeypatch, tmp_path, capsys):
    """Call the command line in this process: ``cli("run", ...) -> (code, stdout, stderr)``."""
    import bioplastic.experiments
    from bioplastic.cli import main

    monkeypatch.setattr(
        bioplastic.experiments, "__path__", [*bioplastic.experiments.__path__, FAKE]
    )
    monkeypatch.setenv("MPLBACKEND", "Agg")
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> tuple[int, str, str]:
        code = main(arguments)
        out, err = capsys.readouterr()
        return code, out, err

    return call


@pytest.fixture
def process(tmp_path):
    """Start the command line in a process of its own; `before` is Python that runs first."""

    def start(*arguments: str, before: str = "") -> subprocess.Popen[str]:
        code = START.format(fake=FAKE, before=before)
        return subprocess.Popen(
            [sys.executable, "-c", code, *arguments],
            cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, "MPLCONFIGDIR": str(tmp_path.parent)},
        )  # fmt: skip

    return start
