"""The richness and uniqueness of personas, computed from their facts, without a judge.

Intrinsic measures after Wang et al. 2025 (arXiv 2511.07338, section 4.1): number of attributes,
uniqueness, and coverage of the taxonomy. Also two risks of deep profiles: personas that share age,
gender, place and work with no other (k-anonymity, Sweeney 2002), and the frequency of a topic to
which models tend to return.
"""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import combinations

import polars as pl

from personae.core import Estimate, Note, Part, Persona, Table
from personae.generate.taxonomy.attribute_tree import Taxonomy
from personae.personas import frame_personas
from personae.report.build.drawings import ValueAxis, bars
from personae.stats.resample import mean

__all__ = ["richness"]

PAIRS = 60
"""Number of personas, the first ones, that are compared pairwise."""
QUASI_IDENTIFIERS = ("Age", "Gender", "Place", "Occupation")
_TOPIC = re.compile(r"\bcommunit(?:y|ies)\b", re.IGNORECASE)


def richness(rows: pl.DataFrame, *, taxonomy: Taxonomy, seed: int = 0) -> tuple[Part, ...]:
    """Describe a population's depth: estimates over personas, and coverage by category.

    Uniqueness is the mean Jaccard distance (0..1) of two personas' facts (path and value); its
    interval resamples each persona's mean over its pairs. Without personas there are no parts.
    """
    people = list(frame_personas(rows))
    if not people:
        return ()
    counts = [float(len(persona.facts)) for persona in people]
    estimates = (
        mean(counts, name="attributes", of="persona", unit="attributes", seed=seed),
        mean(_uniqueness(people), name="uniqueness", of="persona", unit="rate", seed=seed),
        mean(
            _topic_rates(people), name="speaks of community", of="persona", unit="rate", seed=seed
        ),
    )
    return (*estimates, *_coverage(people, taxonomy), _anonymity(people))


def _uniqueness(people: Sequence[Persona]) -> list[float]:
    fact_sets = [set(persona.facts.items()) for persona in people[:PAIRS]]
    if len(fact_sets) < 2:
        return []
    sums = [0.0] * len(fact_sets)
    for i, j in combinations(range(len(fact_sets)), 2):
        distance = 1 - len(fact_sets[i] & fact_sets[j]) / max(len(fact_sets[i] | fact_sets[j]), 1)
        sums[i] += distance
        sums[j] += distance
    return [total / (len(fact_sets) - 1) for total in sums]


def _topic_rates(people: Sequence[Persona]) -> list[float]:
    return [
        float(any(map(_TOPIC.search, (persona.text, persona.narrative, *persona.facts.values()))))
        for persona in people
    ]


def _coverage(people: Sequence[Persona], taxonomy: Taxonomy) -> tuple[Part, ...]:
    groups = {
        category: {a.name for a in attributes}
        for category, attributes in taxonomy.by_category().items()
    }
    fact_names = [set(persona.facts) for persona in people]
    all_names = set[str]().union(*fact_names)
    shares: dict[str, Estimate] = {
        category: mean(
            [len(attributes & names) / len(attributes) for names in fact_names],
            name=category,
            of="persona",
            unit="rate",
        )
        for category, attributes in groups.items()
    }
    lowest = min(shares.values(), key=lambda e: e.value)
    figure = bars(
        "coverage by category",
        "Share of a category's attributes that a persona has",
        shares,
        {"made": list(shares.values())},
        ValueAxis("share", low=0.0, high=1.0),
        alt=f"Coverage of {len(shares)} categories; least {lowest.name}, {lowest.value:.0%}.",
    )
    table = Table(
        name="coverage of the taxonomy",
        title="Coverage of the taxonomy",
        columns=("category", "attributes", "in any persona", "share per persona"),
        rows=tuple(
            (category, len(attributes), len(attributes & all_names), shares[category])
            for category, attributes in groups.items()
        ),
    )
    return figure, table


def _anonymity(people: Sequence[Persona]) -> Note:
    identifiers = [
        tuple(
            persona.facts.get(f"Demographic Information/{name}", "") for name in QUASI_IDENTIFIERS
        )
        for persona in people
    ]
    sizes = Counter(identifiers)
    unique = sum(sizes[persona] == 1 for persona in identifiers)
    text = (
        f"{unique:,} of {len(people):,} personas share age, gender, place and occupation with no "
        f"other (k-anonymity: smallest group {min(sizes.values())}). A deep profile may resemble "
        f"a real person by chance: don't present it as one."
    )
    return Note(text, "info")
