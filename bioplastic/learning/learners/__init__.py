"""One file per learner; what they are by name, without importing them."""

from __future__ import annotations

from importlib import import_module

from bioplastic.errors import UsageError, nearest
from bioplastic.learning.learner import Learner

LEARNERS: dict[str, str] = {
    "attention": "attention:Attention",
    "attention_backprop": "attention_backprop:AttentionBackprop",
    "temporal_memory": "temporal_memory:TemporalMemory",
    "lif_bptt": "lif_bptt:LIFBackprop",
    "lif_eprop": "lif_eprop:LIFEprop",
    "lif_readout": "lif_readout:LIFReadout",
    "gru": "recurrent:GRU",
    "lstm": "recurrent:LSTM",
    "transformer": "transformer:Transformer",
    "linear_attention": "linear_attention:LinearAttention",
    "low_rank_attention": "low_rank_attention:LowRankAttention",
    "logistic": "logistic:Logistic",
    "window_mlp": "window_mlp:WindowMLP",
    "uniform": "floor:Floor",
    "unigram": "floor:Floor",
    "ngram": "floor:Floor",
    "suffix_table": "floor:Floor",
    "ppmd": "floor:Floor",
    "key_markov": "key_markov:KeyMarkov",
}
"""Name → "module:Class" below this package; a class is made with name= and its settings."""


def learner(name: str) -> Learner:
    """The learner of that name with its default settings; UsageError with the nearest name."""
    if name not in LEARNERS:
        raise UsageError(f"no learner {name!r}{nearest(name, LEARNERS)}")
    module, _, kind = LEARNERS[name].partition(":")
    made = getattr(import_module(f"bioplastic.learning.learners.{module}"), kind)(name=name)
    if not isinstance(made, Learner):
        raise TypeError(f"{name}: {kind} is not a Learner")
    return made
