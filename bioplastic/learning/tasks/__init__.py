"""One file per task; what they are by name, without importing them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from bioplastic.errors import UsageError, nearest
from bioplastic.learning.task import Task

TASKS: dict[str, str] = {
    "kjv": "text:Text",
    "alice29": "text:Text",
    "file": "text:Text",
    "dna": "dna:DNA",
    "birdsong": "birdsong:Birdsong",
    "continual": "continual:Continual",
    "lesion": "lesion:Lesion",
    "jsb": "jsb:JSB",
    "jsb-joint": "jsb:JSBJoint",
    "jsb-epochs": "jsb:JSBEpochs",
    "high-order": "high_order:HighOrder",
    "taxi": "taxi:Taxi",
    "recall": "recall:Recall",
    "induction": "induction:Induction",
    "mnist": "images:Images",
    "fashion": "images:Images",
    "digits": "images:Images",
}
"""Name → "module:Class" below this package; a class is made with name= and its settings."""


def task(name: str, **settings: Any) -> Task:
    """The task of that name; UsageError with the nearest name."""
    if name not in TASKS:
        raise UsageError(f"no task {name!r}{nearest(name, TASKS)}")
    module, _, kind = TASKS[name].partition(":")
    made: Task = getattr(import_module(f"bioplastic.learning.tasks.{module}"), kind)(
        name=name, **settings
    )
    return made
