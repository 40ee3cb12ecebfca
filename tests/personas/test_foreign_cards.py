"""Character cards as tools write them: versions, mixed forms, macros, pictures, archives."""

import base64
import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from personae.core import BadFile, Persona
from personae.induce.prompt.requested_words import persona_prose
from personae.personas import load_personas, save_personas
from personae.personas.exchange import detect, export_personas, import_personas
from personae.personas.exchange.cards.card_macros import fill_macros
from personae.personas.exchange.cards.png_text import blank_picture
from tests.personas.test_interop_bad import chunk
from tests.support.json_files import put

FIELDS = {
    "name": "Rosa Quispe",
    "description": "{{char}} mends nets and doubts {{User}}.",
    "personality": "wry, patient",
    "scenario": "A pier at dawn.",
    "first_mes": "Mind the rope.",
    "mes_example": "<START>\n{{user}}: Hi\n<BOT>: Hm.\n<start>\n{{user}}: Bye\n{{char}}: Hm.",
}
V2 = {"spec": "chara_card_v2", "spec_version": "2.0", "data": {**FIELDS, "extensions": {}}}
V3 = {**V2, "spec": "chara_card_v3", "spec_version": "3.0"}
END = chunk(b"IEND", b"")
BODY = blank_picture()[: -len(END)]


def text_chunk(keyword: bytes, card: Any, kind: bytes = b"tEXt") -> bytes:
    text = base64.b64encode(json.dumps(card, indent=3).encode())
    if kind == b"zTXt":
        return chunk(kind, keyword + b"\0\0" + zlib.compress(text))
    return chunk(kind, keyword + b"\0" + text)


def picture(path: Path, *chunks: bytes) -> Path:
    path.write_bytes(BODY + b"".join(chunks) + END)
    return path


def there_and_back(source: Path, form: str, folder: Path) -> bytes:
    """Import a card, store its persona, and export it from there."""
    save_personas(import_personas(source), folder / "kept.jsonl")
    back = folder / f"back{source.suffix}"
    export_personas(load_personas(folder / "kept.jsonl"), back, form)
    return back.read_bytes()


@pytest.mark.parametrize(("form", "card"), [("card-v1", FIELDS), ("card-v2", V2), ("card-v3", V3)])
def test_every_version_is_read_from_json_and_pictures(
    form: str, card: dict[str, Any], tmp_path: Path
) -> None:
    key = b"ccv3" if form == "card-v3" else b"chara"
    sources = [
        put(tmp_path / "rosa.json", card),
        picture(tmp_path / "rosa.png", text_chunk(key, card)),
        picture(tmp_path / "packed.png", text_chunk(key, card, b"zTXt")),
    ]
    for source in sources:
        assert detect(source) == form
        (rosa,) = import_personas(source)
        assert rosa.id == "Rosa Quispe"
        assert rosa.text == "Rosa Quispe mends nets and doubts the user."
        assert rosa.voice == "User: Hi\nRosa Quispe: Hm.\n\nUser: Bye\nRosa Quispe: Hm."
        back = there_and_back(source, form, tmp_path)
        if source.suffix == ".png":
            assert back == source.read_bytes(), "nothing changed"
        else:
            assert json.loads(back) == card


def test_all_that_a_card_says_reaches_the_prompt(tmp_path: Path) -> None:
    card = {**V2, "data": {**FIELDS, "system_prompt": "{{original}} Stay {{char}}."}}
    (rosa,) = import_personas(put(tmp_path / "rosa.json", card))
    prompt = persona_prose(rosa)
    for words in ("Stay Rosa Quispe.", "mends nets", "wry, patient", "A pier at dawn.", "Hm."):
        assert words in prompt
    assert "{{" not in prompt and "<" not in prompt


@pytest.mark.parametrize("empty", [None, "", [], {}])
@pytest.mark.parametrize("field", ["extensions", "tags", "creator", "character_book", "nickname"])
def test_null_stands_for_what_is_absent(field: str, empty: object, tmp_path: Path) -> None:
    card = {**V2, "data": {**FIELDS, "extensions": {}, field: empty}}
    sources = [
        put(tmp_path / "rosa.json", card),
        picture(tmp_path / "rosa.png", text_chunk(b"chara", card)),
    ]
    for source in sources:
        people = list(import_personas(source))
        assert people[0].text.startswith("Rosa Quispe mends")
        for form in ("card-v1", "card-v2", "card-v3"):
            out = tmp_path / f"{form}.json"
            export_personas(people, out, form)
            assert list(import_personas(out)) == people


@pytest.mark.parametrize(
    "data", [{}, None, {"description": ""}, {"name": None, "tags": ["sea"]}, {"extensions": None}]
)
@pytest.mark.parametrize("spec", ["chara_card_v2", "chara_card_v3"])
def test_fields_at_the_top_are_read_where_data_lacks_them(
    data: object, spec: str, tmp_path: Path
) -> None:
    """Mixed cards: as version 1, with a `data` that is empty or partial."""
    source = put(tmp_path / "rosa.json", {**FIELDS, "spec": spec, "data": data})
    (rosa,) = import_personas(source)
    assert rosa.id == "Rosa Quispe" and rosa.text.startswith("Rosa Quispe mends nets")
    assert rosa.facts["personality/summary"] == "wry, patient"
    form = f"card-v{spec[-1]}"
    assert json.loads(there_and_back(source, form, tmp_path)) == json.loads(source.read_text())


@pytest.mark.parametrize(
    ("card", "message"),
    [
        ({"spec": "chara_card_v2", "data": {}}, "an empty card"),
        ({"spec": "chara_card_v3", "name": "", "data": {"description": ""}}, "an empty card"),
        ({"spec": "lorebook_v3", "data": {"entries": []}}, "a lorebook, not a persona"),
        ({"entries": {"0": {"key": ["sea"]}}}, "a lorebook, not a persona"),
        ({"spec": "chara_card_v2", "data": {"character_book": {"entries": [{}]}}}, "a lorebook"),
    ],
)
def test_a_card_without_anyone_is_refused(
    card: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(BadFile, match=message):
        list(import_personas(put(tmp_path / "x.json", card)))
    with pytest.raises(BadFile, match=message):
        list(import_personas(picture(tmp_path / "x.png", text_chunk(b"chara", card))))


@pytest.mark.parametrize("keyword", [b"chara", b"Chara", b"CHARA"])
def test_the_name_of_a_text_may_be_in_any_case(keyword: bytes, tmp_path: Path) -> None:
    source = picture(tmp_path / "x.png", text_chunk(keyword, FIELDS))
    (rosa,) = import_personas(source)
    assert rosa.id == "Rosa Quispe"
    assert there_and_back(source, "card-v1", tmp_path) == source.read_bytes()


def test_a_picture_keeps_both_its_cards(tmp_path: Path) -> None:
    source = picture(
        tmp_path / "x.png",
        text_chunk(b"chara", V2),
        chunk(b"tEXt", b"Software\0brush"),
        text_chunk(b"ccv3", V3),
    )
    assert detect(source) == "card-v3"
    assert there_and_back(source, "card-v3", tmp_path) == source.read_bytes()
    (rosa,) = import_personas(source)
    rosa.facts["scenario"] = "A pier at noon."  # type: ignore[index]
    export_personas([rosa], tmp_path / "new.png", "card-v3")
    assert b"Software\0brush" in (tmp_path / "new.png").read_bytes()
    for form in ("card-v2", "card-v3"):
        (read,) = import_personas(tmp_path / "new.png", form)
        assert read.facts["scenario"] == "A pier at noon.", "older readers see the change too"


def test_a_card_of_ours_is_found_by_readers_of_both_versions(tmp_path: Path) -> None:
    people = list(import_personas(put(tmp_path / "rosa.json", V3)))
    export_personas(people, tmp_path / "x.png", "card-v3")
    for form in ("card-v2", "card-v3"):
        assert [p.text for p in import_personas(tmp_path / "x.png", form)] == [people[0].text]


REQUIRED = {
    "card-v1": {"name", "description", "personality", "scenario", "first_mes", "mes_example"},
}
REQUIRED["card-v2"] = REQUIRED["card-v1"] | {
    *("creator_notes", "system_prompt", "post_history_instructions", "alternate_greetings"),
    *("tags", "creator", "character_version", "extensions"),
}
REQUIRED["card-v3"] = REQUIRED["card-v2"] | {"group_only_greetings"}


@pytest.mark.parametrize("form", REQUIRED)
def test_a_card_of_ours_has_the_fields_that_its_version_requires(form: str, tmp_path: Path) -> None:
    """What SillyTavern's validator asks for, and the types it asks for."""
    export_personas(
        [Persona(id="p", text="You are P.", traits={"E": 1})], tmp_path / "p.json", form
    )
    card = json.loads((tmp_path / "p.json").read_text())
    data = card if form == "card-v1" else card["data"]
    assert REQUIRED[form] <= data.keys()
    if form != "card-v1":
        assert card["spec"] == f"chara_card_{form[5:]}" and card["spec_version"] == f"{form[6:]}.0"
        assert isinstance(data["tags"], list) and isinstance(data["extensions"], dict)
        assert isinstance(data["alternate_greetings"], list)


def test_many_packed_texts_are_not_all_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = chunk(b"zTXt", b"chara\0\0" + zlib.compress(b"0" * (4 << 20), 9))
    source = picture(tmp_path / "x.png", *[bomb] * 50, text_chunk(b"chara", FIELDS, b"zTXt"))
    inflate, unpacked = zlib.decompressobj, iter(range(50))

    def counted() -> Any:
        next(unpacked)
        return inflate()

    monkeypatch.setattr(zlib, "decompressobj", counted)
    (rosa,) = import_personas(source, "card-v1")
    assert rosa.id == "Rosa Quispe" and next(unpacked) <= 3


def archive(path: Path, files: dict[str, str], before: bytes = b"") -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as target:
        for name, text in files.items():
            target.writestr(name, text)
    path.write_bytes(before + path.read_bytes())
    return path


@pytest.mark.parametrize("before", [b"", b"\xff\xd8\xff\xe0picture"])
def test_a_charx_is_read(before: bytes, tmp_path: Path) -> None:
    files = {"card.json": json.dumps(V3), "../../evil.json": "x", "assets/icon.png": "x"}
    source = archive(tmp_path / "x.charx", files, before)
    assert detect(source) == "card-v3"
    assert [p.id for p in import_personas(source)] == ["Rosa Quispe"]
    assert [p.name for p in tmp_path.iterdir()] == ["x.charx"], "nothing is unpacked"


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"assets/a": "x"}, "not a charx"),
        ({"card.json": "{"}, "not valid JSON"),
        ({"card.json": " " * (5 << 20)}, "longer than 4 MB"),
    ],
)
def test_a_charx_of_another_form_is_refused(
    files: dict[str, str], message: str, tmp_path: Path
) -> None:
    with pytest.raises(BadFile, match=message):
        list(import_personas(archive(tmp_path / "x.charx", files)))


@pytest.mark.parametrize(
    ("head", "message"),
    [
        (b"RIFF\x00\x00\x00\x00WEBP", "a WebP picture; cards are read from PNG"),
        (b"\xff\xd8\xff\xe0", "a JPEG picture"),
        (b"GIF89a", "a GIF picture"),
    ],
)
def test_pictures_of_other_kinds_are_named(head: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "x.webp"
    path.write_bytes(head)
    with pytest.raises(BadFile, match=message):
        list(import_personas(path))


def test_macros_that_stand_for_nothing_here_stay(tmp_path: Path) -> None:
    assert fill_macros("{{random:a,b}} {{ CHAR }} <BoT>", "Al") == "{{random:a,b}} Al Al"
    assert fill_macros("{{char}} \\1 {{char}}", "\\1") == "\\1 \\1 \\1"
    assert fill_macros("{{char}}", "") == "{{char}}"


@given(text=st.text("{}<>charuse rbot:\n/*", max_size=40), name=st.text(max_size=6))
@settings(max_examples=60)
def test_filling_macros_ends_and_leaves_plain_text(text: str, name: str) -> None:
    assert fill_macros("plain words", name) == "plain words"
    if "{" not in text and "<" not in text:
        assert fill_macros(text, name) == text
    fill_macros(text, name)
