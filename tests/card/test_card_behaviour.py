"""The card's section on behaviour that follows the self-report, that doesn't, and none."""

from dataclasses import replace
from functools import cache

from personae.card.analysis import ChannelScores
from personae.card.behaviour_section import _expected_shift, _outcome, behaviour
from personae.card.card import SECTIONS, Design, card
from personae.card.section import CardContext, Section
from personae.core import (
    Estimate,
    Figure,
    Form,
    Note,
    Persona,
    Table,
    load_behaviour_task,
    load_inventory,
)
from personae.designs.report_behaviour import BehaviourMeasure, Profile
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


def shift(name: str, low: float) -> tuple[BehaviourMeasure, dict[str, float], dict[str, float]]:
    """One task of eight units that differ by 0.1 in SD; its scores without and with a persona."""
    task = replace(load_behaviour_task("cards"), name=name)
    measure = replace(task.measures[0], name=name, signs={"persona": 1})
    plain = {f"u{i}": 0.1 * (-1) ** i for i in range(8)}
    return BehaviourMeasure(task, measure), plain, {k: v + low for k, v in plain.items()}


def expected_shift(**shifts: float) -> tuple[Estimate, str]:
    measures, before, after = zip(*(shift(n, by) for n, by in shifts.items()), strict=True)
    names = list(shifts)
    people = [
        Profile("", "separate", "words", "persona", 1, "", dict(zip(names, after, strict=True))),
        Profile("", "separate", "", "persona", -1, "", dict(zip(names, before, strict=True))),
    ]
    return _expected_shift(people, measures, 0)


def test_one_behaviour_that_moves_alone_is_named_and_claims_nothing() -> None:
    toward, alone = expected_shift(gambling=3.0, flattery=0.0, bias=-0.05)
    assert toward.low > 0 and toward.p < 0.05
    assert alone == "gambling"
    text = _outcome(toward, alone, toward, (1, 3))
    assert "not shown to shift as in people with these traits: over the tasks other than g" in text
    toward, alone = expected_shift(gambling=-3.0, flattery=0.0, bias=0.05)
    assert toward.high < 0
    assert alone == "gambling"


def test_behaviours_that_move_together_are_not_named_alone() -> None:
    toward, alone = expected_shift(gambling=3.0, flattery=0.1, bias=0.2)
    assert alone == ""
    assert "it shifts as in people" in _outcome(toward, alone, toward, (3, 3))
    assert expected_shift(gambling=3.0)[1] == ""
