"""The folder of a run: complete or absent.

The manifest is written last and lists every file with its size and SHA-256, so that neither a run
that was killed nor a folder that was cut off while being copied is taken for a result.
"""

from __future__ import annotations

import io
import json
import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from bioplastic.atomic import fingerprint, is_partial, publish
from bioplastic.errors import BioplasticError, CorruptFile, UsageError
from bioplastic.result import Panel, Result

FORMAT = "bioplastic-run"
VERSION = 1
_MAX_JSON = 64 * 2**20
ALWAYS = ("config.toml", "metrics.json", "result.h5", "report.html")


@dataclass(frozen=True, kw_only=True)
class RunFolder:
    """A finished run on disk; make one with `RunFolder.open` or `write_run`.

    path      the folder
    manifest  where the result comes from, see `bioplastic.provenance.manifest`
    metrics   flat name -> number; None where the number was not finite
    """

    path: Path
    manifest: Mapping[str, Any]
    metrics: Mapping[str, float | int | None]

    @classmethod
    def open(cls, path: Path | str) -> RunFolder:
        """Return the run at `path` after checking that every file is there and unchanged.

        Raises UsageError when there is no such folder, CorruptFile when it is not a whole run.
        """
        path = Path(path)
        if not path.is_dir():
            raise UsageError(f"{path}: no such run folder")
        if is_partial(path):
            raise CorruptFile(f"{path}: left over by a run that was stopped while writing")
        manifest = _read_json(path / "manifest.json")
        if manifest.get("format") != FORMAT:
            raise CorruptFile(f"{path}/manifest.json: not the manifest of a run")
        if manifest.get("version") != VERSION:
            raise CorruptFile(f"{path}/manifest.json: version is not {VERSION}, the one known here")
        files = manifest.get("files")
        if not isinstance(files, dict) or not set(ALWAYS) <= set(files):
            raise CorruptFile(f"{path}/manifest.json: the list of files is missing or too short")
        for name, recorded in files.items():
            if not _inside(name):
                raise CorruptFile(f"{path}/manifest.json: {name!r:.200} is no file of this folder")
            if not (path / name).is_file():
                raise CorruptFile(f"{path}: {name} is missing")
            if fingerprint(path / name) != recorded:
                raise CorruptFile(f"{path}: {name} is truncated or was changed after the run")
        return cls(path=path, manifest=manifest, metrics=_read_json(path / "metrics.json"))

    @property
    def report(self) -> Path:
        """The HTML page of the run."""
        return self.path / "report.html"

    @property
    def config_text(self) -> str:
        """The text of config.toml."""
        path = self.path / "config.toml"
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CorruptFile(f"{path}: truncated or damaged ({error})") from None


def default_folder(name: str, seed: int, now: datetime) -> Path:
    """Return ``runs/NAME-<date>-<time>-seed<k>`` below the current directory."""
    return Path("runs") / f"{name}-{now:%Y%m%d-%H%M%S}-seed{seed}"


def check_free(path: Path) -> None:
    """Raise UsageError unless a run can be written at `path`; called before any simulation."""
    if path.is_dir() and any(path.iterdir()):
        raise UsageError(f"--out {path}: exists and is not empty; nothing is overwritten")
    if path.exists() and not path.is_dir():
        raise UsageError(f"--out {path}: exists and is not a folder")
    parent = next(p for p in path.absolute().parents if p.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
        raise UsageError(f"--out {path}: cannot write in {parent}")


def write_run(
    path: Path, *, name: str, result: Result, config_text: str, manifest: Mapping[str, Any]
) -> RunFolder:
    """Write one run and return its folder, which is `path` or, if taken meanwhile, `path`-2.

    Raises BioplasticError, with nothing left behind, when the disk refuses.
    """
    metrics = {key: _number(key, value) for key, value in result.metrics.items()}
    manifest = {"format": FORMAT, "version": VERSION, "headline": result.headline, **manifest}

    def fill(folder: Path) -> None:
        _fill(folder, name, result, config_text, metrics, manifest)

    final = publish(path, fill)
    return RunFolder(path=final, manifest=manifest, metrics=metrics)


def _fill(
    folder: Path, name: str, result: Result, config_text: str,
    metrics: Mapping[str, Any], manifest: dict[str, Any],
) -> None:  # fmt: skip
    """Write every file of a run; the manifest, with the list of the others, comes last."""
    from bioplastic.report import render
    from bioplastic.result_file import write_result

    _write(folder / "config.toml", config_text)
    _write(folder / "metrics.json", json.dumps(metrics, indent=1, allow_nan=False) + "\n")
    write_result(folder / "result.h5", result.spikes, result.arrays)
    if result.learned is not None:
        result.learned.save(folder / "learned.h5")
    figures = {s.key: _draw(s) for s in result.sections if isinstance(s, Panel)}
    (folder / "figures").mkdir()
    for key, svg in figures.items():
        _write(folder / "figures" / f"{key}.svg", svg)
    quick = bool(manifest.get("quick"))
    page = render(
        name=name, result=result, config_text=config_text, manifest=manifest,
        figures=figures, quick=quick,
    )  # fmt: skip
    _write(folder / "report.html", page)
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    manifest["files"] = {p.relative_to(folder).as_posix(): fingerprint(p) for p in files}
    _write(folder / "manifest.json", json.dumps(manifest, indent=1) + "\n")


def _draw(panel: Panel) -> str:
    """Return the SVG text of a panel; the same data give the same text."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from bioplastic import plot

    rc: Any = {**plot.RC, "svg.hashsalt": panel.key}
    with mpl.rc_context(rc):
        figure = Figure(figsize=panel.size, layout="constrained")
        FigureCanvasAgg(figure)
        panel.draw(figure)
        text = io.StringIO()
        figure.savefig(text, format="svg", metadata={"Date": None})
    return text.getvalue()


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def _inside(name: str) -> bool:
    """Whether a name of the manifest stays inside the folder of the run."""
    parts = PurePosixPath(name)
    return bool(name) and "\0" not in name and not parts.is_absolute() and ".." not in parts.parts


def _read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file, or raise CorruptFile."""
    try:
        if path.exists() and not path.is_file():  # a pipe would be waited for, a device has no end
            raise CorruptFile(f"{path}: not a file")
        if path.stat().st_size > _MAX_JSON:
            raise CorruptFile(f"{path}: larger than {_MAX_JSON:,} bytes")
        table = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise CorruptFile(f"{path.parent}: not a run folder; {path.name} is missing") from None
    except RecursionError:
        raise CorruptFile(f"{path}: nested too deep") from None
    except (OSError, ValueError) as error:
        raise CorruptFile(f"{path}: truncated or damaged ({error})") from None
    if not isinstance(table, dict):
        raise CorruptFile(f"{path}: must hold a JSON object")
    return table


def _number(key: str, value: Any) -> float | int | None:
    """Return a metric as JSON can hold it; not-a-number and infinity become None."""
    value = value.item() if hasattr(value, "item") else value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise BioplasticError(f"metric {key!r} = {value!r}: must be a number")
    return value if math.isfinite(value) else None
