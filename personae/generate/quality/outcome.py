"""What came out of making a population, counted as it is written, and the report of it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import log2

import polars as pl

from personae.core import Cell, Heading, Note, Part, Report, Table
from personae.generate.quality.diversity import diversity, stereotypes
from personae.generate.recipe import Population
from personae.report.render.figure_json import figure_from_data

__all__ = ["SAMPLE", "Outcome", "Tally", "population_report"]

PICTURES = 24
"""With more facts than this only those under quota are drawn."""
SAMPLE = 10_000
"""About so many rows are looked at more closely."""
MOST_BARS = 40
MOST_VALUES = 2000
"""A fact with more values than this is counted as free text."""


class Tally:
    """Counts of facts and moments of traits, added up frame by frame."""

    def __init__(self) -> None:
        self.rows = 0
        self.facts: dict[str, Counter[str]] = {}
        self.free: set[str] = set()

    def add(self, frame: pl.DataFrame) -> None:
        """Count a frame of the store."""
        self.rows += frame.height
        held = frame["facts"].list.explode(keep_nulls=False).struct.unnest()
        counted = held.filter(~pl.col("key").is_in(list(self.free))).group_by("key", "value").len()
        for key, value, count in counted.sort("key", "value").iter_rows():
            values = self.facts.setdefault(key, Counter())
            values[value] += count
        for key in [k for k, values in self.facts.items() if len(values) > MOST_VALUES]:
            self.free.add(key)
            del self.facts[key]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How many personas stand in the file, what failed, and what happened on the way.

    `sample` holds every so manieth row.
    """

    made: int
    tally: Tally
    sample: pl.DataFrame
    failed: Mapping[int, str] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    remade: int = 0
    alike_left: int = 0


def population_report(population: Population, outcome: Outcome) -> Report:
    """Report a finished population against what was asked for."""
    seed = population.order.seed
    parts: list[Part] = [Note(_verdict(population.order.n, outcome), "verdict")]
    if outcome.failed:
        parts.append(
            Note(f"{len(outcome.failed):,} slots failed; the quotas lack them.", "warning")
        )
    parts += _quotas(population, outcome)
    parts.append(_happened(population, outcome))
    if population.findings is not None:
        parts += population.findings(outcome.sample)
    if outcome.sample.height > 1:
        size = f"On a sample of {outcome.sample.height:,}." if outcome.made > SAMPLE else ""
        parts += [Heading("Diversity"), *([Note(size)] if size else [])]
        parts += diversity(outcome.sample, seed)
        parts += [Heading("Stereotypes"), *stereotypes(outcome.sample, seed)]
    return Report(title=population.title, parts=tuple(parts))


def _verdict(n: int, outcome: Outcome) -> str:
    said = f"{outcome.made:,} of {n:,} personas made"
    if outcome.remade:
        said += f"; {outcome.remade:,} regenerated because they resembled another"
    if outcome.alike_left:
        said += f", {outcome.alike_left:,} still do"
    return said + "."


def _quotas(population: Population, outcome: Outcome) -> list[Part]:
    """Compare the shares that were asked for with those made: a picture, then counts."""
    rows: list[tuple[Cell, ...]] = []
    gaps: list[tuple[Cell, ...]] = []
    for fact, target in population.quotas.items():
        values = outcome.tally.facts.get(fact, Counter())
        rows += [(fact, v, asked, values[v], values[v] - asked) for v, asked in target.items()]
        gaps.append((fact, len(target), *_distances(target, values)))
    if not rows:
        return []
    few = rows[:MOST_BARS]
    total, made = population.order.n, max(1, outcome.made)
    shares = {
        "requested": [int(str(r[2])) / total for r in few],
        "measured": [int(str(r[3])) / made for r in few],
    }
    return [
        figure_from_data(
            name="shares",
            title="Shares, requested and made",
            kind="bars",
            data={
                "categories": [str(r[1]) for r in few],
                "groups": [str(r[0]) for r in few],
                "unit": "share",
                "low": 0,
                "series": [
                    {"name": "requested", "values": shares["requested"]},
                    {"name": "made", "role": "measured", "values": shares["measured"]},
                ],
            },
            alt="Share of each value under quota, as requested and as made.",
        ),
        Table(
            name="gaps",
            title="Distance from the quotas",
            columns=("fact", "values", "largest gap, personas", "KL divergence, bits"),
            rows=tuple(gaps),
        ),
        Table(
            name="quotas",
            title="Quotas",
            columns=("fact", "value", "asked", "made", "difference"),
            rows=tuple(rows),
        ),
    ]


def _distances(target: Mapping[str, int], values: Mapping[str, int]) -> tuple[int, float]:
    """Give the largest gap in personas, and KL(made || asked) in bits."""
    asked, made = sum(target.values()), sum(values.get(v, 0) for v in target)
    largest = max(abs(values.get(v, 0) - count) for v, count in target.items())
    bits = sum(
        values[v] / made * log2(values[v] / made / (count / asked))
        for v, count in target.items()
        if values.get(v, 0) and count
    )
    return largest, round(max(0.0, bits), 6)


def _happened(population: Population, outcome: Outcome) -> Table:
    rows: list[tuple[Cell, ...]] = list(sorted(outcome.counts.items()))
    if population.sameness is not None:
        rows.append((f"near-duplicates regenerated: {population.sameness.says}", outcome.remade))
        rows.append(("near-duplicates left", outcome.alike_left))
    reasons = Counter(outcome.failed.values())
    rows += [(f"failed: {why}", count) for why, count in sorted(reasons.items())]
    return Table(
        name="events",
        title="What happened on the way",
        columns=("event", "count"),
        rows=tuple(rows),
    )
