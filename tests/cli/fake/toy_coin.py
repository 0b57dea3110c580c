"""Does a coin fall on heads? A stand-in for an experiment, for tests of the command line.

Figure 0 of no paper. Runs in a millisecond.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

import numpy as np

from bioplastic.config import setting
from bioplastic.errors import BioplasticError
from bioplastic.provenance import stream
from bioplastic.result import Note, Panel, Quantity, Result, SpikeRecord, Table

if TYPE_CHECKING:
    from matplotlib.figure import Figure

QUICK = {"tosses": 10}
BACKENDS = ("reference", "cpu")


@dataclass(frozen=True, kw_only=True)
class Config:
    """How the coin is tossed."""

    tosses: int = setting(100, low=1, high=10_000, help="how often")
    bias: float = setting(0.5, low=0.0, high=1.0)
    metal: Literal["copper", "silver"] = "copper"
    fail: str = setting("", choices=("", "library", "defect", "memory", "disk", "interrupt"))


class Description:
    """What describe() returns, as far as the command line looks at it."""

    def table(self) -> Table:
        rows = [("coin", 1, 0.5), ("hand", 20, 12.25)]
        columns = ("population", "neurons", "rate")
        return Table(key="network", title="Network", caption="", columns=columns, rows=rows)


def draw(heads: np.ndarray, figure: Figure) -> None:
    figure.subplots().plot(heads)


def describe(config: Config, *, seed: int) -> Description:
    return Description()


def run(config: Config, *, seed: int, backend: str) -> Result:
    errors = {
        "library": BioplasticError("the coin rolled away"),
        "defect": ZeroDivisionError("division by zero\nsecond line"),
        "memory": MemoryError(),
        "disk": OSError(28, "No space left on device"),
        "interrupt": KeyboardInterrupt(),
    }
    if config.fail:
        raise errors[config.fail]
    heads = stream(seed, "toss").random(config.tosses) < config.bias
    steps = np.flatnonzero(heads)
    spikes = SpikeRecord(
        population="heads", steps=steps, ids=np.zeros_like(steps), size=1, dt=1e-3, labels=("H",)
    )
    panel = Panel(key="tosses", title="Tosses", caption="", draw=partial(draw, heads))
    return Result(
        metrics={"heads_fraction": heads.mean(), "unknown": np.nan, "tosses": config.tosses},
        headline=f"{heads.sum()} of {config.tosses} tosses fell on heads.",
        spikes={"heads": spikes},
        arrays={"heads": Quantity(values=heads.astype(float), unit="")},
        sections=(panel, Note(key="verdict", title="Verdict", text="It is a coin.")),
        network=Description().table(),
    )
