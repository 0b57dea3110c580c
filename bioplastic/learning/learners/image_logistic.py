"""Multinomial logistic regression on pixels: backprop without anything hidden."""

from __future__ import annotations

from dataclasses import dataclass

from bioplastic.learning.learners.image_mlp import ImageMLP


@dataclass(frozen=True, kw_only=True)
class ImageLogistic(ImageMLP):
    """softmax(V x + c) on the pixels, cross-entropy, Adam; see `ImageMLP` with neurons = 0."""

    name: str = "image_logistic"
    neurons: int = 0
