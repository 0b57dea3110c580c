"""Scores of the spiking temporal memory: what did the dendrites predict, how sparse is the code.

A plateau that starts at step k lasts to k + duration, or to the next somatic spike if that is
sooner, so spikes and onsets alone give the predicted neurons of every executor.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from bioplastic.result import SpikeRecord


@dataclass(frozen=True, kw_only=True, eq=False)
class PredictionScore:
    """Prediction of the last element of every sequence, episode by episode.

    false_positives, false_negatives (E, K) int   subpopulations predicted wrongly, missed
    """

    false_positives: np.ndarray
    false_negatives: np.ndarray

    @property
    def error(self) -> np.ndarray:
        """Mean over sequences of sqrt(FP + FN), (E,)."""
        return np.sqrt(self.false_positives + self.false_negatives).mean(axis=1)

    @property
    def first_zero(self) -> int:
        """Episodes before the first one without error; −1 = never."""
        zero = np.flatnonzero(self.error == 0)
        return int(zero[0]) if len(zero) else -1

    @property
    def stable_zero(self) -> int:
        """Episodes before the error is zero for good; −1 = it is not zero at the end."""
        wrong = np.flatnonzero(self.error != 0)
        after = int(wrong[-1]) + 1 if len(wrong) else 0
        return after if after < len(self.error) else -1


def plateau_ends(onsets: SpikeRecord, spikes: SpikeRecord, duration: int) -> np.ndarray:
    """First step at which each plateau is over, (E,) int64.

    duration   steps; a somatic spike at or after the onset ends the plateau in its step
    """
    span = 1 + max(spikes.steps.max(initial=0), onsets.steps.max(initial=0))
    keys = np.sort(spikes.ids * span + spikes.steps)
    keys = np.append(keys, (spikes.size + 1) * span)
    following = keys[np.searchsorted(keys, onsets.ids * span + onsets.steps)]
    spike = np.where(following // span == onsets.ids, following % span, np.iinfo(np.int64).max)
    return np.minimum(onsets.steps + duration, spike)


def predicted_groups(
    onsets: SpikeRecord, ends: np.ndarray, probes: np.ndarray, group: np.ndarray, enough: int
) -> np.ndarray:
    """Subpopulations with at least `enough` neurons in a plateau at each probe, (P, M) bool.

    ends (E,)   step at which each plateau ends      probes (P,)  steps
    group (N,)  subpopulation of each neuron
    """
    predicted = np.zeros((len(probes), int(group.max()) + 1), bool)
    for k, probe in enumerate(probes):
        lasting = (onsets.steps <= probe) & (probe < ends)
        count = np.bincount(group[np.unique(onsets.ids[lasting])], minlength=predicted.shape[1])
        predicted[k] = count >= enough
    return predicted


def score_predictions(
    onsets: SpikeRecord,
    spikes: SpikeRecord,
    *,
    times: np.ndarray,
    last_group: np.ndarray,
    group: np.ndarray,
    duration: float,
    probe: float,
    enough: int,
) -> PredictionScore:
    """Score the prediction of the last element, `probe` seconds after the one before it.

    times (E, K, L) s     element times, nan-padded        last_group (K,)  the right answer
    duration s            length of a plateau              enough           rho/2 neurons
    Source: Bouhadjar et al. 2022 [bouhadjar2022], prediction error.
    """
    dt = spikes.dt
    ends = plateau_ends(onsets, spikes, round(duration / dt))
    length = np.sum(~np.isnan(times[0]), axis=-1)
    before = np.take_along_axis(times, (length - 2)[None, :, None], axis=-1)[..., 0]
    probes = np.rint((before + probe) / dt).astype(np.int64)
    predicted = predicted_groups(onsets, ends, probes.ravel(), group, enough)
    right = np.broadcast_to(last_group, probes.shape).ravel()
    hit = predicted[np.arange(len(right)), right]
    return PredictionScore(
        false_positives=(predicted.sum(axis=1) - hit).reshape(probes.shape),
        false_negatives=(~hit).astype(np.int64).reshape(probes.shape),
    )


def active_neurons(
    spikes: SpikeRecord,
    times: np.ndarray,
    element_group: np.ndarray,
    group: np.ndarray,
    width: float,
) -> np.ndarray:
    """Neurons of an element's subpopulation that spike within `width` seconds of it, like `times`.

    element_group (K, L) int, −1 where a sequence is shorter. Returns (E, K, L) float, nan-padded.
    """
    active = np.full(times.shape, np.nan)
    for place in np.argwhere(~np.isnan(times)):
        start = round(times[tuple(place)] / spikes.dt)
        low, high = np.searchsorted(spikes.steps, [start, start + round(width / spikes.dt)])
        ids = np.unique(spikes.ids[low:high])
        active[tuple(place)] = np.count_nonzero(group[ids] == element_group[tuple(place[1:])])
    return active
