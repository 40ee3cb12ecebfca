"""Joined inductions: what the model reads, and what each part is made from."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import pytest

from personae.core import (
    BadValue,
    Edit,
    Induction,
    InputError,
    Model,
    Needs,
    Persona,
    Request,
    Sampling,
    Site,
    UnknownName,
    say,
)
from personae.induce.combined import combine, induction_text
from personae.induce.prompt.prompt_inductions import PromptInduction, naive, own_text, persona_text
from personae.induce.prompt.prompted import in_system, prompted
from personae.induce.registry import find_induction, inductions, register
from personae.induce.steer.contrasts import trait_vectors
from personae.induce.steer.steer_inductions import SteerInduction
from personae.induce.steer.steered import Steered
from personae.respondents.null import open_null
from personae.respondents.scripted import ScriptedModel
from tests.support.tiny_networks import tiny_model

ADA = Persona(id="ada", text="You are Ada.", traits={"E": 1.5, "N": -1.0})
QUESTION = Request(say("I like", system="Be brief."), (("A",), ("B",)))
M = TypeVar("M", bound=Model)


class Whisper:
    """Somebody's own induction, built on nothing of ours."""

    name = "whisper"
    needs = Needs.any_of("text")

    @contextmanager
    def __call__(self, model: M, persona: Persona) -> Iterator[M]:
        yield prompted(model, in_system, f"(whispering) {persona.text}")


def read(induction: Induction) -> list[str]:
    """The messages that reach the model."""
    spy = ScriptedModel(["ok"])
    with induction(spy, ADA) as carrier:
        carrier.reply([Request(QUESTION.chat)], Sampling())
    (request,) = spy.asked
    return [message.text for message in request.chat]


def test_words_are_read_in_the_order_in_which_they_are_named() -> None:
    both = own_text & naive
    sentences = naive.text(open_null("null:yes"), ADA)
    assert read(both) == [f"You are Ada.\n\n{sentences}\n\nBe brief.", "I like"]
    assert read(naive & own_text) == [f"{sentences}\n\nYou are Ada.\n\nBe brief.", "I like"]
    assert induction_text(both, open_null("null:yes"), ADA) == f"You are Ada.\n\n{sentences}"


def test_nested_pairs_are_one_combination() -> None:
    question = PromptInduction("asked", lambda _model, _persona: "Think first.", layout="user")
    for combined in ((own_text & naive) & question, own_text & (naive & question)):
        assert combined.name == "system & naive & asked"
        assert read(combined) == read(combine(own_text, naive, question))
        assert read(combined)[1] == "Think first.\n\nI like"


@pytest.mark.parametrize("name", ["persona_text & steer:2@1", "steer:2@1 & persona_text"])
def test_words_and_edits_are_those_of_each_alone(name: str) -> None:
    """Vectors come from the model as it is, not from one that already carries the words."""
    tiny = tiny_model("llama")
    vectors = trait_vectors(tiny, ["E", "N"], [Site(1)])
    mixed = vectors["E"] * 1.5 + vectors["N"] * -1.0
    by_hand = Steered(prompted(tiny, in_system, ADA.text), (mixed * 2.0).edits())
    with find_induction(name)(tiny, ADA) as carrier:
        assert carrier.fingerprint == by_hand.fingerprint
        assert carrier.choose([QUESTION]) == by_hand.choose([QUESTION])


def test_edits_add_up() -> None:
    tiny = tiny_model("llama")
    edit = Edit(Site(1), trait_vectors(tiny, ["E"], [Site(1)])["E"].by_site[Site(1)], 1.0)
    once = SteerInduction("once", lambda *_: (edit,))
    with combine(once, once)(tiny, ADA) as carrier, tiny.edited((edit, edit)) as twice:
        assert carrier.fingerprint == twice.fingerprint
        assert carrier.choose([QUESTION]) == twice.choose([QUESTION])


def test_a_portrait_is_written_by_the_model_itself() -> None:
    spy = ScriptedModel(lambda chat: f"You read {len(chat)} messages.")
    both = find_induction("naive & p2")
    assert "You read 1 messages." in induction_text(both, spy, ADA)
    with both(spy, ADA) as carrier:
        carrier.reply([Request(say("Hi"))], Sampling())
    portrait_request, _ = spy.asked
    assert len(portrait_request.chat) == 1


def test_a_combination_needs_what_its_parts_need() -> None:
    both = persona_text & find_induction("steer:2")
    assert both.needs.capability == "OpenModel"
    assert both.needs.lacking(Persona(id="t", text="You are Ada.")) == ("domains",)
    assert not both.needs.lacking(ADA)
    assert not find_induction("steer:E=4@1").needs.lacking(Persona(id="t"))
    spy = ScriptedModel(["ok"])
    with pytest.raises(InputError, match="needs an open model"):
        find_induction("p2 & steer")(spy, ADA).__enter__()
    assert not spy.asked


def test_a_registered_induction_is_found_by_name_and_combines(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("personae.induce.registry._MAKERS", {})
    register("whisper", Whisper)
    assert inductions() == ("whisper",) and isinstance(find_induction("Whisper"), Whisper)
    assert read(find_induction("whisper"))[0] == "(whispering) You are Ada.\n\nBe brief."
    joined = naive & find_induction("whisper")
    assert joined.name == "naive & whisper" and "(whispering)" in read(joined)[0]
    assert induction_text(find_induction("whisper"), open_null("null:yes"), ADA) == ""
    with pytest.raises(UnknownName, match="did you mean 'whisper'"):
        find_induction("wisper")


@pytest.mark.parametrize("name", ["naive", "Persona-Text", "steer", "a & b", "a:b", "a,b", " "])
def test_a_name_that_is_taken_or_ambiguous_is_refused(name: str) -> None:
    with pytest.raises(BadValue, match="name is new"):
        register(name, Whisper)
