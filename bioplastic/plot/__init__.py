"""One figure = one function ``(data, ax=None) -> ax``; nothing here runs a simulation."""

from bioplastic.plot.attention import attention_map as attention_map
from bioplastic.plot.curves import baselines as baselines
from bioplastic.plot.curves import learning_curve as learning_curve
from bioplastic.plot.curves import surprise_latency as surprise_latency
from bioplastic.plot.palette import CYCLE as CYCLE
from bioplastic.plot.palette import PALETTE as PALETTE
from bioplastic.plot.palette import colour as colour
from bioplastic.plot.spikes import Lane as Lane
from bioplastic.plot.spikes import raster as raster
from bioplastic.plot.style import RC as RC
from bioplastic.plot.style import styled as styled
from bioplastic.plot.traces import rates as rates
from bioplastic.plot.traces import trace as trace
from bioplastic.plot.weights import weight_histogram as weight_histogram
from bioplastic.plot.weights import weight_matrix as weight_matrix
