"""Populations in whole numbers: LIF, any linear neuron, conductance neuron.

`channels` lists what a projection can reach (in the order of `Population.targets`), then events.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, kw_only=True, eq=False)
class ExponentialChannel:
    """Current I ← PII·I; v += PvI·I. Arrivals add to I. Propagators Q30.

    lsb   value of an LSB of I; 0: the same as that of v, volts
    """

    name: str
    pii: int
    pvi: int
    lsb: float = 0.0


@dataclass(frozen=True, kw_only=True, eq=False)
class AlphaChannel:
    """Current I ← PII·I + PIh·h, h ← PII·h; v += PvI·I + Pvh·h. Arrivals add to h."""

    name: str
    pii: int
    pih: int
    pvi: int
    pvh: int


@dataclass(frozen=True, kw_only=True, eq=False)
class PlateauChannel(AlphaChannel):
    """Alpha channel that is clamped when I > threshold.

    threshold, clamp   LSB       duration  steps       table  Q30 decay of the plateau trace z
    """

    threshold: int
    clamp: int
    duration: int
    table: np.ndarray


Channel = ExponentialChannel | AlphaChannel


@dataclass(frozen=True, kw_only=True, eq=False)
class IntegerPopulation:
    """LIF neurons; potentials count from v_rest.

    pvv, pv1       Q30 decay of v and pull of a clamped current (1 − Pvv)
    offset (N,)    int64, Q30 LSB per step: pull of i_offset
    v_th, v_reset  LSB above rest          refractory  steps
    theta_decay, theta_step   Q30 and LSB of the adaptive threshold; 0, 0 without one
    winners        k of HardWTA, 0 = no competition
    cycle, starts  a competition starts where step mod cycle is in `starts`; 0: the run is one
    lsb, v_rest    volts: value of an LSB and of zero
    initial        v, then the current of each channel at the start, (N,) int32 each; (): all zero
    """

    name: str
    size: int
    pvv: int
    pv1: int
    offset: np.ndarray
    v_th: int
    v_reset: int
    refractory: int
    channels: tuple[Channel, ...]
    theta_decay: int = 0
    theta_step: int = 0
    winners: int = 0
    cycle: int = 0
    starts: tuple[int, ...] = ()
    lsb: float = 1.0
    v_rest: float = 0.0
    labels: tuple[str, ...] | None = None
    initial: tuple[np.ndarray, ...] = ()


@dataclass(frozen=True, kw_only=True, eq=False)
class LinearState:
    """One state of a linear neuron; arrivals add to it.

    lsb   value of an LSB, state units
    deaf  arrivals are lost while the neuron is refractory, from the step of its spike on
    """

    name: str
    lsb: float
    deaf: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class LinearForm:
    """Condition row·x > theta: row (n,) int64 and theta (N,) int64 in one fixed point."""

    row: np.ndarray
    theta: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class AffineMap:
    """x ← (matrix·x + offset + 2²⁹) >> 30: matrix (n, n) and offset (n,) int64, Q30 LSB."""

    matrix: np.ndarray
    offset: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class EventChannel:
    """Event of a linear neuron.

    form            tested with the threshold, when the last event of the neuron is at least `dead`
                    steps ago (more than `duration`)
    jump            applied in the reset slot, before the reset of a spike, or `late`
    duration        steps of its plateau
    drive, held_drive (n,)   int64, Q30 LSB per step of the plateau; held: while refractory
    """

    name: str
    form: LinearForm
    jump: AffineMap
    dead: int
    duration: int
    drive: np.ndarray
    held_drive: np.ndarray
    late: bool


@dataclass(frozen=True, kw_only=True, eq=False)
class LinearStep:
    """x ← (matrix·x + offset + drives + 2²⁹) >> 30: matrix (n, n), offset (N, n) int64, Q30."""

    matrix: np.ndarray
    offset: np.ndarray


@dataclass(frozen=True, kw_only=True, eq=False)
class IntegerLinear:
    """Linear neurons: n states, each with its own LSB.

    channels        LinearStates in the order of the description, then EventChannels
    free, held      step of a neuron that may spike, and of a refractory one
    form            spike when row·x > theta       reset  what a spike does to x
    refractory      steps                          initial (N, n) int32
    """

    name: str
    size: int
    channels: tuple[LinearState | EventChannel, ...]
    free: LinearStep
    held: LinearStep
    form: LinearForm
    reset: AffineMap
    refractory: int
    initial: np.ndarray
    labels: tuple[str, ...] | None = None

    @property
    def states(self) -> tuple[LinearState, ...]:
        """The states."""
        return tuple(c for c in self.channels if isinstance(c, LinearState))

    @property
    def events(self) -> tuple[EventChannel, ...]:
        """The events."""
        return tuple(c for c in self.channels if isinstance(c, EventChannel))


@dataclass(frozen=True, kw_only=True, eq=False)
class PotentialChannel:
    """Membrane potential of a conductance neuron, volts absolute; arrivals add to it."""

    name: str
    lsb: float


@dataclass(frozen=True, kw_only=True, eq=False)
class ConductanceChannel:
    """Conductance g ← decay·g (Q30); reversal in LSB of v; lsb: leak units of an LSB of g."""

    name: str
    lsb: float
    decay: int
    reversal: int


@dataclass(frozen=True, kw_only=True, eq=False)
class IntegerConductance:
    """Leaky neurons with conductances.

    channels       v, then the conductances
    shift          the leak conductance is 2^shift LSB
    rate           dt/tau_m, Q32
    rest (N,)      int64 LSB: v_rest + drive       v_th (N,) int64 LSB      v_reset  LSB
    exponential    exponential Euler; else Euler
    held           v stands still while refractory
    theta_decay, theta_step   Q30 and LSB; 0, 0 without adaptation
    initial_v (N,), initial_g (N, K), initial_theta (N,)   int32
    """

    name: str
    size: int
    channels: tuple[PotentialChannel | ConductanceChannel, ...]
    shift: int
    rate: int
    rest: np.ndarray
    v_th: np.ndarray
    v_reset: int
    refractory: int
    exponential: bool
    held: bool
    theta_decay: int
    theta_step: int
    initial_v: np.ndarray
    initial_g: np.ndarray
    initial_theta: np.ndarray
    labels: tuple[str, ...] | None = None

    @property
    def receptors(self) -> tuple[ConductanceChannel, ...]:
        """The conductances."""
        return tuple(c for c in self.channels if isinstance(c, ConductanceChannel))


AnyPopulation = IntegerPopulation | IntegerLinear | IntegerConductance


def noted(p: AnyPopulation) -> tuple[str, ...]:
    """Names of the plateaus and events of `p` whose onsets a run records."""
    return tuple(c.name for c in p.channels if isinstance(c, PlateauChannel | EventChannel))
