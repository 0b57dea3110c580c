"""Buffers that are not filled hold the smallest integer, so that a lane nobody wrote shows."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tests.feedforward.drawn import POISON


@pytest.fixture(autouse=True)
def poison(monkeypatch):
    """np.empty and torch.empty of int32 are poisoned; compiled functions fill what they make."""
    empty, torch_empty = np.empty, torch.empty

    def poisoned(shape, dtype=float, *args, **kwargs):
        made = empty(shape, dtype, *args, **kwargs)
        if made.dtype == np.int32:
            made.fill(POISON)
        return made

    def torch_poisoned(*args, **kwargs):
        made = torch_empty(*args, **kwargs)
        return made.fill_(POISON) if made.dtype == torch.int32 else made

    monkeypatch.setattr(np, "empty", poisoned)
    monkeypatch.setattr(torch, "empty", torch_poisoned)
