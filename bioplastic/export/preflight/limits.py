"""Published limits of neuromorphic chips, as data: each number with where it stands.

A limit names what a network uses (`bioplastic.export.preflight.demands`) and how much of it there
is. A number that was found in no source at hand is marked unconfirmed: it is shown, and refuses
nothing. Limits are necessary, not sufficient: who passes one cannot be held; who passes none may
still not find a placement, except on Loihi, where neurons are placed and counted core by core.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Limit:
    """How much of one thing a chip has.

    what        a name of `demands.DEMANDS`
    most        the most that fits       per        what has so much: chip, core, neuron, synapse
    source      where the number stands  confirmed  False: recalled, not found; it refuses nothing
    """

    what: str
    most: int
    per: str
    source: str
    confirmed: bool = True


@dataclass(frozen=True, kw_only=True)
class Chip:
    """A chip, or a board of chips where that is what tools map onto.

    per_core   neurons of a core, from which cores are counted; 0: not a chip of cores
    target     the target of `bioplastic export` whose lowering is counted for it
    """

    name: str
    what: str
    limits: tuple[Limit, ...]
    per_core: int = 0
    target: str = "loihi"


DAVIES = "Davies et al. 2018 [davies2018]"
NENGO = "nengo-loihi 1.1, its block validation"
NENGO_CORE = "nengo-loihi 1.1, hardware/builder.py, build_core"
NENGO_ROWS = "nengo-loihi 1.1, hardware/validate.py: 16, the first unused; not checked, it says"
BRIEF = "Intel, Loihi 2 technology brief, 2021"
MACHINE = "SpiNNMachine 7.4, version_spin1.py and version_48_chips.py"
MEROLLA = "Merolla et al. 2014, and its supplement S1"
SE2 = "rockpool 3.1, devices/dynapse/lookup/defaults.py"
XYLO = "rockpool 3.1, devices/xylo: max_hidden_neurons and max_output_neurons of the mappers"
XYLO_DOC = "rockpool documentation, overview of the Xylo family"
BSS2 = "Electronic Vision(s), BrainScaleS-2 page; open-neuromorphic.org"
RECALLED = "recalled, no source at hand"

LOIHI_CORES, LOIHI_NEURONS, LOIHI_AXONS, LOIHI_BITS = 128, 1024, 4096, 1 << 20
LOIHI_PROFILES, LOIHI_THRESHOLDS, LOIHI_FORMATS = 31, 7, 15


def _xylo(name: str, hidden: int, outputs: int, fan_out: int) -> Chip:
    return Chip(
        name=name, what=f"{hidden} hidden and {outputs} output neurons, 16 inputs, no delays",
        limits=(
            Limit(what="neurons", most=hidden + outputs, per="chip", source=XYLO),
            Limit(what="inputs", most=16, per="chip", source=XYLO_DOC),
            Limit(what="fan-out", most=fan_out, per="neuron", source=XYLO_DOC),
            Limit(what="weight bits", most=7, per="synapse", source=f"{XYLO_DOC}: 8 bits, signed"),
            Limit(what="longest delay", most=0, per="synapse", source=f"{XYLO_DOC}: no delays"),
        ),
    )  # fmt: skip


CHIPS: tuple[Chip, ...] = (
    Chip(
        name="Loihi", what="128 cores of 1024 compartments", per_core=LOIHI_NEURONS,
        limits=(
            Limit(what="cores", most=LOIHI_CORES, per="chip", source=DAVIES),
            Limit(what="compartments", most=LOIHI_NEURONS, per="core", source=DAVIES),
            Limit(what="in-axons", most=LOIHI_AXONS, per="core", source=NENGO),
            Limit(what="out-axons", most=LOIHI_AXONS, per="core", source=NENGO),
            Limit(what="synapse bits", most=LOIHI_BITS, per="core", source=NENGO),
            Limit(what="decay profiles", most=LOIHI_PROFILES, per="core", source=NENGO_CORE),
            Limit(what="thresholds", most=LOIHI_THRESHOLDS, per="core", source=NENGO_CORE),
            Limit(what="synapse formats", most=LOIHI_FORMATS, per="core", source=NENGO_ROWS),
            Limit(what="longest delay", most=62, per="synapse", source="brian2-loihi 0.5.2"),
            Limit(what="mantissa bits", most=7, per="synapse", source=f"{DAVIES}: 8, mixed sign"),
        ),
    ),
    Chip(
        name="Loihi 2", what="128 cores of up to 8192 neurons", per_core=8192,
        limits=(
            Limit(what="cores of neurons", most=128, per="chip", source=BRIEF),
            Limit(what="neurons", most=1_000_000, per="chip", source=BRIEF),
            Limit(what="synapses", most=120_000_000, per="chip", source=BRIEF),
            Limit(what="longest delay", most=63, per="synapse", source="lava-nc 0.10, DelaySparse"),
            Limit(what="mantissa bits", most=7, per="synapse", source="lava-nc 0.10: 8, mixed"),
        ),
    ),
    Chip(
        name="SANA-FE", what="its Loihi-like architecture as this package writes it",
        target="sanafe",
        limits=(
            Limit(what="neurons", most=LOIHI_CORES * LOIHI_NEURONS, per="chip",
                  source="the architecture that is written: 32 tiles, 4 cores, 1024 neurons"),
            Limit(what="longest delay", most=5, per="synapse",
                  source="SANA-FE 2.2.9, accumulator_with_delay"),
        ),
    ),
    Chip(
        name="SpiNNaker 1", what="a board of 48 chips, 18 cores each", per_core=256,
        limits=(
            Limit(what="cores of neurons", most=48 * 17, per="board",
                  source=f"{MACHINE}: 18 cores, one for the system; sPyNNaker 7.4: 256 neurons"),
            Limit(what="router entries", most=1023, per="chip",
                  source=f"{MACHINE}: n_router_entries, of 1024"),
            Limit(what="synapse bytes", most=48 * 123_469_792, per="board",
                  source=f"{MACHINE}: max_sdram_per_chip"),
            Limit(what="weight bits", most=16, per="synapse", source="sPyNNaker 7.4, synapse_io"),
            Limit(what="longest delay", most=15, per="synapse", confirmed=False,
                  source=f"{RECALLED}: 16 slots, more with delay extensions"),
        ),
    ),
    Chip(
        name="TrueNorth", what="4096 cores, a crossbar of 256 axons to 256 neurons", per_core=256,
        limits=(
            Limit(what="cores of neurons", most=4096, per="chip", source=MEROLLA),
            Limit(what="fan-in", most=256, per="neuron", source=f"{MEROLLA}: axons of its core"),
            Limit(what="fan-out", most=256, per="neuron",
                  source=f"{MEROLLA}: one axon, the neurons of its core"),
            Limit(what="weights of a neuron", most=4, per="neuron", confirmed=False,
                  source=f"{RECALLED}: four axon types"),
            Limit(what="weight bits", most=8, per="synapse", confirmed=False,
                  source=f"{RECALLED}: 9 bits, signed"),
            Limit(what="longest delay", most=14, per="synapse", confirmed=False,
                  source=f"{RECALLED}: a spike arrives 1 to 15 ticks later"),
        ),
    ),
    Chip(
        name="DYNAP-SE2", what="4 chips of 4 cores of 256 analog neurons", per_core=256,
        limits=(
            Limit(what="cores of neurons", most=16, per="board", source=SE2),
            Limit(what="CAM entries", most=64, per="neuron", source=SE2),
            Limit(what="chips reached", most=4, per="neuron", source=f"{SE2}: SRAM destinations"),
            Limit(what="tags", most=2048, per="board", source=SE2),
            Limit(what="weight bits", most=4, per="synapse",
                  source="rockpool 3.1, DynapSim: masks of 4 bits"),
            Limit(what="longest delay", most=0, per="synapse",
                  source="rockpool 3.1, DynapSim: delays are analog, not steps"),
        ),
    ),
    _xylo("Xylo A2", 1000, 8, 64),
    _xylo("Xylo A3", 992, 32, 64),
    _xylo("Xylo IMU", 496, 16, 512),
    Chip(
        name="BrainScaleS-2", what="512 analog neurons, 256 synapses each",
        limits=(
            Limit(what="neurons", most=512, per="chip", source=BSS2),
            Limit(what="fan-in", most=256, per="neuron", source=BSS2),
            Limit(what="synapses", most=131_072, per="chip", source=BSS2),
            Limit(what="weight bits", most=6, per="synapse", source=BSS2),
            Limit(what="longest delay", most=0, per="synapse", source=f"{BSS2}: analog, no delays"),
            Limit(what="sources of a row", most=64, per="row", confirmed=False,
                  source=f"{RECALLED}: labels of 6 bits"),
        ),
    ),
)  # fmt: skip
"""Every chip that is checked, in the order of the table."""
