"""How each space enters and leaves a network of torch: one code per space."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from bioplastic.learning.learner import Unsuited
from bioplastic.learning.space import Frames, Series, Space, Symbols

MAX_ALPHABET = 4096
MAX_LOGIT = 30.0
"""Logits of keys are charged within ±30, so that 1 − p in float64 never rounds to 0."""


class SymbolCode:
    """One-hot in, softmax out. A row is the symbol, or −1 for the zero input before anything."""

    lag = 1
    binary = True

    def __init__(self, space: Symbols) -> None:
        self.inputs = self.outputs = space.size

    def blank(self) -> np.ndarray:
        """Rows (1,) of the input before anything was met."""
        return np.full(1, -1, np.int64)

    def rows(self, x: np.ndarray) -> np.ndarray:
        """Rows (T,) of the inputs that these symbols become."""
        return x.astype(np.int64)

    def tensor(self, rows: np.ndarray, dtype: torch.dtype) -> torch.Tensor:
        """Inputs (T, D)."""
        inputs = torch.zeros(len(rows), self.inputs, dtype=dtype)
        met = np.flatnonzero(rows >= 0)
        inputs[torch.from_numpy(met), torch.from_numpy(rows[met])] = 1.0
        return inputs

    def nats(self, outputs: torch.Tensor, rows: np.ndarray, x: np.ndarray) -> torch.Tensor:
        """Loss (T,) that is learned from."""
        wanted = torch.from_numpy(x)
        return functional.cross_entropy(outputs, wanted, reduction="none")

    def told(self, outputs: torch.Tensor, rows: np.ndarray, x: np.ndarray) -> np.ndarray:
        """What the predictions said of x (T,): here the bits already."""
        nats = self.nats(outputs, rows, x).detach().double().numpy()
        bits: np.ndarray = nats / np.log(2.0)
        return bits

    def settle(self, told: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Losses (L,) of a stream from what was told."""
        return told

    def prediction(self, output: torch.Tensor, rows: np.ndarray) -> np.ndarray:
        """The prediction in the form of the space, from one output (K,)."""
        p: np.ndarray = torch.softmax(output.detach().double(), dim=0).numpy()
        return p


class FrameCode:
    """A row of keys in, independent Bernoulli logits out. A blank frame before anything."""

    lag = 1
    binary = True

    def __init__(self, space: Frames) -> None:
        self.inputs = self.outputs = space.size

    def blank(self) -> np.ndarray:
        """Rows (1, K) of the input before anything was met."""
        return np.zeros((1, self.inputs), bool)

    def rows(self, x: np.ndarray) -> np.ndarray:
        """Rows (T, K) of the inputs that these frames become."""
        return x.astype(bool)

    def tensor(self, rows: np.ndarray, dtype: torch.dtype) -> torch.Tensor:
        """Inputs (T, D)."""
        return torch.from_numpy(rows.astype(np.float32)).to(dtype)

    def nats(self, outputs: torch.Tensor, rows: np.ndarray, x: np.ndarray) -> torch.Tensor:
        """Loss (T,) that is learned from: the nats of whole frames."""
        return functional.binary_cross_entropy_with_logits(
            outputs, self.tensor(x, outputs.dtype), reduction="none"
        ).sum(dim=-1)

    def told(self, outputs: torch.Tensor, rows: np.ndarray, x: np.ndarray) -> np.ndarray:
        """What the predictions said of x (T,): here the nats already."""
        held = outputs.detach().clamp(-MAX_LOGIT, MAX_LOGIT)
        nats: np.ndarray = self.nats(held, rows, x).double().numpy()
        return nats

    def settle(self, told: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Losses (L,) of a stream from what was told."""
        return told

    def prediction(self, output: torch.Tensor, rows: np.ndarray) -> np.ndarray:
        """The prediction in the form of the space, from one output (K,)."""
        held = output.detach().clamp(-MAX_LOGIT, MAX_LOGIT)
        p: np.ndarray = torch.sigmoid(held.double()).numpy()
        return p


class SeriesCode:
    """Standardised features in, one standardised forecast out.

    Mean and standard deviation are those of all records met so far, the newest included (Welford's
    recursion); 0 and 1 before two records that differ. A row is (F features, mean, sd of the
    value), so each forecast is read with the scale that held when it was made.
    """

    binary = False

    def __init__(self, space: Series) -> None:
        self.lag = space.horizon
        self.inputs = len(space.features)
        self.outputs = 1
        self.met = 0
        self.mean = np.zeros(self.inputs)
        self.squares = np.zeros(self.inputs)

    def blank(self) -> np.ndarray:
        """Rows (1, F + 2) of the input before anything was met."""
        row = np.zeros((1, self.inputs + 2))
        row[0, -1] = 1.0
        return row

    def rows(self, x: np.ndarray) -> np.ndarray:
        """Rows (T, F + 2) of the inputs that these records become; the scales move on."""
        rows = np.empty((len(x), self.inputs + 2))
        for t, record in enumerate(x):
            self.met += 1
            before = record - self.mean
            self.mean = self.mean + before / self.met
            self.squares = self.squares + before * (record - self.mean)
            sd = np.sqrt(self.squares / self.met)
            sd = np.where(sd > 0.0, sd, 1.0)
            rows[t, : self.inputs] = (record - self.mean) / sd
            rows[t, -2:] = self.mean[0], sd[0]
        return rows

    def tensor(self, rows: np.ndarray, dtype: torch.dtype) -> torch.Tensor:
        """Inputs (T, D)."""
        return torch.from_numpy(np.ascontiguousarray(rows[:, : self.inputs])).to(dtype)

    def nats(self, outputs: torch.Tensor, rows: np.ndarray, x: np.ndarray) -> torch.Tensor:
        """Loss (T,) that is learned from: absolute error in standard deviations."""
        wanted = torch.from_numpy((x[:, 0] - rows[:, -2]) / rows[:, -1]).to(outputs.dtype)
        return (outputs[:, 0] - wanted).abs()

    def told(self, outputs: torch.Tensor, rows: np.ndarray, x: np.ndarray) -> np.ndarray:
        """What the predictions said (T,): the forecasts, in the unit of the data."""
        forecast: np.ndarray = outputs[:, 0].detach().double().numpy()
        return rows[:, -2] + rows[:, -1] * forecast

    def settle(self, told: np.ndarray, x: np.ndarray) -> np.ndarray:
        """Losses (L,): the forecast for record t was made `horizon` − 1 predictions before."""
        early = min(self.lag - 1, len(x))
        forecast = np.concatenate((np.zeros(early), told[: len(x) - early]))
        losses: np.ndarray = np.abs(forecast - x[:, 0])
        return losses

    def prediction(self, output: torch.Tensor, rows: np.ndarray) -> np.ndarray:
        """The prediction in the form of the space, from one output (1,)."""
        return np.asarray(self.told(output[None], rows, rows)[0])


Code = SymbolCode | FrameCode | SeriesCode


def code_of(space: Space) -> Code:
    """The code of a space; Unsuited where one-hot inputs would be too many."""
    if isinstance(space, Symbols):
        if space.size > MAX_ALPHABET:
            raise Unsuited(f"one-hot input: {space.size} symbols, at most {MAX_ALPHABET}")
        return SymbolCode(space)
    return FrameCode(space) if isinstance(space, Frames) else SeriesCode(space)


def sizes(space: Space) -> tuple[int, int]:
    """Inputs D and outputs K of a network for this space."""
    code = code_of(space)
    return code.inputs, code.outputs
