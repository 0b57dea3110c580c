"""Who takes part in the three chorale tasks, and with which settings.

Of the networks and the regressions: the best of eight trials (`BY_NOTE`: four) and of what they ran
with before, tested on the valid pieces; docs/figures/search-tasks.jsonl, by

    python -m bioplastic.learning.compare.task_search jsb --trials 8

The contexts of the local learners come from more looks at the valid pieces than anybody else had.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from bioplastic.learning.learner import Learner
from bioplastic.learning.learners import learner as named

Settings = Mapping[str, Mapping[str, Any]]

BY_KEY: Settings = {
    "chorale_frames": {},
    "lif_eprop": {"learning_rate": 0.002278, "decay": 3423.0, "clip": 0.208, "stretch": 4},
    "lif_bptt": {"learning_rate": 0.002658, "decay": 2353.0, "clip": 0.9212, "stretch": 4},
    "lif_readout": {"learning_rate": 0.0008012, "decay": 8822.0},
    "gru": {"hidden": 128, "learning_rate": 0.002729, "truncation": 8, "clip": 0.3093},
    "lstm": {"hidden": 128, "learning_rate": 0.003, "truncation": 8},
    "transformer": {},
    "linear_attention": {},
    "frame_logistic": {"frames": 4, "learning_rate": 0.3549, "damping": 0.9485},
    "key_markov": {},
    "unigram": {},
}
BY_NOTE: Settings = {
    "chorale_attention": {},
    "ngram": {"order": 9},
    "attention": {},
    "gru": {"hidden": 256, "learning_rate": 0.002729, "truncation": 8, "clip": 0.3093},
    "lstm": {},
    "transformer": {},
    "linear_attention": {},
    "low_rank_attention": {
        "learning_rate": 0.0008193, "truncation": 16, "clip": 0.5617, "width": 128, "window": 32,
    },
    "logistic": {},
    "window_mlp": {"learning_rate": 0.001782, "truncation": 16, "clip": 1.203, "window": 28},
    "ppmd": {},
    "suffix_table": {},
    "unigram": {},
    "uniform": {},
}  # fmt: skip
MANY_PASSES: Settings = {
    "gru": {"hidden": 150, "learning_rate": 0.005229, "decay": 3e4, "clip": 0.647},
    "lstm": {"hidden": 100, "learning_rate": 0.007461, "decay": 3e5, "clip": 1.809},
    "frame_logistic": {"frames": 2, "learning_rate": 0.1232, "damping": 2.317},
    "key_markov": {},
}


def learners(settings: Settings) -> tuple[Learner, ...]:
    """One learner for each name, with what differs from its own settings."""
    return tuple(replace(named(name), **own) for name, own in settings.items())
