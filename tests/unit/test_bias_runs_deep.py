"""The identity audit finds planted damage and nothing else."""

from personae.core import Estimate, Note, Persona, Report, Table
from personae.models.null import open_null
from personae.models.simulated import open_simulated
from personae.studies.bias_runs_deep import bias_runs_deep


def lines(report: Report) -> list[str]:
    return [p.text for p in report.parts if isinstance(p, Note) and p.level == "verdict"]


def table(report: Report, name: str) -> Table:
    return next(p for p in report.parts if isinstance(p, Table) and p.name == name)


def test_damage_by_every_persona_is_no_difference_between_them() -> None:
    report = bias_runs_deep(open_simulated("simulated:ability=0.9,damage=0.6"), quick=True)
    assert "none is shown to" in lines(report)[1]
    assert "unchanged" in {row[0] for row in table(report, "effects").rows}
    bare = next(row for row in table(report, "effects").rows if row[0] == "unchanged")
    assert isinstance(bare[3], Estimate)
    assert bare[3].low > 0.2


def test_silence_on_respondents_who_know_nothing() -> None:
    for spec in ("null:first", "null:uniform"):
        report = bias_runs_deep(open_null(spec), quick=True)
        assert "nothing to lose" in lines(report)[0]
        assert "none is shown to" in lines(report)[1]


def test_own_personas_are_audited_by_their_text() -> None:
    mine = (Persona(id="pirate", text="You are a pirate."),)
    report = bias_runs_deep(open_simulated("simulated:ability=0.9"), mine, quick=True)
    assert "pirate" in {row[0] for row in table(report, "effects").rows}
    assert [row[0] for row in table(report, "asked").rows] == ["pirate"]
