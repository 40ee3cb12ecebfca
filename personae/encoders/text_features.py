"""The registry of text features: named families of columns, one row per text.

After the families of Kerz et al. 2022 (arXiv 2204.04629), in an open implementation: the published
extractor, its register lists and LIWC are closed. Every family maps passages to a table; a value
that is undefined on a passage (a ratio without words, a measure that needs more of them) is NaN.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from personae.core import Array, MissingExtra, UnknownName
from personae.encoders.lexicon import load_lexicon
from personae.encoders.passages import Passage, passage
from personae.encoders.prose import complexity, readability, richness, syntax
from personae.encoders.sentence_encoder import open_encoder

__all__ = ["FAMILIES", "Features", "feature_table", "sentiment_reader"]

Columns = tuple[tuple[str, ...], Array]


@dataclass(frozen=True, eq=False)
class Features:
    """A table of features: `columns` as (family, feature), `values` of shape (rows, columns)."""

    columns: tuple[tuple[str, str], ...]
    values: Array

    def column(self, family: str, name: str) -> Array:
        """Return one feature of all rows, shape (rows,).

        Raises:
            UnknownName: the table has no such column.
        """
        if (family, name) not in self.columns:
            known = [n for f, n in self.columns if f == family]
            raise UnknownName(f"feature of the family {family!r}", name, known)
        return np.asarray(self.values[:, self.columns.index((family, name))])


def feature_table(texts: Sequence[str], families: Sequence[str]) -> Features:
    """Compute the features of texts: one row per text, the columns of the named families.

    Args:
        texts: any number of texts; every ratio of an empty one is NaN.
        families: names from FAMILIES.

    Raises:
        UnknownName: a family that isn't in the registry.
        MissingExtra, ModelUnavailable: what a family needs is not installed.
    """
    return _table([passage(text) for text in texts], families)


def _table(passages: Sequence[Passage], families: Sequence[str]) -> Features:
    columns: list[tuple[str, str]] = []
    values = []
    for family in families:
        if family not in FAMILIES:
            raise UnknownName("family of features", family, FAMILIES)
        names, table = FAMILIES[family](passages)
        columns += [(family, name) for name in names]
        values.append(table)
    features = np.hstack(values) if values else np.empty((len(passages), 0))
    return Features(tuple(columns), features)


def _lexicon(part: str) -> Callable[[Sequence[Passage]], Columns]:
    """Compute the share of the words that each category has."""

    def read(passages: Sequence[Passage]) -> Columns:
        lexicon = load_lexicon(part)
        words = np.array([float(len(text.words)) for text in passages])
        counts = lexicon.count(passages)
        base = np.where(words > 0, words, np.nan)[:, None]
        return lexicon.categories, counts / base

    return read


def _each(
    measure: Callable[[Passage], Mapping[str, float]],
) -> Callable[[Sequence[Passage]], Columns]:
    def read(passages: Sequence[Passage]) -> Columns:
        names = tuple(measure(passage("One.")))
        return names, np.array([list(measure(p).values()) for p in passages]).reshape(
            -1, len(names)
        )

    return read


def sentiment_reader() -> Callable[[str], Mapping[str, float]]:
    """Make a scorer of one text: VADER's compound (-1..1), pos, neu and neg (0..1).

    Source: Hutto & Gilbert 2014.

    Raises:
        MissingExtra: vaderSentiment is not installed.
    """
    try:
        from vaderSentiment.vaderSentiment import (  # noqa: PLC0415
            SentimentIntensityAnalyzer,
        )
    except ImportError as error:
        raise MissingExtra("vaderSentiment", "read", "sentiment") from error
    read: Callable[[str], Mapping[str, float]] = SentimentIntensityAnalyzer().polarity_scores
    return read


def _sentiment(passages: Sequence[Passage]) -> Columns:
    """Average VADER's compound, positive and negative scores over sentences."""
    score = sentiment_reader()
    names = ("compound", "pos", "neg")
    rows = [[[score(s)[n] for n in names] for s in text.sentences] for text in passages]
    means = [np.mean(row, axis=0) if row else np.full(len(names), np.nan) for row in rows]
    return names, np.array(means).reshape(-1, len(names))


def _embedding(passages: Sequence[Passage]) -> Columns:
    """Average the local encoder's vectors over sentences."""
    flat = open_encoder().encode([s for text in passages for s in text.sentences])
    width = flat.shape[1]
    ends = np.cumsum([len(text.sentences) for text in passages])
    parts = np.split(flat, ends[:-1]) if passages else []
    means = [part.mean(axis=0) if len(part) else np.full(width, np.nan) for part in parts]
    return tuple(f"e{k}" for k in range(width)), np.array(means).reshape(-1, width)


FAMILIES: Mapping[str, Callable[[Sequence[Passage]], Columns]] = {
    "function words": _lexicon("function words"),
    "topics": _lexicon("topics"),
    "sentiment": _sentiment,
    "readability": _each(readability),
    "richness": _each(richness),
    "complexity": _each(complexity),
    "syntax": _each(syntax),
    "embedding": _embedding,
}
"""By name of a family, the function from passages to column names and a table (texts, columns)."""
