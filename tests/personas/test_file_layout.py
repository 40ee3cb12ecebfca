"""An unchanged foreign file comes back with the same bytes, whatever its layout."""

import json
import re
import zlib
from base64 import b64encode
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from personae.personas import ABSENT, differences, load_personas, save_personas
from personae.personas.exchange import export_personas, import_personas
from personae.personas.exchange.file_layout import laid_out as encoded
from tests.personas.test_interop import FOREIGN

NAMED: dict[str, dict[str, Any]] = {
    "card-v1": {"name": "Åsa\u2028", "description": "a", "first_mes": "Ok\\u00e5"},
    "card-v2": {"data": {"name": "Åsa", "description": "日本"}},
    "card-v3": {"data": {"name": "Åsa", "description": "A cook."}},
    "tinytroupe": {"type": "TinyPerson", "persona": {"name": "Åsa", "age": 3}},
    "edsl": {"traits": {"job": "cafe\u0301"}, "name": "Åsa"},
    "sotopia": {"first_name": "Åsa", "last_name": "", "secret": "none"},
}
LISTS = ("edsl", "sotopia")
INDENTS = st.sampled_from([None, 0, 1, 2, 3, 4, 8, "\t"])
FINALS = st.sampled_from(["", "\n", "\n\n", " \n"])


def laid_out(draw: st.DrawFn, values: list[object], lines: bool) -> bytes:
    """Encode values in a random layout."""
    indent = None if lines else draw(INDENTS)
    separators = (draw(st.sampled_from([",", ", "])), draw(st.sampled_from([":", ": ", " : "])))
    escapes = draw(st.booleans())
    coder = json.JSONEncoder(indent=indent, separators=separators, ensure_ascii=escapes)
    text = "\n".join(coder.encode(value) for value in values) + draw(FINALS)
    if draw(st.booleans()):
        text = text.replace("\n", "\r\n")
    return b"\xef\xbb\xbf" * draw(st.booleans()) + text.encode()


def numbered(name: str, number: int) -> dict[str, Any]:
    """Return a format's example with a name of its own: a repeated one gets a number."""
    own = NAMED[name] | {"number": number}
    if name == "tinytroupe":
        return {**own, "persona": {**own["persona"], "name": f"Åsa {number}"}}
    return own | {{"edsl": "name", "sotopia": "pk"}.get(name, "more"): f"Åsa {number}"}


@st.composite
def files(draw: st.DrawFn, name: str) -> tuple[str, bytes]:
    """Draw a file of a format: its suffix and its bytes."""
    count = draw(st.integers(1, 3)) if name in (*LISTS, "tinytroupe") else 1
    objects: list[Any] = [
        {**draw(FOREIGN[name]), **numbered(name, number)} for number in range(count)
    ]
    if name.startswith("card-v") and name != "card-v1":
        objects[0]["spec"] = f"chara_card_{name[5:]}"
    if name in LISTS and draw(st.booleans()):
        header = [{"__header__": True, "edsl_class_name": "AgentList", "n_agents": count}]
        with_header = name == "edsl" and draw(st.booleans())
        return ".jsonl", laid_out(draw, [*(header if with_header else []), *objects], True)
    content: object = objects
    if name == "edsl":
        beside = draw(st.dictionaries(st.sampled_from(["codebook", "n_agents"]), st.just(count)))
        pairs = draw(st.permutations([*beside.items(), ("agent_list", objects)]))
        content = dict(pairs)
    if count == 1 and (name.startswith("card") or draw(st.booleans())):
        content = objects[0]
    return ".json", laid_out(draw, [content], False)


@pytest.mark.parametrize("name", sorted(NAMED))
@given(data=st.data())
@settings(max_examples=30, suppress_health_check=[HealthCheck.too_slow])
def test_a_file_comes_back_byte_for_byte(
    name: str, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("x")
    suffix, content = data.draw(files(name))
    source, back, own = folder / f"in{suffix}", folder / f"out{suffix}", folder / "own.json"
    source.write_bytes(content)
    people = list(import_personas(source, name))
    save_personas(people, own)
    assert export_personas(load_personas(own), back, name) == len(people)
    assert back.read_bytes() == content
    assert list(import_personas(back, name)) == people


@pytest.mark.parametrize("name", sorted(NAMED))
@pytest.mark.parametrize("indent", [None, 4, "\t"])
def test_a_change_changes_only_what_it_says(
    name: str, indent: int | str | None, tmp_path: Path
) -> None:
    spec = {"spec": f"chara_card_{name[5:]}"} if name in ("card-v2", "card-v3") else {}
    text = json.dumps({**spec, **NAMED[name]}, indent=indent).replace("\n", "\r\n")
    (tmp_path / "in.json").write_bytes(text.encode())
    (persona,) = import_personas(tmp_path / "in.json", name)
    fact = next(n for n, value in persona.facts.items() if value[:3] in ("3", "caf", "non", "Åsa"))
    export_personas(
        [replace(persona, facts={**persona.facts, fact: "Ed"})], tmp_path / "out.json", name
    )
    now = (tmp_path / "out.json").read_bytes().decode()
    relaid = json.dumps(json.loads(now), indent=indent).replace("\n", "\r\n")
    assert now == relaid, "the layout stays"
    changed = [v for _, v, _ in differences(json.loads(text), json.loads(now)) if v is not ABSENT]
    assert len(changed) == 1


ODD: tuple[tuple[str, str], ...] = (
    (".json", '[{"first_name": "Al",\n"last_name": "B", "age": 1e1, "secret": "\\/"}]'),
    (".json", '[\n{"first_name": "Al", "last_name": "B", "age": 1.50, "secret": "x"}\n]'),
    (
        ".json",
        '\ufeff[{"first_name":"Al", "last_name": "B","age" : 1\t, "k":[] , "s": "\\u00e5"}]',
    ),
    (".json", '[ {"first_name": "Al", "last_name": "B", "age": 1}\r\n, {"first_name": "C"} ]\n'),
    (".jsonl", '{"first_name":"Al", "last_name": "B",  "age": 1}\n{ "first_name": "C" }\r\n'),
)


@pytest.mark.parametrize(("suffix", "text"), ODD)
def test_what_a_person_laid_out_comes_back_byte_for_byte(
    suffix: str, text: str, tmp_path: Path
) -> None:
    source, back = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    source.write_bytes(text.encode())
    people = list(import_personas(source, "sotopia"))
    export_personas(people, back, "sotopia")
    assert back.read_bytes() == text.encode()
    facts = {**people[0].facts, "demographics/age": "7"}
    export_personas([replace(people[0], facts=facts), *people[1:]], back, "sotopia")
    if "e1" not in text and "1.5" not in text:  # those ages aren't whole numbers, and no facts
        assert re.sub(r"\b1\b", "7", text).encode() == back.read_bytes(), "the layout stays"
    facts["more"] = "x"
    export_personas([replace(people[0], facts=facts), *people[1:]], back, "sotopia")
    assert next(iter(import_personas(back, "sotopia"))).facts == facts


def test_texts_escaped_without_need_keep_the_content_alone(tmp_path: Path) -> None:
    source, back = tmp_path / "in.json", tmp_path / "out.json"
    source.write_text('[{"first_name": "\\u0041l", "last_name": "B", "age": 3}]')
    people = list(import_personas(source, "sotopia"))
    assert "personae/layout" not in json.dumps(people[0].extra)
    export_personas(people, back, "sotopia")
    assert json.loads(back.read_text()) == json.loads(source.read_text())


def packed(gaps: bytes) -> str:
    return b64encode(zlib.compress(gaps)).decode()


@pytest.mark.parametrize(
    "tokens",
    [
        {"gaps": packed(b'||||"x"|')},
        {"gaps": packed(b"|||")},
        {"gaps": packed(b"||||| |||")[:-8]},
        {"gaps": packed(b"\n|" * 5)},
        {"gaps": packed(b"|" * 5), "numbers": {"3": "1e400", "9" * 400: "1"}},
        {"gaps": packed(b"|" * 5), "numbers": {"3": "2"}},
        {"gaps": packed(b"|" * 5), "numbers": {"3": "1 "}, "escapes": 1},
        {"gaps": 3, "numbers": 4},
        {},
    ],
)
def test_a_damaged_layout_of_tokens_changes_no_content(
    tokens: dict[str, Any], tmp_path: Path
) -> None:
    for name in ("a.json", "a.jsonl"):
        written = encoded([{"a": 1}], tmp_path / name, {"tokens": tokens})
        assert json.loads(written) == {"a": 1} and b'"x"' not in written


@pytest.mark.parametrize(
    "kept",
    [
        {"indent": "x"},
        {"comma": "],["},
        {"colon": 5},
        {"newline": "\\n"},
        {"final": "]"},
        {"mark": 100},
        {"indent": {}},
        {"indent": " " * 17},
        "none",
    ],
)
def test_a_damaged_layout_is_ours(kept: object, tmp_path: Path) -> None:
    """Nothing but white space comes from a layout, whoever wrote it."""
    source, back = tmp_path / "in.json", tmp_path / "out.json"
    source.write_text(json.dumps([NAMED["sotopia"]]))
    (persona,) = import_personas(source, "sotopia")
    residue: Any = json.loads(json.dumps(persona.extra["sotopia"]))
    next(e for e in residue if e["at"] == ["personae/layout"])["now"] = kept
    export_personas([replace(persona, extra={"sotopia": residue})], back, "sotopia")
    ours = json.dumps([NAMED["sotopia"]], ensure_ascii=False, indent=1) + "\n"
    assert back.read_text(encoding="utf-8") == ours


def test_a_layout_does_not_name_a_persona(tmp_path: Path) -> None:
    ids = set()
    for indent in (None, 1, 2):
        (tmp_path / "in.json").write_text(json.dumps({"traits": {"age": 3}}, indent=indent))
        (persona,) = import_personas(tmp_path / "in.json", "edsl")
        ids.add(persona.id)
    assert len(ids) == 1


def test_agents_get_their_files_names_back(tmp_path: Path) -> None:
    """In a folder, where the name is unique and safe; the others are numbered."""
    names = ("Åsa Lund.agent.json", "picky.agent.fragment.json", "con.agent.json", "x.json")
    source = tmp_path / "in"
    source.mkdir()
    for name in names:
        content = {"type": "TinyPerson", "persona": {"name": name, "age": 3}}
        (source / name).write_text(json.dumps(content, indent=4))
    people = list(import_personas(source))
    export_personas(people, tmp_path / "out", "tinytroupe")
    written = {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()}
    for name in names[:2]:
        assert written[name] == (source / name).read_bytes()
    assert len(written) == 4 and not {*names[2:]} & written.keys()
    back = {p.id: p for p in import_personas(tmp_path / "out", "tinytroupe")}
    assert back.keys() == {p.id for p in people}
    twice = [people[0], replace(people[0], id="again")]
    export_personas(twice, tmp_path / "twice", "tinytroupe")
    assert all(p.name[:6].isdigit() for p in (tmp_path / "twice").iterdir())
