"""The verb that makes personas, by a recipe."""

import json
import warnings
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
from rich.console import Console

from personae.core import (
    BadValue,
    Model,
    Persona,
    atomic_path,
    checks_types,
    write_atomically,
)
from personae.generate.recipe import Order, Population
from personae.generate.recipe_registry import recipes
from personae.personas import load_personas
from personae.run.parameters import bind, require_given
from personae.run.population.population_files import Commission
from personae.run.population.population_run import generate as generate_file
from personae.run.verbs.model_verbs import as_model

__all__ = ["generate"]


@checks_types
def generate(
    recipe: str, n: int, *, seed: int = 0, model: Model | str | None = None, **options: object
) -> tuple[Persona, ...]:
    """Generate personas by a recipe: the same as `personae generate RECIPE` writes to a file.

    Args:
        recipe: name of a recipe, as in `personae list`.
        n: number of personas.
        seed: seed of all draws.
        model: who writes the texts; without one, from structure alone.
        options: the recipe's own, as in `personae generate RECIPE --help`. Where it takes a file, a
            path, a frame, or what the JSON file would hold (a dict, or a list of dicts) will do.

    Warns:
        UserWarning: some personas could not be generated; says how many.

    Raises:
        UnknownName: no such recipe or option; carries near matches.
        BadValue: a value that the recipe doesn't take, or one that it needs isn't given; no persona
            could be generated.

    >>> [persona.id for persona in generate("type_bank", 2, seed=1)]
    ['type-1-0000000', 'type-1-0000001']
    """
    header = recipes.find(recipe)
    function = recipes.load(header)

    require_given(function, options, apart="order")

    def build(writer: Model | None) -> Population:
        return function(Order(n=n, seed=seed, model=writer), **arguments)

    with TemporaryDirectory() as folder:
        options = {name: _as_file(name, v, Path(folder)) for name, v in options.items()}
        arguments = bind(function, options)
        out = Path(folder) / "personas.parquet"
        job = Commission(recipe=header.name, version=header.version, options=options, out=out)
        writer = None if model is None else as_model(model)
        generate_file(job, build, writer, Console(quiet=True))
        personas = load_personas(out)
    if len(personas) < n:
        warnings.warn(f"{n - len(personas)} of {n} personas could not be generated", stacklevel=2)
    return personas


def _as_file(name: str, value: object, folder: Path) -> object:
    """Return an option's value, with a path as text and data in a file of the folder."""
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, pl.DataFrame):
        with atomic_path(folder / f"{name}.parquet") as part:
            value.write_parquet(part)
        return str(folder / f"{name}.parquet")
    listed = isinstance(value, list | tuple) and any(isinstance(v, Mapping) for v in value)
    if not (isinstance(value, Mapping) or listed):
        return value
    path = folder / f"{name}.json"
    try:
        data = json.dumps(value, ensure_ascii=False).encode()
    except (TypeError, ValueError) as error:
        raise BadValue(f"{name}: JSON has no such values ({error})") from error
    write_atomically(path, data)
    return str(path)
