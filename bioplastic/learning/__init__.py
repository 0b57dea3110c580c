"""Learning measured honestly: corpora, the prequential protocol, baselines, statistics.

Prequential: every symbol is predicted before it is learned, in one pass, with no look-ahead.
"""

from bioplastic.learning.corpus import SymbolStream as SymbolStream
from bioplastic.learning.corpus import from_symbols as from_symbols
from bioplastic.learning.corpus import load as load
from bioplastic.learning.statistics import Summary as Summary
from bioplastic.learning.statistics import summary as summary
