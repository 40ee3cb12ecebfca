"""The persona format: every field comes back equal, bad files are refused, none half-written."""

import json
import tracemalloc
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from jsonschema import Draft202012Validator

from personae.core import BadFile, BadValue, InputError, Persona, content_key, data_json
from personae.personas import (
    PERSONA_COLUMNS,
    load_personas,
    persona_frame,
    persona_row,
    read_personas,
    save_frames,
    save_personas,
)
from personae.personas.exchange import export_personas
from tests.support.persona_strategies import PERSONAS, POPULATIONS

SCHEMA = Draft202012Validator(data_json("persona.schema.json"))
SUFFIXES = [".json", ".jsonl", ".parquet"]
FULL = Persona(
    id="mira",
    text="You are Mira.",
    facts={"work/occupation": "nurse", "demographics/age": "34"},
    traits={"E": 1.5, "N:Anxiety": -0.25},
    statements=("I keep bees.",),
    narrative="Mira grew up by a lake.",
    voice="Short sentences.",
    relations={"Jon": "her brother"},
    memories=("The flood.", "The first hive."),
    kind="individual",
    provenance={"made by": "hand", "licence": "CC0-1.0", "memories/consent": "hers, 2026-01-02"},
    extra={"pets": [{"name": "Rex", "age": 3}], "weight": 0.1, "none": None, "big": 2**80},
)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_round_trip_is_exact(suffix: str, tmp_path: Path) -> None:
    people = (FULL, Persona(id="empty"), replace(FULL, id="other", extra={}))
    path = tmp_path / f"people{suffix}"
    assert save_personas(people, path) == 3
    assert load_personas(path) == people
    again = tmp_path / f"again{suffix}"
    save_personas(load_personas(path), again)
    assert again.read_bytes() == path.read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([path.name, again.name])


@pytest.mark.parametrize("suffix", SUFFIXES)
@given(people=POPULATIONS)
def test_every_persona_comes_back(
    people: list[Persona], suffix: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("store") / f"people{suffix}"
    save_personas(people, path)
    assert list(load_personas(path)) == people


def test_the_schema_is_published_with_the_docs() -> None:
    root = Path(__file__).parents[2]
    published = (root / "docs" / "persona.schema.json").read_text()
    assert published == (root / "personae" / "data" / "persona.schema.json").read_text()


@given(PERSONAS)
def test_rows_keep_the_schema(persona: Persona) -> None:
    """The published schema describes exactly what is written; order of keys is not identity."""
    row = json.loads(json.dumps(persona_row(persona)))
    SCHEMA.validate(row)
    turned = replace(persona, facts=dict(reversed(list(persona.facts.items()))))
    assert content_key(turned) == content_key(persona)


def test_a_change_in_any_layer_changes_the_hash() -> None:
    """The hash changes when any layer changes."""
    changed = [
        replace(FULL, **{name: value})  # type: ignore[arg-type]
        for name, value in {
            "text": "x",
            "facts": {},
            "traits": {},
            "statements": (),
            "narrative": "x",
            "voice": "x",
            "relations": {},
            "memories": (),
            "provenance": {},
            "extra": {},
        }.items()
    ]
    assert len({content_key(persona) for persona in (FULL, *changed)}) == len(changed) + 1


@pytest.mark.parametrize(
    ("bad", "valid_json_schema"),
    [
        ({"id": ""}, False),
        ({"id": "x" * 201}, False),
        ({"text": "no id"}, False),
        ({"id": "x", "schema": "personae-persona/2"}, False),
        ({"id": "x", "kind": "robot"}, False),
        ({"id": "x", "facts": {"age": 34}}, False),
        ({"id": "x", "traits": {"E": "high"}}, False),
        ({"id": "x", "traits": {"E": 9}}, False),
        ({"id": "x", "traits": {"X": 1}}, False),
        ({"id": "x", "statements": "one"}, False),
        ({"id": "x", "memories": [1]}, False),
        ({"id": "x", "extra": []}, False),
        ({"id": "x", "voice": "bell \x07"}, True),
        ({"id": "x", "traits": {"E": 1, "extraversion": 2}}, True),
        ({"id": "x", "extra": {"a": 1}, "a": 2}, True),
        ({"id": "x", "extra": {"a": "\x00"}}, True),
        ([1], False),
    ],
)
def test_what_the_schema_refuses_the_reader_refuses(
    bad: object, valid_json_schema: bool, tmp_path: Path
) -> None:
    """The reader refuses all that the schema does, and what a schema can't say."""
    path = tmp_path / "bad.jsonl"
    path.write_text(json.dumps(bad) + "\n")
    assert SCHEMA.is_valid(bad) == valid_json_schema
    with pytest.raises(InputError, match=r"line 1"):
        load_personas(path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"id": "a"}\n{"id": "a"}\n', "two personas"),
        (b'{"id": "a", "id": "b"}\n', "occurs twice"),
        (b'{"id": "a", "w": NaN}\n', "NaN"),
        (b'{"id": "a", "w": 1e999}\n', "1e999"),
        (b'{"id": "a", "w": ' + b"9" * 5000 + b"}\n", "not valid JSON"),
        (b'{"id": "a", "w": ' + b"[" * 100_000 + b"\n", "not valid JSON"),
        (b'{"id": "a", "w": ' + b"[" * 90 + b"]" * 90 + b"}\n", "deeper"),
        (b'{"id": "a", "w": "\\ud800"}\n', "U\\+D800"),
        (b'\xff\xfe{"id": "a"}\n', "UTF-8"),
        (b"\n\n", "no persona"),
    ],
)
def test_bad_lines_are_refused(content: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        load_personas(path)


def test_bad_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "people.parquet"
    save_personas([FULL], path)
    content = path.read_bytes()
    for broken in (b"", b"PAR1", content[:-20], content[:40] + content[60:], b"PAR1" + content[:9]):
        path.write_bytes(broken)
        with pytest.raises(BadFile):
            load_personas(path)
    pl.DataFrame({"uuid": ["a"]}).write_parquet(path)
    with pytest.raises(InputError, match="needs a text field 'id'"):
        load_personas(path)
    pl.DataFrame({"id": ["a"], "facts": [["x"]]}).write_parquet(path)
    with pytest.raises(BadFile, match="facts"):
        load_personas(path)
    pl.DataFrame({"id": ["a"], "weight": [1.5], "pet": ["cat"]}).write_parquet(path)
    assert load_personas(path) == (Persona(id="a", extra={"weight": 1.5, "pet": "cat"}),)


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_nothing_is_half_written(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"people{suffix}"
    save_personas([FULL], path)
    before = path.read_bytes()

    def failing() -> Iterator[Persona]:
        yield from (Persona(id=f"p{i}") for i in range(5000))
        raise BadValue("the generator failed")

    with pytest.raises(BadValue, match="the generator failed"):
        save_personas(failing(), path)
    with pytest.raises(InputError, match="two personas"):
        save_personas([FULL, FULL], path)
    with pytest.raises(BadValue, match="no persona"):
        save_personas([], path)
    assert path.read_bytes() == before
    with pytest.raises(BadValue, match="the generator failed"):
        save_personas(failing(), tmp_path / "nowhere" / path.name)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    with pytest.raises(BadFile):
        save_personas([FULL], path / path.name)


def test_batches_of_a_stream_make_the_bytes_of_one_process(tmp_path: Path) -> None:
    """Row groups are as large as said, whatever the frames' sizes."""
    people = [Persona(id=f"p{i}", facts={"n": str(i)}) for i in range(9000)]
    save_personas(people, tmp_path / "one.parquet")
    frames = (persona_frame(people[i : i + 777]) for i in range(0, 9000, 777))
    assert save_frames(frames, tmp_path / "two.parquet") == 9000
    whole_bytes, batched_bytes = (
        (tmp_path / name).read_bytes() for name in ("one.parquet", "two.parquet")
    )
    assert whole_bytes == batched_bytes
    assert [p.id for p in read_personas(tmp_path / "two.parquet")] == [p.id for p in people]


def test_heavy_personas_are_held_a_few_at_a_time(tmp_path: Path) -> None:
    """180 MB of pictures, as cards carry them, in small row groups and little memory."""
    picture = "x" * (2 << 20)
    path = tmp_path / "heavy.parquet"
    tracemalloc.start()
    save_personas((Persona(id=f"p{i}", extra={"p": picture}) for i in range(90)), path)
    assert tracemalloc.get_traced_memory()[1] < 100 << 20
    tracemalloc.stop()
    assert sum(1 for _ in read_personas(path)) == 90


def test_frames_are_checked(tmp_path: Path) -> None:
    frame = persona_frame([FULL])
    assert dict(frame.schema) == dict(PERSONA_COLUMNS)
    for bad in (frame.drop("voice"), frame.with_columns(voice=pl.lit(None, pl.String()))):
        with pytest.raises(BadValue, match="columns"):
            save_frames([bad], tmp_path / "x.parquet")
    assert not list(tmp_path.iterdir())


def test_extra_holds_plain_json_only() -> None:
    deep: list[object] = []
    for _ in range(80):
        deep = [deep]
    for bad in ({"a": (1,)}, {"a": {1: 2}}, {"a": float("nan")}, {"a": {1}}, {"a": deep}):
        with pytest.raises(BadValue, match="extra"):
            Persona(id="x", extra=bad)


@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.parquet"])
def test_what_is_no_persona_is_refused_and_nothing_written(tmp_path: Path, name: str) -> None:
    """Also after sound ones, in a dict, and in the formats of other tools."""
    path, some = tmp_path / name, Persona(id="a")
    for people, word in (([3], "3"), ([some, "b"], "'b'"), ({"c": some}, "'c'"), ([None], "None")):
        values: Any = people
        with pytest.raises(BadValue, match=f"a persona is a Persona, not {word}"):
            save_personas(values, path)
        with pytest.raises(BadValue, match=f"a persona is a Persona, not {word}"):
            export_personas(values, tmp_path / "b.json", "tinytroupe")
        with pytest.raises(BadValue, match=f"a persona is a Persona, not {word}"):
            persona_frame(values)
        with pytest.raises(BadValue, match="personas are written from polars frames"):
            save_frames(values, path)
    assert not list(tmp_path.iterdir())
