"""Exchange is exact both ways, for every format, whatever persona or foreign object comes."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from personae.core import BadValue, Persona, UnknownName, content_key
from personae.induce.prompt.prompt_inductions import persona_text
from personae.models.opening import open_model
from personae.personas import load_personas, persona_row, save_personas
from personae.personas.exchange import FORMATS, detect, export_personas, import_personas
from personae.personas.exchange.lens import export_row, import_row
from personae.personas.exchange.patch import apply_patch, make_patch
from tests.support.persona_strategies import JSON, NAMES, PERSONAS, POPULATIONS, WORDS

EVERY = sorted(FORMATS)
SINGLE = {"card-v1": ".json", "card-v2": ".json", "card-v3": ".json", "tinytroupe": ".json"}
SUFFIX = {
    **SINGLE,
    "edsl": ".json",
    "sotopia": ".json",
    "nemotron": ".parquet",
    "personahub": ".jsonl",
    "genagents": ".jsonl",
    "columns": ".parquet",
}
TEXT = st.sampled_from(
    ["", "High. Very.", "Low", "a; b", "A nurse", "You are an ox", "{{char}} is"]
)
LOOSE = TEXT | WORDS | JSON


def mixed(*names: str) -> st.SearchStrategy[Any]:
    """Objects with some of the format's own fields, of any form, and with unknown ones."""
    return st.dictionaries(st.sampled_from(names) | WORDS, LOOSE, max_size=6)


CARD = mixed("name", "description", "tags", "creator", "mes_example", "nickname", "source")
SPEC = mixed("name", "age", "style", "occupation", "relationships", "personality", "other_facts")
FOREIGN: dict[str, st.SearchStrategy[Any]] = {
    "card-v1": CARD,
    "card-v2": st.builds(
        lambda data, more: {"spec": "chara_card_v2", "spec_version": "2.0", "data": data, **more},
        CARD,
        mixed("version"),
    ),
    "card-v3": st.builds(lambda data: {"spec": "chara_card_v3", "data": data}, CARD),
    "tinytroupe": st.builds(
        lambda kind, spec: {"type": kind, "persona": spec},
        st.sampled_from(["TinyPerson", "Fragment"]),
        SPEC,
    ),
    "edsl": st.builds(
        lambda traits, more: {"traits": traits, **more},
        mixed("age", "work__role"),
        mixed("name", "instruction", "codebook"),
    ),
    "sotopia": mixed("pk", "first_name", "last_name", "age", "big_five", "moral_values", "secret"),
    "nemotron": mixed("uuid", "persona", "age", "sex", "zipcode", "detailed_persona"),
    "columns": st.fixed_dictionaries(
        {
            "id": WORDS | JSON,
            "text": st.just("") | WORDS,
            "facts": st.just("") | st.just('{"a": "b"}'),
        },
        optional={"traits": st.just('{"E": 1.0}'), "note": JSON},
    ),
    "personahub": mixed("persona", "input persona", "synthesized text"),
    "genagents": st.fixed_dictionaries(
        {},
        optional={
            "scratch": mixed("first_name", "age", "religion"),
            "meta": mixed("id"),
            "nodes": st.lists(mixed("content", "importance"), max_size=2),
            "embeddings": JSON,
        },
    ),
}


def exact(value: object) -> str:
    """JSON text: order of names and kinds of numbers count."""
    return json.dumps(value)


@pytest.mark.parametrize("name", EVERY)
@given(persona=PERSONAS)
def test_persona_comes_back(name: str, persona: Persona) -> None:
    lens = FORMATS[name].lens
    foreign = json.loads(json.dumps(export_row(lens, persona)))
    back = import_row(lens, foreign, "here")
    assert back == persona
    assert exact(persona_row(back)) == exact(persona_row(persona)), "order is kept, too"


@pytest.mark.parametrize("name", EVERY)
@given(data=st.data())
def test_foreign_object_comes_back(name: str, data: st.DataObject) -> None:
    lens = FORMATS[name].lens
    foreign = lens.tidy(data.draw(FOREIGN[name]))
    persona = import_row(lens, foreign, "here")
    sent = export_row(lens, persona)
    assert exact(sent) == exact(foreign)


@pytest.mark.parametrize("name", EVERY)
@given(persona=PERSONAS, fact=NAMES)
@settings(max_examples=20)
def test_an_edit_on_our_side_wins(name: str, persona: Persona, fact: str) -> None:
    lens = FORMATS[name].lens
    imported = import_row(lens, export_row(lens, persona), "here")
    edited = replace(imported, text="Edited.", facts={**imported.facts, "demographics/age": fact})
    assert import_row(lens, export_row(lens, edited), "here") == edited


@given(old=JSON, new=JSON)
def test_patches_are_exact_and_yield(old: Any, new: Any) -> None:
    entries = make_patch(old, new)
    assert exact(apply_patch(old, entries)) == exact(new)
    assert exact(apply_patch(new, make_patch(new, new))) == exact(new)


@pytest.mark.parametrize("name", EVERY)
@given(people=POPULATIONS)
@settings(max_examples=15, suppress_health_check=[HealthCheck.too_slow])
def test_every_persona_comes_back_from_a_file(
    name: str, people: list[Persona], tmp_path_factory: pytest.TempPathFactory
) -> None:
    people = [replace(p, provenance={**p.provenance, "consent": "asked"}) for p in people]
    folder = tmp_path_factory.mktemp("x")
    paths = [folder / "out"] if name in (*SINGLE, "genagents") else []
    paths += [folder / f"out{SUFFIX[name]}"] if name not in SINGLE or len(people) == 1 else []
    for path in paths:
        assert export_personas(people, path, name) == len(people)
        assert list(import_personas(path, name)) == people
        assert not list(folder.glob(".*")), "nothing is left beside it"


@pytest.mark.parametrize("name", EVERY)
def test_formats_are_distinguished(name: str, tmp_path: Path) -> None:
    ada = Persona(
        id="ada",
        text="You are a nurse.",
        facts={f"demographics/{n}": "x" for n in ("first name", "last name", "race", "gender")},
        narrative="Born by a lake.",
    )
    path = tmp_path / f"out{SUFFIX[name]}"
    export_personas([ada], path, name)
    assert detect(path) == name
    assert list(import_personas(path)) == [ada]
    assert detect(Path(__file__).parents[2] / "examples" / "ada.json") == "personae"
    for suffix in (".json", ".jsonl", ".parquet"):
        save_personas([ada], tmp_path / f"own{suffix}")
        assert detect(tmp_path / f"own{suffix}") == "personae"


REAL = [
    ("tinytroupe/Lisa.agent.json", "tinytroupe"),
    ("tinytroupe/Oscar.agent.json", "tinytroupe"),
    ("tinytroupe/picky_customer.agent.fragment.json", "tinytroupe"),
    ("tinytroupe/travel_enthusiast.agent.fragment.json", "tinytroupe"),
    ("genagents/gss_demographics_600.jsonl", "genagents"),
]


@pytest.mark.parametrize(("file", "name"), REAL)
def test_real_files_come_back(
    file: str, name: str, test_data: Callable[[str], Path], tmp_path: Path
) -> None:
    source = test_data(file)
    assert detect(source) == name
    people = list(import_personas(source))
    save_personas(people, tmp_path / "people.parquet")
    stored = load_personas(tmp_path / "people.parquet")
    assert list(stored) == people
    again = tmp_path / f"again{source.suffix}"
    export_personas(stored, again, name)
    read = (
        (lambda p: [json.loads(x) for x in p.read_text().splitlines()])
        if (source.suffix == ".jsonl")
        else (lambda p: json.loads(p.read_text()))
    )
    was, now = read(source), read(again)
    if name == "genagents":
        was, now = ([dict(sorted(row.items())) for row in rows] for rows in (was, now))
    assert exact(now) == exact(was)
    for other in EVERY:  # and through every other format
        over = tmp_path / f"over-{other}{'' if other in SINGLE else SUFFIX[other]}"
        export_personas(people[:40], over, other)
        assert list(import_personas(over, other)) == people[:40]


def test_a_real_agent_is_understood(test_data: Callable[[str], Path]) -> None:
    (lisa,) = import_personas(test_data("tinytroupe/Lisa.agent.json"))
    assert lisa.id == "Lisa Carter"
    assert lisa.facts["demographics/age"] == "28"
    assert lisa.facts["work/occupation"] == "Data Scientist"
    assert lisa.relations["Alex"].startswith("Your colleague")
    assert set(lisa.traits) <= set("OCEAN") and lisa.traits
    assert lisa.voice.startswith("Professional")
    assert "personae" not in export_row(FORMATS["tinytroupe"].lens, lisa)


def test_nemotron_table_keeps_types_and_nulls(tmp_path: Path) -> None:
    table = pl.DataFrame(
        {
            "uuid": ["a1", "b2"],
            "persona": ["Ann mends clocks.", "Bo sells tea."],
            "age": [34, None],
            "zipcode": ["01234", "99999"],
            "weight": [0.5, 1.0],
            "hobbies_and_interests_list": ["['chess']", "['tea']"],
        }
    )
    table.write_parquet(tmp_path / "in.parquet")
    people = list(import_personas(tmp_path / "in.parquet"))
    assert [p.id for p in people] == ["a1", "b2"]
    assert people[0].facts["demographics/age"] == "34" and people[0].kind == "demographic"
    export_personas(people, tmp_path / "out.parquet", "nemotron")
    out = pl.read_parquet(tmp_path / "out.parquet")
    assert out.select(table.columns).equals(table)
    assert set(out.columns) == set(table.columns)
    changed = replace(people[0], facts={**people[0].facts, "demographics/age": "about 34"})
    export_personas(
        [changed, people[1], replace(people[0], id="c")], tmp_path / "m.parquet", "nemotron"
    )
    assert list(import_personas(tmp_path / "m.parquet")) == [
        changed,
        people[1],
        replace(people[0], id="c"),
    ]


def test_personahub_lines_speak_to_the_model(tmp_path: Path) -> None:
    lines = [{"persona": "A nurse who keeps bees"}, {"persona": "A nurse who keeps bees"}]
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps(first) + "\n" for first in lines))
    first, second = import_personas(path)
    assert first.text == "You are a nurse who keeps bees" and first.kind == "demographic"
    assert first.id != second.id and first.text == second.text


@given(PERSONAS)
def test_edsl_takes_the_names_of_traits(persona: Persona) -> None:
    """A trait's name is a Python name there, and not `name`."""
    odd = replace(persona, facts={**persona.facts, "name": "a", "class": "b", "1/2 3": "c"})
    agent: Any = export_row(FORMATS["edsl"].lens, odd)
    assert all(key.isidentifier() and key != "name" for key in agent["traits"])
    assert import_row(FORMATS["edsl"].lens, agent, "here") == odd


def test_edsl_keeps_what_stands_beside_the_list(tmp_path: Path) -> None:
    content = {
        "agent_list": [
            {
                "traits": {"age": 30, "work__role": "cook"},
                "name": "ann",
                "edsl_class_name": "Agent",
            },
            {"traits": {"age": "old", "tags": ["a"]}},
        ],
        "codebook": {"age": "Age in years"},
        "edsl_version": "1.0.7",
    }
    path = tmp_path / "in.json"
    path.write_text(json.dumps(content))
    people = list(import_personas(path))
    assert people[0].facts == {"age": "30", "work/role": "cook"}
    export_personas(people, tmp_path / "out.json", "edsl")
    assert exact(json.loads((tmp_path / "out.json").read_text())) == exact(content)


def test_sotopia_states_traits(tmp_path: Path) -> None:
    profile = {
        "first_name": "Mia",
        "last_name": "Lind",
        "age": 41,
        "secret": "none",
        "big_five": "Openness to Experience - High; Extraversion - Low; Neuroticism - Moderate",
        "moral_values": ["care", "loyalty"],
    }
    path = tmp_path / "in.json"
    path.write_text(json.dumps([profile]))
    (mia,) = import_personas(path)
    assert mia.id == "Mia Lind" and mia.traits == {"O": 1.0, "E": -1.0, "N": 0.0}
    export_personas([mia], tmp_path / "out.json", "sotopia")
    assert json.loads((tmp_path / "out.json").read_text()) == [profile]


def test_genagents_folders(tmp_path: Path) -> None:
    agent = tmp_path / "bank" / "a1"
    (agent / "memory_stream").mkdir(parents=True)
    nodes = [
        {
            "node_id": 0,
            "node_type": "reflection",
            "content": "Rain again.",
            "importance": 7,
            "created": 0,
            "last_retrieved": 3,
            "pointer_id": None,
        },
    ]
    files = {
        "scratch.json": {"first_name": "Ann", "age": 61, "political_views": "Moderate"},
        "meta.json": {"id": "00aa"},
        "memory_stream/nodes.json": nodes,
        "memory_stream/embeddings.json": {"Rain again.": [0.25, -1.5]},
    }
    for name, value in files.items():
        (agent / name).write_text(json.dumps(value))
    assert detect(agent) == detect(tmp_path / "bank") == "genagents"
    (ann,) = import_personas(tmp_path / "bank")
    assert ann.id == "00aa" and ann.memories == ("Rain again.",)
    export_personas([ann], tmp_path / "out", "genagents")
    (folder,) = (tmp_path / "out").iterdir()
    for name, value in files.items():
        assert json.loads((folder / name).read_text()) == value


def test_cards_go_from_version_to_version(tmp_path: Path) -> None:
    card = {
        "spec": "chara_card_v2",
        "spec_version": "2.0",
        "data": {
            "name": "Mira",
            "description": "{{char}} keeps bees.",
            "personality": "dry",
            "scenario": "",
            "first_mes": "Hm.",
            "mes_example": "<START>",
            "creator_notes": "n",
            "system_prompt": "",
            "post_history_instructions": "p",
            "alternate_greetings": ["Yes?"],
            "tags": ["bees", "calm"],
            "creator": "Jo",
            "character_version": "1.2",
            "extensions": {"other/tool": {"depth": 4}},
            "character_book": {"entries": [], "extensions": {}},
        },
    }
    path = tmp_path / "mira.json"
    path.write_text(json.dumps(card))
    (mira,) = import_personas(path)
    assert mira.text == "Mira keeps bees." and mira.provenance["made by"] == "Jo"
    export_personas([mira], tmp_path / "v3.json", "card-v3")
    v3 = json.loads((tmp_path / "v3.json").read_text())
    assert v3["spec"] == "chara_card_v3" and v3["data"]["alternate_greetings"] == ["Yes?"]
    assert v3["data"]["character_book"] == card["data"]["character_book"]  # type: ignore[index]
    export_personas(import_personas(tmp_path / "v3.json"), tmp_path / "v2.json", "card-v2")
    v2 = json.loads((tmp_path / "v2.json").read_text())
    v2["data"]["extensions"].pop("personae", None)
    assert v2["data"] == card["data"] and v2["spec"] == "chara_card_v2"


def test_generated_personas_are_understood_elsewhere() -> None:
    """Facts are found in other taxonomies; who has no prose in one field lends it another's."""
    for facts in (
        {"demographic/age": "46", "demographic/sex": "male", "job": "cook", "name": "Al"},
        {
            "Demographic Information/Age": "46",
            "Demographic Information/Gender": "male",
            "Demographic Information/Occupation": "cook",
            "Demographic Information/Name": "Al",
        },
    ):
        persona = Persona(id="p1", text="You are Al.", facts={**facts, "pets/name": "Rex"})
        spec: Any = export_row(FORMATS["tinytroupe"].lens, persona)["persona"]
        assert (spec["name"], spec["age"], spec["gender"]) == ("Al", 46, "male")
        assert spec["occupation"]["title"] == "cook" and spec["other_facts"] == ["You are Al."]
        assert spec["pets"] == {"name": "Rex"}
        for name in EVERY:
            assert (
                import_row(FORMATS[name].lens, export_row(FORMATS[name].lens, persona), "here")
                == persona
            )
    card: Any = export_row(FORMATS["card-v2"].lens, Persona(id="p1", narrative="A cook."))["data"]
    assert (card["name"], card["description"]) == ("p1", "A cook.")


@pytest.mark.parametrize("name", EVERY)
def test_the_prompt_is_the_same_bytes_after_any_exchange(name: str) -> None:
    """Whatever way a persona went, it reads the same."""
    persona = Persona(
        id="p1",
        facts={"z": "1", "a/b": "2", "demographics/age": "3"},
        traits={"N": 1.0, "E:Assertiveness": 1.0},
        relations={"Zoe": "a friend", "Al": "a brother"},
        memories=("Second.", "First."),
    )
    back = import_row(FORMATS[name].lens, export_row(FORMATS[name].lens, persona), "here")
    model = open_model("null:yes")
    assert persona_text.text(model, back).encode() == persona_text.text(model, persona).encode()


def test_someone_elses_edit_wins() -> None:
    """What we keep yields where another tool changed the field it was kept for."""
    lens = FORMATS["card-v3"].lens
    mira = Persona(id="mira", text="You keep bees.", memories=("The flood.",), traits={"E": 1.0})
    card: Any = export_row(lens, mira)
    card["data"]["description"] = "You keep goats."
    card["data"]["name"] = "Mira"
    back = import_row(lens, card, "here")
    assert back.text == "You keep goats." and back.memories == mira.memories
    assert back.traits == mira.traits and back.facts["demographics/name"] == "Mira"


def test_an_individual_needs_consent_to_leave(tmp_path: Path) -> None:
    """No export without consent; public export drops their layers."""
    user = Persona(
        id="u1",
        facts={"user id": "77", "work/role": "nurse"},
        memories=("m",) * 12,
        extra={"log": [1]},
    )
    with pytest.raises(BadValue, match="consent"):
        export_personas([user], tmp_path / "x.json", "edsl")
    assert not list(tmp_path.iterdir())
    export_personas([user], tmp_path / "x.json", "edsl", public=True)
    (shared,) = import_personas(tmp_path / "x.json")
    assert shared.facts == {"work/role": "nurse"} and not shared.memories and not shared.extra
    assert content_key(shared) != content_key(user)
    agreed = replace(user, provenance={"consent": "signed 2026-01-02"})
    export_personas([agreed], tmp_path / "y.json", "edsl")
    assert list(import_personas(tmp_path / "y.json")) == [agreed]


def test_unknown_format_has_near_matches(tmp_path: Path) -> None:
    with pytest.raises(UnknownName, match="did you mean 'tinytroupe'"):
        export_personas([Persona(id="a")], tmp_path / "x.json", "tinytrope")


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("suffix", ["", ".json", ".jsonl", ".parquet", ".png", ".csv"])
def test_what_is_written_is_read_or_its_suffix_is_refused(
    name: str, suffix: str, tmp_path: Path
) -> None:
    persona = Persona(id="a", text="You nurse.", facts={"work/what": "nurse"}, traits={"C": 1.0})
    out = tmp_path / f"people{suffix}"
    try:
        export_personas([persona], out, name)
    except BadValue as error:
        assert "ends in" in str(error)
        assert suffix not in FORMATS[name].suffixes and not list(tmp_path.iterdir())
        return
    assert detect(out) == name
    assert list(import_personas(out)) == [persona]
