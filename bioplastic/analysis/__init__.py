"""Small functions on spikes and arrays: rates, windows, differences, bits, attention."""

from bioplastic.analysis.attention import attention as attention
from bioplastic.analysis.compare import Divergence as Divergence
from bioplastic.analysis.compare import agreement as agreement
from bioplastic.analysis.compare import first_divergence as first_divergence
from bioplastic.analysis.spikes import isi_cv as isi_cv
from bioplastic.analysis.spikes import population_rate as population_rate
from bioplastic.analysis.spikes import rates as rates
from bioplastic.analysis.surprise import bits as bits
from bioplastic.analysis.surprise import entropy as entropy
from bioplastic.analysis.surprise import log_softmax as log_softmax
from bioplastic.analysis.surprise import window_means as window_means
