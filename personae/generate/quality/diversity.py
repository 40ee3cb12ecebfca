"""How varied a population is, and who is given what: diversity, associations, marked words.

All on a sample of its rows. Associations are Cramér's V with Bergsma's (2013) correction, which is
0 on average where facts are independent; intervals by multinomial resampling of the table; p by the
chi-squared test, Holm over all pairs. Marked words are those that texts of a group use more than
the others' do: log odds with the whole as prior (Monroe, Colaresi & Quinn, 2008), z above 3.5.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations, pairwise
from math import log2, nan, sqrt

import numpy as np
import polars as pl
from scipy.stats import chi2_contingency

from personae.core import BIG_FIVE, Array, Cell, Estimate, Figure, Note, Part, Table
from personae.generate.quality.near_duplicates import simhashes
from personae.generate.slots import IndexArray
from personae.report.render.figure_json import figure_from_data
from personae.stats.multiplicity import holm

__all__ = ["diversity", "stereotypes"]

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
"""A fact whose path has one of these as a word's beginning tells of a protected group."""
MOST_VALUES, MOST_FACTS, MOST_DRAWN = 12, 40, 7
DRAWS = 200
MOST_TEXTS = 4000
ENOUGH = 20
"""Personas with a value, or with both facts of a pair, before they are compared."""
WORD = re.compile(r"[^\W\d_]+")


def _wide(rows: pl.DataFrame) -> pl.DataFrame:
    """Spread the facts of store rows into columns; absent facts are null."""
    held = rows.select("id", "facts").explode("facts").unnest("facts")
    held = held.filter(pl.col("key").is_not_null())
    if not held.height:
        return pl.DataFrame({"id": rows["id"]}).drop("id")
    return held.pivot("key", index="id", values="value").drop("id")


def _is_protected(path: str) -> bool:
    """Tell whether a fact speaks of a protected group.

    >>> _is_protected("demographic/age band"), _is_protected("school/language")
    (True, False)
    """
    words = re.split(r"[^a-z]+", path.lower())
    return any(word.startswith(PROTECTED) for word in words)


def _association(counts: Array, seed: int = 0) -> tuple[Estimate, float]:
    """Give the bias-corrected Cramér's V of a table of counts with its interval, and p.

    Empty rows and columns are left out; with one row or column left, V is 0 and p is 1.

    >>> v, p = _association(np.array([[50.0, 0.0], [0.0, 50.0]]))
    >>> f"{v.value:.2f}", p < 1e-9
    ('1.00', True)
    >>> v, p = _association(np.array([[30.0, 0.0], [20.0, 0.0]]))
    >>> v.value, p
    (0.0, 1.0)
    """
    counts = counts[counts.any(axis=1)][:, counts.any(axis=0)]
    n = int(counts.sum())
    _chi, p = chi2_contingency(counts, correction=False)[:2]
    random = np.random.default_rng(seed)
    drawn = random.multinomial(n, counts.ravel() / n, size=DRAWS).reshape(DRAWS, *counts.shape)
    values = _corrected(drawn.astype(np.float64))
    low, high = np.quantile(values, (0.025, 0.975))
    value = float(_corrected(counts[None])[0])
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


def _corrected(tables: Array) -> Array:
    """Cramér's V of each table (draws, rows, columns), corrected for bias."""
    n = tables.sum(axis=(1, 2))
    rows, columns = tables.sum(axis=2), tables.sum(axis=1)
    expected = rows[:, :, None] * columns[:, None, :] / n[:, None, None]
    parts = np.divide(
        (tables - expected) ** 2, expected, out=np.zeros_like(tables), where=expected > 0
    )
    phi = parts.sum(axis=(1, 2)) / n
    r, c = (rows > 0).sum(axis=1), (columns > 0).sum(axis=1)
    phi = np.maximum(0, phi - (r - 1) * (c - 1) / (n - 1))
    room = np.minimum(r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1)) - 1
    found: Array = np.sqrt(np.divide(phi, room, out=np.zeros_like(phi), where=room > 0))
    return np.minimum(found, 1.0)


def _coded(column: pl.Series) -> IndexArray:
    """Number a fact's values in their order; -1 where it is absent."""
    values = sorted(column.drop_nulls().unique())
    numbers = column.replace_strict(values, range(len(values)), default=-1, return_dtype=pl.Int64)
    return numbers.to_numpy()


def _crossed(one: IndexArray, two: IndexArray) -> Array:
    kept = (one >= 0) & (two >= 0)
    width = int(two.max()) + 1
    flat = np.bincount(one[kept] * width + two[kept], minlength=(int(one.max()) + 1) * width)
    return flat.reshape(-1, width).astype(np.float64)


def stereotypes(rows: pl.DataFrame, seed: int = 0) -> tuple[Part, ...]:
    """Say which facts go together, protected ones first, and which words mark a group."""
    facts = _wide(rows)
    fit = [
        name
        for name in sorted(facts.columns, key=lambda n: (not _is_protected(n), n))
        if 2 <= facts[name].drop_nulls().n_unique() <= MOST_VALUES
    ][:MOST_FACTS]
    if len(fit) < 2:
        return ()
    codes = {name: _coded(facts[name]) for name in fit}
    found: dict[tuple[str, str], tuple[Estimate, float]] = {}
    for one, two in combinations(fit, 2):
        table = _crossed(codes[one], codes[two])
        if table.sum() >= ENOUGH:
            found[one, two] = _association(table, seed)
    if not found:
        return (Note(f"No two facts stand together in {ENOUGH} personas: nothing to compare."),)
    adjusted = dict(zip(found, holm([p for _, p in found.values()]).tolist(), strict=True))
    telling = [pair for pair in found if _is_protected(pair[0]) != _is_protected(pair[1])]
    beyond = [pair for pair in telling if adjusted[pair] < 0.05]
    return (
        _said(telling, beyond, found),
        _heatmap(fit, found),
        *_associations(found, adjusted),
        *_marked_words(rows, facts, fit),
    )


def _said(
    telling: Sequence[tuple[str, str]],
    beyond: Sequence[tuple[str, str]],
    found: Mapping[tuple[str, str], tuple[Estimate, float]],
) -> Note:
    if not telling:
        return Note("No protected fact stands beside another fact here: nothing to compare.")
    text = (
        f"{len(beyond)} of {len(telling)} pairs of a protected and another fact go together beyond "
        "chance"
    )
    if not beyond:
        return Note(text + ".")
    top = max(beyond, key=lambda pair: found[pair][0].value)
    return Note(f"{text}; most: {top[0]} and {top[1]} (V {found[top][0].value:.2f}).", "warning")


def _heatmap(fit: Sequence[str], found: Mapping[tuple[str, str], tuple[Estimate, float]]) -> Figure:
    """Draw protected facts against those they go with most; without protected ones, all."""

    def value(one: str, two: str) -> float | None:
        pair = found.get((one, two)) or found.get((two, one))
        return None if pair is None else round(pair[0].value, 2)

    rows = [name for name in fit if _is_protected(name)][:MOST_DRAWN] or list(fit)
    pull = {name: max(value(row, name) or 0.0 for row in rows) for name in fit}
    columns = sorted(set(fit) - set(rows) or fit, key=lambda n: (-pull[n], n))[:MOST_DRAWN]
    return figure_from_data(
        name="associations",
        title="Who is given what",
        kind="heatmap",
        data={
            "rows": [n.rpartition("/")[2] for n in rows],
            "columns": [n.rpartition("/")[2] for n in columns],
            "values": [[value(a, b) for b in columns] for a in rows],
            "unit": "Cramér's V",
            "top": 1.0,
        },
        alt="Bias-corrected Cramér's V of protected facts with the others that they go with most; "
        "0 is independence.",
    )


def _associations(
    found: Mapping[tuple[str, str], tuple[Estimate, float]],
    adjusted: Mapping[tuple[str, str], float],
) -> Iterator[Part]:
    strongest = sorted(found, key=lambda pair: -found[pair][0].value)[:15]
    rows: list[tuple[Cell, ...]] = [
        (
            one,
            two,
            "yes" if _is_protected(one) or _is_protected(two) else "no",
            found[one, two][0],
            adjusted[one, two],
        )
        for one, two in strongest
    ]
    yield Table(
        name="associations table",
        title="The strongest associations",
        columns=("fact", "fact too", "protected", "V", "p (Holm)"),
        rows=tuple(rows),
    )


def _marked_words(rows: pl.DataFrame, facts: pl.DataFrame, names: Sequence[str]) -> Iterator[Part]:
    """Find the words that texts of a protected group use more than other groups' texts.

    Words of the fact itself are left out; one that half of all texts have is no mark.
    """
    texts = [set(WORD.findall(t.lower())) for t in rows["text"].to_list()]
    whole = Counter(word for words in texts for word in words)
    marks: list[tuple[Cell, ...]] = []
    for name in (n for n in names if _is_protected(n)):
        values = facts[name].to_list()
        own = {w for v in values if v for w in WORD.findall(v.lower())}
        for value in sorted({v for v in values if v}):
            group = [words for words, v in zip(texts, values, strict=True) if v == value]
            if len(group) < ENOUGH or len(group) == len(texts):
                continue
            used = Counter(word for words in group for word in words)
            z = _log_odds(used, whole, len(group), len(texts))
            top = sorted((w for w in z if z[w] > 3.5 and w not in own), key=lambda w: -z[w])[:8]
            if top:
                said = ", ".join(f"{w} ({used[w] / len(group):.0%})" for w in top)
                marks.append((name, value, said))
    if marks:
        yield Table(
            name="marked words",
            title="Words that mark a group",
            columns=("fact", "value", "word (share of the group's texts)"),
            rows=tuple(marks),
        )


def _log_odds(
    used: Mapping[str, int], whole: Mapping[str, int], size: int, total: int
) -> Mapping[str, float]:
    """Give each word's z: texts of the group with it against the other texts with it."""
    z = {}
    for word, count in used.items():
        prior = whole[word] / total
        if not 0 < prior <= 0.5:
            continue
        a, b = count + prior, size - count + 1 - prior
        c, d = whole[word] - count + prior, total - size - (whole[word] - count) + 1 - prior
        z[word] = (np.log(a / b) - np.log(c / d)) / sqrt(1 / a + 1 / b + 1 / c + 1 / d)
    return z


def diversity(rows: pl.DataFrame, seed: int = 0) -> tuple[Part, ...]:
    """Say how varied facts, texts and traits are."""
    facts = _wide(rows)
    listed: list[tuple[Cell, ...]] = []
    for name in sorted(facts.columns):
        counts = np.array(list(Counter(facts[name].drop_nulls().to_list()).values()), dtype=float)
        shares = counts / counts.sum()
        even = (
            float(-(shares * np.log2(shares)).sum()) / log2(len(counts)) if len(counts) > 1 else nan
        )
        listed.append((name, len(counts), None if len(counts) < 2 else even, float(shares.max())))
    table = Table(
        name="variety",
        title="Variety of facts",
        columns=("fact", "values", "evenness (1: all alike often)", "share of the commonest"),
        rows=tuple(listed),
    )
    return (*_texts(rows["text"].head(MOST_TEXTS), seed), table, *_traits(rows))


def _texts(texts: pl.Series, seed: int) -> Iterator[Part]:
    words = [WORD.findall(t.lower()) for t in texts.to_list()]
    total = sum(map(len, words))
    if not total:
        return
    single = len({w for text in words for w in text}) / total
    doubles = [p for text in words for p in pairwise(text)]
    begun = Counter(tuple(text[:8]) for text in words)
    hashes, _ = simhashes(texts)
    random = np.random.default_rng(seed)
    a, b = random.integers(len(words), size=(2, 50_000))
    apart = np.bitwise_count(hashes[a] ^ hashes[b])[a != b]
    rows: list[tuple[Cell, ...]] = [
        ("words a text", total / len(words)),
        ("Distinct-1: different words of all words", single),
        ("Distinct-2: different word pairs of all", len(set(doubles)) / max(1, len(doubles))),
        ("texts whose first eight words are the commonest", max(begun.values()) / len(words)),
    ]
    if len(apart):
        rows.append(("bits of 64 in which SimHashes of two texts differ", float(apart.mean())))
    yield Table(
        name="texts",
        title="Variety of texts",
        columns=("what", "value"),
        rows=tuple(rows),
        note=f"On {len(words):,} texts; words are runs of letters in small letters.",
    )


def _traits(rows: pl.DataFrame) -> Iterator[Part]:
    held = rows.select("id", "traits").explode("traits").unnest("traits")
    held = held.filter(pl.col("key").is_in(list(BIG_FIVE)))
    if not held.height:
        return
    table = held.pivot("key", index="id", values="value").drop_nulls()
    names = [code for code in BIG_FIVE if code in table.columns]
    values = table.select(names).to_numpy()
    if len(names) < 2 or len(values) < 3 or (values.std(axis=0) == 0).any():
        return
    yield figure_from_data(
        name="trait correlations",
        title="How requested traits go together",
        kind="heatmap",
        data={
            "rows": names,
            "columns": names,
            "unit": "correlation",
            "top": 1.0,
            "values": np.corrcoef(values.T).round(3).tolist(),
        },
        alt="Correlations of the requested standings.",
    )
    means = [
        Estimate(
            name=BIG_FIVE[c],
            value=float(v.mean()),
            low=float(v.mean() - 1.96 * v.std(ddof=1) / sqrt(len(v))),
            high=float(v.mean() + 1.96 * v.std(ddof=1) / sqrt(len(v))),
            n=len(v),
            of="persona",
            unit="z",
            method="normal",
        )
        for c, v in zip(names, values.T, strict=True)
    ]
    yield figure_from_data(
        name="traits",
        title="Mean requested standing",
        kind="intervals",
        data={
            "unit": "z",
            "reference": 0,
            "band": None,
            "rows": [{"name": e.name, "group": "", "estimate": e} for e in means],
        },
        alt="Mean standing requested of each trait, with 95% interval; 0 is the norm.",
    )
