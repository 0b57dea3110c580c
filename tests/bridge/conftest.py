"""The circuits of the circuit kernel's tests."""

from tests.circuit.conftest import circuit as circuit
