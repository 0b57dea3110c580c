"""The surrogates: their formulas, and that they never touch the forward pass."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from bioplastic.bridge import ATan, FastSigmoid, StraightThrough, Triangle
from bioplastic.bridge.surrogate import step
from bioplastic.errors import DescriptionError

# surrogate -> the smooth step whose derivative it is
PRIMITIVES = {
    FastSigmoid(slope=4.0): lambda u: u / (1 + 4.0 * u.abs()),
    ATan(width=0.25): lambda u: torch.atan(math.pi / 2 * 4.0 * u) / math.pi,
    Triangle(height=0.5, width=2.0): lambda u: 0.5 * (u - u * u.abs() / 4.0),
    StraightThrough(width=3.0): lambda u: u,
}


@pytest.mark.parametrize("surrogate", PRIMITIVES, ids=lambda s: type(s).__name__)
def test_slopes_are_the_derivatives_of_the_named_functions(surrogate):
    u = torch.linspace(-1.9, 1.9, 40, dtype=torch.float64, requires_grad=True)
    PRIMITIVES[surrogate](u).sum().backward()
    assert u.grad is not None
    # a handful of operations on numbers of order one
    assert torch.allclose(surrogate.derivative(u.detach()), u.grad, rtol=1e-13, atol=1e-15)


def test_bounded_support():
    u = torch.tensor([-2.0, -1.0, 1.0, 2.0], dtype=torch.float64)
    assert not Triangle(width=1.0).derivative(u).any()
    assert not StraightThrough(width=1.0).derivative(u).any()


@given(st.floats(-1e6, 1e6), st.sampled_from(list(PRIMITIVES)))
def test_forward_is_the_strict_step_exactly(value, surrogate):
    u = torch.tensor([value], dtype=torch.float64, requires_grad=True)
    s = step(u > 0, u, surrogate)
    assert s.item() == float(value > 0)
    s.sum().backward()
    assert u.grad is not None
    assert torch.equal(u.grad, surrogate.derivative(u.detach()))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FastSigmoid(slope=0.0), "FastSigmoid.slope = 0.0: must be > 0"),
        (lambda: ATan(width=-1.0), "ATan.width = -1.0: must be > 0"),
        (lambda: Triangle(height=math.nan), "Triangle.height = nan: must be finite"),
        (lambda: StraightThrough(width=0.0), "StraightThrough.width = 0.0: must be > 0"),
    ],
)
def test_nonsense_is_refused(make, message):
    with pytest.raises(DescriptionError, match=message):
        make()
