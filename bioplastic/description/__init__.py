"""What a network is: frozen dataclasses with units; no time step, no bits, no device."""

from bioplastic.description.connectivity import Connectivity as Connectivity
from bioplastic.description.dendrite import (
    Compartment as Compartment,
    DendriticTree as DendriticTree,
    GateBranch as GateBranch,
    GradedBranch as GradedBranch,
    PlateauBranch as PlateauBranch,
)
from bioplastic.description.inhibition import GroupShunt as GroupShunt
from bioplastic.description.inhibition import HardWTA as HardWTA
from bioplastic.description.network import (
    Network as Network,
    Population as Population,
    Projection as Projection,
    Source as Source,
)
from bioplastic.description.neuron import (
    LIF as LIF,
    AdaptiveLIF as AdaptiveLIF,
    AlphaCurrent as AlphaCurrent,
    EscapeRace as EscapeRace,
    ExponentialCurrent as ExponentialCurrent,
    LinearIF as LinearIF,
)
from bioplastic.description.plasticity import (
    BranchGain as BranchGain,
    PairSTDP as PairSTDP,
    PermanenceSTDP as PermanenceSTDP,
    PlateauHomeostasis as PlateauHomeostasis,
    PowerLaw as PowerLaw,
    Recruitment as Recruitment,
    Rhythm as Rhythm,
    SynapticScaling as SynapticScaling,
    ThetaSTDP as ThetaSTDP,
)
from bioplastic.description.stimulus import SpikeTrain as SpikeTrain
from bioplastic.description.stimulus import SymbolSchedule as SymbolSchedule
