"""What every recipe owes: a command line, a preview, same bytes in any parts, failures counted."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from rich.console import Console

from personae.core import Model, Persona
from personae.generate.recipe import Order, PersonaBatch, Population
from personae.generate.recipe_registry import recipes
from personae.generate.slots import Slots
from personae.personas import PERSONA_COLUMNS, frame_personas
from personae.respondents.null import open_null
from personae.respondents.scripted import ScriptedModel
from personae.run.parameters import parameters
from personae.run.population.population_files import Commission
from personae.run.population.population_run import generate

NAMES = [recipe.name for recipe in recipes.headers()]
EXAMPLES = Path(__file__).parents[2] / "examples"
NEEDED: dict[str, dict[str, Any]] = {
    "profiles": {"conversations": str(EXAMPLES / "conversations.jsonl")}
}
"""What a recipe can't do without."""


def population(name: str, n: int = 6, seed: int = 4, model: Model | None = None) -> Population:
    function: Callable[..., Population] = recipes.load(recipes.find(name))
    return function(Order(n=n, seed=seed, model=model), **NEEDED.get(name, {}))


def made(of: Population) -> PersonaBatch:
    return of.make(of.slots(0, of.order.n))


def people(of: PersonaBatch) -> list[Persona]:
    return list(frame_personas(of.rows))


@pytest.mark.parametrize("name", NAMES)
def test_its_signature_is_a_command_line(name: str) -> None:
    function = recipes.load(recipes.find(name))
    assert parameters(function)[0].of == "order" or parameters(function)[0].name == "order"
    assert recipes.find(name).version.isdigit()


@pytest.mark.parametrize("name", NAMES)
def test_structure_alone_is_whole_and_says_where_it_comes_from(name: str) -> None:
    one = population(name)
    assert one.preview
    got = made(one)
    assert list(got.rows.columns) == list(PERSONA_COLUMNS)
    assert len({p.id for p in people(got)}) == 6
    for persona in people(got):
        assert persona.text
        assert persona.facts
        assert persona.provenance["made by"]
        assert persona.provenance["source"]
        assert persona.provenance.get("licence") or name == "profiles", "whose terms are unknown"


@pytest.mark.parametrize("name", NAMES)
def test_same_order_same_rows_in_whatever_parts(name: str) -> None:
    whole = made(population(name)).rows
    again = population(name)
    parts = [again.make(Slots.span(4, start, start + 2)).rows for start in (0, 2, 4)]
    assert pl.concat(parts).equals(whole)
    backwards = population(name)
    last = backwards.make(Slots.span(4, 4, 6)).rows
    assert last.equals(whole[4:6])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["garbage", "refusing", "scripted"])
def test_a_model_that_writes_nonsense_ends_and_is_counted(name: str, kind: str) -> None:
    model = ScriptedModel(lambda _: "{}") if kind == "scripted" else open_null(f"null:{kind}")
    got = made(population(name, n=2, model=model))
    assert not isinstance(model, ScriptedModel) or model.asked, "the model was never asked"
    assert got.rows.height + len(got.failed) == 2
    assert sum(got.counts.values()) + len(got.failed) > 0
    for persona in people(got):
        said = persona.provenance
        assert said["model"] == model.name and said["model fingerprint"] == model.fingerprint
        assert len(said["prompt"]) == 16


@pytest.mark.parametrize("name", NAMES)
def test_findings_describe_what_was_made(name: str) -> None:
    one = population(name)
    if one.findings is not None:
        assert one.findings(made(one).rows)
        one.findings(made(one).rows[:1])


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n", [1, 2, 10, 24])
def test_a_file_and_its_report_are_made_of_any_count(name: str, n: int, tmp_path: Path) -> None:
    """Few rows leave empty rows and columns in the tables that the report compares."""
    if name == "profiles" and n > 10:
        return
    job = Commission(recipe=name, version="1", options={}, out=tmp_path / "a.jsonl")
    report = generate(
        job, lambda model: population(name, n, model=model), None, Console(quiet=True)
    )
    assert f"{n} of {n} {'persona' if n == 1 else 'personas'} made" in str(report.parts[0])
    assert len((tmp_path / "a.jsonl").read_text().splitlines()) == n
