"""Vectors of texts from an open model's activations, for near-duplicates in other words."""

from collections.abc import Callable, Sequence
from functools import cache

from personae.core import Array, OpenModel, Site, say
from personae.generate.text_vectors import Embed

__all__ = ["activation_embedder"]

SITE = Site(8)
"""The ninth block: late enough to abstract from word forms; only toy models are shallower."""


def activation_embedder(model: OpenModel, reference: Callable[[], Sequence[str]]) -> Embed:
    """Return a function from texts to vectors (texts, width).

    A vector is the text's mean activation minus that of the reference texts: uncentred vectors are
    nearly parallel. The reference is fixed, so a vector depends on its text alone.
    """

    @cache
    def centre() -> Array:
        mean: Array = _mean_activations(model, reference()).mean(axis=0)
        return mean

    return lambda texts: _mean_activations(model, texts) - centre()


def _mean_activations(model: OpenModel, texts: Sequence[str]) -> Array:
    return model.record([say(text) for text in texts], [SITE], "mean")[SITE]
