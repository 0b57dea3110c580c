"""`bioplastic list [NAME]`: which experiments there are, and what one of them asks and accepts."""

from __future__ import annotations

import argparse
import dataclasses
from typing import Any

from bioplastic.commands import docstring, experiment_names, load


def add_parser(verbs: Any) -> None:
    """Declare the verb and its argument."""
    parser = verbs.add_parser("list", help="the experiments, or the settings of one")
    parser.add_argument("name", nargs="?", metavar="NAME", help="show question and settings of one")
    parser.set_defaults(verb=main)


def main(arguments: argparse.Namespace) -> int:
    """Print every experiment with its first line, or one with its settings."""
    if arguments.name is None:
        names = experiment_names()
        width = max(map(len, names), default=0)
        for name in names:
            print(f"{name:{width}}  {docstring(name).partition(chr(10))[0]}".rstrip())
        return 0
    print(docstring(arguments.name))
    module = load(arguments.name)
    print(f"\nbackends: {', '.join(module.BACKENDS)} (the first is the default)\n\nsettings:")
    for line in settings(module.Config):
        print(f"  {line}")
    return 0


def settings(cls: type) -> list[str]:
    """Return one line for each setting: ``key=default  help (range)``."""
    from bioplastic.config import default_of, show

    pairs, notes = [], []
    for field in dataclasses.fields(cls):
        low, high, choices = (field.metadata.get(k) for k in ("low", "high", "choices"))
        limits = [f"from {show(low)}"] * (low is not None) + [f"up to {show(high)}"] * (
            high is not None
        )
        limits += [" | ".join(map(str, choices))] if choices else []
        pairs.append(f"{field.name}={show(default_of(field))}")
        note = f"({' '.join(limits)})" if limits else ""
        notes.append(f"{field.metadata.get('help', '')} {note}".strip())
    width = max(map(len, pairs), default=0)
    return [f"{pair:{width}}  {note}".rstrip() for pair, note in zip(pairs, notes, strict=True)]
