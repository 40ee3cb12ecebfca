"""What a recipe is, and where it is found.

A recipe is a file in `personae/generate/recipes/` with a function of its name. It takes an
`Order` and options of its own, which its command line takes too, and returns a `Population`: what
will be made, said before anything is made, and a way to make any part of it alone.
"""

import ast
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from importlib.resources import files
from pathlib import Path

import polars as pl

from personae.core import BadFile, BadValue, Model, Part, UnknownName
from personae.generate.dedup import Sameness
from personae.generate.slots import Slots

__all__ = ["Made", "Order", "Population", "Recipe", "find_recipe", "load_recipe", "recipes"]

MOST = 100_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """How many personas under which seed, and who writes their texts; None: structure alone.

    Raises:
        BadValue: a count below 1 or above a hundred million, or a negative seed.
    """

    n: int
    seed: int = 0
    model: Model | None = None

    def __post_init__(self) -> None:
        if not 1 <= self.n <= MOST:
            raise BadValue(f"a population has 1 to {MOST:,} personas, not {self.n:,}")
        if self.seed < 0:
            raise BadValue(f"a seed is 0 or more, not {self.seed}")


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """Personas made for some slots.

    `rows`: one a slot that succeeded, in the order of the slots, in the schema of
    `generate.table`. `failed`: slot -> why nothing could be made there. `counts`: what happened
    on the way (repairs, revisions, dropped keys), summed over batches for the report.
    """

    rows: pl.DataFrame
    failed: Mapping[int, str] = field(default_factory=dict)
    counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """A population before it is made.

    `make` gives the personas of any slots; what it gives for a slot depends on the slot, its
    attempt and the order alone, so that shards and resumed runs end in the same bytes. It keeps
    nothing that grows with n but the plan. `preview` says what will be made: quotas, margins,
    counts. `quotas` gives, fact -> value -> count, what the report compares with. `sameness` is
    what counts as near-duplicate, which is then made anew; None where likeness is no fault.
    `findings` adds parts to the report, from the rows of a sample of the finished population.
    `fingerprint` hashes whatever data of the user's the recipe rests on.
    """

    title: str
    order: Order
    make: Callable[[Slots], Made]
    preview: tuple[Part, ...]
    quotas: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    sameness: Sameness | None = None
    findings: Callable[[pl.DataFrame], tuple[Part, ...]] | None = None
    fingerprint: str = ""

    def slots(self, start: int, stop: int) -> Slots:
        """Give the slots start..stop-1 at their first attempt."""
        return Slots.span(self.order.seed, start, min(stop, self.order.n))


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A recipe's record, read from its file without importing it."""

    name: str
    summary: str
    version: str


@cache
def recipes() -> tuple[Recipe, ...]:
    """List the recipes in alphabetical order."""
    folder = Path(str(files("personae"))) / "generate" / "recipes"
    return tuple(_record(p) for p in sorted(folder.glob("*.py")) if p.name[0] != "_")


def _record(path: Path) -> Recipe:
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    lines = [line.split(maxsplit=1) for line in text.splitlines()]
    versions = [words[1] for words in lines if len(words) == 2 and words[0] == "Version"]
    if not versions:
        raise BadFile(f"{path.name}: its header lacks Version")
    summary = " ".join(text.split("\n\n", 1)[0].split())
    return Recipe(name=path.stem, summary=summary, version=versions[0])


def find_recipe(name: str) -> Recipe:
    """Find a recipe by name; hyphens and underscores are alike.

    Raises:
        UnknownName: no recipe is called so; carries near matches.
    """
    found = {recipe.name: recipe for recipe in recipes()}
    key = name.replace("-", "_")
    if key not in found:
        raise UnknownName("recipe", name, found)
    return found[key]


def load_recipe(recipe: Recipe) -> Callable[..., Population]:
    """Import a recipe's function; its first parameter is the order."""
    function: Callable[..., Population] | None = getattr(
        import_module(f"personae.generate.recipes.{recipe.name}"), recipe.name, None
    )
    if not inspect.isfunction(function):
        raise BadFile(f"{recipe.name}.py defines no function {recipe.name}")
    return function
