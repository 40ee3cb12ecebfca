"""The outcome of generating a population, counted as it is written, and the report on it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import log2

import polars as pl

from personae.core import Cell, Heading, Note, Part, Report, Table, counted
from personae.core.figures import BarsFigure, Series
from personae.generate.quality.associations import stereotypes
from personae.generate.quality.diversity import diversity
from personae.generate.recipe import Population
from personae.report.build.drawings import ValueAxis, bars

__all__ = ["SAMPLE", "Outcome", "Tally", "population_report"]

PICTURES = 24
"""With more facts than this only those under quota are drawn."""
SAMPLE = 10_000
"""Approximate number of rows examined for diversity."""
MOST_BARS = 40
MOST_VALUES = 2000
"""A fact with more values than this is counted as free text."""


class Tally:
    """Counts of facts, added up frame by frame.

    `facts` holds the counts of each fact's values; `free` names the facts that are free text.
    """

    def __init__(self) -> None:
        self.rows = 0
        self.facts: dict[str, Counter[str]] = {}
        self.free: set[str] = set()

    def add(self, frame: pl.DataFrame) -> None:
        """Count a frame of the store."""
        self.rows += frame.height
        facts = frame["facts"].list.explode(keep_nulls=False).struct.unnest()
        value_counts = (
            facts.filter(~pl.col("key").is_in(list(self.free))).group_by("key", "value").len()
        )
        for key, value, count in value_counts.sort("key", "value").iter_rows():
            values = self.facts.setdefault(key, Counter())
            values[value] += count
        for key in [k for k, values in self.facts.items() if len(values) > MOST_VALUES]:
            self.free.add(key)
            del self.facts[key]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """The number of personas in the file, their tally, the failed slots, and counts of events.

    `sample` holds rows at equal distances, about 10,000 of them. `failed` maps a slot to the
    reason. `regenerated` counts near-duplicates that were replaced, `duplicates_left` those that
    remain.
    """

    made: int
    tally: Tally
    sample: pl.DataFrame
    failed: Mapping[int, str] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    regenerated: int = 0
    duplicates_left: int = 0


def population_report(population: Population, outcome: Outcome) -> Report:
    """Report a finished population against its order and quotas."""
    seed = population.order.seed
    parts: list[Part] = [Note(_verdict(population.order.n, outcome), "verdict")]
    if outcome.failed:
        parts.append(
            Note(f"{counted(len(outcome.failed), 'slot')} failed; the quotas lack them.", "warning")
        )
    parts += _quotas(population, outcome)
    if (events := _events(population, outcome)).rows:
        parts.append(events)
    if population.findings is not None:
        parts += population.findings(outcome.sample)
    if outcome.sample.height > 1:
        size = f"On a sample of {outcome.sample.height:,}." if outcome.made > SAMPLE else ""
        parts += [Heading("Diversity"), *([Note(size)] if size else [])]
        parts += diversity(outcome.sample, seed)
        parts += [Heading("Stereotypes"), *stereotypes(outcome.sample, seed)]
    return Report(title=population.title, parts=tuple(parts))


def _verdict(n: int, outcome: Outcome) -> str:
    text = f"{outcome.made:,} of {counted(n, 'persona')} made"
    if outcome.regenerated:
        text += f"; {outcome.regenerated:,} regenerated because they resembled another"
    if outcome.duplicates_left:
        text += f", {outcome.duplicates_left:,} still do"
    return text + "."


def _quotas(population: Population, outcome: Outcome) -> list[Part]:
    """Compare requested and generated counts: a figure, the distances, then all counts."""
    rows: list[tuple[str, str, int, int, int]] = []
    gaps: list[tuple[Cell, ...]] = []
    for fact, target in population.quotas.items():
        generated = outcome.tally.facts.get(fact, Counter())
        rows += [
            (fact, v, count, generated[v], generated[v] - count) for v, count in target.items()
        ]
        gaps.append((fact, len(target), *_distances(target, generated)))
    if not rows:
        return []
    return [
        _shares_figure(rows[:MOST_BARS], population.order.n, max(1, outcome.made)),
        Table(
            name="gaps",
            title="Distance from the quotas",
            columns=("fact", "values", "largest gap, personas", "KL divergence, bits"),
            rows=tuple(gaps),
        ),
        Table(
            name="quotas",
            title="Quotas",
            columns=("fact", "value", "requested", "made", "difference"),
            rows=tuple(rows),
        ),
    ]


def _shares_figure(
    rows: Sequence[tuple[str, str, int, int, int]], total: int, total_generated: int
) -> BarsFigure:
    """Draw the shares of (fact, value, requested, made, difference) rows."""
    return bars(
        "shares",
        "Shares, requested and made",
        [(fact, value) for fact, value, *_ in rows],
        [
            Series("requested", tuple(row[2] / total for row in rows)),
            Series("made", tuple(row[3] / total_generated for row in rows), "measured"),
        ],
        ValueAxis("share", low=0),
        alt="Share of each value under quota, as requested and as made.",
    )


def _distances(target: Mapping[str, int], values: Mapping[str, int]) -> tuple[int, float]:
    """Return one fact's largest gap, in personas, and KL(made || requested), in bits."""
    requested, generated = sum(target.values()), sum(values.get(v, 0) for v in target)
    largest_gap = max(abs(values.get(v, 0) - count) for v, count in target.items())
    bits = sum(
        values[v] / generated * log2(values[v] / generated / (count / requested))
        for v, count in target.items()
        if values.get(v, 0) and count
    )
    return largest_gap, round(max(0.0, bits), 6)


def _events(population: Population, outcome: Outcome) -> Table:
    rows: list[tuple[Cell, ...]] = list(sorted(outcome.counts.items()))
    if population.duplicate_criterion is not None:
        criterion = population.duplicate_criterion.description
        rows.append((f"near-duplicates regenerated: {criterion}", outcome.regenerated))
        rows.append(("near-duplicates left", outcome.duplicates_left))
    reasons = Counter(outcome.failed.values())
    rows += [(f"failed: {why}", count) for why, count in sorted(reasons.items())]
    return Table(
        name="events",
        title="Events during generation",
        columns=("event", "count"),
        rows=tuple(rows),
    )
