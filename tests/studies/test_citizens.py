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
    """Answer by the people's shares where a life is described, else by position."""
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
    measured = distances(report)
    assert measured["citizens"]["KS"].value == pytest.approx(0, abs=1e-9)
    assert measured["citizens"]["Jensen-Shannon"].value == pytest.approx(0, abs=1e-9)
    assert measured["unchanged"]["KS"].value > 0.1
    verdicts = [p.text for p in report.parts if isinstance(p, Note) and p.level == "verdict"]
    assert all("Citizens are closer" in text for text in verdicts)
    assert len(verdicts) == 2


@pytest.mark.parametrize("name", ["null:first", "null:uniform", "null:midpoint"])
def test_a_respondent_who_reads_nothing_gives_no_finding(name: str) -> None:
    report = citizens(open_null(name), n=8)
    verdicts = [p.text for p in report.parts if isinstance(p, Note) and p.level == "verdict"]
    assert verdicts
    assert not any(text.startswith("Citizens are") for text in verdicts)
    measured = distances(report)
    assert (
        len({round(measured[arm]["KS"].value, 6) for arm in (CONTROL, NATIONALITY, CITIZENS)}) == 1
    )


def test_a_preference_for_the_first_position_cancels() -> None:
    """Both option orders are asked: by position alone the two ends are equally likely."""
    report = citizens(open_null("null:first"), quick=True)
    table = next(p for p in report.parts if isinstance(p, Table) and p.name == "shares")
    trust = [row[3] for row in table.rows if row[0] == "Q57"]
    assert trust == pytest.approx([0.5, 0.5])
    warnings = [p.text for p in report.parts if isinstance(p, Note) and p.level == "warning"]
    assert any("largely follow the options' positions" in text for text in warnings)
    even = citizens(open_null("null:uniform"), quick=True)
    assert not any("positions" in p.text for p in even.parts if isinstance(p, Note))


QUESTION = {"id": "a", "title": "a", "text": "Is it?", "options": ["Yes", "No"]}
PEOPLE = tuple(Persona(id=name, text=f"You are {name}.") for name in ("Ada", "Bo", "Cy"))


def own_survey(folder: Path, *questions: dict[str, object]) -> str:
    survey = {
        "name": "own",
        "title": "t",
        "version": "1",
        "source": "s",
        "people": "Peruvian",
        "country": "Peru",
        "n": 10,
        "questions": questions,
    }
    path = folder / "own.json"
    path.write_text(json.dumps(survey))
    return str(path)


def test_own_personas_and_own_surveys(tmp_path: Path) -> None:
    path = own_survey(tmp_path, QUESTION | {"shares": [0.25, 0.75]})
    report = citizens(open_null("null:uniform"), path, PEOPLE)
    assert report.answers is not None
    assert report.answers.rows["respondent"].n_unique() == 5
    assert distances(report)["citizens"]["KS"].value == pytest.approx(0.25)


def test_a_survey_file_is_read_again_once_it_has_changed(tmp_path: Path) -> None:
    path = own_survey(tmp_path, QUESTION | {"shares": [0.25, 0.75]})
    assert load_survey(path).questions[0].shares == (0.25, 0.75)
    own_survey(tmp_path, QUESTION | {"shares": [0.5, 0.5]})
    assert load_survey(path).questions[0].shares == (0.5, 0.5)


def test_a_survey_of_means_alone_has_no_distances(tmp_path: Path) -> None:
    path = own_survey(tmp_path, QUESTION | {"mean": 1.4})
    report = citizens(open_null("null:uniform"), path, PEOPLE)
    verdicts = [p.text for p in report.parts if isinstance(p, Note) and p.level == "verdict"]
    assert verdicts == [
        "This survey holds only the people's means: no distance of distributions is known."
    ]
    table = next(p for p in report.parts if isinstance(p, Table) and p.name == "questions")
    column = table.columns.index("mean difference")
    assert [row[column] for row in table.rows] == pytest.approx([0.1] * 3)


def test_two_citizens_of_one_id_are_refused() -> None:
    with pytest.raises(BadValue, match="'Ada' stands twice"):
        citizens(open_null("null:uniform"), personas=[*PEOPLE, PEOPLE[0]])


@pytest.mark.parametrize(
    "questions",
    [
        (),
        (QUESTION | {"shares": [0.5]},),
        (QUESTION | {"shares": [0.9, 0.9]},),
        (QUESTION | {"options": ["x"], "mean": 1.0},),
        (QUESTION | {"mean": 1.4}, QUESTION | {"mean": 1.6}),
    ],
)
def test_a_file_that_is_no_survey_is_refused(
    questions: tuple[dict[str, object], ...], tmp_path: Path
) -> None:
    with pytest.raises(BadFile, match="not a survey"):
        load_survey(own_survey(tmp_path, *questions))


def test_bad_names_and_numbers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"can't read .*none\.json"):
        load_survey(str(tmp_path / "none.json"))
    with pytest.raises(UnknownName, match="canada"):
        load_survey("canda")
    with pytest.raises(BadValue, match="2 personas"):
        citizens(open_null("null:uniform"), n=1)
