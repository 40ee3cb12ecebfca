"""A user's own tables and samples: what can't be drawn from is refused, never drawn from."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from personae.core import BadFile, InputError
from personae.generate.biography.people import load_people_tables
from personae.generate.population.ordered_levels import read_levels
from personae.generate.population.persona_groups import group_personas
from personae.generate.population.population_spec import load_spec
from personae.generate.recipe import Order
from personae.generate.recipes.population import population
from personae.generate.taxonomy.attribute_tree import read_tree
from personae.personas import frame_personas
from tests.support.json_files import put

PERU = {
    "weight": 1,
    "people": "Peruvian",
    "cities": {"Lima": 3},
    "female": ["Rosa"],
    "male": ["Luis"],
    "family": ["Quispe"],
}


def test_own_people_are_drawn(tmp_path: Path) -> None:
    path = put(tmp_path / "people.json", {"countries": {"Peru": PERU}, "ages": {"30": 1}})
    person = load_people_tables(path).draw(np.random.default_rng(0), {})
    assert (person.name.split()[1], person.age, person.place) == ("Quispe", 30, "Lima")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"family": "Smith"}, "list of names"),
        ({"family": []}, "list of names"),
        ({"family": [""]}, "isn't blank"),
        ({"female": "Rosa"}, "list of names"),
        ({"male": [3]}, "a name is a text"),
        ({"cities": {"Lima": -1, "Cusco": 3}}, "finite weight >= 0"),
        ({"cities": {"Lima": 0}}, "above 0"),
        ({"cities": {"Lima": "3"}}, "finite weight >= 0"),
        ({"weight": 10**200}, "finite weight >= 0"),
        ({"weight": -3}, "finite weight >= 0"),
        ({"weight": None}, "finite weight >= 0"),
        ({"weight": True}, "finite weight >= 0"),
    ],
)
def test_a_country_that_cannot_be_drawn_from(
    change: dict[str, Any], message: str, tmp_path: Path
) -> None:
    path = put(tmp_path / "people.json", {"countries": {"Peru": {**PERU, **change}}})
    with pytest.raises(BadFile, match=message):
        load_people_tables(path)


@pytest.mark.parametrize(
    "tables",
    [
        {"genders": "female"},
        {"genders": {"female": -1, "male": 2}},
        {"occupations": "nurse"},
        {"without_work": {}},
        {"ages": "18"},
        {"ages": [85, 18]},
        {"ages": [18.5, 20]},
        {"ages": {"18-": 1}},
        {"ages": {"x-y": 1}},
        {"retired_from": "66"},
        {"countries": {}},
        {"countries": ["Peru"]},
        {"cuntries": {"Peru": PERU}},
        ["Peru"],
    ],
)
def test_tables_of_another_form(tables: object, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"people\.json"):
        load_people_tables(put(tmp_path / "people.json", tables))


@pytest.mark.parametrize(
    "leaf",
    [
        {"values": "abc"},
        {"values": ["a"], "ages": "18"},
        {"values": ["a"], "ages": [1.5, 2]},
        {"values": ["a"], "works": "false"},
        {"values": ["a"], "say": 3},
    ],
)
def test_a_taxonomy_takes_no_text_for_a_list(leaf: object, tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="not a taxonomy"):
        read_tree(put(tmp_path / "tree.json", {"Home": {"Pet": leaf}}))


@pytest.mark.parametrize(
    "change",
    [
        {"scale": "ab"},
        {"shares": [1, float("nan")]},
        {"shares": [1, float("inf")]},
        {"shares": [[1, 2]]},
        {"groups": {"skills": {"maths": {"O": float("nan")}}}},
        {"anchors": [{"of": "maths", "count": 1, "at": "low"}]},
        {"anchors": [{"of": ["skills/maths"], "count": 1, "at": "low", "when": {"sex": "F"}}]},
    ],
)
def test_levels_take_no_text_for_a_list(change: dict[str, Any]) -> None:
    levels = {"scale": ["high", "low"], "shares": [1, 1], "groups": {"skills": {"maths": {}}}}
    assert read_levels(levels).scale == ("high", "low")
    with pytest.raises(InputError):
        read_levels({**levels, **change})


def test_a_registry_and_a_population_of_another_form(tmp_path: Path) -> None:
    entry = {"key": "a", "statement": "I am a", "group": "g", "kind": "generic"}
    for change in ({"key": 3}, {"statement": None}, {"belongs": "g"}, {"belongs": {"g": 3}}):
        path = put(tmp_path / "groups.json", [{**entry, **change}])
        with pytest.raises(InputError, match="texts"):
            group_personas(registry=str(path))
    spec = {"variables": {"sex": {"shares": {"F": 1}, "exact": "false"}}}
    with pytest.raises(InputError, match="true or false"):
        load_spec(str(put(tmp_path / "spec.json", spec)))


@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_sample_has_its_columns_whatever_separates_them(separator: str, tmp_path: Path) -> None:
    path = tmp_path / "sample.csv"
    rows = (("sex", "city"), ("F", "Lund"), ("", " "), ("", ""), ("F", "Lund"))
    path.write_text("".join(separator.join(row) + "\n" for row in rows))
    made = population(Order(n=12), sample=str(path))
    personas = list(frame_personas(made.make(made.slots(0, 12)).rows))
    assert {tuple(p.facts.items()) for p in personas} == {(("sex", "F"), ("city", "Lund"))}


def test_a_sample_of_blank_rows_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sample.csv"
    path.write_text("sex,city\n,\n ,\n")
    with pytest.raises(BadFile, match="no row"):
        population(Order(n=2), sample=str(path))
