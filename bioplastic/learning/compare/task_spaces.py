"""What is searched on whole tasks, and how small a task is while it is searched.

No trial meets what is scored in the comparison: the taxi series ends before the first scored
record, the drawn tasks are drawn with other seeds, and the chorales are tested on the valid pieces.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from bioplastic.learning.compare.search import Choice, LogUniform, Setting, space_of
from bioplastic.learning.learners.lif_search import RULES
from bioplastic.learning.space import Series
from bioplastic.learning.task import Task
from bioplastic.learning.tasks.high_order import HighOrder
from bioplastic.learning.tasks.jsb import JSB, JSBEpochs, JSBJoint
from bioplastic.learning.tasks.recall import Recall
from bioplastic.learning.tasks.taxi import Taxi


@dataclass(frozen=True, kw_only=True)
class TaxiBefore(Taxi):
    """The first `records` records only; they end before the first that the comparison scores."""

    records: int = 3000
    scored_from: int = 1500

    def series(self) -> tuple[Series, np.ndarray]:
        """The space and the stream (records, 5)."""
        space, x = super().series()
        return space, x[: self.records]


SMALL: Mapping[str, Callable[[], Task]] = {
    "taxi": TaxiBefore,
    "high-order": lambda: HighOrder(
        elements=12_000, switch=6000, window=100, several=(), death=(), noise=1000
    ),
    "recall": lambda: Recall(
        sizes=(4, 16), queries=128, lengths=(64, 96, 128), rounds=2
    ),
    "jsb": lambda: JSB(valid=True),
    "jsb-joint": lambda: JSBJoint(valid=True, pieces=100),
    "jsb-epochs": lambda: JSBEpochs(valid=True),
}  # fmt: skip
"""Task → how it is searched."""

BY_CURVE = ("high-order",)
"""Tasks whose figure here is the mean of the learning curve: at the end too many have no error."""

_RATE = LogUniform(low=5e-4, high=1e-2)
_NET: dict[str, Setting] = {
    "learning_rate": _RATE,
    "truncation": Choice(options=(8, 16, 32)),
    "clip": LogUniform(low=0.25, high=2.0),
}
_REACHING: dict[str, Setting] = {
    "learning_rate": _RATE,
    "truncation": Choice(options=(2, 4)),
    "reach": Choice(options=(8, 12, 16)),
    "clip": LogUniform(low=0.25, high=2.0),
}
_INSIDE: dict[str, Setting] = {
    "inner_settings": Choice(options=tuple(
        (("hidden", h), ("learning_rate", rate), ("clip", 1.0), ("truncation", k), ("reach", 12))
        for h in (64, 128) for rate in (0.001, 0.003, 0.01) for k in (2, 4)
    )),
}  # fmt: skip
"""Networks behind a front, whose settings are drawn as one."""
_PRETRAINED: dict[str, Setting] = {
    "learning_rate": LogUniform(low=1e-3, high=3e-2), "width": Choice(options=(32, 64)),
}  # fmt: skip
_SPIKING: dict[str, Setting] = {
    "learning_rate": LogUniform(low=1e-3, high=1e-2),
    "decay": LogUniform(low=2e3, high=5e4),
    "clip": LogUniform(low=0.2, high=5.0),
    "stretch": Choice(options=(4, 8, 16)),
}
_BLOCKS: dict[str, Setting] = {**_NET, "width": Choice(options=(64, 128, 192))}
_FRAMES: dict[str, Setting] = {
    "frames": Choice(options=(1, 2, 4, 8)),
    "learning_rate": LogUniform(low=0.02, high=0.5),
    "damping": LogUniform(low=0.1, high=10.0),
}
_EPOCHS: dict[str, Setting] = {
    "learning_rate": LogUniform(low=1e-3, high=3e-2),
    "decay": Choice(options=(3e4, 3e5, 3e6)),
    "clip": LogUniform(low=0.25, high=2.0),
    "hidden": Choice(options=(100, 150, 200)),
}
"""Whole pieces are one step: there is no stretch to cut."""

SEARCHED: Mapping[str, Mapping[str, dict[str, Setting]]] = {
    "taxi": {
        "taxi_attention": {
            "winners": Choice(options=(4, 10)),
            "eta_0": LogUniform(low=0.1, high=1.0),
            "eta_min": LogUniform(low=0.01, high=0.1),
            "gain": LogUniform(low=0.5, high=4.0),
            "taps": Choice(options=(((), (0,), (0, 1)), ((), (0,), (0, 1), (0, 43)))),
        },
        "knn": {"k": Choice(options=(2, 4, 8)), "window": Choice(options=(12, 24, 48, 96))},
        "adaptive_filter": {
            "window": Choice(options=(12, 24, 48)),
            "forgetting": Choice(options=(0.998, 0.9995, 0.9999)),
            "ridge": LogUniform(low=0.1, high=10.0),
        },
        "gru": _NET,
        "lstm": _NET,
        "window_mlp": {**_NET, "window": Choice(options=(6, 12, 24))},
        "transformer": {**_NET, "window": Choice(options=(24, 48))},
    },
    "high-order": {
        "high_order_attention": {
            "eta_0": LogUniform(low=0.1, high=1.0),
            "eta_min": LogUniform(low=0.005, high=0.1),
            "initial": Choice(options=((1.0, 2.0), (1.7, 2.0), (2.0, 3.0))),
        },
        "familiar_attention": {"inner_settings": Choice(
            options=tuple((("winners", w), ("order", k)) for w in (2, 4, 8) for k in (5, 6, 7))
        )},
        "attention": {"winners": Choice(options=(2, 4, 8)), "order": Choice(options=(5, 6, 7))},
        "gru": _NET,
        "gru_reaching": _REACHING,
        "familiar_gru_reaching": _INSIDE,
        "familiar_lstm_reaching": _INSIDE,
        "lstm": _NET,
        "transformer": {
            **_NET, "width": Choice(options=(64, 128)), "window": Choice(options=(12, 32)),
        },
        "window_mlp": {**_NET, "window": Choice(options=(8, 10, 12))},
        "suffix_table": {"order": Choice(options=(6, 8, 12, 16))},
        "ngram": {"order": Choice(options=(5, 6, 7, 8))},
    },
    "recall": {
        "hebbian_attention": {
            "units": Choice(options=(128, 176, 256)), "active": Choice(options=(6, 8, 10, 12)),
        },
        "recall_transformer": _PRETRAINED,
        "recall_low_rank_attention": _PRETRAINED,
        "recall_gru": _PRETRAINED,
        "recall_linear_attention_64": {"learning_rate": _PRETRAINED["learning_rate"]},
    },
    "jsb": {
        "lif_eprop": _SPIKING,
        "lif_bptt": _SPIKING,
        "lif_readout": RULES["lif_readout"][1],
        "gru": {**_NET, "hidden": Choice(options=(128, 256))},
        "lstm": {**_NET, "hidden": Choice(options=(128, 256))},
        "transformer": {**_BLOCKS, "window": Choice(options=(8, 16, 32))},
        "linear_attention": _BLOCKS,
        "frame_logistic": _FRAMES,
    },
    "jsb-joint": {
        "gru": {**_NET, "hidden": Choice(options=(256, 512))},
        "lstm": {**_NET, "hidden": Choice(options=(256, 512))},
        "transformer": {**_BLOCKS, "window": Choice(options=(32, 64))},
        "linear_attention": _BLOCKS,
        "low_rank_attention": {**_BLOCKS, "window": Choice(options=(32, 64))},
        "window_mlp": {**_NET, "window": Choice(options=(12, 20, 28))},
        "logistic": {"order": Choice(options=(5, 7, 9)), **space_of("logistic")},
    },
    "jsb-epochs": {
        "gru": _EPOCHS,
        "lstm": _EPOCHS,
        "frame_logistic": _FRAMES,
    },
}  # fmt: skip
"""Task → learner → what is drawn: fixed before the first trial."""

_TEXT: dict[str, dict[str, Any]] = {
    "transformer": {
        "learning_rate": 0.0006494, "truncation": 16, "clip": 0.318, "width": 192, "window": 32,
    },
    "linear_attention": {
        "learning_rate": 0.001239, "truncation": 8, "clip": 0.8435, "width": 128,
    },
}  # fmt: skip
"""Settings of the search on text."""

GIVEN: Mapping[str, Mapping[str, dict[str, Any]]] = {
    "jsb": {
        "lif_eprop": {"learning_rate": 0.003762, "decay": 2403.0, "clip": 0.4935, "stretch": 8},
        "lif_bptt": {"learning_rate": 0.003, "decay": 10_000.0, "clip": 1.0, "stretch": 16},
        "lif_readout": {"learning_rate": 0.003, "decay": 10_000.0},
        "gru": {"learning_rate": 0.003, "truncation": 8, "clip": 0.3013, "hidden": 128},
        "lstm": {"learning_rate": 0.003, "truncation": 8, "clip": 0.3582, "hidden": 128},
        **_TEXT,
        "frame_logistic": {"frames": 4, "learning_rate": 0.1, "damping": 1.0},
    },
    "jsb-joint": {
        "gru": {"learning_rate": 0.002642, "truncation": 8, "clip": 0.3013, "hidden": 512},
        "lstm": {"learning_rate": 0.005156, "truncation": 8, "clip": 0.3582, "hidden": 512},
        **_TEXT,
        "low_rank_attention": {
            "learning_rate": 0.001077, "truncation": 16, "clip": 0.356, "width": 128,
            "window": 64,
        },
        "window_mlp": {"learning_rate": 0.009788, "truncation": 8, "clip": 0.279, "window": 12},
        "logistic": {"order": 7, "learning_rate": 0.5502, "damping": 0.1418},
    },
    "jsb-epochs": {
        "gru": {"learning_rate": 0.002642, "decay": 30_000.0, "clip": 1.0, "hidden": 100},
        "lstm": {"learning_rate": 0.005156, "decay": 30_000.0, "clip": 1.0, "hidden": 100},
        "frame_logistic": {"frames": 4, "learning_rate": 0.1, "damping": 1.0},
    },
}  # fmt: skip
"""Task → learner → what it ran with before the search, which is one more trial."""
