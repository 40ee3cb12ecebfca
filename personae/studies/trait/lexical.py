"""Lexical variety of texts: distinct-n, and distances between word counts.

Two texts that say the same in other words are far apart.
"""

import re
from collections import Counter
from collections.abc import Sequence
from math import nan

import numpy as np

__all__ = ["distinct", "word_distance"]


def _words(text: str) -> list[str]:
    return re.findall(r"\w+(?:['’]\w+)*", text.lower())


def distinct(texts: Sequence[str], n: int = 1) -> float:
    """Return the share, 0..1, of distinct n-grams among all word n-grams; NaN without any.

    distinct-n of Li et al. 2016 (arXiv 1510.03055). It falls with the number of words, so that
    only texts of similar length can be compared.

    >>> distinct(["It rains.", "It snows."]), distinct(["It rains.", "It snows."], 2)
    (0.75, 1.0)
    """
    grams = [
        tuple(words[i : i + n]) for words in map(_words, texts) for i in range(len(words) - n + 1)
    ]
    return len(set(grams)) / len(grams) if grams else nan


def word_distance(texts: Sequence[str]) -> float:
    """Return the mean over pairs of texts of 1 - cosine of their word counts, 0..1.

    The vector space model of Salton, Wong & Yang 1975 without weights. Texts without words are
    left out; NaN where fewer than two remain.

    >>> [round(word_distance(["It rains.", other]), 3) for other in ("It rains.", "We sing.")]
    [0.0, 1.0]
    """
    counters = [Counter(words) for text in texts if (words := _words(text))]
    if len(counters) < 2:
        return nan
    column = {word: i for i, word in enumerate(sorted(set().union(*counters)))}
    counts = np.zeros((len(counters), len(column)))
    for row, counter in enumerate(counters):
        for word, count in counter.items():
            counts[row, column[word]] = count
    counts /= np.linalg.norm(counts, axis=1, keepdims=True)
    upper = np.triu_indices(len(counts), 1)
    return float(np.clip(1 - (counts @ counts.T)[upper], 0.0, 1.0).mean())
