"""Readability, richness, compressibility and shallow syntax of a passage.

Formulas as in Kerz et al. 2022 (arXiv 2204.04629, appendix) and the sources named below. A ratio
whose divisor is zero, or a measure that needs more words than there are, is NaN.
"""

import zlib
from collections import Counter
from collections.abc import Mapping
from math import log, nan, sqrt

from personae.encoders.passages import Passage, syllables

__all__ = ["complexity", "ratio", "readability", "richness", "syntax"]

MATTR_WINDOW = 50
MTLD_FACTOR = 0.72
LONG_LETTERS = 7
MANY_SYLLABLES = 3


def ratio(over: float, under: float) -> float:
    """Divide; NaN where the divisor is zero."""
    return over / under if under else nan


def readability(passage: Passage) -> Mapping[str, float]:
    """Compute readability by formula, each on its own scale; NaN without words.

    Flesch (1948) is higher for easier text; Flesch-Kincaid (Kincaid et al. 1975), ARI (Smith &
    Senter 1967), Coleman-Liau (1975), Fog (Gunning 1952) and SMOG (McLaughlin 1969) are years of
    schooling; LIX and RIX (Björnsson 1968; Anderson 1983) are higher for harder text.

    >>> from personae.encoders.passages import passage
    >>> round(readability(passage("The cat sat on the mat."))["Flesch"], 3)
    116.145
    """
    words, sentences = len(passage.words), len(passage.sentences)
    length, beats = ratio(words, sentences), ratio(passage.syllables, words)
    letters = ratio(passage.letters, words)
    hard = sum(syllables(word) >= MANY_SYLLABLES for word in passage.words)
    long = sum(len(word) >= LONG_LETTERS for word in passage.words)
    return {
        "Flesch": 206.835 - 1.015 * length - 84.6 * beats,
        "Flesch-Kincaid": 0.39 * length + 11.8 * beats - 15.59,
        "ARI": 4.71 * letters + 0.5 * length - 21.43,
        "Coleman-Liau": 5.88 * letters - 29.6 * ratio(sentences, words) - 15.8,
        "Fog": 0.4 * (length + 100 * ratio(hard, words)),
        "SMOG": 1.043 * sqrt(30 * hard / sentences) + 3.1291 if words else nan,
        "LIX": length + 100 * ratio(long, words),
        "RIX": ratio(long, sentences) if words else nan,
    }


def richness(passage: Passage) -> Mapping[str, float]:
    """Compute lexical richness; NaN without words, MATTR and MTLD with fewer than 50.

    Type-token ratio (TTR), root TTR (Guiraud 1954), Herdan's C (1960), moving-average TTR (MATTR;
    Covington & McFall 2010), MTLD in words (McCarthy & Jarvis 2010), Yule's K (1944), the share of
    words that occur once, and letters and syllables per word.

    >>> from personae.encoders.passages import passage
    >>> round(richness(passage("the cat sat on the mat the dog sat too"))["Yule K"], 1)
    800.0
    """
    counts = Counter(passage.words)
    n, types = len(passage.words), len(counts)
    squares = sum(c * c for c in counts.values())
    return {
        "TTR": ratio(types, n),
        "root TTR": ratio(types, sqrt(n)),
        "Herdan": log(types) / log(n) if n > 1 else nan,
        "MATTR": _mattr(passage.words, MATTR_WINDOW),
        "MTLD": _mtld(passage.words),
        "Yule K": ratio(1e4 * (squares - n), n * n),
        "said once": ratio(sum(c == 1 for c in counts.values()), n),
        "letters a word": ratio(passage.letters, n),
        "syllables a word": ratio(passage.syllables, n),
    }


def _mattr(words: tuple[str, ...], window: int) -> float:
    """Average the type-token ratio over all windows of `window` words; NaN for fewer words."""
    if len(words) < window:
        return nan
    counts = Counter(words[:window])
    types = total = len(counts)
    for first, last in zip(words, words[window:], strict=False):
        counts[first] -= 1
        types -= counts[first] == 0
        types += counts[last] == 0
        counts[last] += 1
        total += types
    return total / (window * (len(words) - window + 1))


def _mtld(words: tuple[str, ...]) -> float:
    """Mean length (words) of stretches with a ratio above 0.72, over both directions."""
    if len(words) < MATTR_WINDOW:
        return nan
    factors = [_factors(words), _factors(words[::-1])]
    return sum(len(words) / f if f else float(len(words)) for f in factors) / 2


def _factors(words: tuple[str, ...]) -> float:
    factors, distinct, start = 0.0, set[str](), 0
    for index, word in enumerate(words):
        distinct.add(word)
        if len(distinct) / (index + 1 - start) <= MTLD_FACTOR:
            factors, start, distinct = factors + 1, index + 1, set()
    remainder = len(words) - start
    if remainder:
        factors += (1 - len(distinct) / remainder) / (1 - MTLD_FACTOR)
    return factors


def complexity(passage: Passage) -> Mapping[str, float]:
    """Compute deflated over raw size (bytes): low where a text repeats itself; NaN without text.

    Source: Kerz et al. 2022, after Kolmogorov complexity.

    >>> from personae.encoders.passages import passage
    >>> complexity(passage("Again and again. " * 20))["deflated"] < 0.2
    True
    """
    raw = passage.text.encode()
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    return {"deflated": ratio(len(packer.compress(raw) + packer.flush()), len(raw))}


def syntax(passage: Passage) -> Mapping[str, float]:
    """Compute shallow syntax without a parser; NaN without words.

    Mean and standard deviation of the words in a sentence; commas, brackets and dashes per word;
    exclamation, question and opening quotation marks per sentence. Our own selection.
    """
    words, sentences = len(passage.words), len(passage.sentences)
    lengths = [len(w) for w in passage.words_of]
    mean = ratio(words, sentences)
    spread = ratio(sum((x - mean) ** 2 for x in lengths), sentences)
    return {
        "words a sentence": mean if words else nan,
        "spread of length": sqrt(spread) if words else nan,
        "commas": ratio(passage.count(","), words),
        "exclamations": ratio(passage.count("!"), sentences),
        "questions": ratio(passage.count("?"), sentences),
        "brackets and dashes": ratio(
            passage.count("(") + passage.count(" - ") + passage.count("–"), words
        ),
        "quotations": ratio(passage.count('"') + passage.count("“"), sentences),
    }
