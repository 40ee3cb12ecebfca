"""Vectors of texts from inside an open model, for near-duplicates that share little wording."""

from collections.abc import Callable, Sequence
from functools import cache

from personae.core import Array, OpenModel, Site, say

__all__ = ["activation_embedder"]

SITE = Site(8)
"""The ninth block: above word forms, below the next word; all but toy models have it."""


def activation_embedder(
    model: OpenModel, reference: Callable[[], Sequence[str]]
) -> Callable[[Sequence[str]], Array]:
    """Give a function from texts to vectors (texts, width).

    A vector is the text's mean activation less that of the reference texts, without which all texts
    point the same way. The reference is fixed, so a text's vector depends on nothing else.
    """

    @cache
    def centre() -> Array:
        mean: Array = _read(model, reference()).mean(axis=0)
        return mean

    return lambda texts: _read(model, texts) - centre()


def _read(model: OpenModel, texts: Sequence[str]) -> Array:
    return model.record([say(text) for text in texts], [SITE], "mean")[SITE]
