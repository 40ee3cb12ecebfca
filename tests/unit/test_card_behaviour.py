"""The card's section on acts: a persona that acts as it reports, one that doesn't, and none."""

from functools import cache

from personae.card.card import SECTIONS, Design, card
from personae.core import Figure, Note, Persona, Report, Table
from personae.models.null import open_null
from personae.models.simulated import open_simulated

ADA = Persona(id="ada", traits={"A": 2.0, "C": 1.5})
DESIGN = Design(inductions=("words",), sections=("behaviour",))


@cache
def of(spec: str) -> Report:
    model = open_null(spec) if spec.startswith("null") else open_simulated(spec)
    return card(model, ADA, DESIGN, quick=True)


def verdict(report: Report) -> str:
    return next(p.text for p in report.parts
                if isinstance(p, Note) and p.text.startswith("Behaviour: "))  # fmt: skip


def test_it_is_a_section_of_the_card() -> None:
    assert "behaviour" in SECTIONS
    report = of("simulated:noise=0.3")
    assert any(isinstance(p, Figure) and p.name == "behaviour" for p in report.parts)
    rows = next(p for p in report.parts if isinstance(p, Table) and p.name == "behaviour")
    assert [row[1] for row in rows.rows] == ["-", "+", "-", "-", "-"]
    assert {"refused", "unparsed"} <= set(rows.columns)


def test_acts_that_follow_are_said_to_follow() -> None:
    assert "5 of 5 acts the expected way" in verdict(of("simulated:noise=0.3"))
    assert "acts move as in people with these traits (" in verdict(of("simulated:noise=0.3"))


def test_acts_that_do_not_follow_are_not() -> None:
    for spec in ("simulated:noise=0.3,gap=1,seed=1", "simulated:follow=0", "null:uniform"):
        assert "is not shown" in verdict(of(spec)), spec
    assert "not shown" in verdict(of("null:first")) or "not known" in verdict(of("null:first"))


def test_who_refuses_has_no_verdict() -> None:
    report = of("null:refusing")
    assert "not known" in verdict(report)
    assert any("answers to tasks are missing" in p.text for p in report.parts
               if isinstance(p, Note))  # fmt: skip


def test_a_persona_without_traits_says_so() -> None:
    text = Persona(id="bob", text="You are a baker.")
    design = Design(inductions=("persona_text",), sections=("behaviour",))
    report = card(open_simulated("simulated:noise=0.3"), text, design, quick=True)
    assert "asks for no trait" in verdict(report)
