"""How Brian2 runs a description: explicit networks, exact steps, recordings, checkpoints."""

from bioplastic.simulate.build import Built as Built
from bioplastic.simulate.build import build as build
from bioplastic.simulate.checkpoint import State as State
from bioplastic.simulate.read import read as read
from bioplastic.simulate.record import Record as Record
from bioplastic.simulate.record import Samples as Samples
from bioplastic.simulate.record import Voltages as Voltages
from bioplastic.simulate.record import Weights as Weights
from bioplastic.simulate.run import Run as Run
from bioplastic.simulate.run import run as run
