"""The small circuit of tests/circuit, for the text part of the audit."""

from tests.circuit.conftest import circuit as circuit
