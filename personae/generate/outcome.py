"""What came out of making a population, counted as it is written, and the report of it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import polars as pl

from personae.core import Cell, Figure, Note, Part, Report, Table
from personae.generate.recipe import Population

__all__ = ["Outcome", "Tally", "population_report"]

PICTURES = 24
"""With more facts than this only those under quota are drawn."""
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
    """How many personas stand in the file, what failed, and what happened on the way."""

    made: int
    tally: Tally
    failed: Mapping[int, str] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)
    remade: int = 0
    alike_left: int = 0


def population_report(population: Population, outcome: Outcome) -> Report:
    """Report a finished population against what was asked for."""
    n = population.order.n
    parts: list[Part] = [Note(_verdict(n, outcome), "verdict")]
    if outcome.failed:
        parts.append(
            Note(f"{len(outcome.failed):,} slots failed; the quotas lack them.", "warning")
        )
    parts += _shares(population, outcome)
    parts.append(_happened(outcome))
    return Report(title=population.title, parts=tuple(parts))


def _verdict(n: int, outcome: Outcome) -> str:
    said = f"{outcome.made:,} of {n:,} personas made"
    if outcome.remade:
        said += f"; {outcome.remade:,} made anew because they resembled another"
    if outcome.alike_left:
        said += f", {outcome.alike_left:,} still do"
    return said + "."


def _shares(population: Population, outcome: Outcome) -> list[Part]:
    parts: list[Part] = []
    rows: list[tuple[Cell, ...]] = []
    for fact, values in sorted(outcome.tally.facts.items()):
        target = population.quotas.get(fact)
        if target is None:
            continue
        for value in target:
            rows.append((fact, value, target[value], values[value], values[value] - target[value]))
    if rows:
        parts.append(
            Table(
                name="quotas",
                title="Quotas",
                columns=("fact", "value", "asked", "made", "difference"),
                rows=tuple(rows),
            )
        )
    few = len(outcome.tally.facts) <= PICTURES
    for fact, values in sorted(outcome.tally.facts.items()):
        if 2 <= len(values) <= 30 and (few or fact in population.quotas):
            names = list(population.quotas.get(fact, sorted(values)))
            shares = [values[v] / outcome.tally.rows for v in names]
            parts.append(
                Figure(
                    name=f"shares {fact}",
                    title=fact,
                    kind="bars",
                    data={
                        "categories": names,
                        "unit": "share",
                        "series": [{"name": "made", "values": shares}],
                    },
                    alt=f"Share of each value of {fact}.",
                )
            )
    return parts


def _happened(outcome: Outcome) -> Table:
    rows = [*sorted(outcome.counts.items())]
    reasons = Counter(outcome.failed.values())
    rows += [(f"failed: {why}", count) for why, count in sorted(reasons.items())]
    return Table(
        name="events",
        title="What happened on the way",
        columns=("event", "count"),
        rows=tuple(rows),
    )
