"""One file per learner; what they are by name, without importing them."""

from __future__ import annotations

from importlib import import_module

from bioplastic.errors import UsageError, nearest
from bioplastic.learning.learner import Learner

LEARNERS: dict[str, str] = {
    "attention": "attention:Attention",
    "attention_order10": "attention:LongAttention",
    "attention_backprop": "attention_backprop:AttentionBackprop",
    "attention_backprop_order10": "attention_backprop:LongAttentionBackprop",
    "attention_no_plasticity": "attention_ablations:NoPlasticity",
    "attention_no_recruitment": "attention_ablations:NoRecruitment",
    "attention_no_inhibition": "attention_ablations:NoInhibition",
    "attention_no_dendrite": "attention_ablations:NoDendrite",
    "attention_no_metaplasticity": "attention_ablations:NoMetaplasticity",
    "attention_no_fast_state": "attention_ablations:NoFastState",
    "attention_no_timing": "attention_ablations:NoTiming",
    "temporal_memory": "temporal_memory:TemporalMemory",
    "lif_bptt": "lif_bptt:LIFBackprop",
    "lif_eprop": "lif_eprop:LIFEprop",
    "lif_eprop_random": "lif_eprop:LIFEpropRandom",
    "lif_readout": "lif_readout:LIFReadout",
    "gru": "recurrent:GRU",
    "lstm": "recurrent:LSTM",
    "gru_reaching": "recurrent_reaching:ReachingGRU",
    "lstm_reaching": "recurrent_reaching:ReachingLSTM",
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
    "frame_logistic": "frame_logistic:FrameLogistic",
    "chorale_attention": "chorale_attention:ChoraleAttention",
    "chorale_frames": "chorale_frames:ChoraleFrames",
    "hebbian_attention": "hebbian_attention:HebbianAttention",
    "hebbian_attention_recruited": "hebbian_attention:RecruitedAttention",
    "recall_transformer": "recall_pretrained:RecallTransformer",
    "recall_low_rank_attention": "recall_pretrained:RecallLowRank",
    "recall_linear_attention": "recall_pretrained:RecallLinear",
    "recall_gru": "recall_pretrained:RecallGRU",
    "high_order_attention": "high_order_attention:HighOrderAttention",
    "familiar_attention": "high_order_novelty:Familiar",
    "familiar_gru": "high_order_novelty:Familiar",
    "familiar_gru_reaching": "high_order_novelty:Familiar",
    "familiar_lstm_reaching": "high_order_novelty:Familiar",
    "familiar_temporal_memory": "high_order_novelty:Familiar",
    "taxi_attention": "taxi_attention:TaxiAttention",
    "last_value": "seasonal:Seasonal",
    "last_season": "seasonal:Seasonal",
    "season_usual": "seasonal:Seasonal",
    "knn": "knn:KNN",
    "adaptive_filter": "taxi_filter:AdaptiveFilter",
    "wta_classifier": "wta_classifier:WTAClassifier",
    "wta_untrained": "wta_classifier:UntrainedWTA",
    "wta_readout": "wta_readout:WTAReadout",
    "kmeans": "kmeans:KMeans",
    "kmeans_online": "kmeans:OnlineKMeans",
    "random_features": "random_features:RandomFeatures",
    "image_mlp": "image_mlp:ImageMLP",
    "image_logistic": "image_logistic:ImageLogistic",
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
