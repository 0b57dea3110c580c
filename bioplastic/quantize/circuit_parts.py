"""The integers of a dendritic-attention network, mechanism by mechanism."""

from __future__ import annotations

from typing import Any

import numpy as np
from brian2 import mV, second, volt

from bioplastic.description import (
    LIF,
    BranchGain,
    EscapeRace,
    GateBranch,
    GradedBranch,
    GroupShunt,
    HardWTA,
    Network,
    Population,
    Projection,
    ThetaSTDP,
)
from bioplastic.errors import UnsupportedModel
from bioplastic.quantize.circuit_program import (
    FRACTION,
    GAIN_FRACTION,
    GUMBEL_BITS,
    WEIGHT_FRACTION,
    Program,
)

N_CAP = 512
"""Earlier arrivals are told apart up to here; steps and gain bins are tables of this length."""
POTENTIAL_LSB = mV / 2**16
EVENT_FRACTION = 8
"""Weight steps are Q8 of a weight LSB, completed by an 8-bit dither."""


def _steps(owner: str, name: str, value: Any, dt: float, low: int = 1) -> int:
    """Whole number of steps in `value`; it must be one (to 1e-9) and at least `low`."""
    exact = float(value / second) / dt
    steps = round(exact)
    if abs(exact - steps) > 1e-9 * max(1.0, exact) or steps < low:
        raise UnsupportedModel(
            f"{owner}: {name} = {value} must be a whole number of steps of dt = {dt * 1e3:g} ms,"
            f" at least {low}"
        )
    return steps


def gumbel_table() -> np.ndarray:
    """Quantiles of the standard Gumbel at (k + 1/2)/2^16, Q17; −ln(−ln x)."""
    x = (np.arange(2**GUMBEL_BITS) + 0.5) / 2**GUMBEL_BITS
    return np.rint(-np.log(-np.log(x)) * 2**FRACTION).astype(np.int32)


def _pools(network: Network) -> list[Any]:
    return [p for p in network.populations if p.recruitment is not None]


def _race(network: Network) -> Any:
    races = [p for p in network.populations if isinstance(p.neuron, EscapeRace)]
    if len(races) != 1:
        raise UnsupportedModel(
            f"{network.name}: the circuit kernel needs one EscapeRace population"
        )
    (race,) = races
    if not isinstance(race.inhibition, HardWTA) or race.inhibition.k != 1:
        raise UnsupportedModel(f"{race.name}: the circuit kernel needs HardWTA(k=1) on the race")
    return race


def _values(network: Network) -> list[Any]:
    return [q for q in network.projections if isinstance(q.plasticity, ThetaSTDP)]


def _refuse_the_rest(network: Network, pools: list[Any], race: Any) -> None:
    """Raise UnsupportedModel for every mechanism that the kernel does not know."""
    for population in network.populations:
        if population is not race and population not in pools:
            raise UnsupportedModel(f"{population.name}: neither a recruiting pool nor the race")
    for pool in pools:
        gates: tuple[Any, ...] = pool.dendrites.branches if pool.dendrites else ()
        simple = type(pool.neuron) is LIF and isinstance(pool.inhibition, GroupShunt)
        if not simple or len(gates) != 1 or not isinstance(gates[0], GateBranch):
            raise UnsupportedModel(f"{pool.name}: a pool is LIF + one GateBranch + GroupShunt")
        if float(pool.neuron.v_reset) != float(pool.neuron.v_rest):
            raise UnsupportedModel(f"{pool.name}: v_reset must equal v_rest")
        if np.any(np.asarray(pool.neuron.i_offset) != 0):
            raise UnsupportedModel(f"{pool.name}: i_offset must be 0")
    if len(network.sources) != 1:
        raise UnsupportedModel(f"{network.name}: the circuit kernel takes one source")
    if network.sources[0].size != race.size:
        raise UnsupportedModel(f"{network.name}: needs one output per symbol")
    if network.rhythm is None:
        raise UnsupportedModel(f"{network.name}: needs a rhythm")


def check_circuit(network: Network) -> None:
    """Raise UnsupportedModel, naming the object, unless the parts are those of a circuit."""
    _refuse_the_rest(network, _pools(network), _race(network))


class CircuitLowering:
    """Collects the integers of one network on one grid."""

    def __init__(self, network: Network, dt: float, seed: int) -> None:
        self.network, self.dt, self.seed = network, dt, seed
        self.pools, self.race = _pools(network), _race(network)
        _refuse_the_rest(network, self.pools, self.race)
        self.source = network.sources[0]
        self.values = _values(network)
        self.errors: dict[str, float] = {}

    def to(self, pool: Population, target: str) -> list[Any]:
        """Projections onto one target of a pool."""
        return [q for q in self.network.projections if q.post == pool.name and q.target == target]

    def propagators(self) -> dict[str, np.ndarray]:
        """Q30 propagators and thresholds; potential and R·current share one unit, 2⁻¹⁶ mV."""
        rows: list[tuple[float, ...]] = []
        for pool in self.pools:
            neuron = pool.neuron
            taus = {float(r.tau) for r in neuron.receptors}
            if len(taus) != 1:
                raise UnsupportedModel(f"{pool.name}: its receptors must share one time constant")
            tau_m, tau_s = float(neuron.tau_m), taus.pop()
            vv, ii = np.exp(-self.dt / tau_m), np.exp(-self.dt / tau_s)
            vi = tau_s / (tau_s - tau_m) * (ii - vv)
            threshold = float((neuron.v_th - neuron.v_rest) / POTENTIAL_LSB)
            rows.append((vv * 2**30, vi * 2**30, ii * 2**30, threshold))
        exact = np.array(rows)
        table = np.rint(exact).astype(np.int64)
        self.errors["propagators"] = float(np.abs(table - exact)[:, :3].max() / 2**30)
        v_th = table[:, 3].astype(np.int32)
        return {"p_vv": table[:, 0], "p_vi": table[:, 1], "p_ii": table[:, 2], "v_th": v_th}

    def jump(self, pool: Any, projection: Projection) -> int:
        """R·weight in units of 2⁻¹⁶ mV."""
        weight = projection.connectivity.weight
        return round(float(weight * pool.neuron.resistance / volt / float(POTENTIAL_LSB)))

    def drives(self) -> dict[str, np.ndarray]:
        """Jumps and delays of gated and direct synapses, per pool and symbol."""
        n, size = len(self.pools), self.race.size
        drive, young, direct = (np.zeros((n, size), np.int32) for _ in range(3))
        delay, direct_delay = np.ones(n, np.int32), np.ones(n, np.int32)
        for p, pool in enumerate(self.pools):
            for q in self.to(pool, "drive"):
                jump, symbols = self.jump(pool, q), q.connectivity.sources()
                drive[p, symbols] = jump
                young[p, symbols] = round(jump * pool.recruitment.young)
                delay[p] = _steps(q.name, "delay", q.connectivity.delay, self.dt)
            for q in self.to(pool, "direct"):
                if np.any(q.connectivity.j != 0):
                    raise UnsupportedModel(f"{q.name}: direct synapses must reach neuron 0 only")
                direct[p, q.connectivity.i] = self.jump(pool, q)
                direct_delay[p] = _steps(q.name, "delay", q.connectivity.delay, self.dt)
        return {
            "drive": drive, "drive_young": young, "direct": direct,
            "drive_delay": delay, "direct_delay": direct_delay,
        }  # fmt: skip

    def primes(self) -> dict[str, np.ndarray]:
        """Priming projections: which pool gates which, delays, windows."""
        names = [pool.name for pool in self.pools]
        parent = np.full(len(self.pools), -1, np.int32)
        rows: list[tuple[float, ...]] = []
        for p, pool in enumerate(self.pools):
            gate = pool.dendrites.branches[0]
            incoming = self.to(pool, gate.name)
            if len(incoming) > 1:
                raise UnsupportedModel(
                    f"{pool.name}: one projection may prime it, not {len(incoming)}"
                )
            for q in incoming:
                if q.pre not in names:
                    raise UnsupportedModel(f"{q.name}: only a pool can prime a pool")
                parent[p] = len(rows)
                if any(row[0] == names.index(q.pre) for row in rows):
                    raise UnsupportedModel(
                        f"{q.pre}: may prime one pool only, {q.name!r} is another"
                    )
                rows.append((
                    names.index(q.pre),
                    _steps(q.name, "delay", q.connectivity.delay, self.dt),
                    _steps(pool.name, "window", gate.window, self.dt),
                    pool.recruitment.min_activations,
                ))  # fmt: skip
        table = np.array(rows, np.int32).reshape(-1, 4)
        columns = ("prime_pre", "prime_delay", "prime_window", "prime_after")
        return {"has_pool_parent": parent, **{c: table[:, k].copy() for k, c in enumerate(columns)}}

    def branches(self) -> dict[str, np.ndarray]:
        """Value branches: pools, delays, plateau lengths, step tables."""
        names, n = [pool.name for pool in self.pools], np.arange(N_CAP)
        rows, plus, minus = [], [], []
        for q in self.values:
            branch = self.race.dendrites[q.target]
            if not isinstance(branch, GradedBranch) or q.pre not in names:
                raise UnsupportedModel(f"{q.name}: ThetaSTDP runs from a pool to a GradedBranch")
            rows.append((
                names.index(q.pre),
                _steps(q.name, "delay", q.connectivity.delay, self.dt),
                _steps(branch.name, "duration", branch.duration, self.dt),
            ))  # fmt: skip
            one = 2 ** (WEIGHT_FRACTION + EVENT_FRACTION)
            plus.append(np.rint(q.plasticity.eta(n) * one))
            minus.append(np.rint(q.plasticity.depression(n) * one))
        table = np.array(rows, np.int32)
        sizes = [self.pools[p].size for p in table[:, 0]]
        return {
            "branch_pool": table[:, 0].copy(), "branch_delay": table[:, 1].copy(),
            "branch_hold": table[:, 2].copy(),
            "branch_first": np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
            "eta_plus": np.array(plus, np.int32), "eta_minus": np.array(minus, np.int32),
        }  # fmt: skip

    def rule(self) -> dict[str, Any]:
        """Constants of the learning rule; every branch must share them."""
        rules = {
            repr(q.plasticity.fast) + repr((q.plasticity.winners, q.plasticity.spare))
            for q in self.values
        }
        if len(rules) != 1:
            raise UnsupportedModel(
                f"{self.race.name}: its branches must share FastState, winners and spare"
            )
        stdp, gain = self.values[0].plasticity, self.race.gain or BranchGain(rate=0.0)
        per_lsb = gain.rate * 2 ** (GAIN_FRACTION - WEIGHT_FRACTION)
        fast = stdp.fast
        unit = 2**FRACTION
        w_max = round(stdp.w_max * 2**WEIGHT_FRACTION)
        if w_max > 127:
            raise UnsupportedModel(
                f"w_max = {stdp.w_max} nats: must be <= {127 / 2**WEIGHT_FRACTION} to fit int8"
            )
        return {
            "gain_bin": gain.bin(np.arange(N_CAP)).astype(np.int32),
            "gain_plus": round(per_lsb), "gain_minus": round(per_lsb / stdp.winners),
            "gain_max": round(gain.g_max * 2**GAIN_FRACTION),
            "fast_levels": fast.levels if fast else 0, "fast_keep": fast.keep if fast else 0,
            "fast_step": fast.step if fast else 0, "spare": stdp.spare,
            "fast_plus": round(fast.rate * unit) if fast else 0,
            "fast_minus": round(fast.rate * unit / stdp.winners) if fast else 0,
            "w_max": w_max,
        }  # fmt: skip

    def timing(self) -> dict[str, int]:
        """Rhythm, teacher and ramp on the grid."""
        rhythm: Any = self.network.rhythm
        race = self.race.neuron
        period = _steps("rhythm", "period", rhythm.period, self.dt)
        encoding = _steps("rhythm", "encoding", rhythm.encoding, self.dt)
        if (period - encoding) % rhythm.gamma:
            raise UnsupportedModel(
                f"rhythm: the retrieval phase of {period - encoding} steps must hold a whole number"
                f" of steps for each of gamma = {rhythm.gamma} cycles"
            )
        teachers: list[Any] = [q for q in self.network.projections if q.target == "teacher"]
        if len(teachers) != 1:
            raise UnsupportedModel(f"{self.race.name}: needs one projection onto 'teacher'")
        delays = np.unique(teachers[0].connectivity.delays())
        unit = 2**FRACTION
        return {
            "period": period, "encoding": encoding, "gamma": rhythm.gamma,
            "gamma_steps": (period - encoding) // rhythm.gamma,
            "teacher_delay": _steps("teacher", "delay", delays[0] * second, self.dt),
            "ramp_start": round(race.start * unit),
            "ramp_slope": round(float(race.slope * second) * self.dt * unit),
        }  # fmt: skip

    def program(self) -> Program:
        """All constants together."""
        sizes = [pool.size for pool in self.pools]
        t_ref = [_steps(p.name, "t_ref", p.neuron.t_ref, self.dt, low=0) for p in self.pools]
        fields: dict[str, Any] = {
            "symbols": self.race.size, "seed": self.seed, "gumbel": gumbel_table(),
            "first": np.concatenate([[0], np.cumsum(sizes)]).astype(np.int32),
            "still": np.maximum(np.array(t_ref, np.int32) - 1, 0),
        }  # fmt: skip
        for part in (
            self.propagators,
            self.drives,
            self.primes,
            self.branches,
            self.rule,
            self.timing,
        ):
            fields |= part()
        return Program(**fields)
