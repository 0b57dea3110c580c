"""Audits of the comparison: what is not local in each rule, and how much was searched."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from bioplastic.learning.learner import Learner
from bioplastic.learning.locality import Use
from bioplastic.result import Note, Table


def locality(learners: Mapping[str, Learner]) -> list[Table]:
    """What is not local in each rule, in short; learners with one audit share a row."""
    groups, silent = _audits(learners)
    rows = []
    for uses, sharing in groups.items():
        far = [u.quantity for u in uses if not u.local]
        names = ", ".join(x.name for x in sharing)
        rows.append((names, sharing[0].rule, len(uses), len(far), "; ".join(far) or "nothing"))
    if not rows and not silent:
        return []
    missing = f" Without an audit, so not to be called local: {', '.join(silent)}." * bool(silent)
    return [
        Table(
            key="locality", title="Locality audit", rows=rows, tight=True,
            caption="Quantities that one update uses, and those that pre, post, synapse, branch or"
            " local inhibition do not carry. Each is explained at the end of the page." + missing,
            columns=("learner", "rule", "quantities", "not local", "which"),
        )
    ]  # fmt: skip


def _audits(
    learners: Mapping[str, Learner],
) -> tuple[dict[tuple[Use, ...], list[Learner]], list[str]]:
    """Learners by audit, without those of a part removed; and who learns without an audit."""
    groups: dict[tuple[Use, ...], list[Learner]] = {}
    silent = []
    for learner in learners.values():
        uses = learner.locality()
        if "_no_" in learner.name:
            continue
        if uses:
            groups.setdefault(uses, []).append(learner)
        elif learner.rule != "none":
            silent.append(learner.name)
    return groups, silent


def audit(learners: Mapping[str, Learner]) -> list[Table]:
    """Every quantity that each rule uses; learners with one audit share its rows."""
    rows = []
    for uses, sharing in _audits(learners)[0].items():
        names = ", ".join(x.name for x in sharing)
        for k, use in enumerate(sorted(uses, key=lambda u: u.local)):
            rows.append(
                (
                    names if k == 0 else "", sharing[0].rule if k == 0 else "", use.quantity,
                    use.place, use.latency, "yes" if use.local else "NO", use.why,
                )
            )  # fmt: skip
    if not rows:
        return []
    return [
        Table(
            key="audit", title="Every quantity of every rule", rows=rows, tight=True,
            caption="What one update uses, where that is seen from the synapse, and how late it may"
            " come; what is not local comes first.",
            columns=("learner", "rule", "quantity", "place", "latency", "local", "why"),
        )
    ]  # fmt: skip


def searches(logs: Mapping[str, Sequence[Mapping[str, object]]]) -> list[Table | Note]:
    """How many settings were tried for whom; the logs hold every trial."""
    rows = []
    for name, lines in logs.items():
        by: dict[str, list[Mapping[str, object]]] = {}
        for line in lines:
            by.setdefault(str(line.get("learner", "?")), []).append(line)
        for learner, trials in by.items():
            lost = sum(bool(t.get("diverged")) for t in trials)
            seconds = sum(float(str(t.get("seconds") or 0)) for t in trials)
            rows.append((name, learner, len(trials), lost, round(seconds)))
    if not rows:
        text = "No search log was found: the defaults of the learners were used as they are."
        return [Note(key="search", title="Search log", text=text)]
    return [
        Table(
            key="search", title="Search log", rows=rows, tight=True,
            caption="Trials of the settings search; every trial is a line of the log, with its"
            " settings and its score.",
            columns=("log", "learner", "trials", "diverged", "seconds"),
        )
    ]  # fmt: skip


def read_logs(folders: Sequence[Path]) -> dict[str, list[dict[str, object]]]:
    """Read the search logs (search-*.jsonl) of some folders; lines that are not JSON are left out.

    A log in a later folder replaces one of the same name.
    """
    found: dict[str, list[dict[str, object]]] = {}
    for path in (p for folder in folders for p in sorted(folder.glob("search-*.jsonl"))):
        lines = []
        for text in path.read_text(encoding="utf-8").splitlines():
            try:
                line = json.loads(text)
            except ValueError:
                continue
            if isinstance(line, dict):
                lines.append(line)
        found[path.name] = lines
    return found
