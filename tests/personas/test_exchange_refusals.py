"""Each exchange format by itself: files of another form are refused, and the message says why."""

import base64
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from personae.core import BadFile, BadValue, InputError, Persona
from personae.personas.exchange import (
    FORMATS,
    NATIVE,
    export_personas,
    foreign_files,
    import_personas,
)
from personae.personas.exchange.cards.png_text import add_text, blank_picture
from tests.support.json_files import put


def damaged_slot(path: Path) -> None:
    rows = pl.DataFrame({"uuid": ["a"], "persona": ["A nurse."], "personae": ['{"typed": 3}']})
    rows.write_parquet(path)


def picture_of_another_version(path: Path) -> None:
    card = {"spec": "chara_card_v2", "data": {"name": "Mira"}}
    path.write_bytes(add_text(blank_picture(), "ccv3", base64.b64encode(json.dumps(card).encode())))


def agent_without_scratch(path: Path) -> None:
    (path / "ada").mkdir(parents=True)
    (path / "ada" / "meta.json").write_text("{}")


def agent_with_a_list(path: Path) -> None:
    path.mkdir()
    (path / "scratch.json").write_text("[]")


REFUSED: dict[str, list[tuple[str, Any, str]]] = {
    "card-v1": [
        ("x.json", {"name": "Mira"}, "has no 'spec'"),
        ("x.json", {"spec": "chara_card_v2", "data": {"name": "Mira"}}, "not 'chara_card_v2'"),
        ("x.json", {"name": "", "description": "", "scenario": ""}, "an empty card"),
    ],
    "columns": [
        ("x.jsonl", [{"id": "a", "facts": "{"}], "column 'facts': not valid JSON"),
        ("x.jsonl", [{"id": "a", "traits": "[1]"}], "traits maps a trait"),
    ],
    "card-v2": [
        ("x.json", {"spec": "chara_card_v3", "data": {}}, "'chara_card_v2', not 'chara_card_v3'"),
        ("x.json", {"spec": "chara_card_v2", "data": []}, "'data' is an object"),
        ("x.json", ["Mira"], "needs an object"),
    ],
    "card-v3": [
        ("x.json", {"data": {}}, "'chara_card_v3', not 'None'"),
        ("x.json", {"spec": "chara_card_v3"}, "'data' is an object"),
        ("x.json", {"spec": "chara_card_v3", "data": {}}, "an empty card"),
        ("x.json", {"spec": "chara_card_v3", "data": None}, "an empty card|'data'"),
        ("x.json", {"spec": "lorebook_v3", "data": {"entries": [1]}}, "a lorebook, not a persona"),
        (
            "x.json",
            {"spec": "chara_card_v3", "data": {"character_book": {"entries": [{"keys": ["x"]}]}}},
            "a lorebook, not a persona",
        ),
        ("x.png", picture_of_another_version, "'chara_card_v3', not 'chara_card_v2'"),
    ],
    "tinytroupe": [
        ("x.json", ["Mira"], "needs an object"),
        ("x.json", {"type": "TinyPerson", "persona": {"name": "a\0"}}, "control character"),
    ],
    "edsl": [
        ("x.json", ["Mira"], "needs an object"),
        ("x.json", {"agent_list": {"name": "Mira"}}, "a list of agents, not dict"),
        ("x.json", {"agent_list": [{"traits": {}}, "Mira"]}, "agent 2: needs an object"),
        ("x.json", {"agent_list": [{"beside_agent_list": 1}], "n": 1}, "reserved for Personae"),
    ],
    "sotopia": [
        ("x.json", [{"first_name": "Mira"}, 3], "profile 2: needs an object"),
        ("x.jsonl", [{"first_name": "Mira"}, "Al"], "line 2"),
    ],
    "nemotron": [
        ("x.jsonl", [{"uuid": "a"}, []], "line 2"),
        ("x.parquet", damaged_slot, "row 1: needs an object, not int"),
        ("x.parquet", "uuid,persona", "can't read .*parquet"),
    ],
    "personahub": [
        ("x.jsonl", [{"persona": "A cook"}, "A nurse"], "line 2"),
        ("x.jsonl", [{"persona": "A cook\0"}], "control character"),
    ],
    "genagents": [
        ("x", agent_without_scratch, "has a scratch.json"),
        ("x", agent_with_a_list, "needs an object"),
        ("x.jsonl", [{"first_name": "Mira", "genagents": 3}], "needs an object, not int"),
    ],
    NATIVE: [
        ("x.jsonl", [{"text": "You keep bees."}], "needs a text field 'id'"),
        ("x.json", {"id": "a", "traits": {"E": "high"}}, "a number in z units"),
        ("x.json", {"id": "a", "schema": "personae-persona/9"}, "'schema' is"),
    ],
}


def test_every_format_has_its_bad_files() -> None:
    assert REFUSED.keys() == {*FORMATS, NATIVE}


@pytest.mark.parametrize(
    ("name", "file", "content", "message"),
    [(name, *case) for name, cases in REFUSED.items() for case in cases],
)
def test_a_file_of_another_form_is_refused(
    name: str, file: str, content: Any, message: str, tmp_path: Path
) -> None:
    path = tmp_path / file
    if callable(content):
        content(path)
    elif isinstance(content, str):
        path.write_text(content)
    else:
        put(path, content)
    with pytest.raises(InputError, match=message):
        list(import_personas(path, name))


def test_a_damaged_picture_is_not_exported(tmp_path: Path) -> None:
    card = {
        "spec": "chara_card_v2",
        "data": {"name": "Mira", "extensions": {"personae/picture": "data:image/png;base64,%%%"}},
    }
    people = list(import_personas(put(tmp_path / "x.json", card)))
    with pytest.raises(BadValue, match="picture kept with this card is damaged"):
        export_personas(people, tmp_path / "out.png", "card-v2")
    assert not (tmp_path / "out.png").exists()


@pytest.mark.parametrize("name", ["card-v2", "tinytroupe", "genagents"])
def test_a_folder_of_too_many_files_is_refused_and_not_read_in_part(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    people = [Persona(id=f"p{i}") for i in range(3)]
    export_personas(people, tmp_path / "many", name)
    assert list(import_personas(tmp_path / "many", name)) == people
    monkeypatch.setattr(foreign_files, "MAX_FILES", 2)
    with pytest.raises(BadFile, match="more than 2 files and folders"):
        list(import_personas(tmp_path / "many", name))


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".xlsx"])
def test_tables_of_other_kinds_are_named_and_a_way_out_is_said(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"people{suffix}"
    path.write_text("id,text\na,You are A.\n")
    with pytest.raises(BadFile, match=f"a {suffix} table; save it as JSON lines"):
        list(import_personas(path))
