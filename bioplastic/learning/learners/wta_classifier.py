"""Winner-take-all prototypes by STDP: spikes, int16 weights, labels for the readout only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bioplastic.errors import UsageError
from bioplastic.learning.learners.image_learner import ImageLearner, ImageSpace
from bioplastic.learning.learners.wta_locality import WTA_STDP
from bioplastic.learning.learners.wta_student import WTAStudent
from bioplastic.learning.locality import Use

if TYPE_CHECKING:
    from bioplastic.networks.wta_classifier import Parameters


@dataclass(frozen=True, kw_only=True)
class WTAClassifier(ImageLearner):
    """The network of `bioplastic.networks.wta_classifier`, one pass.

    neurons        N                          voters    k winners while labelling and classifying
    levels, most   burst code of pixels       mu        power of the weight in the rule
    eta, eta_end   step of STDP, falling geometrically over the pass in `stages` stages
    gamma, gamma_end   step of homeostasis, units of potential, the same way
    bits           width of the weights, 8 or 16        backend   "fused", "cpu", "reference"
    While it learns one neuron wins an image. Afterwards weights and homeostasis stand still, the
    inhibition lets `voters` neurons spike, and the training images are shown once more for labels.
    """

    name: str = "wta_classifier"
    rule: str = "local"
    neurons: int = 400
    voters: int = 3
    levels: int = 3
    most: int = 4
    mu: float = 2.0
    eta: float = 0.6
    eta_end: float = 0.04
    gamma: float = 3.0
    gamma_end: float = 0.05
    stages: int = 12
    bits: int = 16
    backend: str = "fused"

    def __post_init__(self) -> None:
        """Check what no description checks."""
        super().__post_init__()
        if self.energy is None:
            raise UsageError(f"{self.name}: energy = None: bursts need gain control")
        if not 1 <= self.voters <= self.neurons:
            raise UsageError(f"{self.name}: voters = {self.voters}: 1 to {self.neurons}")
        for name in ("eta", "gamma"):
            first, last = getattr(self, name), getattr(self, f"{name}_end")
            if not first >= last >= 0 or (first > 0 and last == 0):
                raise UsageError(f"{self.name}: {name} = {first} to {last}: falls, ends above 0")
        if self.stages < 1:
            raise UsageError(f"{self.name}: stages = {self.stages}: at least 1")

    def parameters(self, space: ImageSpace) -> Parameters:
        """Parameters of the network on a space."""
        from bioplastic.networks.wta_classifier import Bursts, Parameters

        assert self.energy is not None
        bursts = Bursts(levels=self.levels, most=self.most, energy=self.energy)
        return Parameters(
            inputs=space.pixels, neurons=self.neurons, bursts=bursts, mu=self.mu, winners=1
        )

    def steps(self, stage: int) -> tuple[float, float]:
        """Eta and gamma in a stage."""
        part = stage / max(self.stages - 1, 1)

        def fall(first: float, last: float) -> float:
            return first * (last / first) ** part if first else 0.0

        return fall(self.eta, self.eta_end), fall(self.gamma, self.gamma_end)

    def begin_images(self, space: ImageSpace, *, seed: int, total: int) -> WTAStudent:
        """Start."""
        return WTAStudent(self, space, seed=seed, total=total)

    def locality(self) -> tuple[Use, ...]:
        """Every quantity that an update uses."""
        return WTA_STDP


@dataclass(frozen=True, kw_only=True)
class UntrainedWTA(WTAClassifier):
    """The same network with its initial weights: homeostasis alone, then labels (an ablation)."""

    name: str = "wta_untrained"
    rule: str = "none"
    eta: float = 0.0
    eta_end: float = 0.0
