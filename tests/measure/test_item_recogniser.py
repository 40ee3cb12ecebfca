"""Items are found in any grammatical person, behind a negation, and among other words."""

import pytest

from personae.respondents.recognition import recognise
from personae.respondents.stimuli import KeyedStatement, Prompt


def statement(text: str) -> KeyedStatement | None:
    return recognise(KeyedStatement, Prompt(text))


@pytest.mark.parametrize(
    "text", ["I worry about things", "You worry about things.", "She worries about things"]
)
def test_statements_are_found_in_any_person(text: str) -> None:
    item = statement(f"Does this fit: '{text}'?")
    assert item is not None and (item.domain, item.facet, item.key) == ("N", "Anxiety", 1)


def test_a_negation_reverses_the_key() -> None:
    item = statement("It is not true that I worry about things")
    assert item is not None and item.key == -1


def test_other_sentences_are_no_items() -> None:
    assert statement("The weather is fine today") is None


def test_lines_of_options_are_not_searched() -> None:
    prompt = Prompt("Which?\nA. I worry about things", lines=("A. I worry about things",))
    assert recognise(KeyedStatement, prompt) is None
