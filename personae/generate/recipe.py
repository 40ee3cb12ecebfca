"""What a recipe is given and what it returns: an order, and a population.

A population is a preview of what will be made, and a function that makes any part of it
independently.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import polars as pl

from personae.core import BadValue, Model, Part, brief, counted
from personae.generate.quality.near_duplicates import DuplicateCriterion
from personae.generate.slots import Slots

__all__ = ["Order", "PersonaBatch", "Population"]

LARGEST_POPULATION = 100_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """The number of personas, the seed, and the model that writes texts (None: no texts).

    Raises:
        BadValue: a count below 1 or above a hundred million, or a negative seed.
    """

    n: int
    seed: int = 0
    model: Model | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.n, int):
            raise BadValue(f"the number of personas is a whole number, not {self.n!r}")
        if not 1 <= self.n <= LARGEST_POPULATION:
            raise BadValue(f"a population has 1 to {LARGEST_POPULATION:,} personas, not {self.n:,}")
        if self.seed < 0:
            raise BadValue(f"a seed is 0 or more, not {self.seed}")


@dataclass(frozen=True, slots=True, eq=False)
class PersonaBatch:
    """The personas of some slots.

    `rows`: one per slot that succeeded, in the order of the slots, with the columns of the persona
    store. `failed`: slot -> reason of the failure. `counts`: numbers of events such as repairs,
    revisions and dropped keys, summed over batches for the report.
    """

    rows: pl.DataFrame
    failed: Mapping[int, str] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """A population before it is generated.

    `make` makes the personas of any slots; the result for a slot depends only on the slot, its
    attempt and the order, so that shards and resumed runs end in the same bytes. Apart from the
    plan it holds nothing that grows with n. `preview` describes what will be made: quotas, margins,
    counts. `quotas` (fact -> value -> count) are the targets in the report. Personas that meet
    `duplicate_criterion` are regenerated; with None all are kept. `findings` adds parts to the
    report, from the rows of a sample of the finished population. `fingerprint` hashes the user's
    own data that the recipe uses.
    """

    title: str
    order: Order
    make: Callable[[Slots], PersonaBatch]
    preview: tuple[Part, ...]
    quotas: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    duplicate_criterion: DuplicateCriterion | None = None
    findings: Callable[[pl.DataFrame], tuple[Part, ...]] | None = None
    fingerprint: str = ""

    def __repr__(self) -> str:
        return brief(self, self.title, f"{counted(self.order.n, 'persona')} to be made")

    def slots(self, start: int, stop: int) -> Slots:
        """Return the slots start..stop-1, or up to the population's end, at their first attempt."""
        return Slots.span(self.order.seed, start, min(stop, self.order.n))
