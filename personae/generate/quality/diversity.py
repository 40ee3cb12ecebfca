"""How varied a population is: facts, texts and requested traits, on a sample of its rows."""

from collections import Counter
from collections.abc import Iterator
from itertools import pairwise
from math import log2, sqrt

import numpy as np
import polars as pl

from personae.core import BIG_FIVE, Array, Cell, Estimate, Part, Table
from personae.generate.population.persona_table import wide_table
from personae.generate.quality.associations import words_of_text
from personae.generate.quality.text_hashes import simhashes
from personae.report.build.drawings import ValueAxis, forest, heatmap

__all__ = ["diversity"]

MOST_TEXTS = 4000


def diversity(rows: pl.DataFrame, seed: int = 0) -> tuple[Part, ...]:
    """Report how varied facts, texts and traits are; `rows` are rows of the persona store.

    Evenness after Pielou (1966), Distinct-1 and -2 after Li et al. (2016), on up to 4,000 texts.
    """
    facts = wide_table(rows, "facts")
    variety: list[tuple[Cell, ...]] = []
    for name in sorted(facts.columns):
        counts = np.array(list(Counter(facts[name].drop_nulls().to_list()).values()), dtype=float)
        variety.append((name, len(counts), _evenness(counts), float((counts / counts.sum()).max())))
    table = Table(
        name="variety",
        title="Variety of facts",
        columns=(
            "fact",
            "values",
            "evenness (1: all equally frequent)",
            "share of the most common",
        ),
        rows=tuple(variety),
    )
    return (*_texts(rows["text"].head(MOST_TEXTS), seed), table, *_traits(rows))


def _evenness(counts: Array) -> float | None:
    """Compute Pielou's (1966) evenness (0..1): entropy over its maximum; None for one value."""
    if len(counts) < 2:
        return None
    shares = counts / counts.sum()
    return float(-(shares * np.log2(shares)).sum()) / log2(len(counts))


def _texts(texts: pl.Series, seed: int) -> Iterator[Part]:
    """Report lengths, Distinct-1 and -2 (Li et al. 2016) and SimHash distances of texts."""
    words = [words_of_text(text) for text in texts.to_list()]
    total = sum(map(len, words))
    if not total:
        return
    distinct_1 = len({w for text in words for w in text}) / total
    bigrams = [p for text in words for p in pairwise(text)]
    openings = Counter(tuple(text[:8]) for text in words)
    hashes, _ = simhashes(texts)
    random = np.random.default_rng(seed)
    a, b = random.integers(len(words), size=(2, 50_000))
    distances = np.bitwise_count(hashes[a] ^ hashes[b])[a != b]
    rows: list[tuple[Cell, ...]] = [
        ("words per text", total / len(words)),
        ("Distinct-1: different words of all words", distinct_1),
        ("Distinct-2: different word pairs of all", len(set(bigrams)) / max(1, len(bigrams))),
        ("texts with the most common first eight words", max(openings.values()) / len(words)),
    ]
    if len(distances):
        rows.append(("bits of 64 in which SimHashes of two texts differ", float(distances.mean())))
    yield Table(
        name="texts",
        title="Variety of texts",
        columns=("measure", "value"),
        rows=tuple(rows),
        note=f"On {len(words):,} texts; words are runs of letters, in lower case.",
    )


def _traits(rows: pl.DataFrame) -> Iterator[Part]:
    """Report the correlations and means of the requested Big Five, if they vary."""
    table = wide_table(rows, "traits")
    names = [code for code in BIG_FIVE if code in table.columns]
    values = table.select(names).drop_nulls().to_numpy()
    if len(names) < 2 or len(values) < 3 or (values.std(axis=0) == 0).any():
        return
    correlations = np.corrcoef(values.T).round(3)
    yield heatmap(
        "trait correlations",
        "Correlations of the requested traits",
        {
            row: dict(zip(names, line.tolist(), strict=True))
            for row, line in zip(names, correlations, strict=True)
        },
        "correlation",
        top=1.0,
        alt="Correlations of the requested standings.",
    )
    yield forest(
        "traits",
        "Mean requested standing",
        [_mean(BIG_FIVE[code], z) for code, z in zip(names, values.T, strict=True)],
        ValueAxis("z", reference=0),
        alt="Mean standing requested of each trait, with 95% interval; 0 is the norm.",
    )


def _mean(name: str, z: Array) -> Estimate:
    """Estimate a mean standing with its normal 95 % interval; z has shape (personas,)."""
    margin = 1.96 * z.std(ddof=1) / sqrt(len(z))
    return Estimate(
        name=name,
        value=float(z.mean()),
        low=float(z.mean() - margin),
        high=float(z.mean() + margin),
        n=len(z),
        of="persona",
        unit="z",
        method="normal",
    )
