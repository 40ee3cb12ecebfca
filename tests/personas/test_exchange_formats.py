"""Each exchange format by itself: a file as its tool writes it, and a persona as we write it."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from personae.core import Persona
from personae.personas import load_personas
from personae.personas.exchange import FORMATS, NATIVE, detect, export_personas, import_personas
from tests.support.json_files import put

MIRA = Persona(
    id="Mira",
    text="You keep bees.",
    facts={"demographics/age": "34", "work/occupation": "beekeeper"},
    traits={"E": 1.0},
)


class Example(NamedTuple):
    """A file of a format, the fields of the persona in it, and what is written for `MIRA`."""

    file: str
    content: Any
    read: dict[str, Any]
    written: Any


CARD = {"name": "Mira", "description": "{{char}} keeps bees.", "tags": ["bees", "calm"]}
EXAMPLES = {
    "card-v1": Example(
        "mira.json",
        {
            "name": "Mira",
            "description": "{{char}} keeps bees.",
            "personality": "dry",
            "scenario": "A roof. {{user}} knocks.",
            "first_mes": "Hm.",
            "mes_example": "<START>\n{{user}}: Hi\n<BOT>: Hm.",
            "avatar": "none",
        },
        {
            "id": "Mira",
            "text": "Mira keeps bees.",
            "facts/personality/summary": "dry",
            "facts/scenario": "A roof. the user knocks.",
            "voice": "User: Hi\nMira: Hm.",
        },
        {"name": "Mira", "description": "You keep bees.", "personality": "", "scenario": ""},
    ),
    "columns": Example(
        "people.jsonl",
        [
            {
                "id": "Mira",
                "kind": "character",
                "text": "You keep bees.",
                "facts": '{"home/pet": "cat"}',
                "traits": "",
            }
        ],
        {"id": "Mira", "text": "You keep bees.", "facts": {"home/pet": "cat"}},
        {
            "0/id": "Mira",
            "0/text": "You keep bees.",
            "0/traits": '{"E": 1.0}',
            "0/statements": "",
            "0/narrative": "",
        },
    ),
    "card-v2": Example(
        "mira.json",
        {"spec": "chara_card_v2", "spec_version": "2.0", "data": CARD},
        {"id": "Mira", "text": "Mira keeps bees.", "facts/tags": "bees; calm"},
        {"spec": "chara_card_v2", "spec_version": "2.0", "data/description": "You keep bees."},
    ),
    "card-v3": Example(
        "mira.json",
        {
            "spec": "chara_card_v3",
            "spec_version": "3.0",
            "data": {**CARD, "nickname": "Mi", "group_only_greetings": []},
        },
        {"id": "Mira", "text": "Mi keeps bees.", "facts/demographics/nickname": "Mi"},
        {"spec": "chara_card_v3", "spec_version": "3.0", "data/group_only_greetings": []},
    ),
    "tinytroupe": Example(
        "mira.agent.json",
        {
            "type": "TinyPerson",
            "persona": {
                "name": "Mira",
                "age": 34,
                "occupation": {"title": "beekeeper"},
                "personality": {"big_five": {"extraversion": "High. Very outgoing."}},
                "relationships": [{"name": "Al", "description": "a brother"}],
                "style": "Dry.",
            },
        },
        {
            "id": "Mira",
            "facts/demographics/age": "34",
            "facts/work/occupation": "beekeeper",
            "traits": {"E": 1.0},
            "relations": {"Al": "a brother"},
            "voice": "Dry.",
        },
        {
            "type": "TinyPerson",
            "persona/name": "Mira",
            "persona/age": 34,
            "persona/occupation": {"title": "beekeeper"},
            "persona/personality": {"big_five": {"extraversion": "High"}},
            "persona/other_facts": ["You keep bees."],
        },
    ),
    "edsl": Example(
        "agents.json",
        {"agent_list": [{"name": "Mira", "traits": {"age": 34, "work__role": "beekeeper"}}]},
        {"id": "Mira", "facts": {"age": "34", "work/role": "beekeeper"}},
        {
            "agent_list/0/name": "Mira",
            "agent_list/0/instruction": "You keep bees.",
            "agent_list/0/traits": {"demographics__age": 34, "work__occupation": "beekeeper"},
        },
    ),
    "sotopia": Example(
        "agents.json",
        [
            {
                "first_name": "Mira",
                "last_name": "Lind",
                "age": 34,
                "public_info": "She keeps bees.",
                "big_five": "Extraversion - High; Neuroticism - Low",
                "moral_values": ["care", "loyalty"],
            }
        ],
        {
            "id": "Mira Lind",
            "narrative": "She keeps bees.",
            "facts/values/moral": "care; loyalty",
            "traits": {"E": 1.0, "N": -1.0},
        },
        {
            "0/pk": "Mira",
            "0/first_name": "Mira",
            "0/age": 34,
            "0/occupation": "beekeeper",
            "0/public_info": "You keep bees.",
        },
    ),
    "nemotron": Example(
        "people.jsonl",
        [{"uuid": "00aa", "persona": "Mira keeps bees.", "age": 34, "zipcode": "01234", "pets": 2}],
        {
            "id": "00aa",
            "text": "Mira keeps bees.",
            "kind": "demographic",
            "facts/home/postcode": "01234",
            "facts/pets": "2",
        },
        {"0/uuid": "Mira", "0/persona": "You keep bees.", "0/age": 34, "0/occupation": "beekeeper"},
    ),
    "personahub": Example(
        "people.jsonl",
        [{"persona": "A nurse who keeps bees"}],
        {"text": "You are a nurse who keeps bees", "kind": "demographic"},
        {"0/persona": "You keep bees."},
    ),
    "genagents": Example(
        "people.jsonl",
        [
            {
                "id": "00aa",
                "first_name": "Mira",
                "age": 34,
                "political_views": "Moderate",
                "city": "Lund",
                "genagents": {"nodes": [{"node_id": 0, "content": "Rain again."}]},
            }
        ],
        {
            "id": "00aa",
            "facts/demographics/first name": "Mira",
            "facts/home/city": "Lund",
            "memories": ("Rain again.",),
        },
        {"0/age": 34, "0/description": "You keep bees.", "0/work": {"occupation": "beekeeper"}},
    ),
    NATIVE: Example(
        "people.jsonl",
        [{"id": "Mira", "text": "You keep bees.", "traits": {"extraversion": 1}, "pet": "cat"}],
        {"id": "Mira", "text": "You keep bees.", "traits": {"E": 1.0}, "extra": {"pet": "cat"}},
        {"0/id": "Mira", "0/text": "You keep bees.", "0/traits": {"E": 1.0}},
    ),
}


def content_of(path: Path) -> Any:
    if path.suffix == ".jsonl":
        return [json.loads(line) for line in path.read_text().splitlines()]
    return json.loads(path.read_text())


def value_at(tree: Any, path: str) -> Any:
    for name in path.split("/"):
        tree = tree[int(name)] if isinstance(tree, list) else tree[name]
    return tree


def field_of(persona: Persona, path: str) -> Any:
    layer, _, name = path.partition("/")
    value = getattr(persona, layer)
    return value[name] if name else dict(value) if isinstance(value, dict) else value


def test_every_format_has_its_examples() -> None:
    assert EXAMPLES.keys() == {*FORMATS, NATIVE}


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_file_of_the_format_is_read(name: str, tmp_path: Path) -> None:
    example = EXAMPLES[name]
    path = put(tmp_path / example.file, example.content)
    assert detect(path) == name
    for form in (name, ""):
        (persona,) = import_personas(path, form)
        assert {path: field_of(persona, path) for path in example.read} == example.read


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_was_read_is_written_as_it_was(name: str, tmp_path: Path) -> None:
    example = EXAMPLES[name]
    source = put(tmp_path / example.file, example.content)
    target = tmp_path / f"again{source.suffix}"
    assert export_personas(import_personas(source), target, name) == 1
    if name == NATIVE:
        assert load_personas(target) == load_personas(source)
    else:
        assert content_of(target) == example.content


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_persona_is_written_in_the_words_of_the_format(name: str, tmp_path: Path) -> None:
    example = EXAMPLES[name]
    target = tmp_path / f"out{Path(example.file).suffix}"
    assert export_personas([MIRA], target, name) == 1
    content = content_of(target)
    assert {path: value_at(content, path) for path in example.written} == example.written
    assert list(import_personas(target)) == [MIRA]
