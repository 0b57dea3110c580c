"""Folders that are complete or absent, and how to tell that a file is the one that was written."""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bioplastic.errors import BioplasticError, UsageError


def publish(path: Path, fill: Callable[[Path], None]) -> Path:
    """Let `fill` write into a hidden sibling of `path`, then rename it; return the final folder.

    The sibling is ``.NAME.partial-<pid>-<random>``. When `path` was taken by another meanwhile,
    the folder becomes NAME-2, NAME-3, ...: nothing is overwritten and nothing is lost. Whatever
    stops `fill` removes the sibling; what the disk refuses is raised as BioplasticError.
    """
    path = path.resolve() if path.name in ("", "..") else path
    partial = path.parent / f".{path.name}.partial-{os.getpid()}-{secrets.token_hex(4)}"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.mkdir()
        fill(partial)
        for written in [*partial.rglob("*"), partial]:
            _sync(written)
        final = _rename(partial, path)
    except OSError as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise BioplasticError(f"{path}: not written, nothing kept: {error}") from error
    except BaseException:
        shutil.rmtree(partial, ignore_errors=True)
        raise
    return final


def publish_new(
    folder: Path, fill: Callable[[Path], None], whole: Callable[[Path], bool] = Path.is_dir
) -> Path:
    """`publish` into a folder that is not there yet, once what was written has been read back.

    whole   whether the folder that `fill` wrote says what it should; called before it appears
    Raises UsageError when the folder exists, BioplasticError when it is not whole or the disk
    refuses.
    """
    if folder.exists() or folder.is_symlink():
        raise UsageError(f"{folder}: exists already; nothing is overwritten")

    def checked(partial: Path) -> None:
        fill(partial)
        if not whole(partial):
            raise BioplasticError(f"{folder}: what was read back is not what was written")

    return publish(folder, checked)


def is_partial(path: Path) -> bool:
    """Say whether `path` was left over by a writer that was killed."""
    return ".partial-" in path.resolve().name


def _rename(partial: Path, path: Path) -> Path:
    numbered = (path.with_name(f"{path.name}-{k}") for k in itertools.count(2))
    for name in itertools.chain([path], numbered):
        try:
            os.rename(partial, name)  # replaces an empty folder and nothing else
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
                raise
        else:
            _sync(name.parent)
            return name
    raise AssertionError("unreachable")


def _sync(path: Path) -> None:
    """Bring a file or folder to the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def fingerprint(path: Path) -> dict[str, Any]:
    """Return ``{"bytes", "sha256"}`` of a file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": digest}
