"""Vectors of texts without a model: hashed words and letter trigrams, weighted by rarity.

A substitute for a sentence encoder: it represents shared words and parts of words, not synonyms.
Whatever takes an `Embed` accepts a better one.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np

from personae.core import Array

__all__ = ["Embed", "HashedVectors", "words_of"]

Embed = Callable[[Sequence[str]], Array]
"""Takes texts, returns their vectors (texts, width)."""

_WORD = re.compile(r"[^\W_]+")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_SMALL = frozenset("a an and of or the to in for with your you".split())
WIDTH = 1024


def words_of(text: str) -> list[str]:
    """Split a text or a name (camelCase, snake_case) into lower-case words without endings.

    >>> words_of("FoodPreferences_and Hobbies")
    ['food', 'preference', 'hobby']
    """
    words = _WORD.findall(_CAMEL.sub(" ", text).lower())
    return [_stem(word) for word in words if word not in _SMALL]


def _stem(word: str) -> str:
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("shes", "ches", "sses", "xes")):
        return word[:-2]
    return word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 3 else word


class HashedVectors:
    """An `Embed` of hashed features, each weighted by 1 + log(1 + n / k) over a corpus.

    n is the number of texts, k that of texts with the feature: a variant of our own of the inverse
    document frequency, never 0. Rows have length 1, or 0 for a text without words.

    >>> known = ["food you like", "liked foods", "mother tongue"]
    >>> a, b, c = HashedVectors(known)(known)
    >>> bool(a @ b > a @ c)
    True
    """

    def __init__(self, corpus: Sequence[str]) -> None:
        text_counts = np.maximum((_weighted_counts(corpus) > 0).sum(axis=0), 1)
        self._weights = 1 + np.log1p(len(corpus) / text_counts)

    def __call__(self, texts: Sequence[str]) -> Array:
        """Embed texts as rows (texts, width)."""
        rows = _weighted_counts(texts) * self._weights
        length = np.linalg.norm(rows, axis=1, keepdims=True)
        return np.asarray(rows / np.where(length > 0, length, 1.0))


def _weighted_counts(texts: Sequence[str]) -> Array:
    counts = np.zeros((len(texts), WIDTH))
    for row, text in enumerate(texts):
        for feature, weight in _features(text):
            counts[row, _column(feature)] += weight
    return counts


@lru_cache(maxsize=1 << 16)
def _column(feature: str) -> int:
    digest = hashlib.blake2b(feature.encode(), digest_size=4).digest()
    return int.from_bytes(digest, "big") % WIDTH


def _features(text: str) -> list[tuple[str, float]]:
    words = words_of(text)
    parts = [w[i : i + 3] for word in words for w in [f"^{word}$"] for i in range(len(w) - 2)]
    return [*((f"w:{word}", 1.0) for word in words), *((part, 0.3) for part in parts)]
