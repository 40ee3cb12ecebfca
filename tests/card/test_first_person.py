"""The card's third-person reading: a persona that shows in its own text, and one that doesn't."""

import sys

import pytest

from personae.card import first_person_section
from personae.card.analysis import ChannelScores
from personae.card.card import SECTIONS, Design, card
from personae.card.first_person_section import first_person
from personae.card.section import CardContext, Section
from personae.core import Estimate, ModelUnavailable, Note, Persona, load_inventory
from personae.encoders.sentence_encoder import open_encoder
from personae.induce.registry import find_induction
from personae.measure.inventories.administer_arms import administer_arms
from personae.measure.inventories.forms import published_form
from personae.readers.text.self_descriptions import self_description_reader
from personae.respondents.null import open_null
from personae.respondents.simulated import open_simulated
from tests.support.extras import needs
from tests.support.report_parts import table

pytestmark = needs("sklearn")
LOUD = Persona(
    id="loud", text="You are extremely talkative and very calm.", traits={"E": 2.0, "N": -1.5}
)


@pytest.fixture(autouse=True)
def encoder() -> None:
    try:
        open_encoder()
    except ModelUnavailable as error:
        pytest.skip(str(error))


def section(spec: str, inventory: str = "ipip-neo-120") -> Section:
    model = open_null(spec) if spec.startswith("null:") else open_simulated(spec)
    tool = load_inventory(inventory)
    arm = find_induction("adjectives")
    forms = [published_form("plain")]
    answers = administer_arms(model, [find_induction("unchanged"), arm], LOUD, tool, forms)
    return first_person(
        CardContext(
            model=model,
            arm=arm,
            channel="label",
            scores=ChannelScores(tool=tool, persona=LOUD, answers=answers),
            quick=True,
        )
    )


def verdict(reading: Section) -> str:
    return next(p.text for p in reading.parts if isinstance(p, Note) and p.level == "verdict")


def test_a_persona_that_is_carried_is_read_and_reported_alike() -> None:
    reading = section("simulated:follow=1,noise=0.2")
    rows = {row[0]: row for row in table(reading, "first_person").rows}
    for trait, sign in (("Extraversion", 1), ("Neuroticism", -1)):
        reported, read = rows[trait][2], rows[trait][3]
        assert isinstance(reported, Estimate) and isinstance(read, Estimate)
        assert reported.value * sign > 0 and read.value * sign > 0
    assert rows["Neuroticism"][5] == "as requested"
    assert "shows as requested in Neuroticism" in verdict(reading)
    assert "in the same direction in" in verdict(reading)


@pytest.mark.parametrize("spec", ["simulated:follow=0,noise=0.2", "null:uniform", "null:garbage"])
def test_a_persona_that_is_not_carried_is_not_read(spec: str) -> None:
    assert "none of 2 requested traits was shown" in verdict(section(spec))


def test_refusals_are_counted_and_nothing_is_read() -> None:
    reading = section("null:refusing")
    counts = table(reading, "free_text_coverage")
    assert [row[counts.columns.index("refused")] for row in counts.rows] == [12, 12]
    assert "none of 2 requested traits" in verdict(reading)


def test_another_world_of_traits_is_not_read() -> None:
    reading = section("simulated:noise=0.2", "ipip-16pf")
    assert "Not read: the reader rates the Big Five" in str(reading.parts[1])
    assert reading.answers is None


def test_without_scikit_learn_the_section_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    untrained = self_description_reader.__wrapped__
    monkeypatch.setattr(first_person_section, "self_description_reader", untrained)
    (note,) = [part for part in section("simulated:follow=1").parts if isinstance(part, Note)]
    assert note.level == "warning" and "personae[read]" in note.text


def test_the_card_carries_it() -> None:
    assert "first_person" in SECTIONS
    report = card(
        open_simulated("simulated:follow=1,noise=0.2"),
        LOUD,
        Design(sections=("first_person",)),
        quick=True,
    )
    assert any("Read from its own free text" in str(p) for p in report.parts[:8])
