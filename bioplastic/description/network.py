"""Populations, projections, and the network that holds them; validated, with a table of itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bioplastic.description import _check
from bioplastic.description.conductance import ConductanceLIF
from bioplastic.description.connectivity import AllToAll, Connectivity
from bioplastic.description.dendrite import Compartment, DendriticTree, GateBranch
from bioplastic.description.inhibition import Inhibition
from bioplastic.description.linear import LinearIF
from bioplastic.description.neuron import LIF, AdaptiveLIF, EscapeRace
from bioplastic.description.plasticity import (
    BranchGain,
    PairSTDP,
    PermanenceSTDP,
    Recruitment,
    Rhythm,
    SynapticScaling,
    ThetaSTDP,
)
from bioplastic.description.stimulus import SpikeTrain
from bioplastic.description.trace_rule import TraceSTDP
from bioplastic.errors import DescriptionError, nearest
from bioplastic.result import Table

Neuron = LIF | AdaptiveLIF | LinearIF | ConductanceLIF | EscapeRace


@dataclass(frozen=True, kw_only=True, eq=False)
class Source:
    """A population that only emits given spikes.

    name    population name       size   number of sources
    train   its spikes            labels (size,) what each source stands for, or None
    """

    name: str
    size: int
    train: SpikeTrain
    labels: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        _check.integer(self, "size", low=1)
        i = self.train.i
        if len(i) and (i.min() < 0 or i.max() >= self.size):
            raise _check.fail(self, "train.i", int(i.max()), f"must lie in 0..{self.size - 1}")
        if self.labels is not None and len(self.labels) != self.size:
            raise _check.fail(self, "labels", len(self.labels), f"needs {self.size} labels")


@dataclass(frozen=True, kw_only=True, eq=False)
class Population:
    """Neurons of one kind.

    name, size    size = number of neurons
    neuron        LIF, AdaptiveLIF, LinearIF, ConductanceLIF or EscapeRace
    dendrites     branches of every neuron, or None
    inhibition    competition inside the population, or None
    recruitment   structural plasticity of a pool whose first `mature` neurons are grown already
    gain          learned gain of its GradedBranches, or None
    """

    name: str
    size: int
    neuron: Neuron
    dendrites: DendriticTree | None = None
    inhibition: Inhibition | None = None
    recruitment: Recruitment | None = None
    mature: int = 0
    gain: BranchGain | None = None
    labels: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        _check.integer(self, "size", low=1)
        _check.integer(self, "mature", low=0, high=self.size)
        _check.kind(
            self, "neuron", Neuron,
            "a neuron description (LIF, AdaptiveLIF, LinearIF, ConductanceLIF, EscapeRace)",
        )  # fmt: skip
        if isinstance(self.neuron, LinearIF | ConductanceLIF):
            self.neuron.check(self.name, self.size)
        offset = getattr(self.neuron, "i_offset", None)
        if offset is not None and getattr(offset, "shape", ()) not in ((), (self.size,)):
            raise _check.fail(
                self, "neuron.i_offset", offset.shape, f"must be a scalar or ({self.size},)"
            )

    def targets(self) -> list[str]:
        """Names that a projection may target: receptors, states, branches, `branch.receptor`."""
        if isinstance(self.neuron, LinearIF):
            names = list(self.neuron.names)
        elif isinstance(self.neuron, ConductanceLIF):
            names = ["v", *(r.name for r in self.neuron.receptors)]
        elif isinstance(self.neuron, EscapeRace):
            names = ["teacher"]
        else:
            names = [r.name for r in self.neuron.receptors]
        for branch in self.dendrites.branches if self.dendrites else ():
            if isinstance(branch, Compartment):
                names += [f"{branch.name}.{r.name}" for r in branch.receptors]
            else:
                names.append(branch.name)
        return names


@dataclass(frozen=True, kw_only=True, eq=False)
class Projection:
    """All synapses of one kind from one population to another.

    pre, post      population names        target   receptor, branch, or `branch.receptor` of post
    connectivity   synapses                plasticity  rule, or None (static)
    scaling        synaptic scaling, or None
    A target "teacher" of an EscapeRace population makes the post neuron spike on arrival.
    """

    name: str
    pre: str
    post: str
    target: str
    connectivity: Connectivity | AllToAll
    plasticity: PairSTDP | PermanenceSTDP | ThetaSTDP | TraceSTDP | Recruitment | None = None
    scaling: SynapticScaling | None = None

    def __post_init__(self) -> None:
        structural = isinstance(self.plasticity, PermanenceSTDP)
        if structural and self.connectivity.permanence is None:
            raise _check.fail(
                self.name,
                "connectivity",
                "no permanence",
                "PermanenceSTDP needs initial permanences",
            )


@dataclass(frozen=True, kw_only=True, eq=False)
class Network:
    """A whole network: what is simulated, with nothing left implicit.

    Raises DescriptionError when a projection names a population or target that does not exist,
    an index lies outside its population, or a gate names a receptor that the neuron lacks.
    """

    name: str
    sources: Sequence[Source] = ()
    populations: Sequence[Population] = ()
    projections: Sequence[Projection] = ()
    rhythm: Rhythm | None = None
    notes: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.validate()

    def validate(self) -> None:
        """Check every name and index; called at construction."""
        groups = self.groups()
        _check.unique(self.name, "populations", (g.name for g in groups))
        _check.unique(self.name, "projections", (p.name for p in self.projections))
        for population in self.populations:
            for branch in population.dendrites.branches if population.dendrites else ():
                if isinstance(branch, GateBranch) and branch.drive not in population.targets():
                    raise _check.fail(
                        population.name,
                        "dendrites",
                        repr(branch.drive),
                        "the gate's receptor does not exist"
                        + nearest(branch.drive, population.targets()),
                    )
        for projection in self.projections:
            pre, post = self[projection.pre], self[projection.post]
            projection.connectivity.check(projection.name, pre.size, post.size)
            if isinstance(post, Source):
                raise _check.fail(
                    projection.name, "post", repr(post.name), "is a source; it receives nothing"
                )
            if projection.target not in post.targets():
                raise _check.fail(
                    projection.name,
                    "target",
                    repr(projection.target),
                    f"{post.name!r} has no such target"
                    + nearest(projection.target, post.targets()),
                )
            if isinstance(projection.plasticity, ThetaSTDP) and self.rhythm is None:
                raise _check.fail(
                    projection.name, "plasticity", "ThetaSTDP", "needs a Network.rhythm"
                )

    def groups(self) -> list[Source | Population]:
        """Sources, then populations."""
        return [*self.sources, *self.populations]

    def __getitem__(self, name: str) -> Source | Population:
        """The population or source of that name."""
        for group in self.groups():
            if group.name == name:
                return group
        names = [g.name for g in self.groups()]
        raise DescriptionError(f"{self.name}: no population {name!r}{nearest(name, names)}")

    def projection(self, name: str) -> Projection:
        """The projection of that name."""
        for projection in self.projections:
            if projection.name == name:
                return projection
        raise DescriptionError(
            f"{self.name}: no projection {name!r}"
            + nearest(name, [p.name for p in self.projections])
        )

    def table(self) -> Table:
        """Populations and projections with their counts, for --dry-run and the report."""
        rows: list[tuple[Any, ...]] = []
        for source in self.sources:
            rows.append(
                (source.name, "source", f"{source.size:,}", f"{len(source.train):,} spikes given")
            )
        for p in self.populations:
            parts = [type(p.neuron).__name__]
            parts += [
                f"{type(b).__name__} {b.name}"
                for b in (p.dendrites.branches if p.dendrites else ())
            ]
            parts += [
                type(x).__name__ for x in (p.inhibition, p.recruitment, p.gain) if x is not None
            ]
            rows.append((p.name, "population", f"{p.size:,}", " + ".join(parts)))
        for q in self.projections:
            rule = type(q.plasticity).__name__ if q.plasticity else "static"
            rows.append(
                (f"{q.pre} → {q.post}.{q.target}", "projection", f"{len(q.connectivity):,}", rule)
            )
        return Table(
            key="network",
            title="Network",
            columns=("name", "kind", "count", "what"),
            rows=rows,
            caption=f"{self.name}: counts are neurons, or potential synapses for projections.",
        )
