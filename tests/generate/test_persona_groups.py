"""The registry of groups: the counts of UniversalPersona (arXiv 2310.05280), and its extension."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from personae.core import BadFile, BadValue, UnknownName
from personae.generate.population.persona_groups import group_personas
from personae.generate.recipe import Order
from personae.generate.recipes.universal_persona import universal_persona
from personae.personas import frame_personas
from personae.respondents.scripted import ScriptedModel

SIZES = {
    "race": 7,
    "sexual orientation": 6,
    "social class": 3,
    "gender": 4,
    "education": 6,
    "industry": 17,
    "religion": 7,
    "ideology": 8,
    "disability": 15,
    "occupation": 50,
    "name": 12,
    "political figure": 27,
}


def test_sizes() -> None:
    """162 personas, 73 generic and 89 specific, in groups of the published sizes."""
    listed = group_personas()
    assert Counter(entry.group for entry in listed) == SIZES
    assert Counter(entry.kind for entry in listed) == {"generic": 73, "specific": 89}
    assert len({entry.persona.id for entry in listed}) == 162
    assert len({entry.statement for entry in listed}) == 162


def test_published_list_has_the_same_sizes(test_data: Callable[[str], Path]) -> None:
    data = json.loads(test_data("universal-persona/universal_persona_list.json").read_text())
    sizes = [len(group) for group in data["generic"].values()]
    assert sizes == list(SIZES.values())[:9]


def test_every_specific_persona_belongs_to_groups_that_exist() -> None:
    generic = {(entry.group, entry.key) for entry in group_personas(kind="generic")}
    for entry in group_personas(kind="specific"):
        tied = {(g, k) for g, k in entry.belongs.items() if g != "country"}
        assert tied, entry.key
        assert tied <= generic, entry.key


def test_texts_are_sentences_and_real_people_are_marked() -> None:
    for entry in group_personas():
        persona = entry.persona
        assert persona.text.startswith("You are ")
        assert persona.statements[0].startswith("I am ")
        assert persona.facts[f"groups/{entry.group}"] == entry.key
        is_figure = entry.group == "political figure"
        assert (persona.kind == "individual") == is_figure
        assert ("public figure" in persona.provenance["consent"]) == is_figure
    assert not any(entry.group == "political figure" for entry in group_personas(named=False))


def test_your_own_entries_are_added(tmp_path: Path) -> None:
    own = tmp_path / "own.json"
    row = {"key": "tall", "statement": "I am a tall person", "group": "height", "kind": "generic"}
    own.write_text(json.dumps({"personas": [row]}))
    assert len(group_personas(registry=own)) == 163
    assert [entry.key for entry in group_personas(registry=own, groups=("height",))] == ["tall"]
    for bad in ("{}", "[1]", '[{"key": "x"}]', "[", json.dumps([row, row])):
        own.write_text(bad)
        with pytest.raises(BadFile):
            group_personas(registry=own)
    own.write_text(json.dumps([{**row, "kind": "odd"}]))
    with pytest.raises(BadValue, match="generic or specific"):
        group_personas(registry=own)
    with pytest.raises(UnknownName, match="race"):
        group_personas(groups=("rase",))


def test_the_recipe_gives_each_once_and_says_how_many_there_are() -> None:
    population = universal_persona(Order(n=162))
    rows = population.make(population.slots(0, 162)).rows
    assert rows["id"].n_unique() == 162
    selection = universal_persona(Order(n=5, seed=2), groups=("race", "gender"))
    ids = [p.id for p in frame_personas(selection.make(selection.slots(0, 5)).rows)]
    assert len(set(ids)) == 5
    assert all(i.startswith(("race", "gender")) for i in ids)
    with pytest.raises(BadValue, match="-n 162"):
        universal_persona(Order(n=163))


def test_a_model_adds_an_introduction_and_never_the_text() -> None:
    says = json.dumps({"introduction": "I get up early and I like it when things are in order."})
    for model, is_fit in (
        (ScriptedModel(lambda _: says), True),
        (ScriptedModel(lambda _: ""), False),
    ):
        population = universal_persona(Order(n=4, model=model))
        batch = population.make(population.slots(0, 4))
        for persona, index in zip(frame_personas(batch.rows), range(4), strict=True):
            assert bool(persona.narrative) == is_fit, index
            assert persona.text.startswith("You are ")
        assert batch.counts.get("left out", 0) == (0 if is_fit else 4)
