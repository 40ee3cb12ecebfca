"""The card recovers what a simulated respondent is told, and stays silent on one who isn't."""

import re
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TypeVar

import pytest

from personae.card import Design, card
from personae.card.card import _usable
from personae.core import (
    CONTROL,
    Choice,
    Done,
    Estimate,
    InputError,
    Model,
    Needs,
    Note,
    Persona,
    Report,
    Request,
    UnknownName,
)
from personae.induce.prompt.prompted import in_system, prompted
from personae.induce.registry import _MAKERS, find_induction, register
from personae.report.render.html import report_html
from personae.respondents.null import open_null
from personae.respondents.simulated import SimulatedRespondent, open_simulated
from personae.stats.effects.verdicts import SHIFTED
from tests.support.report_parts import table
from tests.support.tiny_networks import tiny_model

NAMED = ("persona_text", "naive", "p2", "system", "adjectives")
M = TypeVar("M", bound=Model)
ADA = Persona(id="ada", text="You are very talkative.", traits={"E": 1.5, "N": -1.0})


def lines(report: Report) -> list[str]:
    return [p.text for p in report.parts if isinstance(p, Note)]


class Quoting:
    """Somebody's own induction, which is none of ours: the persona's text, quoted."""

    name = "quoting"
    needs = Needs.any_of("text")

    @contextmanager
    def __call__(self, model: M, persona: Persona) -> Iterator[M]:
        yield prompted(model, in_system, f'You once wrote: "{persona.text}"')


def verdicts(report: Report) -> dict[str, str]:
    return {str(row[0]): str(row[5]) for row in table(report, "domains").rows}


@pytest.mark.parametrize("name", ["steer:E=1", "persona_text & steer", "steer:FILE", "cap:FILE>=1"])
def test_an_induction_that_cannot_work_is_refused_before_any_question(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is paid for first, and the folder of the run stays free for the corrected command."""
    file = tmp_path / "broken.safetensors"
    file.write_bytes(b"broken")
    model = tiny_model() if "FILE" in name else open_null("null:uniform")

    def unasked(*_: object, **__: object) -> None:
        raise AssertionError("a question was asked")

    monkeypatch.setattr(type(model), "choose", unasked)
    design = Design(inductions=("persona_text", name.replace("FILE", str(file))), sections=())
    with pytest.raises(InputError, match=r"needs an open model|broken\.safetensors"):
        card(model, ADA, design, quick=True)


def test_a_respondent_that_follows_moves_as_asked() -> None:
    model = open_simulated("simulated:follow=1,noise=0.2")
    report = card(model, ADA, Design(inductions=("naive", "words"), sections=()), quick=True)
    by_trait = verdicts(report)
    assert by_trait["Extraversion"] == by_trait["Neuroticism"] == "as requested"
    assert by_trait["Openness"] != "shifted unrequested"


def test_a_respondent_that_does_not_follow_shows_no_effect() -> None:
    model = open_simulated("simulated:follow=0,noise=0.2,E=1")
    report = card(model, ADA, Design(inductions=("naive", "words"), sections=()), quick=True)
    assert not set(SHIFTED) & set(verdicts(report).values())
    assert any("No effect of the persona was shown" in line for line in lines(report))


def test_an_inventory_of_nine_options_is_asked_in_the_wording_that_fits() -> None:
    model = open_simulated("simulated:follow=1,noise=0.2")
    design = Design(inventory="saucier-mini-markers", inductions=("adjectives",), sections=())
    report = card(model, ADA, design, quick=True)
    extraversion = next(row for row in table(report, "domains").rows if row[0] == "Extraversion")
    assert isinstance(extraversion[2], Estimate) and extraversion[2].low > 0, extraversion
    assert any("in the wording plain alone: mpi and whois bring" in line for line in lines(report))
    assert report.answers is not None
    shown = report.answers.rows.filter(report.answers.rows["form"].str.contains("option|label"))
    assert shown["form"].str.starts_with("plain").all() and len(shown)


@pytest.mark.parametrize("name", ["null:first", "null:midpoint", "null:uniform"])
def test_who_reads_nothing_is_told_so_in_the_first_line(name: str) -> None:
    report = card(open_null(name), ADA, Design(inductions=("naive",), sections=()), quick=True)
    assert "no score below describes a personality" in lines(report)[0]


def test_hostile_persona_text_is_inert(tmp_path: Path) -> None:
    text = "<script>alert(1)</script> {{ 7 * 7 }} {item} %s"
    persona = Persona(id="<b>x</b>", text=text, traits={"E": 1.0})
    page = report_html(card(open_null("null:yes"), persona, quick=True))
    assert "<script>alert" not in page
    assert "<b>x</b>" not in page
    assert "{{ 7 * 7 }}" in page


def test_a_persona_with_nothing_to_work_with_is_refused() -> None:
    with pytest.raises(InputError, match="naive needs traits"):
        card(open_null("null:yes"), Persona(id="x"), Design(inductions=("naive",)), quick=True)


def test_an_induction_of_your_own_carries_a_persona_of_text_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("personae.induce.registry._MAKERS", dict(_MAKERS))
    register("quoting", Quoting)
    model = open_simulated("simulated:follow=1,noise=0.2")
    written = Persona(id="ada", text="I am extremely talkative.")
    report = card(model, written, Design(inductions=("quoting", "naive"), sections=()), quick=True)
    assert report.answers is not None
    assert set(report.answers.rows["arm"]) == {CONTROL, "quoting", "placebo"}
    assert any("naive" in line for line in lines(report))
    with pytest.raises(InputError, match="naive needs traits of a domain"):
        card(model, written, Design(inductions=("naive",)), quick=True)


@pytest.mark.parametrize(
    ("persona", "used"),
    [
        (Persona(id="t", text="You talk."), ["persona_text", "system"]),
        (Persona(id="z", traits={"E": 1.0}), ["naive", "p2", "adjectives"]),
        (Persona(id="f", traits={"E:Assertiveness": 1.0}), ["p2", "adjectives"]),
        (Persona(id="b", text="You talk.", traits={"E": 1.0}), list(NAMED)),
        (Persona(id="s", statements=("I talk.",)), ["persona_text"]),
    ],
)
def test_inductions_are_chosen_by_what_they_need(persona: Persona, used: list[str]) -> None:
    usable, skipped = _usable(NAMED, persona)
    assert [induction.name for induction in usable] == used
    assert sorted([*used, *skipped]) == sorted(NAMED)


def test_an_unknown_section_is_named_at_once() -> None:
    with pytest.raises(UnknownName, match="section"):
        Design(sections=("horoscope",))


def test_what_was_not_answered_has_no_verdict() -> None:
    """Under the persona every question fails: no count of shifts, no interval without numbers."""

    class Refusing(SimulatedRespondent):
        def choose(self, requests: Sequence[Request], *, done: Done | None = None) -> list[Choice]:
            failed = Choice(status="error", why="400: too extraverted")
            return [
                failed if "extravers" in "".join(m.text for m in request.chat) else answer
                for request, answer in zip(requests, super().choose(requests), strict=True)
            ]

    model = Refusing(open_simulated("simulated:noise=0.3").respondent)
    texts = lines(card(model, Persona(id="e", traits={"E": 1.5}), Design(sections=()), quick=True))
    assert any("shifted the requested traits is not known: " in text for text in texts)
    assert not any("nan" in text for text in texts)
    assert not any("shifted as requested" in text for text in texts)


class AsAda:
    """Induces Ada, whoever the persona is."""

    name = "as_ada"
    needs = Needs.any_of("text")

    def __call__(self, model: M, persona: Persona) -> AbstractContextManager[M]:
        return find_induction("naive")(model, ADA)


def test_without_a_request_a_card_shows_what_was_measured(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("personae.induce.registry._MAKERS", dict(_MAKERS))
    register("as_ada", AsAda)
    ben = Persona(id="ben", text="You are Ben, who counts birds.")
    model = open_simulated("simulated:follow=1,noise=0.2")
    unmoved = Design(inductions=("persona_text",), sections=("behaviour", "first_person"))
    moved = Design(inductions=("as_ada",), sections=())
    reports = [card(model, ben, design, quick=True) for design in (unmoved, moved)]
    texts = [" ".join(lines(report)) for report in reports]
    assert "No trait was requested, and no shift by persona_text was shown; the larg" in texts[0]
    assert re.search(r"requested; as_ada shifted 2 of 5 traits: \w+ [-+]\d.*; \w+ [-+]\d", texts[1])
    assert "directions can't be compared" not in texts[0] and "not known" not in texts[0]
    for report in reports:
        assert report.figures["profile"].title == "Measured traits"
        assert table(report, "inductions").columns[:2] == ("induction", "shifted")
        for figure in report.figures.values():
            page = report_html(Report(title="", parts=(figure,)))
            assert "not known" not in page and "requested" not in page, figure.name
