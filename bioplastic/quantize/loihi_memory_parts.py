"""What of a temporal memory goes on a chip: read from the description by its mechanisms, in SI.

Excitatory populations are LIF neurons with plateau branches; inhibitory ones are LIF neurons
without. Sources drive an excitatory receptor or a branch, excitatory neurons end on branches and on
inhibitory neurons, inhibitory ones on a receptor of excitatory neurons. Anything else is refused
with its name. Names of populations and projections mean nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from brian2 import amp

from bioplastic.description import (
    LIF,
    Connectivity,
    ExponentialCurrent,
    Network,
    PlateauBranch,
    Population,
    Projection,
    Source,
)
from bioplastic.errors import UnsupportedModel


@dataclass(frozen=True, kw_only=True, eq=False)
class Links:
    """The synapses of a projection that carry charge, with one weight and one delay.

    i, j (S,)   pre and post index      weight  A       delay  s
    """

    name: str
    pre: str
    post: str
    target: str
    i: np.ndarray
    j: np.ndarray
    weight: float
    delay: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Parts:
    """A temporal memory taken apart.

    drives     sources → receptor of excitatory neurons        primes  sources → branch
    recurrent  excitatory → branch                             counts  excitatory → inhibitory
    stops      inhibitory → receptor of excitatory neurons
    """

    network: Network
    excitatory: tuple[Population, ...]
    inhibitory: tuple[Population, ...]
    drives: tuple[Links, ...]
    primes: tuple[Links, ...]
    recurrent: tuple[Links, ...]
    counts: tuple[Links, ...]
    stops: tuple[Links, ...]

    def tau(self, links: Links) -> float:
        """Time constant of the receptor that a projection ends on, s."""
        post = self.network[links.post]
        assert isinstance(post, Population)
        assert isinstance(post.neuron, LIF)
        return next(float(r.tau) for r in post.neuron.receptors if r.name == links.target)

    def branch(self, links: Links) -> PlateauBranch:
        """The branch that a projection ends on."""
        post = self.network[links.post]
        assert isinstance(post, Population)
        return next(b for b in branches(post) if b.name == links.target)


def branches(population: Population) -> tuple[PlateauBranch, ...]:
    """The plateau branches of a population; UnsupportedModel for one of another kind."""
    found = []
    for branch in population.dendrites.branches if population.dendrites else ():
        if not isinstance(branch, PlateauBranch):
            raise UnsupportedModel(
                f"{population.name}.{branch.name}: {type(branch).__name__}: only a PlateauBranch"
                " becomes a neuron of the chip"
            )
        found.append(branch)
    return tuple(found)


def refuse_other_parts(network: Network) -> None:
    """Raise UnsupportedModel, naming the object, unless every part has a place on the chip."""
    for population in network.populations:
        _check_population(population)
    if not any(branches(p) for p in network.populations):
        raise UnsupportedModel(f"{network.name}: no population has a PlateauBranch")
    for q in network.projections:
        _role(network, q)


def parts_of(network: Network) -> Parts:
    """Take a description apart whose plasticity is off already.

    Raises UnsupportedModel for what `refuse_other_parts` refuses, and for a projection with a rule,
    or with several weights or delays.
    """
    refuse_other_parts(network)
    roles: dict[str, list[Links]] = {name: [] for name in ROLES}
    for q in network.projections:
        role = _role(network, q)
        for links in _links(q):
            if (links.weight < 0) != (role == INHIBITION):
                sign = "negative" if role == INHIBITION else "positive"
                raise UnsupportedModel(f"{q.name}: {links.weight * 1e12:g} pA: must be {sign}")
            roles[role].append(links)
    return Parts(
        network=network,
        excitatory=tuple(p for p in network.populations if branches(p)),
        inhibitory=tuple(p for p in network.populations if not branches(p)),
        **{name: tuple(found) for name, found in roles.items()},
    )


def _check_population(p: Population) -> None:
    if type(p.neuron) is not LIF:
        raise UnsupportedModel(f"{p.name}: {type(p.neuron).__name__}: the chip's neurons are LIF")
    for what in ("inhibition", "recruitment", "gain"):
        if getattr(p, what) is not None:
            kind = type(getattr(p, what)).__name__
            raise UnsupportedModel(f"{p.name}: {kind}: a temporal memory has no such mechanism")
    branches(p)
    for receptor in p.neuron.receptors:
        if not isinstance(receptor, ExponentialCurrent):
            kind = type(receptor).__name__
            raise UnsupportedModel(f"{p.name}.{receptor.name}: {kind}: must be exponential")
    if np.any(np.asarray(p.neuron.i_offset) != 0):
        raise UnsupportedModel(f"{p.name}: i_offset = {p.neuron.i_offset}: must be 0")
    if float(p.neuron.v_reset) != float(p.neuron.v_rest):
        raise UnsupportedModel(f"{p.name}: v_reset = {p.neuron.v_reset}: must equal v_rest")


def _is_source(network: Network, name: str) -> bool:
    return isinstance(network[name], Source)


def _has_branches(network: Network, name: str) -> bool:
    group = network[name]
    return isinstance(group, Population) and bool(branches(group))


def _onto_branch(network: Network, q: Projection) -> bool:
    post = network[q.post]
    return isinstance(post, Population) and q.target in [b.name for b in branches(post)]


ROLES: dict[str, Callable[[Network, Projection], bool]] = {
    "drives": lambda n, q: (
        _is_source(n, q.pre) and _has_branches(n, q.post) and not _onto_branch(n, q)
    ),
    "primes": lambda n, q: _is_source(n, q.pre) and _onto_branch(n, q),
    "recurrent": lambda n, q: _has_branches(n, q.pre) and _onto_branch(n, q),
    "counts": lambda n, q: _has_branches(n, q.pre) and not _has_branches(n, q.post),
    "stops": lambda n, q: (
        not _is_source(n, q.pre) and not _has_branches(n, q.pre)
        and _has_branches(n, q.post) and not _onto_branch(n, q)
    ),
}  # fmt: skip
"""Which part of a temporal memory a projection is."""
INHIBITION = "stops"


def _role(network: Network, q: Projection) -> str:
    for role, fits in ROLES.items():
        if fits(network, q):
            return role
    raise UnsupportedModel(
        f"{q.name}: from {q.pre!r} to {q.post!r}.{q.target}: a temporal memory has no such synapses"
    )


def _links(q: Projection) -> Iterator[Links]:
    """The synapses with a weight, if there are any."""
    if q.plasticity is not None or q.scaling is not None:
        raise UnsupportedModel(f"{q.name}: what is exported must not learn; freeze it first")
    c = q.connectivity if isinstance(q.connectivity, Connectivity) else q.connectivity.explicit()
    weight, delay = c.weights(amp), c.delays()
    on = weight != 0
    if not np.any(on):
        return
    if np.ptp(weight[on]) > 1e-9 * np.abs(weight[on]).max() or np.ptp(delay[on]) > 1e-12:
        raise UnsupportedModel(
            f"{q.name}: synapses of several weights or delays; on the chip a projection has one"
        )
    yield Links(
        name=q.name, pre=q.pre, post=q.post, target=q.target, i=c.i[on], j=c.j[on],
        weight=float(weight[on][0]), delay=float(delay[on][0]),
    )  # fmt: skip
