"""Who to be, who is asked about and which options are listed, wherever a prompt puts them."""

from personae.core import Message, data_json, say
from personae.induce.prompt.prompted import in_system, with_truth
from personae.respondents.comprehension import comprehend
from personae.respondents.recognition import recognise
from personae.respondents.stimuli import Prompt, WordRequest

PERSONA = "You are calm.\n\nYou are kind."
QUESTION = say("Question: Do you agree?\n\nA. Yes\nB. No")


def test_a_persona_is_read_from_the_system_turn_or_the_block() -> None:
    for placement in (in_system, with_truth):
        reading = comprehend(placement(QUESTION, PERSONA))
        assert reading.persona == PERSONA
        assert reading.request == QUESTION[0].text
        assert [option.label for option in reading.options] == ["A", "B"]


def test_a_persona_is_read_from_the_context_of_a_vignette() -> None:
    reading = comprehend(say(f"Context: {PERSONA}\n\nPremise: It rains.\n\nQ: And?\n\nA:"))
    assert (reading.persona, reading.request) == (PERSONA, "Premise: It rains.\n\nQ: And?\n\nA:")


def test_a_text_whose_author_is_asked_about_is_not_what_is_asked() -> None:
    text = data_json("chain.json")["text"].replace("{text}", "I worry about things.")
    reading = comprehend((*say(f"{text}\n\nWho is this?"), Message("assistant", "")))
    assert reading.about.strip() == "I worry about things."
    assert reading.statement is None and "Who is this?" in reading.request


def test_words_to_write_with_are_read_from_a_list() -> None:
    portrait = recognise(WordRequest, Prompt("Key words of a person: warm, calm\n\nUse them."))
    assert portrait == WordRequest(("warm", "calm"), opposites=False)
    opposites = recognise(WordRequest, Prompt("Give one antonym for each of these words: warm."))
    assert opposites == WordRequest(("warm",), opposites=True)
    assert recognise(WordRequest, Prompt("Say a few words.")) is None


def test_options_of_a_persona_list_are_no_answers() -> None:
    chat = say("Tell me about your day.", system="About you:\n- occupation: nurse\n- town: Ulm")
    assert comprehend(chat).options == ()


def test_a_later_turn_has_its_own_options() -> None:
    later = (*QUESTION, Message("assistant", "A"), *say("And now?\n\n1. Never\n2. Always"))
    assert [option.label for option in comprehend(later).options] == ["1", "2"]
    assert comprehend(later).turns == 1
