"""How a GPU runs a lowered network: the caller chooses, and nothing falls back."""

from __future__ import annotations

from dataclasses import dataclass

from bioplastic.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class Windows:
    """Windows of the smallest delay, for large networks: two kinds of launches a window.

    A spike of a population arrives D steps later at the earliest, so D steps of a block of neurons
    run in one launch with their state in registers; then the spikes of the window are delivered.
    Where a projection learns, or where a spike of a population arrives in its own step (D = 0), a
    window is one step and every phase of it is a launch: a weight is read in the step of its
    arrival, and it may change in every step.

    block     neurons of one program, a power of two, 32 to 1024; a population under HardWTA is
              always one program and has at most 4096 neurons
    longest   longest window, steps, >= 1 (bounds the memory of arrivals under way)
    """

    block: int = 128
    longest: int = 64

    def __post_init__(self) -> None:
        _power_of_two("Windows", self.block)
        if self.longest < 1:
            raise UsageError(f"Windows: longest = {self.longest} steps: must be >= 1")


@dataclass(frozen=True, kw_only=True)
class OneProgram:
    """A whole network and all steps in one program; the programs of a launch are a batch.

    Meant for many small networks of the same topology: a network runs on one processor of the GPU,
    a large one leaves the others idle.

    block   neurons of one tile, a power of two, 32 to 1024; a population under HardWTA is always
            one tile and has at most 4096 neurons
    """

    block: int = 128

    def __post_init__(self) -> None:
        _power_of_two("OneProgram", self.block)


Executor = Windows | OneProgram
LARGEST_COMPETITION = 4096


def _power_of_two(owner: str, block: int) -> None:
    if not 32 <= block <= 1024 or block & (block - 1):
        raise UsageError(f"{owner}: block = {block}: must be a power of two, 32 to 1024")
