"""What a network is: frozen dataclasses with units; no time step, no bits, no device."""

from bioplastic.description.conductance import ConductanceLIF as ConductanceLIF
from bioplastic.description.conductance import ExponentialConductance as ExponentialConductance
from bioplastic.description.conductance import ExponentialEuler as ExponentialEuler
from bioplastic.description.connectivity import AllToAll as AllToAll
from bioplastic.description.connectivity import Connectivity as Connectivity
from bioplastic.description.dendrite import (
    Compartment as Compartment,
)
from bioplastic.description.dendrite import (
    DendriticTree as DendriticTree,
)
from bioplastic.description.dendrite import (
    GateBranch as GateBranch,
)
from bioplastic.description.dendrite import (
    GradedBranch as GradedBranch,
)
from bioplastic.description.dendrite import (
    PlateauBranch as PlateauBranch,
)
from bioplastic.description.inhibition import GroupShunt as GroupShunt
from bioplastic.description.inhibition import HardWTA as HardWTA
from bioplastic.description.linear import Exact as Exact
from bioplastic.description.linear import LinearEvent as LinearEvent
from bioplastic.description.linear import LinearIF as LinearIF
from bioplastic.description.linear import Taylor as Taylor
from bioplastic.description.network import (
    Network as Network,
)
from bioplastic.description.network import (
    Population as Population,
)
from bioplastic.description.network import (
    Projection as Projection,
)
from bioplastic.description.network import (
    Source as Source,
)
from bioplastic.description.neuron import (
    LIF as LIF,
)
from bioplastic.description.neuron import (
    AdaptiveLIF as AdaptiveLIF,
)
from bioplastic.description.neuron import (
    AlphaCurrent as AlphaCurrent,
)
from bioplastic.description.neuron import (
    EscapeRace as EscapeRace,
)
from bioplastic.description.neuron import (
    ExponentialCurrent as ExponentialCurrent,
)
from bioplastic.description.plasticity import (
    BranchGain as BranchGain,
)
from bioplastic.description.plasticity import (
    FastState as FastState,
)
from bioplastic.description.plasticity import (
    PairSTDP as PairSTDP,
)
from bioplastic.description.plasticity import (
    PermanenceSTDP as PermanenceSTDP,
)
from bioplastic.description.plasticity import (
    PlateauHomeostasis as PlateauHomeostasis,
)
from bioplastic.description.plasticity import (
    PowerLaw as PowerLaw,
)
from bioplastic.description.plasticity import (
    Recruitment as Recruitment,
)
from bioplastic.description.plasticity import (
    Rhythm as Rhythm,
)
from bioplastic.description.plasticity import (
    SynapticScaling as SynapticScaling,
)
from bioplastic.description.plasticity import (
    ThetaSTDP as ThetaSTDP,
)
from bioplastic.description.stimulus import SpikeTrain as SpikeTrain
from bioplastic.description.stimulus import SymbolSchedule as SymbolSchedule
from bioplastic.description.trace_rule import Change as Change
from bioplastic.description.trace_rule import Free as Free
from bioplastic.description.trace_rule import Jump as Jump
from bioplastic.description.trace_rule import PostTrace as PostTrace
from bioplastic.description.trace_rule import PreTrace as PreTrace
from bioplastic.description.trace_rule import Put as Put
from bioplastic.description.trace_rule import Term as Term
from bioplastic.description.trace_rule import TowardsHigh as TowardsHigh
from bioplastic.description.trace_rule import TowardsLow as TowardsLow
from bioplastic.description.trace_rule import TraceSTDP as TraceSTDP
