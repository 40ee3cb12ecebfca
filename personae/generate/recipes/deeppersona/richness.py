"""How rich and how different personas are: counted from their facts, with no judge.

Intrinsic measures after Wang et al. 2025 (arXiv 2511.07338, section 4.1): number of attributes,
uniqueness, and coverage of the taxonomy. Beside them what deep profiles put at risk: how many
share age, gender, place and work with nobody (k-anonymity, Sweeney 2002), and how often one topic
returns, the mark of a model that falls back on it.
"""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import combinations

import polars as pl

from personae.core import Estimate, Note, Part, Persona, Table
from personae.generate.taxonomy.attribute_tree import Taxonomy
from personae.personas import frame_personas
from personae.report.render.figure_json import figure_from_data
from personae.stats.resample import mean

__all__ = ["richness"]

PAIRS = 60
"""Personas of which all pairs are compared."""
QUASI = ("Age", "Gender", "Place", "Occupation")
_TOPIC = re.compile(r"\bcommunit(?:y|ies)\b", re.IGNORECASE)


def richness(rows: pl.DataFrame, *, taxonomy: Taxonomy, seed: int = 0) -> tuple[Part, ...]:
    """Describe a population's depth: estimates over personas, and coverage by category.

    Uniqueness is 1 minus the share of facts (path and value) that two personas have in common
    (Jaccard), over pairs; its interval resamples personas' means over their pairs.
    """
    people = list(frame_personas(rows))
    if not people:
        return ()
    counts = [float(len(one.facts)) for one in people]
    estimates = (
        mean(counts, name="attributes", of="persona", unit="attributes", seed=seed),
        mean(_apart(people), name="uniqueness", of="persona", unit="rate", seed=seed),
        mean(_topic(people), name="speaks of community", of="persona", unit="rate", seed=seed),
    )
    return (*estimates, *_coverage(people, taxonomy), _alone(people))


def _apart(people: Sequence[Persona]) -> list[float]:
    few = [set(one.facts.items()) for one in people[:PAIRS]]
    if len(few) < 2:
        return []
    sums = [0.0] * len(few)
    for i, j in combinations(range(len(few)), 2):
        apart = 1 - len(few[i] & few[j]) / max(len(few[i] | few[j]), 1)
        sums[i] += apart
        sums[j] += apart
    return [total / (len(few) - 1) for total in sums]


def _topic(people: Sequence[Persona]) -> list[float]:
    return [
        float(bool(_TOPIC.search(" ".join((one.text, one.narrative, *one.facts.values())))))
        for one in people
    ]


def _coverage(people: Sequence[Persona], taxonomy: Taxonomy) -> tuple[Part, ...]:
    groups = {c: {a.name for a in g} for c, g in taxonomy.by_category().items()}
    met = [set(one.facts) for one in people]
    ever = set[str]().union(*met)
    shares: dict[str, Estimate] = {
        c: mean([len(g & one) / len(g) for one in met], name=c, of="persona", unit="rate")
        for c, g in groups.items()
    }
    lowest = min(shares.values(), key=lambda e: e.value)
    figure = figure_from_data(
        name="coverage by category",
        title="Share of a category's attributes that a persona has",
        kind="bars",
        data={
            "categories": list(shares),
            "unit": "share",
            "low": 0.0,
            "high": 1.0,
            "series": [{"name": "made", "values": list(shares.values())}],
        },
        alt=f"Coverage of {len(shares)} categories; least {lowest.name}, {lowest.value:.0%}.",
    )
    table = Table(
        name="coverage of the taxonomy",
        title="Coverage of the taxonomy",
        columns=("category", "attributes", "met in any persona", "a persona's share"),
        rows=tuple((c, len(g), len(g & ever), shares[c]) for c, g in groups.items()),
    )
    return figure, table


def _alone(people: Sequence[Persona]) -> Note:
    core = [
        tuple(one.facts.get(f"Demographic Information/{name}", "") for name in QUASI)
        for one in people
    ]
    sizes = Counter(core)
    alone = sum(sizes[one] == 1 for one in core)
    said = (
        f"{alone:,} of {len(people):,} personas share age, gender, place and occupation with no "
        f"other (k-anonymity: smallest group {min(sizes.values())}). A deep profile may resemble "
        f"a real person by chance: don't present it as one."
    )
    return Note(said, "info")
