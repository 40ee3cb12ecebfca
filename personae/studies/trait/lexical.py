"""How varied texts are in their words: distinct-n, and distances of word counts.

distinct-n after Li et al. 2016 (arXiv 1510.03055). The distance is lexical: two texts that say the
same in other words are far apart; it is not one of meanings.
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
    """Give the share, 0..1, of different n-grams of words among all of them; NaN without any.

    It falls with the number of words, so that only texts of like length compare.

    >>> distinct(["It rains.", "It snows."]), distinct(["It rains.", "It snows."], 2)
    (0.75, 1.0)
    """
    grams = [
        tuple(words[i : i + n]) for words in map(_words, texts) for i in range(len(words) - n + 1)
    ]
    return len(set(grams)) / len(grams) if grams else nan


def word_distance(texts: Sequence[str]) -> float:
    """Give the mean over pairs of texts of 1 - cosine of their word counts; NaN without a pair.

    >>> [round(word_distance(["It rains.", other]), 3) for other in ("It rains.", "We sing.")]
    [0.0, 1.0]
    """
    counts = [Counter(words) for text in texts if (words := _words(text))]
    if len(counts) < 2:
        return nan
    known = {word: place for place, word in enumerate(sorted(set().union(*counts)))}
    table = np.zeros((len(counts), len(known)))
    for row, counted in enumerate(counts):
        for word, count in counted.items():
            table[row, known[word]] = count
    table /= np.linalg.norm(table, axis=1, keepdims=True)
    upper = np.triu_indices(len(table), 1)
    return float(np.clip(1 - (table @ table.T)[upper], 0.0, 1.0).mean())
