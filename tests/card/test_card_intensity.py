"""The card's intensity control, on respondents that follow a level and on those that don't."""

from math import isnan

import pytest

from personae.card.analysis import ChannelScores
from personae.card.intensity_section import intensity
from personae.card.section import CardContext, Section
from personae.core import Answers, Channel, Estimate, Figure, Note, Persona, Table, load_inventory
from personae.induce.prompt.prompt_inductions import persona_text
from personae.models.opening import open_model

ADA = Persona(id="ada", text="You are talkative.", traits={"E": 1.5, "N": -2.0, "A:Trust": 3.0})


def section(spec: str, channel: Channel = "label", persona: Persona = ADA) -> Section:
    model = open_model(spec)
    return intensity(
        CardContext(
            model=model,  # type: ignore[arg-type]
            arm=persona_text,
            channel=channel,
            scores=ChannelScores(
                tool=load_inventory("ipip-neo-120"), persona=persona, answers=Answers.of([])
            ),
            quick=True,
        )
    )


def verdict(graded: Section) -> str:
    return next(p.text for p in graded.parts if isinstance(p, Note))


def slope(graded: Section) -> Estimate:
    table = next(p for p in graded.parts if isinstance(p, Table) and p.name == "intensity")
    cell = table.rows[0][1]
    assert isinstance(cell, Estimate)
    return cell


@pytest.mark.parametrize("channel", ["label", "option", "statement"])
def test_the_strongest_trait_follows_its_level(channel: Channel) -> None:
    graded = section("simulated:noise=0.2", channel)
    assert verdict(graded).startswith("Intensity: Neuroticism follows")
    assert slope(graded).low > 0
    assert any(isinstance(p, Figure) for p in graded.parts)
    assert graded.answers is not None and graded.answers.rows["level"].n_unique() == 5


@pytest.mark.parametrize("spec", ["simulated:follow=0,noise=0.3", "null:first", "null:garbage"])
@pytest.mark.parametrize("channel", ["label", "statement"])
def test_who_does_not_follow_gives_no_finding(spec: str, channel: Channel) -> None:
    assert "is not shown to follow" in verdict(section(spec, channel))


def test_silence_is_not_known_and_no_request_nothing_to_grade() -> None:
    graded = section("null:refusing")
    assert "is not known" in verdict(graded)
    assert isnan(slope(graded).value)
    bare = section("null:yes", persona=Persona(id="x", text="You are old."))
    assert "requests no trait" in verdict(bare)
    assert bare.answers is None
