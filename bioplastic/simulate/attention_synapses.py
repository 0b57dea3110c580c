"""Synapses of a dendritic-attention network, with their delays and their order inside a step.

Order of arrivals: prime and drive_seen (0) → gates open (operation, 1) → drive (2) → direct (3) →
values (4) → plateau heights (operation, 5) → teacher (6).
"""

from __future__ import annotations

import brian2
import numpy as np

from bioplastic.simulate.attention_layout import Layout

LATCH = """
w_seen_post = w
f_seen_post = f
n_seen_post = n
key_post = i
arrived_at_post = t_in_timesteps
until_post = t_in_timesteps + hold_post
n += 1
"""


def array(group: brian2.Group, name: str) -> np.ndarray:
    """The live array behind a variable of a group."""
    values: np.ndarray = group.variables[name].get_value()
    return values


def _synapses(
    pre: brian2.Group,
    post: brian2.Group,
    i: np.ndarray,
    j: np.ndarray,
    delay: np.ndarray,
    **more: str,
) -> brian2.Synapses:
    """Explicit synapses with delays in steps (S,)."""
    order = int(more.pop("order"))
    event = {"pre": more.pop("event", "spike")}
    clock = post.clock
    made = brian2.Synapses(pre, post, on_event=event, clock=clock, **more)
    made.connect(i=i, j=j)
    made.delay = delay * clock.dt
    made.pre.order = order  # the order of Synapses is not that of their pathway
    return made


def drive(
    layout: Layout, source: brian2.Group, keys: brian2.Group, pools: brian2.Group
) -> tuple[brian2.Synapses, brian2.Synapses]:
    """Symbol → key, gated (silent synapses have w = 0); and the same arrivals seen by the pool."""
    n, size = len(keys), layout.source.size
    delay = np.tile(layout.drive_delay[layout.pool_of], size)
    made = _synapses(
        source, keys, np.repeat(np.arange(size), n), np.tile(np.arange(n), size), delay,
        model="w : amp", on_pre="I_post += w*int(t_in_timesteps < gate_until_post)",
        order="2", name="drive",
    )  # fmt: skip
    i, j = np.nonzero(layout.drive.T)
    seen = _synapses(
        source, pools, i, j, layout.drive_delay[j],
        on_pre="symbol_post = i\ndriven_at_post = t_in_timesteps", order="0", name="drive_seen",
    )  # fmt: skip
    return made, seen


def direct(layout: Layout, source: brian2.Group, keys: brian2.Group) -> brian2.Synapses | None:
    """Symbol → key 0 of a pool, ungated."""
    i, pool = np.nonzero(layout.direct.T)
    if not len(i):
        return None
    made = _synapses(
        source, keys, i, layout.first[pool], layout.direct_delay[pool],
        model="w : amp", on_pre="I_post += w", order="3", name="direct",
    )  # fmt: skip
    array(made, "w")[:] = layout.direct[pool, i]
    return made


def axons(layout: Layout, keys: brian2.Group) -> brian2.Synapses | None:
    """Each key of a priming pool onto its own axon terminal, where the prime arrives."""
    pools = np.flatnonzero(layout.parent >= 0)
    spans = [np.arange(*layout.first[[p, p + 1]]) for p in layout.parent[pools]]
    if not spans:
        return None
    delay = np.repeat(layout.prime_delay[pools] - 1, [len(s) for s in spans])
    index = np.concatenate(spans)
    return _synapses(
        keys, keys, index, index, delay,
        on_pre="primed_at_post = t_in_timesteps", event="axon", order="0", name="prime",
    )  # fmt: skip


def values(
    layout: Layout, keys: brian2.Group, plateaus: brian2.Group
) -> tuple[brian2.Synapses, np.ndarray]:
    """Key → plateau of each output, a block per branch; an arrival latches w, f and n."""
    size, first, blocks = layout.race.size, [0], []
    for b, p in enumerate(layout.branch_pool):
        key, v = np.meshgrid(np.arange(*layout.first[[p, p + 1]]), np.arange(size), indexing="ij")
        delay = np.full(key.size, layout.branch_delay[b] - 1)
        blocks.append((key.ravel(), b * size + v.ravel(), delay))
        first.append(first[-1] + key.size)
    i, j, delay = (np.concatenate(column) for column in zip(*blocks, strict=True))
    model = "w : 1\nf : integer\nn : integer"
    made = _synapses(
        keys, plateaus, i, j, delay, model=model, on_pre=LATCH, event="axon", order="4",
        name="values",
    )  # fmt: skip
    return made, np.array(first[:-1])


def teacher(layout: Layout, source: brian2.Group, outputs: brian2.Group) -> brian2.Synapses:
    """Symbol → its output, which spikes in the step after the arrival."""
    index = np.arange(layout.race.size)
    delay = np.full(len(index), layout.teacher_delay)
    return _synapses(
        source, outputs, index, index, delay, on_pre="forced_post = True", order="6", name="teacher"
    )


def coupling(n_branches: int, plateaus: brian2.Group, outputs: brian2.Group) -> brian2.Synapses:
    """Branch → soma: u = Σ of the plateaus that live."""
    model = "u_post = h_pre*int(t_in_timesteps < until_pre) : 1 (summed)"
    made = brian2.Synapses(plateaus, outputs, model, clock=outputs.clock, name="coupling")
    i = np.arange(len(plateaus))
    made.connect(i=i, j=i % len(outputs))
    return made
