"""Foreign files are untrusted: whatever is in them, a reader gives personas or a typed error."""

import base64
import json
import struct
import tracemalloc
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from personae.core import BadFile, InputError, Persona, content_key
from personae.personas import save_personas
from personae.personas.exchange import FORMATS, detect, export_personas, import_personas
from personae.personas.exchange.cards.png_text import SIGNATURE, add_text, blank_picture

ADA = Persona(
    id="ada",
    text="You are Ada.",
    facts={"demographics/name": "Ada", "demographics/age": "34", "a/b/c": "x"},
    traits={"E": 1.0},
    memories=("One.", "Two."),
    extra={"kept": [1, {"a": None}]},
)
PLAIN = {"type": "TinyPerson", "persona": {}}
KIND = content_key("character")[:16]
SUFFIX = {
    "card-v1": ".json",
    "card-v2": ".png",
    "card-v3": ".json",
    "tinytroupe": ".json",
    "edsl": ".json",
    "sotopia": ".json",
    "nemotron": ".parquet",
    "personahub": ".jsonl",
    "genagents": ".jsonl",
    "columns": ".jsonl",
    "personae": ".parquet",
}


def written_file(name: str, folder: Path) -> Path:
    path = folder / f"good{SUFFIX[name]}"
    export_personas([ADA], path, name)
    return path


def chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


@pytest.mark.parametrize("name", sorted(SUFFIX))
@given(data=st.data())
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
def test_damaged_files(
    name: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Cut, flipped and spliced bytes."""
    folder = tmp_path_factory.mktemp("fuzz")
    path = written_file(name, folder)
    content = bytearray(path.read_bytes())
    at = data.draw(st.integers(0, len(content)))
    end = data.draw(st.integers(at, min(len(content), at + 40)))
    content[at:end] = data.draw(st.binary(max_size=12))
    path.write_bytes(content)
    for form in (name, ""):
        try:
            list(import_personas(path, form))
        except InputError as error:
            assert str(error)


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "type",
                    "persona",
                    "spec",
                    "data",
                    "extensions",
                    "personae",
                    "agent_list",
                    "traits",
                    "name",
                    "first_name",
                    "last_name",
                    "secret",
                    "scratch",
                    "nodes",
                    "meta",
                    "genagents",
                    "uuid",
                    "id",
                    "at",
                    "was",
                    "now",
                    "order",
                    "extra",
                    "schema",
                    "facts",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@pytest.mark.parametrize("name", sorted(FORMATS))
@given(value=ODD)
@settings(max_examples=60)
def test_odd_objects(name: str, value: Any, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Well-formed JSON of any shape, under every format's reader."""
    suffix = ".jsonl" if SUFFIX[name] == ".jsonl" else ".json"
    path = tmp_path_factory.mktemp("odd") / f"odd{suffix}"
    shells = [
        value,
        {"spec": "chara_card_v3", "data": value},
        {"type": "Fragment", "persona": value},
        {"agent_list": value},
        {"agent_list": [value]},
    ]
    for shell in shells:
        path.write_text(json.dumps(shell))
        for form in (name if name != "nemotron" else "sotopia", ""):
            try:
                people = list(import_personas(path, form))
            except InputError as error:
                assert str(error)
                continue
            assert all(persona.id for persona in people)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"type": "TinyPerson", "persona": {"name": "a\\u0007"}}', "control character"),
        ('{"type": "TinyPerson", "persona": {"name": "a\\ud800"}}', "U\\+D800"),
        ('{"type": "TinyPerson", "persona": {"x": NaN}}', "NaN"),
        ('{"type": "TinyPerson", "persona": {"x": 1, "x": 2}}', "twice"),
        ('{"type": "TinyPerson", "persona": ' + '{"a":' * 200 + "1" + "}" * 201, "deeper"),
        ('{"type": "TinyPerson", "persona": ' + "[" * 200_000, "not valid JSON"),
        (json.dumps({"type": "TinyPerson", "persona": {"style": "x" * 300_000}}), "300,000"),
        ('{"type": "TinyPerson", "persona": {}, "personae": "x"}', "not written by Personae"),
        ('{"type": "TinyPerson", "persona": {}, "personae": [{"at": [], "now": 3}]}', ""),
        ('{"type": "TinyPerson", "persona": {}, "personae": [{"at": ["id"], "was": 1}]}', ""),
        (json.dumps({**PLAIN, "personae": [{"at": ["kind"], "was": KIND, "now": 3}]}), "a text"),
        ('{"what": 1}', "not a known format of personas"),
        ('["x"]', "no persona in it"),
        ("[]", "no persona in it"),
        ("", "not valid JSON"),
    ],
)
def test_bad_content_is_refused(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text)
    if message:
        with pytest.raises(InputError, match=message):
            list(import_personas(path))
    else:
        assert list(import_personas(path))


def test_bad_pictures_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "card.png"
    good = blank_picture()
    bomb = zlib.compress(b"0" * (64 << 20), 9)
    end = chunk(b"IEND", b"")
    body = good[: -len(end)]
    cases = {
        b"": "not a PNG",
        b"GIF89a": "not a PNG",
        SIGNATURE: "cut",
        good: "carries no card",
        good[:-6]: "cut",
        good[:40] + b"\xff" + good[41:]: "check sum",
        body + struct.pack(">I", 2**31 - 1) + b"tEXtchara\0": "cut",
        body + chunk(b"zTXt", b"chara\0\0" + bomb) + end: "longer than 4 MB",
        body + chunk(b"iTXt", b"chara\0\1\0\0\0" + bomb) + end: "longer than 4 MB",
        body + chunk(b"zTXt", b"chara\0\0" + b"xx") + end: "damaged",
        body + chunk(b"zTXt", b"chara\0\0" + bomb[:50]) + end: "cut",
        body + chunk(b"iTXt", b"chara\0\1") + end: "lacks its fields",
        add_text(good, "chara", b"%%%"): "base64",
        add_text(good, "chara", base64.b64encode(b"{")): "not valid JSON",
        add_text(good, "chara", base64.b64encode(b'{"spec": "chara_card_v3"}')): "spec",
        SIGNATURE + chunk(b"IHDR", b"") + chunk(b"aaAa", b"") * 20_000 + end: "10,000",
    }
    tracemalloc.start()
    for data, message in cases.items():
        path.write_bytes(data)
        with pytest.raises(BadFile, match=message):
            list(import_personas(path, "card-v2"))
    assert tracemalloc.get_traced_memory()[1] < 40 << 20, "a packed bomb isn't inflated"
    tracemalloc.stop()


@pytest.mark.parametrize("form", ["card-v2", "card-v3"])
def test_a_picture_comes_back(form: str, tmp_path: Path) -> None:
    """The picture and its other texts survive the way through a persona's file."""
    key = "chara" if form == "card-v2" else "ccv3"
    good = blank_picture()
    end = chunk(b"IEND", b"")
    picture = good[: -len(end)] + chunk(b"tEXt", b"Software\0brush") + end
    card = {"spec": f"chara_card_{form[-2:]}", "data": {"name": "Mira", "extensions": {}}}
    text = base64.b64encode(json.dumps(card).encode())
    (tmp_path / "in.png").write_bytes(add_text(picture, key, text))
    assert detect(tmp_path / "in.png") == form
    people = list(import_personas(tmp_path / "in.png"))
    save_personas(people, tmp_path / "people.jsonl")
    export_personas(import_personas(tmp_path / "people.jsonl"), tmp_path / "out.png", form)
    out = (tmp_path / "out.png").read_bytes()
    assert out == (tmp_path / "in.png").read_bytes(), "nothing changed"
    packed = chunk(b"iTXt", key.encode() + b"\0\1\0en\0\0" + zlib.compress(text))
    (tmp_path / "packed.png").write_bytes(picture[: -len(end)] + packed + end)
    (packed_mira,) = import_personas(tmp_path / "packed.png")
    assert replace(packed_mira, extra={}) == replace(people[0], extra={})


def test_names_never_leave_the_folder(tmp_path: Path) -> None:
    names = ["../../etc/passwd", "/root/x", "..", "a\\b", "CON", "ä" * 150, ".hidden", "a/../b"]
    people = [Persona(id=name) for name in names]
    for form in ("tinytroupe", "card-v2", "genagents"):
        out = tmp_path / form
        export_personas(people, out, form)
        assert len(list(out.iterdir())) == len(people)
        assert list(import_personas(out, form)) == people
    assert sorted(p.name for p in tmp_path.iterdir()) == ["card-v2", "genagents", "tinytroupe"]


def test_links_are_not_followed(tmp_path: Path) -> None:
    secret = tmp_path / "secret.json"
    secret.write_text('{"first_name": "S"}')
    agent = tmp_path / "agent"
    agent.mkdir()
    (agent / "scratch.json").symlink_to(secret)
    with pytest.raises(BadFile, match="links"):
        list(import_personas(agent, "genagents"))
    folder = tmp_path / "cards"
    folder.mkdir()
    (folder / "x.json").symlink_to(secret)
    with pytest.raises(BadFile, match="links are not followed"):
        list(import_personas(folder, "tinytroupe"))


@pytest.mark.parametrize("name", sorted(SUFFIX))
def test_nothing_is_half_written(name: str, tmp_path: Path) -> None:
    path = written_file(name, tmp_path)
    before = path.read_bytes()

    def failing() -> Any:
        yield ADA
        raise BadFile("cut")

    with pytest.raises(InputError):
        export_personas(failing(), path, name)
    with pytest.raises(InputError):
        export_personas([], path, name)
    with pytest.raises(InputError):
        export_personas(failing(), tmp_path / "nowhere" / path.name, name)
    if name != "personae":
        full = tmp_path / "full"
        full.mkdir()
        (full / "x").write_text("mine")
        with pytest.raises(InputError):
            export_personas([ADA, ADA], full, name)
        assert (full / "x").read_text() == "mine"
    assert path.read_bytes() == before
    assert {p.name for p in tmp_path.iterdir()} <= {path.name, "full"}
