"""What is installed: one package, every folder of it, and nothing under a generic name."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
TOP = {
    "pyproject.toml", "bioplastic", "networks", "experiments", "tests", "docs", "README.md",
    "LICENSE", "Makefile", "constraints.txt",
}  # fmt: skip


def tree() -> set[str]:
    """Every package in the tree under the name it installs as; rglob does not enter links."""
    found = set()
    for top in ("bioplastic", "networks", "experiments"):
        for init in (ROOT / top).rglob("__init__.py"):
            name = ".".join(init.parent.relative_to(ROOT).parts)
            found.add(name if top == "bioplastic" else f"bioplastic.{name}")
    return found


def test_list_of_packages_is_complete():
    assert sorted(PROJECT["tool"]["setuptools"]["packages"]) == sorted(tree())


def test_links_point_to_the_folders_above():
    for name in ("networks", "experiments"):
        link = ROOT / "bioplastic" / name
        assert link.is_symlink()
        assert link.readlink() == Path("..") / name


@pytest.mark.parametrize("name", ["networks", "experiments"])
def test_guard_against_a_second_name(name):
    done = subprocess.run(
        [sys.executable, "-c", f"import {name}"], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 1
    assert f"ImportError: import bioplastic.{name}" in done.stderr


def test_top_level_of_the_repository():
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("not a git checkout")
    top = {line.split("/")[0] for line in done.stdout.splitlines()}
    assert {name for name in top if not name.startswith(".")} <= TOP


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """Build the wheel from a copy of the tree, so that the checkout stays clean."""
    work = tmp_path_factory.mktemp("wheel")
    skip = shutil.ignore_patterns(
        ".git", ".venv", "runs", "build", "*.egg-info", ".*_cache", "__pycache__"
    )
    shutil.copytree(ROOT, work / "source", symlinks=True, ignore=skip)
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation"]
    done = subprocess.run([*command, "-w", work, work / "source"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (path,) = work.glob("*.whl")
    return path


def test_wheel_holds_the_package_and_its_data(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    info = wheel.name.rsplit("-py3", 1)[0] + ".dist-info"
    assert {name.split("/")[0] for name in names} == {"bioplastic", info}
    sources = [ROOT / "bioplastic", ROOT / "networks", ROOT / "experiments"]
    kept = (".py", ".typed", ".xz", ".gz", ".txt", ".html", ".css", ".js", ".toml", ".json")
    for top in sources:
        for path in top.rglob("*"):
            if (path.is_file() and path.suffix in kept) or path.name == "py.typed":
                inside = path.relative_to(ROOT).as_posix()
                inside = inside if top.name == "bioplastic" else f"bioplastic/{inside}"
                assert inside in names
    assert f"{info}/licenses/LICENSE" in names


def test_wheel_runs_where_nothing_else_is(wheel, tmp_path):
    """Installed into an empty folder, the command line finds the experiments of the wheel."""
    zipfile.ZipFile(wheel).extractall(tmp_path / "site")
    code = (
        "import bioplastic, bioplastic.experiments, bioplastic.networks;"
        "print(bioplastic.__file__, bioplastic.experiments.__file__);"
        "from bioplastic.cli import main; main(['list'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path, env={"PYTHONPATH": str(tmp_path / "site")}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    files, *listed = done.stdout.splitlines()
    assert all(path.startswith(str(tmp_path)) for path in files.split())
    experiments = {p.stem for p in (ROOT / "experiments").glob("[a-z]*.py")}
    assert {line.split()[0].replace("-", "_") for line in listed} == experiments


def test_entry_point_and_type_marker(wheel):
    archive = zipfile.ZipFile(wheel)
    (entry,) = (n for n in archive.namelist() if n.endswith("entry_points.txt"))
    assert b"bioplastic = bioplastic.cli:main" in archive.read(entry)
    assert "bioplastic/py.typed" in archive.namelist()
