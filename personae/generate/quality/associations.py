"""Associations between facts, and words that mark a group, on a sample of a population's rows.

Associations are Cramér's V with Bergsma's (2013) bias correction, which is close to 0 on average
where facts are independent; intervals by multinomial resampling of the table; p by the chi-squared
test, with Holm's adjustment over all pairs. Marked words occur in more texts of a group than of the
others: log odds with an informative prior from all texts (Monroe, Colaresi & Quinn 2008), z above
3.5.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations
from math import sqrt
from typing import NamedTuple

import numpy as np
import polars as pl
import scipy

from personae.core import Array, Cell, Estimate, Note, Part, Table
from personae.core.figures import HeatmapFigure
from personae.generate.population.persona_table import wide_table
from personae.generate.slots import IndexArray
from personae.stats.multiplicity import holm

__all__ = ["stereotypes", "words_of_text"]

PROTECTED = (
    "sex",
    "gender",
    "age",
    "race",
    "ethnic",
    "religion",
    "national",
    "country",
    "origin",
    "disab",
    "orientation",
    "birth",
)
"""A fact is protected if a word of its path begins with one of these."""
MOST_VALUES, MOST_FACTS, MOST_DRAWN = 12, 40, 7
DRAWS = 200
FEWEST = 20
"""Personas with a value, or with both facts of a pair, that a comparison needs."""
MARKED_Z = 3.5
_WORD = re.compile(r"[^\W\d_]+")


class _Association(NamedTuple):
    """Two facts, their Cramér's V, and p before and after Holm's adjustment."""

    first: str
    second: str
    v: Estimate
    p: float
    adjusted_p: float = 1.0

    @property
    def protected(self) -> int:
        """How many of the two facts are protected."""
        return _is_protected(self.first) + _is_protected(self.second)


def words_of_text(text: str) -> list[str]:
    """Split a text into lower-case words, runs of letters."""
    return _WORD.findall(text.lower())


def _is_protected(path: str) -> bool:
    """Tell whether a fact is about a protected group.

    >>> _is_protected("demographic/age band"), _is_protected("school/language")
    (True, False)
    """
    words = re.split(r"[^a-z]+", path.lower())
    return any(word.startswith(PROTECTED) for word in words)


def _association(counts: Array, seed: int = 0) -> tuple[Estimate, float]:
    """Estimate Cramér's V (0..1) of counts (rows, columns), with its interval, and p.

    Bias-corrected (Bergsma 2013). Empty rows and columns are ignored; with one row or column left,
    V is 0 and p is 1.

    >>> v, p = _association(np.array([[50.0, 0.0], [0.0, 50.0]]))
    >>> f"{v.value:.2f}", p < 1e-9
    ('1.00', True)
    >>> v, p = _association(np.array([[30.0, 0.0], [20.0, 0.0]]))
    >>> v.value, p
    (0.0, 1.0)
    """
    counts = counts[counts.any(axis=1)][:, counts.any(axis=0)]
    n = int(counts.sum())
    _chi, p = scipy.stats.chi2_contingency(counts, correction=False)[:2]
    random = np.random.default_rng(seed)
    resamples = random.multinomial(n, counts.ravel() / n, size=DRAWS).reshape(DRAWS, *counts.shape)
    values = _corrected_v(resamples.astype(np.float64))
    low, high = np.quantile(values, (0.025, 0.975))
    value = float(_corrected_v(counts[None])[0])
    estimate = Estimate(
        name="Cramér's V",
        value=value,
        low=min(low, value),
        high=max(high, value),
        n=n,
        of="persona",
        method="bias-corrected; multinomial percentiles",
    )
    return estimate, float(p)


def _corrected_v(tables: Array) -> Array:
    """Compute Cramér's V of each table (draws, rows, columns), bias-corrected (Bergsma 2013)."""
    n = tables.sum(axis=(1, 2))
    rows, columns = tables.sum(axis=2), tables.sum(axis=1)
    expected = rows[:, :, None] * columns[:, None, :] / n[:, None, None]
    parts = np.divide(
        (tables - expected) ** 2, expected, out=np.zeros_like(tables), where=expected > 0
    )
    phi = parts.sum(axis=(1, 2)) / n
    r, c = (rows > 0).sum(axis=1), (columns > 0).sum(axis=1)
    phi = np.maximum(0, phi - (r - 1) * (c - 1) / (n - 1))
    largest = np.minimum(r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)) - 1
    v: Array = np.sqrt(np.divide(phi, largest, out=np.zeros_like(phi), where=largest > 0))
    return np.minimum(v, 1.0)


def _value_codes(column: pl.Series) -> IndexArray:
    """Code a fact's values by their order; -1 where the fact is absent."""
    values = sorted(column.drop_nulls().unique())
    numbers = column.replace_strict(values, range(len(values)), default=-1, return_dtype=pl.Int64)
    return numbers.to_numpy()


def _contingency(first: IndexArray, second: IndexArray) -> Array:
    """Count the pairs of two facts' codes, (values, values), where neither fact is absent."""
    is_known = (first >= 0) & (second >= 0)
    width = int(second.max()) + 1
    size = (int(first.max()) + 1) * width
    flat = np.bincount(first[is_known] * width + second[is_known], minlength=size)
    return flat.reshape(-1, width).astype(np.float64)


def stereotypes(rows: pl.DataFrame, seed: int = 0) -> tuple[Part, ...]:
    """Report which facts are associated, protected ones first, and which words mark a group.

    `rows` are rows of the persona store. Without two facts of 2 to 12 values there are no parts.
    """
    facts = wide_table(rows, "facts")
    names = [
        name
        for name in sorted(facts.columns, key=lambda n: (not _is_protected(n), n))
        if 2 <= facts[name].drop_nulls().n_unique() <= MOST_VALUES
    ][:MOST_FACTS]
    if len(names) < 2:
        return ()
    associations = _associations(facts, names, seed)
    if not associations:
        return (Note(f"No two facts occur together in {FEWEST} personas: nothing to compare."),)
    return (
        _verdict([a for a in associations if a.protected == 1]),
        _heatmap(names, associations),
        _strongest(associations),
        *_marked_words(rows, facts, [name for name in names if _is_protected(name)]),
    )


def _associations(facts: pl.DataFrame, names: Sequence[str], seed: int) -> list[_Association]:
    codes = {name: _value_codes(facts[name]) for name in names}
    associations = []
    for first, second in combinations(names, 2):
        table = _contingency(codes[first], codes[second])
        if table.sum() >= FEWEST:
            associations.append(_Association(first, second, *_association(table, seed)))
    adjusted = holm([a.p for a in associations]).tolist() if associations else []
    return [a._replace(adjusted_p=p) for a, p in zip(associations, adjusted, strict=True)]


def _verdict(pairs: Sequence[_Association]) -> Note:
    """Summarise the pairs of a protected and another fact."""
    if not pairs:
        return Note("No protected fact occurs together with another fact: nothing to compare.")
    significant = [pair for pair in pairs if pair.adjusted_p < 0.05]
    text = (
        f"{len(significant)} of {len(pairs)} pairs of a protected and another fact are "
        "associated beyond chance"
    )
    if not significant:
        return Note(text + ".")
    top = min(significant, key=lambda pair: (-pair.v.value, pair.first, pair.second))
    return Note(f"{text}; most: {top.first} and {top.second} (V {top.v.value:.2f}).", "warning")


def _heatmap(names: Sequence[str], associations: Sequence[_Association]) -> HeatmapFigure:
    """Draw the protected facts, or else all, with the facts most associated with them."""
    values = {frozenset((a.first, a.second)): round(a.v.value, 2) for a in associations}

    def value(row: str, column: str) -> float | None:
        return values.get(frozenset((row, column)))

    rows = [name for name in names if _is_protected(name)][:MOST_DRAWN] or list(names)
    strongest = {name: max(value(row, name) or 0.0 for row in rows) for name in names}
    columns = sorted(set(names) - set(rows) or names, key=lambda n: (-strongest[n], n))[:MOST_DRAWN]
    return HeatmapFigure(
        name="associations",
        title="Associations between facts",
        rows=tuple(name.rpartition("/")[2] for name in rows),
        columns=tuple(name.rpartition("/")[2] for name in columns),
        values=tuple(tuple(value(row, column) for column in columns) for row in rows),
        unit="Cramér's V",
        top=1.0,
        alt="Bias-corrected Cramér's V of protected facts with those most associated with them; "
        "0 is independence.",
    )


def _strongest(associations: Sequence[_Association]) -> Table:
    strongest = sorted(associations, key=lambda a: (-a.v.value, a.first, a.second))[:15]
    rows: list[tuple[Cell, ...]] = [
        (a.first, a.second, "yes" if a.protected else "no", a.v, a.adjusted_p) for a in strongest
    ]
    return Table(
        name="associations table",
        title="The strongest associations",
        columns=("fact", "other fact", "protected", "V", "p (Holm)"),
        rows=tuple(rows),
    )


def _marked_words(
    rows: pl.DataFrame, facts: pl.DataFrame, protected: Sequence[str]
) -> Iterator[Part]:
    """Find the words that texts of a protected group use more than other groups' texts.

    Words of the fact itself, and those that more than half of all texts use, are excluded.
    """
    texts = [set(words_of_text(text)) for text in rows["text"].to_list()]
    totals = Counter(word for words in texts for word in words)
    marks: list[tuple[Cell, ...]] = []
    for name in protected:
        values = facts[name].to_list()
        fact_words = {word for v in values if v for word in words_of_text(v)}
        for value in sorted({v for v in values if v}):
            group = [words for words, v in zip(texts, values, strict=True) if v == value]
            if len(group) < FEWEST or len(group) == len(texts):
                continue
            word_counts = Counter(word for words in group for word in words)
            z = _log_odds(word_counts, totals, len(group), len(texts))
            marked = [word for word in z if z[word] > MARKED_Z and word not in fact_words]
            shares = [
                f"{word} ({word_counts[word] / len(group):.0%})"
                for word in sorted(marked, key=lambda marker: (-z[marker], marker))[:8]
            ]
            if shares:
                marks.append((name, value, ", ".join(shares)))
    if marks:
        yield Table(
            name="marked words",
            title="Words that mark a group",
            columns=("fact", "value", "word (share of the group's texts)"),
            rows=tuple(marks),
        )


def _log_odds(
    word_counts: Mapping[str, int], totals: Mapping[str, int], size: int, total: int
) -> Mapping[str, float]:
    """Compute each word's z: its log odds in the group's texts against the other texts.

    Monroe, Colaresi & Quinn (2008), with the word's share of all `total` texts as prior;
    `word_counts` and `totals` count texts with the word, `size` the group's texts. Words that more
    than half of all texts use are left out.
    """
    z = {}
    for word, count in word_counts.items():
        prior = totals[word] / total
        if not 0 < prior <= 0.5:
            continue
        a, b = count + prior, size - count + 1 - prior
        c, d = totals[word] - count + prior, total - size - (totals[word] - count) + 1 - prior
        z[word] = (np.log(a / b) - np.log(c / d)) / sqrt(1 / a + 1 / b + 1 / c + 1 / d)
    return z
