"""The study of citizens: a planted country is recovered, null respondents give no finding."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from personae.core import (
    CONTROL,
    BadFile,
    BadValue,
    Estimate,
    Note,
    Persona,
    Report,
    Request,
    Table,
    UnknownName,
)
from personae.respondents.null import open_null
from personae.respondents.scripted import ScriptedModel
from personae.studies.citizens.study import CITIZENS, NATIONALITY, citizens
from personae.studies.citizens.survey import load_survey

CANADA = load_survey("canada")


def distances(report: Report) -> dict[str, dict[str, Estimate]]:
    table = next(p for p in report.parts if isinstance(p, Table) and p.name == "distances")
    return {
        str(row[0]): {
            column: cell
            for column, cell in zip(table.columns[1:], row[1:], strict=True)
            if isinstance(cell, Estimate)
        }
        for row in table.rows
    }


def planted(question: Request) -> Sequence[float]:
    """Answer by the people's shares if told a life, else by place."""
    system = "".join(m.text for m in question.chat if m.role == "system")
    text = question.chat[-2].text
    asked = next(q for q in CANADA.questions if text.startswith(q.text))
    count = len(asked.options)
    if "aged" not in system or not asked.shares:
        return [0.9 if i == 0 else 0.1 / (count - 1) for i in range(count)]
    forward = text.index(asked.options[0]) < text.index(asked.options[-1])
    return asked.shares if forward else asked.shares[::-1]


def test_a_planted_country_is_recovered() -> None:
    report = citizens(ScriptedModel(choose=planted), n=8)
    found = distances(report)
    assert found["citizens"]["KS"].value == pytest.approx(0, abs=1e-9)
    assert found["citizens"]["Jensen-Shannon"].value == pytest.approx(0, abs=1e-9)
    assert found["unchanged"]["KS"].value > 0.1
    said = [p.text for p in report.parts if isinstance(p, Note) and p.level == "verdict"]
    assert all("Citizens are nearer" in text for text in said)
    assert len(said) == 2


@pytest.mark.parametrize("name", ["null:first", "null:uniform", "null:midpoint"])
def test_a_respondent_who_reads_nothing_gives_no_finding(name: str) -> None:
    report = citizens(open_null(name), n=8)
    said = [p.text for p in report.parts if isinstance(p, Note) and p.level == "verdict"]
    assert said
    assert not any(text.startswith("Citizens are") for text in said)
    found = distances(report)
    assert len({round(found[arm]["KS"].value, 6) for arm in (CONTROL, NATIONALITY, CITIZENS)}) == 1


def test_a_pull_to_the_first_place_cancels() -> None:
    """Both option orders are asked: by place alone every option pair at the ends is even."""
    rows = citizens(open_null("null:first"), quick=True)
    table = next(p for p in rows.parts if isinstance(p, Table) and p.name == "shares")
    trust = [row[3] for row in table.rows if row[0] == "Q57"]
    assert trust == pytest.approx([0.5, 0.5])
    said = [p.text for p in rows.parts if isinstance(p, Note) and p.level == "warning"]
    assert any("answers go by place" in text for text in said)
    even = citizens(open_null("null:uniform"), quick=True)
    assert not any("by place" in p.text for p in even.parts if isinstance(p, Note))


def test_own_personas_and_own_surveys(tmp_path: Path) -> None:
    own = {
        "name": "own",
        "title": "t",
        "version": "1",
        "source": "s",
        "people": "Peruvian",
        "country": "Peru",
        "n": 10,
        "questions": [
            {
                "id": "a",
                "title": "a",
                "text": "Is it?",
                "options": ["Yes", "No"],
                "shares": [0.25, 0.75],
            }
        ],
    }
    path = tmp_path / "own.json"
    path.write_text(json.dumps(own))
    people = [Persona(id=name, text=f"You are {name}.") for name in ("Ada", "Bo", "Cy")]
    report = citizens(open_null("null:uniform"), str(path), people)
    assert report.answers is not None
    assert report.answers.rows["respondent"].n_unique() == 5
    assert distances(report)["citizens"]["KS"].value == pytest.approx(0.25)


@pytest.mark.parametrize("change", [{"shares": [0.5]}, {"shares": [0.9, 0.9]}, {"options": ["x"]}])
def test_what_is_no_survey_says_so(change: dict[str, object], tmp_path: Path) -> None:
    question = {"id": "a", "title": "a", "text": "?", "options": ["x", "y"], "shares": [0.5, 0.5]}
    whole = {
        "name": "o",
        "title": "t",
        "version": "1",
        "source": "s",
        "people": "p",
        "country": "c",
        "n": 1,
        "questions": [question | change],
    }
    (tmp_path / "o.json").write_text(json.dumps(whole))
    with pytest.raises(BadFile, match="not a survey"):
        load_survey(str(tmp_path / "o.json"))
    with pytest.raises(UnknownName, match="canada"):
        load_survey("canda")
    with pytest.raises(BadValue, match="2 personas"):
        citizens(open_null("null:uniform"), n=1)
