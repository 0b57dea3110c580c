"""The search behind the defaults of the LIF learners, in two stages of equal budget.

python -m bioplastic.learning.learners.lif_search [--trials 8] [--log docs/figures/search-lif.jsonl]

1. *network*: what the three rules share. A trial is one drawn network, run under each rule with the
   rule settings of `START`; the network with the lowest mean over the rules is taken.
2. *rule*: with that network, each rule's own settings; e-prop once with each kind of feedback. The
   setting of `START` has been run with this network and stands as one more trial.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from bioplastic.bridge.surrogate import Triangle
from bioplastic.errors import BioplasticError
from bioplastic.learning.compare.search import Choice, LogUniform, Search, Setting
from bioplastic.learning.corpus import load
from bioplastic.learning.learners.lif_bptt import LIFBackprop
from bioplastic.learning.learners.lif_eprop import LIFEprop, RandomFeedback
from bioplastic.learning.learners.lif_readout import LIFReadout
from bioplastic.learning.learners.lif_student import LIFLearner
from bioplastic.learning.space import Symbols
from bioplastic.provenance import stream as stream_of

NETWORK: dict[str, Setting] = {
    "tau_m": Choice(options=(3.0, 5.0, 10.0, 20.0)),
    "tau_a": Choice(options=(50.0, 200.0, 500.0)),
    "tau_out": Choice(options=(5.0, 10.0, 20.0, 40.0)),
    "steps": Choice(options=(4, 6, 8)),
    "gain_in": LogUniform(low=0.7, high=4.0),
    "gain_rec": LogUniform(low=0.25, high=2.0),
    "gain_out": LogUniform(low=0.1, high=1.0),
    "beta": LogUniform(low=0.03, high=0.5),
    "adaptive": Choice(options=(0.25, 0.5, 0.75)),
}
_SLOPES = tuple(Triangle(height=h, width=w) for h in (0.3, 1.0) for w in (0.5, 1.0, 2.0))
_GRADIENT: dict[str, Setting] = {
    "learning_rate": LogUniform(low=1e-3, high=1e-2),
    "decay": LogUniform(low=2e3, high=5e4),
    "clip": LogUniform(low=0.2, high=5.0),
    "stretch": Choice(options=(4, 8, 16, 32)),
    "surrogate": Choice(options=_SLOPES),
}
_GAINS = tuple(RandomFeedback(gain=g) for g in (0.3, 0.5, 1.0, 2.0, 3.0))
START: dict[str, Any] = {
    "learning_rate": 3e-3,
    "decay": 10_000.0,
    "clip": 1.0,
    "stretch": 16,
    "surrogate": Triangle(),
}
RULES: dict[str, tuple[LIFLearner, dict[str, Setting]]] = {
    "lif_bptt": (LIFBackprop(**START), _GRADIENT),
    "lif_eprop": (LIFEprop(**START), _GRADIENT),
    "lif_readout": (
        LIFReadout(learning_rate=3e-3, decay=10_000.0),
        {
            "learning_rate": LogUniform(low=5e-4, high=5e-3),
            "decay": LogUniform(low=2e3, high=5e4),
        },
    ),
    "lif_eprop_random": (
        LIFEprop(**START, feedback=RandomFeedback()),
        _GRADIENT | {"feedback": Choice(options=_GAINS)},
    ),
}
"""Who takes part; the last only in the second stage, with the network of the others."""


@dataclass(frozen=True, kw_only=True)
class Shared(Search):
    """A search that draws the same for every rule.

    stage   "network" or "rule"
    """

    stage: str

    def drawn(self, learner: str, trial: int) -> dict[str, Any]:
        """The settings of one trial, whatever the learner."""
        rng = stream_of(self.seed, "search", "lif", self.stage, str(trial))
        return {name: setting.draw(rng) for name, setting in self.settings.items()}


def best_network(scores: Mapping[str, Sequence[float]]) -> int:
    """The trial with the lowest mean over rules; one that diverged under a rule is out."""
    means = np.array(list(scores.values())).mean(axis=0)
    return int(np.nanargmin(means))


def main(argv: Sequence[str] | None = None) -> int:
    """Search on the first 10 000 symbols of kjv; return 0, or 1 for a failure."""
    parser = argparse.ArgumentParser(description="Search the settings of the LIF learners.")
    parser.add_argument("--trials", type=int, default=8)
    parser.add_argument("--corpus", default="kjv")
    parser.add_argument("--symbols", type=int, default=10_000)
    parser.add_argument("--neurons", type=int, default=512)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--log", type=Path, default=Path("docs/figures/search-lif.jsonl"))
    asked = parser.parse_args(argv)
    try:
        text = load(asked.corpus, symbols=asked.symbols)
        space, x = Symbols(size=text.alphabet_size), text.symbols.astype(np.int64)

        def searched(stage: str, name: str, base: LIFLearner, settings: dict[str, Setting]) -> Any:
            search = Shared(settings=settings, trials=asked.trials, seed=asked.seed, stage=stage)
            return search.run(
                replace(base, name=name, neurons=asked.neurons),
                space,
                x,
                task=f"{asked.corpus}:{len(x)} {stage}",
                log=asked.log,
                progress=lambda line: print(line, file=sys.stderr, flush=True),
            )

        started = {}
        for name in list(RULES)[:3]:
            _, found = searched("network", name, RULES[name][0], NETWORK)
            started[name] = [t.score for t in found]
        chosen = best_network(started)
        network = Shared(settings=NETWORK, seed=asked.seed, stage="network").drawn("", chosen)
        print(f"network: trial {chosen}, {network}", flush=True)
        for name, (base, settings) in RULES.items():
            best, found = searched("rule", name, replace(base, **network), settings)
            least = min((t.score for t in found if math.isfinite(t.score)), default=math.nan)
            first = started[name][chosen] if name in started else math.nan
            print(f"{name}: start {first:.4f}, best of the draws {least:.4f}: {best}", flush=True)
    except BioplasticError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
