"""Populations as data: what a description names, and what it may not hold."""

import json
from pathlib import Path

import polars as pl
import pytest

from personae.core import BadFile, BadValue, Note, Persona, UnknownName
from personae.generate.biography.people import parse_anchors
from personae.generate.population.ordered_levels import read_levels
from personae.generate.population.persona_groups import group_personas
from personae.generate.population.population_spec import load_spec
from personae.generate.quality.describing import describe_report
from personae.generate.recipe import Order
from personae.generate.recipes.population import population
from personae.personas import frame_personas

LEVELS = {
    "scale": ["high", "low"],
    "shares": [1, 1],
    "groups": {"habits": {"order": {"C": 0.6}}},
}


def write(folder: Path, body: object) -> str:
    path = folder / "spec.json"
    path.write_text(json.dumps(body))
    return str(path)


def test_rules_may_read_levels(tmp_path: Path) -> None:
    rule = {"code": "L", "says": "in order", "holds": {"of": "habits/order", "is": "high"}}
    spec = write(
        tmp_path,
        {"variables": {"sex": {"shares": {"F": 1}}}, "levels": LEVELS, "rules": [rule]},
    )
    made = population(Order(n=20), spec)
    people = frame_personas(made.make(made.slots(0, 20)).rows)
    assert {person.facts["habits/order"] for person in people} == {"high"}


@pytest.mark.parametrize(
    "change",
    [
        {"groups": {"habits": {"order": {"X": 0.6}}}},
        {"anchors": [{"of": ["habits/other"], "count": 1, "at": "low"}]},
    ],
)
def test_levels_name_known_domains_and_dimensions(change: dict[str, object]) -> None:
    with pytest.raises(UnknownName):
        read_levels({**LEVELS, **change})


def test_anchors_and_norms_depend_on_known_variables_of_the_right_kind(tmp_path: Path) -> None:
    anchor = {"when": {"tier": ["low"]}, "of": ["habits/order"], "count": 1, "at": "low"}
    variables = {
        "sex": {"shares": {"F": 1}},
        "age": {"shares": {"18-29": 1}},
    }
    spec = write(tmp_path, {"variables": variables, "levels": {**LEVELS, "anchors": [anchor]}})
    with pytest.raises(UnknownName, match="tier"):
        population(Order(n=2), spec)
    norms = {"sex": {"of": "sex", "F": "F"}, "age": "age"}
    made = population(
        Order(n=2), write(tmp_path, {"variables": variables, "traits": {"norms": norms}})
    )
    with pytest.raises(BadValue, match="whole years"):
        made.make(made.slots(0, 2))


def test_a_name_that_occurs_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "spec.json"
    path.write_text('{"variables": {"a": {"shares": {"x": 1}}, "a": {"shares": {"y": 1}}}}')
    with pytest.raises(BadFile, match="occurs twice"):
        load_spec(str(path))


def test_codes_in_a_table_keep_their_zeros(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("id,code\n1,01234\n2,\n")
    made = population(Order(n=40), sample=str(tmp_path / "rows.csv"))
    people = frame_personas(made.make(made.slots(0, 40)).rows)
    assert {person.facts.get("code") for person in people} == {"01234", None}


def test_rows_of_no_cell_are_counted_in_the_preview(tmp_path: Path) -> None:
    (tmp_path / "rows.csv").write_text("pet,home\ncat,flat\ndog,house\ncow,farm\n")
    spec = write(tmp_path, {"variables": {"pet": {"shares": {"cat": 1, "dog": 1}}}})
    made = population(Order(n=4), spec, str(tmp_path / "rows.csv"))
    assert made.make(made.slots(0, 4)).rows.height == 4
    notes = [part.text for part in made.preview if isinstance(part, Note)]
    assert any(note.startswith("1 of 3 rows of the sample are left out") for note in notes)


def test_an_entry_whose_statement_is_no_text_is_refused(tmp_path: Path) -> None:
    row = {"key": "tall", "statement": 5, "group": "height", "kind": "generic"}
    with pytest.raises(BadFile, match="entry 1"):
        group_personas(registry=write(tmp_path, [row]))


def test_an_age_is_whole() -> None:
    with pytest.raises(BadValue, match="whole number of years"):
        parse_anchors("age=45.7")


def test_equal_numbers_are_counted_together() -> None:
    people = [Persona(id=str(i), facts={"age": age}) for i, age in enumerate(["7", "07", "10"])]
    (facts,) = [p for p in describe_report(people).parts if getattr(p, "name", "") == "facts"]
    frame = pl.DataFrame(facts.rows, schema=facts.columns, orient="row")  # type: ignore[union-attr]
    assert frame["mean"].to_list() == [8.0]
