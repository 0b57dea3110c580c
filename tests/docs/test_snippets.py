"""Every code block of README and docs runs, page by page, in the order of reading.

Kinds of blocks:
    python     executed; all blocks of a page share one namespace
    console    lines that start with "$ bioplastic" are executed; what stands below is compared
A comment in the line before a block says more:
    <!-- printed -->           what the python block before it printed
    <!-- file: NAME -->        written to NAME, for the blocks below it
    <!-- not run: REASON -->   cannot run here
`...` in expected output stands for anything. Paths are relative to one empty folder for each page.
"""

from __future__ import annotations

import doctest
import shlex
import sys
from types import ModuleType

import pytest

from bioplastic import experiments
from bioplastic.cli import main
from tests.docs.pages import NAMES, PAGES, Block, blocks

SHELL = {"console", "sh"}
KINDS = {"python", "console", "text", "toml", "json", ""}
MOST_SKIPPED = 8
# shell commands on these pages run at full size, as the study tests of tests/ do
FULL_SIZE = ("temporal-memory", "attention-agreement")
OPTIONS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def same(wanted: str, got: str) -> bool:
    return doctest.OutputChecker().check_output(wanted, got, OPTIONS)


def commands(body: str) -> list[tuple[str, str]]:
    """(command, expected output) of a console block."""
    found: list[tuple[str, str]] = []
    for line in body.replace("\\\n", "").splitlines():
        if line.startswith("$ "):
            found.append((line[2:], ""))
        else:
            assert found, f"a console block must start with a command, not {line!r}"
            found[-1] = (found[-1][0], f"{found[-1][1]}{line}\n")
    return found


def run_console(block: Block, capsys: pytest.CaptureFixture[str]) -> None:
    for command, wanted in commands(block.body):
        program, *arguments = shlex.split(command, comments=True)
        assert program == "bioplastic", f"cannot run {command!r}; mark the block as not run"
        small = {"--quick", "--dry-run"} & {*arguments} or "symbols=" in command
        assert arguments[0] != "run" or small or wanted.startswith("bioplastic: "), (
            f"{command!r} is not of toy size; mark the block as not run, with the reason"
        )
        capsys.readouterr()
        code = main(arguments)
        got = capsys.readouterr()
        if wanted.startswith("bioplastic: "):  # an error that the page shows
            assert code in (1, 2)
            assert same(wanted, got.err), f"{command}\n{got.err}"
            continue
        assert code == 0, f"{command}\n{got.err}"
        assert not wanted or same(wanted, got.out), f"{command}\n{got.out}"


@pytest.fixture
def own_experiments():
    """Pages may add experiments; nobody after them sees these."""
    path, before = experiments.__path__, set(sys.modules)
    experiments.__path__ = [*path]
    yield
    experiments.__path__ = path
    for name in set(sys.modules) - before:
        if name.startswith("bioplastic.experiments."):
            del sys.modules[name]


@pytest.mark.usefixtures("own_experiments")
@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_page(page, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    module = ModuleType(f"snippets_of_{page.stem}")  # dataclasses look their module up
    monkeypatch.setitem(sys.modules, module.__name__, module)
    for block in blocks(page):
        where = f"{page}:{block.line}"
        if block.skipped or block.kind.startswith("{"):
            continue
        if block.kind in SHELL and page.stem in FULL_SIZE:
            continue
        if block.note.startswith("file: "):
            file = tmp_path / block.note.removeprefix("file: ")
            file.parent.mkdir(exist_ok=True)
            file.write_text(block.body, encoding="utf-8")
        elif block.note == "printed":
            got = capsys.readouterr().out
            assert same(block.body, got), f"{where} printed\n{got}"
        elif block.kind == "console":
            run_console(block, capsys)
        elif block.kind == "python":
            capsys.readouterr()
            exec(compile("\n" * block.line + block.body, str(page), "exec"), vars(module))
        else:
            assert block.kind in KINDS, f"{where}: unknown kind {block.kind!r}"


def test_few_blocks_are_not_run():
    skipped = [(p, b) for p in PAGES for b in blocks(p) if b.skipped]
    assert all(len(b.skipped) > 10 for _, b in skipped), "every skipped block says why"
    assert len(skipped) <= MOST_SKIPPED, [f"{p}:{b.line}" for p, b in skipped]
