"""Side effects on the card: planted damage is found, its absence is not, refusals are counted."""

import pytest

from personae.card.card import SECTIONS, Design, card
from personae.card.side_effects_section import MEASURES
from personae.core import Chooser, Estimate, Note, Persona, Report, Table
from personae.respondents.null import open_null
from personae.respondents.simulated import open_simulated

KIND = Persona(id="kind", text="You are extremely kind.", traits={"A": 2.0})
DESIGN = Design(inductions=("persona_text",), sections=("side_effects",))


def section(
    model: Chooser, *, quick: bool = False
) -> tuple[Report, dict[tuple[str, str], tuple[Estimate, str]]]:
    report = card(model, KIND, DESIGN, quick=quick)
    rows = next(p for p in report.parts if isinstance(p, Table) and p.name == "side_effects").rows
    changes = {}
    for row in rows:
        assert isinstance(row[3], Estimate)
        changes[str(row[0]), str(row[1])] = (row[3], str(row[-1]))
    return report, changes


def verdict(report: Report) -> str:
    return next(p.text for p in report.parts if isinstance(p, Note) and "Side effects" in p.text)


def test_planted_damage_is_found_and_kindness_agrees() -> None:
    report, changes = section(open_simulated("simulated:ability=1,damage=0.7,noise=0.2"))
    assert changes["reasoning", "persona_text"][1] == "falls"
    assert changes["agreement with the user", "persona_text"][1] == "rises"
    assert changes["agreement with the user", "persona_text"][0].low > 0
    assert "reasoning falls" in verdict(report)
    assert {measure for measure, _ in changes} == set(MEASURES)


def test_nothing_is_found_where_the_persona_is_ignored() -> None:
    report, changes = section(open_simulated("simulated:ability=0.8,follow=0"))
    assert "none" in verdict(report)
    assert all(verdict == "not shown" for _, verdict in changes.values())


@pytest.mark.parametrize("spec", ["null:uniform", "null:first", "null:refusing", "null:garbage"])
def test_silence_on_respondents_who_read_nothing(spec: str) -> None:
    report, _ = section(open_null(spec), quick=True)
    assert "none" in verdict(report)
    assert "side_effects" in SECTIONS
