"""The card's section on behaviour that follows the self-report, that doesn't, and none."""

from functools import cache

from personae.card.analysis import ChannelScores
from personae.card.behaviour_section import behaviour
from personae.card.card import SECTIONS, Design, card
from personae.card.section import CardContext, Section
from personae.core import Figure, Form, Note, Persona, Table, load_inventory
from personae.induce.registry import find_induction
from personae.measure.inventories.administer_arms import administer_arms
from personae.respondents.null import open_null
from personae.respondents.simulated import open_simulated

ADA = Persona(id="ada", traits={"A": 2.0, "C": 1.5})
TOOL = load_inventory("ipip-neo-120").few(6)


def section(spec: str, persona: Persona = ADA, arm: str = "words") -> Section:
    model = open_null(spec) if spec.startswith("null") else open_simulated(spec)
    induction = find_induction(arm)
    arms = [find_induction("unchanged"), induction]
    answers = administer_arms(model, arms, persona, TOOL, [Form(layout="options-first")])
    context = CardContext(
        model=model,
        arm=induction,
        channel="label",
        scores=ChannelScores(tool=TOOL, persona=persona, answers=answers),
        quick=True,
    )
    return behaviour(context)


@cache
def verdict(spec: str) -> str:
    return verdict_of(section(spec))


def verdict_of(behaviour: Section) -> str:
    return next(p.text for p in behaviour.parts if isinstance(p, Note) and p.level == "verdict")


def test_it_is_a_section_of_the_card() -> None:
    assert "behaviour" in SECTIONS
    design = Design(inductions=("words",), sections=("behaviour",))
    report = card(open_simulated("simulated:noise=0.3"), ADA, design, quick=True)
    assert any(isinstance(p, Figure) and p.name == "behaviour" for p in report.parts)
    rows = next(p for p in report.parts if isinstance(p, Table) and p.name == "behaviour")
    assert [row[1] for row in rows.rows] == ["−", "+", "−", "−", "−"]
    assert {"refused", "unparsed"} <= set(rows.columns)


def test_acts_that_follow_are_said_to_follow() -> None:
    text = verdict("simulated:noise=0.3")
    assert (
        "it shifts as in people with these traits (5 of 5 measures in the expected direction"
        in text
    )


def test_acts_that_do_not_follow_are_not() -> None:
    for spec in ("simulated:noise=0.3,gap=1,seed=1", "simulated:follow=0", "null:uniform"):
        assert "is not shown" in verdict(spec), spec
    assert "not shown" in verdict("null:first") or "not known" in verdict("null:first")


def test_acts_of_their_own_are_rarely_called_aligned() -> None:
    """At most 2 of 20; 2.5 % are expected."""
    sections = [section(f"simulated:noise=0.3,gap=1,seed={seed}") for seed in range(20)]
    assert sum("Behaviour: it shifts as in" in verdict_of(each) for each in sections) <= 2


def test_who_refuses_has_no_verdict() -> None:
    refused = section("null:refusing")
    assert "not known" in verdict_of(refused)
    assert any(
        "answers to tasks are missing" in p.text for p in refused.parts if isinstance(p, Note)
    )


def test_a_persona_without_traits_says_so() -> None:
    text = Persona(id="bob", text="You are a baker.")
    untraited = section("simulated:noise=0.3", text, "persona_text")
    assert "requests no trait" in verdict_of(untraited)
