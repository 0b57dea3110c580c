"""Which class a set of winning neurons stands for, learned from training images."""

from __future__ import annotations

import numpy as np

PRIOR = 0.3
"""Added to every count, so that no neuron holds a class for impossible."""


class Votes:
    """Each neuron has a histogram of the classes that it won for; winners multiply their odds.

    p(c | j) = (H[j, c] + PRIOR)/Σ_c (…),   class = argmax_c Σ_{winners j} ln p(c | j).
    With one winner this is its majority label (ties: the lower class).

    neurons N, classes C     histogram (N, C) float64
    Not local: an observer counts labels beside the network. Source: Diehl & Cook 2015 [diehl2015].
    """

    def __init__(self, neurons: int, classes: int) -> None:
        self.histogram = np.zeros((neurons, classes))

    def tally(self, winners: np.ndarray, labels: np.ndarray) -> None:
        """Count the labels of the images that (n, k) neurons won; −1 is no winner."""
        there = winners >= 0
        each = np.broadcast_to(labels[:, None], winners.shape)
        np.add.at(self.histogram, (winners[there], each[there]), 1.0)

    def classify(self, winners: np.ndarray) -> np.ndarray:
        """Classes (n,) int64 of (n, k) winners; without any winner the most frequent class."""
        counts = self.histogram + PRIOR
        odds = np.log(counts / counts.sum(axis=1, keepdims=True))
        odds = np.concatenate([odds, np.zeros((1, odds.shape[1]))])  # row −1: no winner
        total = odds[winners].sum(axis=1)
        total[np.all(winners < 0, axis=1)] = self.histogram.sum(axis=0)
        return np.asarray(total.argmax(axis=1), dtype=np.int64)


def best(scores: np.ndarray, k: int) -> np.ndarray:
    """The k largest of each row of (n, N) scores, as (n, k) indices in no given order."""
    if k == 1:
        return scores.argmax(axis=1)[:, None]
    return np.argpartition(-scores, k - 1, axis=1)[:, :k]
