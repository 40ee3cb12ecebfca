"""Kinds, risks, descriptions and differences of personas, and the commands that show them."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from personae.cli import main
from personae.core import BadFile, Note, Persona, data_json
from personae.generate.quality.describing import describe_report
from personae.personas import evident_kinds, load_personas, public_part, save_personas
from personae.personas.inspecting import check_report, diff_report
from personae.personas.risks import find_risks, load_risk_rules
from tests.support.report_parts import table

RULES = load_risk_rules()
ORIGIN = {"licence": "CC0-1.0", "made by": "hand"}
NURSE = Persona(
    id="nurse",
    kind="demographic",
    facts={"demographics/age": "34", "work/occupation": "nurse"},
    provenance=ORIGIN,
)
FIGURE = Persona(
    id="ada",
    facts={"demographics/name": "Ada Lovelace", "work/occupation": "mathematician"},
    statements=("I see further than the engine's maker.",),
    provenance=ORIGIN,
)
USER = Persona(
    id="u1",
    kind="individual",
    facts={"user id": "77"},
    memories=tuple(f"Asked for recipe {i}." for i in range(12)),
    provenance={**ORIGIN, "memories/consent": "agreed in writing, 2026-01-02"},
)
BOTH = replace(USER, id="u2", facts={**USER.facts, **NURSE.facts})


def codes(persona: Persona) -> list[str]:
    return [risk.rule.code for risk in find_risks(persona, RULES)]


def test_kinds_by_evidence() -> None:
    """Demographic, character, individual, and the composite of two."""
    assert evident_kinds(NURSE) == ("demographic",)
    assert evident_kinds(FIGURE) == ("character",)
    assert evident_kinds(USER) == ("individual",)
    assert evident_kinds(BOTH) == ("demographic", "individual")
    assert evident_kinds(Persona(id="x")) == ()


def test_a_composite_is_under_the_strictest_rules() -> None:
    """Whatever it is declared as, evidence of an individual counts."""
    unsourced = replace(BOTH, kind="demographic", provenance=ORIGIN)
    assert {"no-consent", "undeclared-individual"} <= set(codes(unsourced))
    assert not codes(NURSE) and not codes(FIGURE)
    assert codes(BOTH) == ["no-consent"], "consent for memories says nothing of facts"
    assert not codes(replace(BOTH, provenance={**ORIGIN, "consent": "theirs"}))


def test_provenance_is_missed_by_layer() -> None:
    """A layer without source or licence is found, with its name."""
    assert not codes(NURSE)
    (risk, other_risk) = find_risks(replace(NURSE, provenance={}), RULES)
    assert (risk.rule.code, risk.excerpt) == ("no-licence", "facts")
    assert other_risk.rule.code == "no-source"
    half = replace(NURSE, text="You nurse.", provenance={"facts/licence": "MIT", "made by": "x"})
    (risk,) = find_risks(half, RULES)
    assert (risk.rule.code, risk.excerpt) == ("no-licence", "text")


def test_public_part_drops_individual_layers_and_says_so() -> None:
    public, dropped = public_part(BOTH)
    assert public.facts == NURSE.facts and not public.memories and public.kind == "demographic"
    assert dropped == ("memories", "facts/user id")
    assert "memories/consent" not in public.provenance and evident_kinds(public) == ("demographic",)
    assert public_part(NURSE) == (NURSE, ())


RISKY: list[tuple[dict[str, Any], str]] = [
    ({"text": "Write to ann.lee@example.org any time."}, "contact-data"),
    ({"facts": {"phone": "+44 20 7946 0958"}}, "contact-data"),
    ({"narrative": "She lives at 12 Long Hill Road."}, "contact-data"),
    ({"text": "Your number is 078-05-1120."}, "contact-data"),
    ({"kind": "individual", "facts": {"full name": "A B"}}, "named-individual"),
    ({"kind": "individual", "facts": {"health/diagnosis": "asthma"}}, "sensitive-facts"),
    ({"kind": "individual", "facts": {"work/role": "cook"}}, "no-consent"),
    ({"text": "x", "provenance": {"source": "Interviews of 2024", "licence": "x"}}, "from-private"),
    ({"facts": {"demographics/age": "12"}}, "minor"),
    ({"facts": {"age": "17 years"}}, "minor"),
    ({"text": "You are a 9-year-old from Lyon."}, "minor-by-text"),
    ({"statements": ("I'm just a little kid.",)}, "minor-by-text"),
    ({"facts": {"age": "16"}, "text": "You are seductive."}, "sexualised-minor"),
    ({"text": "Like most immigrants, you are lazy."}, "stereotype"),
    ({"text": "As all women do, you cry."}, "generalisation"),
    ({"text": "You trust {{random:Al,Bo}}."}, "unfilled-macro"),
    ({"voice": "<START> Hm."}, "unfilled-macro"),
    (
        {"narrative": "He is Muslim. An extremist, say his Muslim neighbours, a terrorist."},
        "stereo",
    ),
]


@pytest.mark.parametrize(
    ("fields", "code"), RISKY, ids=[c + str(i) for i, (_, c) in enumerate(RISKY)]
)
def test_risks_are_found(fields: dict[str, Any], code: str) -> None:
    risk_codes = codes(Persona(id="x", **{"provenance": ORIGIN, **fields}))
    assert any(risk_code.startswith(code) for risk_code in risk_codes), risk_codes


HARMLESS: list[dict[str, Any]] = [
    {"text": "You are 34 and were born in 1990. You ran 12 races by 2010."},
    {"facts": {"age": "45"}, "text": "You flirt with ideas and are often called lazy."},
    {"facts": {"age": "18-24"}},
    {"facts": {"age group": "12"}},
    {"text": "You are a Muslim woman. You hate lazy prose."},
    {"text": "You are an immigrant from Peru and run a bakery."},
    {"text": "You have a child. At 12 years old you learned to sail."},
    {"kind": "individual", "provenance": {**ORIGIN, "consent": "theirs"}, "facts": {"job": "cook"}},
]


@pytest.mark.parametrize("fields", HARMLESS, ids=range(len(HARMLESS)))
def test_the_harmless_is_left_alone(fields: dict[str, Any]) -> None:
    assert not codes(Persona(id="x", **{"provenance": ORIGIN, **fields}))


def test_every_rule_is_reached_by_a_test() -> None:
    reached = {code for fields, _ in RISKY for code in codes(Persona(id="x", **fields))}
    reached |= set(codes(replace(BOTH, kind="demographic", provenance={})))
    assert {rule["code"] for rule in data_json("persona_rules.json")["rules"]} == reached


def test_rules_are_data(tmp_path: Path) -> None:
    path = tmp_path / "mine.json"
    path.write_text(
        json.dumps(
            {
                "rules": [
                    {"code": "cats", "risk": "fur", "reason": "no cats", "when": [{"any": ["cat"]}]}
                ]
            }
        )
    )
    (rule,) = load_risk_rules(path)
    assert [r.excerpt for r in find_risks(Persona(id="x", text="A cat."), [rule])] == ["text: cat"]
    head = {"code": "a", "risk": "b", "reason": "c"}
    whens: list[Any] = [[{"any": ["("]}], [{}], [], [{"sentence": ["x"]}], [1], [{"moon": "full"}]]
    whens.append([{"fact": ["age"], "below": "eighteen"}])
    rules = [{}, 1, *({**head, "when": when} for when in whens)]
    rules.append({**head, "level": "x", "when": [{"lacks": ["a"]}]})
    wholes: list[Any] = [
        {},
        {"rules": [], "words": []},
        *({"rules": [rule_body]} for rule_body in rules),
    ]
    for bad in map(json.dumps, wholes):
        path.write_text(bad)
        with pytest.raises(BadFile):
            load_risk_rules(path)


def test_check_counts_all_and_shows_the_first() -> None:
    rows: list[tuple[str, Any]] = [(f"f, row {i}", replace(NURSE, id=f"p{i}")) for i in range(50)]
    rows += [(f"f, row {i}", replace(NURSE, id=f"q{i}", provenance={})) for i in range(50, 90)]
    rows += [(f"f, row {i}", BadFile(f"f, row {i}: broken")) for i in range(90, 120)]
    rows += [("f, row 120", replace(NURSE, extra={"memorie": []}))]
    checked = check_report(rows, RULES)
    assert (checked.errors, checked.warnings) == (30, 41)
    counts = {row[0]: row[3] for row in table(checked.report, "findings").rows}
    assert counts == {"no-licence": 40, "no-source": 40, "unknown-field": 1}
    assert len(table(checked.report, "examples").rows) == 11
    notes = [p.text for p in checked.report.parts if isinstance(p, Note)]
    assert notes[1] == "f, row 90: broken" and len(notes) == 22
    assert "memories" in str(table(checked.report, "examples").rows[-1][-1])


def test_description() -> None:
    people = [
        replace(
            NURSE,
            id=f"p{i}",
            facts={"age": str(20 + i % 40), "sex": "fm"[i % 2], "no": f"x{i}"},
            traits={"E": float(i % 3 - 1)},
        )
        for i in range(3000)
    ]
    report = describe_report(people)
    facts = {row[0]: row for row in table(report, "facts").rows}
    assert facts["age"][1:3] == (1.0, 40) and facts["age"][5] == pytest.approx(39.5)
    assert facts["sex"][2] == 2 and facts["sex"][4] == 0.5
    assert facts["no"][3] == "(free text)"
    ((trait, share, mean, sd),) = table(report, "traits").rows
    assert (trait, share, mean) == ("E", 1.0, 0.0) and sd == pytest.approx((2 / 3) ** 0.5, abs=1e-3)
    assert "3,000 demographic personas." in str(report.parts[0])
    alone = describe_report([Persona(id="a", facts={"age": "20"})])
    assert "1 character with the content of a demographic persona." in str(alone.parts[0])


def test_difference() -> None:
    new = replace(NURSE, facts={**NURSE.facts, "demographics/age": "35"})
    report = diff_report([NURSE, FIGURE], [new, USER])
    assert str(report.parts[0]).count("1 added, 1 removed, 1 changed, 0 equal")
    assert table(report, "changes").rows == (("nurse", "facts/demographics/age", "34", "35"),)
    assert set(table(report, "ids").rows) == {("ada", "removed"), ("u1", "added")}


def exit_code(*arguments: str) -> int:
    with pytest.raises(SystemExit) as exit_info:
        main(["personas", *arguments])
    return exit_info.value.code if isinstance(exit_info.value.code, int) else 0


def test_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any) -> None:
    monkeypatch.chdir(tmp_path)
    save_personas([NURSE, FIGURE, BOTH], "people.jsonl")
    assert exit_code("check", "people.jsonl") == 0
    assert "1 with warnings only" in capsys.readouterr().out
    assert exit_code("check", "people.jsonl", "--strict") == 2
    assert exit_code("describe", "people.jsonl", "--out", "told") == 0
    assert "<svg" in (tmp_path / "told" / "report.html").read_text()
    assert exit_code("convert", "people.jsonl", "people.parquet") == 0
    assert exit_code("convert", "people.parquet", "agents", "--to", "tinytroupe") == 0
    assert len(list((tmp_path / "agents").iterdir())) == 3
    assert exit_code("convert", "agents", "back.json") == 0
    assert load_personas("back.json") == (NURSE, FIGURE, BOTH)
    capsys.readouterr()
    assert exit_code("diff", "people.jsonl", "back.json") == 0
    assert "0 changed, 3 equal" in capsys.readouterr().out
    assert exit_code("convert", "people.jsonl", "public.jsonl", "--to", "sotopia", "--public") == 0
    assert "left out: u2: memories, facts/user id" in capsys.readouterr().err
    unsourced = replace(NURSE, provenance={})
    save_personas([unsourced], "bare.json")
    assert (
        exit_code(
            "convert", "bare.json", "noted.json", "--note", "licence=MIT", "--note", "source=a = b"
        )
        == 0
    )
    assert load_personas("noted.json")[0].provenance == {"licence": "MIT", "source": "a = b"}
    assert exit_code("check", "noted.json", "--strict") == 0
    assert exit_code("formats") == 0 and "card-v3" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["chek", "people.jsonl"], "did you mean 'check'"),
        (["check", "nowhere.jsonl"], "can't read"),
        (["check", "folder.parquet"], "can't read"),
        (["convert", "people.jsonl", "x.json", "--note", "licence"], "NAME=TEXT"),
        (["check", "bad.jsonl"], "2 personas need work"),
        (["check", "people.jsonl", "--rules", "bad.jsonl"], "bad.jsonl"),
        (["describe", "bad.jsonl"], "line 1"),
        (["diff", "people.jsonl", "bad.jsonl"], "line 1"),
        (["convert", "people.jsonl", "people.jsonl"], "name another"),
        (["convert", "people.jsonl", "x.png", "--to", "card-v4"], "did you mean 'card-v"),
        (["convert", "people.jsonl", "x.png", "--to", "card-v3"], "one persona a file"),
        (["convert", "people.jsonl", "x.txt"], "ends in .json, .jsonl or .parquet"),
        (["convert", "people.jsonl", "people.jsonl/where.json", "--to", "edsl"], "can't write"),
        (["convert", "bad.jsonl", "x.parquet", "--from", "personae"], "line 1"),
        (["convert", "loose.jsonl", "x.parquet", "--from", "nemotrn"], "did you mean 'nemotron'"),
        (["convert", "odd.json", "x.parquet"], "not a known format of personas"),
    ],
)
def test_bad_input_leaves_with_two(
    arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    save_personas([NURSE, FIGURE], "people.jsonl")
    (tmp_path / "bad.jsonl").write_text('{"id": "a", "kind": "robot"}\n{"id": \n')
    (tmp_path / "folder.parquet").mkdir()
    (tmp_path / "odd.json").write_text('{"what": 1}')
    before = sorted(p.name for p in tmp_path.iterdir())
    assert exit_code(*arguments) == 2
    printed = capsys.readouterr()
    assert message in " ".join(printed.err.split())
    assert "Traceback" not in printed.err + printed.out
    assert sorted(p.name for p in tmp_path.iterdir()) == before


@pytest.mark.parametrize("text", ["", "\n\n", "[]"])
def test_a_file_without_a_persona_is_refused(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / ("none.json" if "[" in text else "none.jsonl")
    path.write_text(text)
    with pytest.raises(SystemExit) as ended:
        main(["personas", "check", str(path)])
    assert ended.value.code == 2
    assert "no persona in it" in capsys.readouterr().err
