"""Dendritic attention: a spiking network that predicts the next symbol, one theta cycle a symbol.

*Query*: the symbol of this cycle, and which keys spiked in the last one (delay of one cycle).
*Keys*: pools of context neurons, one pool per context order. A key is primed by its parent, the key
of the next shorter context one cycle before, and driven by the symbol; both together make it spike,
so an order-k key stands for the last k symbols. No match: the pool's young neuron is recruited.
*Values*: plastic synapses of each key onto the output neurons, one dendritic branch per order.
*Softmax*: in every gamma cycle the outputs race with escape noise; hard inhibition lets one win.
*Learning*: theta-phase STDP. Free winners (retrieval) depress, the teacher (encoding) potentiates.

Timing inside a cycle of the default 125 ms (phase of the theta rhythm):
    0 ms symbol spikes · 1 ms teacher reaches the outputs: potentiation for the keys of the last
    cycle · 5 ms drive reaches the primed keys · ~7 ms matching keys spike, ~8 ms recruits ·
    ~12 ms their plateaus replace the old ones · 25–125 ms four gamma cycles, four races ·
    −3 ms (next cycle) the keys prime their children.
"""

if __name__ != "bioplastic.networks.dendritic_attention":
    raise ImportError("import bioplastic.networks.dendritic_attention")

from dataclasses import dataclass, field

from bioplastic.description import (
    BranchGain,
    FastState,
    Network,
    Population,
    Projection,
    Recruitment,
    Source,
    SymbolSchedule,
    ThetaSTDP,
)
from bioplastic.networks import theta_keys
from bioplastic.networks.theta_keys import DIRECT, DRIVE, ThetaKeys

SKIP_ORDER = 3


@dataclass(frozen=True, kw_only=True)
class Parameters(ThetaKeys):
    """Parameters of the network, beside those of `theta_keys.ThetaKeys`.

    order       longest context (symbols); orders 0..order have a pool and a branch each
    skips       branches that see the order-3 key of 1, 2, … cycles ago
    delimiter   symbol that ends a word, or several; None: no word context
    pool        largest number of keys in a pool
    """

    order: int = 7
    skips: int = 0
    delimiter: int | tuple[int, ...] | None = 0
    pool: int = 100_000
    stdp: ThetaSTDP = field(default_factory=lambda: ThetaSTDP(fast=FastState()))
    gain: BranchGain = field(default_factory=BranchGain)
    recruitment: Recruitment = field(default_factory=Recruitment)


def _pool(p: Parameters, name: str, size: int, *, root: bool) -> Population:
    receptors = (DRIVE, DIRECT) if root else (DRIVE,)
    return theta_keys.key_pool(p, name, size, receptors=receptors, root=root, grow=p.recruitment)


def _primed(p: Parameters, pre: Population, post: Population) -> Projection:
    return theta_keys.grown(
        p, f"prime {post.name}", pre, post, target="prime", delay=p.prime_delay(),
        grow=p.recruitment,
    )  # fmt: skip


def _driven(
    p: Parameters, source: Source, post: Population, only: tuple[int, ...] | None = None
) -> Projection:
    return theta_keys.grown(
        p, f"drive {post.name}", source, post, target=DRIVE, delay=p.drive_delay,
        grow=p.recruitment, only=only,
    )  # fmt: skip


def _word(p: Parameters, source: Source) -> tuple[Population, list[Projection]]:
    """A chain of keys that restarts at a delimiter: the word so far."""
    pool = _pool(p, "word", p.pool, root=True)
    ends = p.delimiter if isinstance(p.delimiter, tuple) else (int(p.delimiter or 0),)
    letters = tuple(s for s in range(source.size) if s not in ends)
    return pool, [
        _primed(p, pool, pool),
        _driven(p, source, pool, only=letters),
        theta_keys.direct(p, "root word", "word", list(ends)),
    ]


def _orders(p: Parameters, source: Source) -> tuple[list[Population], list[Projection]]:
    """Pools of orders 0..order and what primes and drives them."""
    pools = [_pool(p, "order0", 1, root=True)]
    wiring = [theta_keys.direct(p, "root order0", "order0", range(source.size))]
    for k in range(1, p.order + 1):
        pool = _pool(p, f"order{k}", min(source.size**k, p.pool), root=False)
        wiring += [_primed(p, pools[-1], pool), _driven(p, source, pool)]
        pools.append(pool)
    return pools, wiring


def dendritic_attention(
    schedule: SymbolSchedule, p: Parameters, *, labels: tuple[str, ...] | None = None
) -> Network:
    """The network of `p` on the symbols of `schedule`, one per theta cycle.

    Populations: source "symbols"; pools "order0" … "orderN", "word"; race "outputs".
    Raises DescriptionError when the schedule's period is not the rhythm's.
    """
    theta_keys.checked(p, schedule, "dendritic_attention")
    source = theta_keys.symbols(schedule, labels)
    pools, wiring = _orders(p, source)
    branches = [(pool.name, pool, 0) for pool in pools]
    if p.order >= SKIP_ORDER:
        branches += [(f"skip{n}", pools[SKIP_ORDER], n) for n in range(1, p.skips + 1)]
    if p.delimiter is not None:
        pool, chain = _word(p, source)
        pools, wiring = [*pools, pool], wiring + chain
        branches.append(("word", pool, 0))
    wiring += [
        theta_keys.values(p, name, pool, source.size, p.stdp, cycles=cycles)
        for name, pool, cycles in branches
    ]
    return theta_keys.network(
        p, f"dendritic attention, orders 0–{p.order}", source, pools, wiring,
        branches=[name for name, _, _ in branches], gain=p.gain,
    )  # fmt: skip
