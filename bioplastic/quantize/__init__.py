"""Descriptions become integers: formats, lowering, and the report of what it cost."""

from bioplastic.quantize.integer_network import IntegerNetwork as IntegerNetwork
from bioplastic.quantize.lower import lower as lower
from bioplastic.quantize.report import LoweringReport as LoweringReport
