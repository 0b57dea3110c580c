"""Folders of an export: complete or absent, and every file of them listed with its SHA-256."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path
from typing import Any

from bioplastic.atomic import fingerprint
from bioplastic.errors import CorruptFile, UsageError, one_line
from bioplastic.strict_json import canonical, parse
from bioplastic.unit_si import Malformed

INDEX = "index.json"
VERSION = 1
_MAX_JSON = 64 * 2**20


def seal(folder: Path, kind: str, body: dict[str, Any]) -> None:
    """Write index.json last: format, version, `body`, and size and SHA-256 of every other file."""
    files = {p.name: fingerprint(p) for p in sorted(folder.iterdir())}
    table = {"format": kind, "version": VERSION, **body, "files": files}
    write_json(folder / INDEX, {**table, "sha256": _digest(table)})


def unseal(folder: Path, kind: str) -> dict[str, Any]:
    """Return index.json after checking that it and every file it lists are the ones written.

    Raises UsageError when there is no such folder, CorruptFile when anything is missing or changed.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: no such folder")
    path = folder / INDEX
    table = read_json(path)
    if table.get("format") != kind:
        raise CorruptFile(f"{path}: not the index of an export of the kind {kind}")
    if table.get("version") != VERSION:
        raise CorruptFile(f"{path}: version is not {VERSION}, the one known here")
    if table.pop("sha256", None) != _digest(table):
        raise CorruptFile(f"{path}: changed after it was written")
    files = table.get("files")
    if not isinstance(files, dict):
        raise CorruptFile(f"{path}: the list of files is missing")
    for name, recorded in files.items():
        if Path(name).name != name or not (folder / name).is_file():
            raise CorruptFile(f"{folder}: {name!r:.200} is missing")
        if fingerprint(folder / name) != recorded:
            raise CorruptFile(f"{folder / name}: truncated, or changed after it was written")
    return table


def listed(folder: Path, table: dict[str, Any], name: object) -> Path:
    """Return the path of a file that the index vouches for; CorruptFile for any other name."""
    if not isinstance(name, str) or name not in table["files"]:
        raise CorruptFile(f"{folder}: {name!r:.200} is not in its {INDEX}")
    return folder / name


def write_json(path: Path, table: dict[str, Any]) -> None:
    """Write a JSON file of one line per entry of the top level."""
    path.write_bytes(json_lines(table))


def json_lines(table: dict[str, Any]) -> bytes:
    """Return a JSON object of one line per entry of the top level."""
    lines = [f"{canonical(key)}: {canonical(value)}" for key, value in table.items()]
    return ("{\n" + ",\n".join(lines) + "\n}\n").encode("ascii")


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file of bounded size; CorruptFile when it is not one."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise CorruptFile(f"{path}: not a file")
        if path.stat().st_size > _MAX_JSON:
            raise CorruptFile(f"{path}: larger than {_MAX_JSON:,} bytes")
        table = parse(path.read_bytes())
    except Malformed as error:
        raise CorruptFile(f"{path}: {one_line(error)}") from None
    except OSError as error:
        raise CorruptFile(f"{path}: cannot be read ({error.strerror})") from None
    if not isinstance(table, dict):
        raise CorruptFile(f"{path}: must hold a JSON object")
    return table


def _digest(table: dict[str, Any]) -> str:
    return hashlib.sha256(canonical(table).encode()).hexdigest()
