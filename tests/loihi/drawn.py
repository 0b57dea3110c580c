"""Networks drawn by hypothesis, over the whole range that the chip holds."""

import numpy as np
from hypothesis import strategies as st

from bioplastic.quantize.loihi import (
    LoihiNetwork,
    LoihiPopulation,
    LoihiProjection,
    LoihiSource,
)


@st.composite
def networks(draw):
    """A network of one source and one or two populations, with its stimulus and length."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    sizes = draw(st.lists(st.integers(1, 9), min_size=1, max_size=2))
    high = draw(st.sampled_from([40, 254]))
    exponent = draw(st.sampled_from([-6, -2, 0, 7]))
    populations = tuple(
        LoihiPopulation(
            name=f"p{k}", size=n, du=int(rng.integers(0, 4096)), dv=int(rng.integers(0, 4096)),
            vth=int(rng.choice([1, 40, 131071])), refractory=int(rng.choice([1, 2, 64])),
            bias_mantissa=rng.integers(-4095, 4096, n), bias_exponent=int(rng.integers(0, 8)),
        )
        for k, n in enumerate(sizes)
    )  # fmt: skip
    groups = [("in", 5), *((p.name, p.size) for p in populations)]
    projections = []
    for k, (pre, n) in enumerate(groups):
        for post, m in groups[1:]:
            s = int(rng.integers(0, 20))
            projections.append(
                LoihiProjection(
                    name=f"q{k}{post}", pre=pre, post=post, exponent=exponent,
                    i=rng.integers(0, n, s), j=rng.integers(0, m, s),
                    weight=2 * rng.integers(-min(high, 256) // 2, high // 2 + 1, s),
                    delay=rng.choice([0, 1, 62], s),
                )
            )  # fmt: skip
    steps = draw(st.integers(0, 90))
    raster = rng.random((steps, 5)) < 0.3
    return (
        LoihiNetwork(
            name="drawn", dt=1e-3, sources=(LoihiSource(name="in", size=5),),
            populations=populations, projections=tuple(projections),
        ),
        {"in": np.nonzero(raster)},
        steps,
    )  # fmt: skip
