"""Items as sentences: whatever an item begins with, its sentence has a subject and a verb."""

import pytest

from personae.traits.item_grammar import in_person


@pytest.mark.parametrize(
    ("text", "first", "second"),
    [
        ("Interested in many things", "I am interested in many things", "You are interested in"),
        ("Willing to try anything once", "I am willing to try anything once", "You are willing"),
        ("Quick to judge others", "I am quick to judge others", "You are quick to judge others"),
        ("Never at a loss for words", "I am never at a loss for words", "You are never at a loss"),
        ("Never sure of your ground", "I am never sure of my ground", "You are never sure of your"),
        ("Never splurge", "I never splurge", "You never splurge"),
        ("Warm up quickly to others", "I warm up quickly to others", "You warm up quickly"),
        ("Worry about things", "I worry about things", "You worry about things"),
        ("Tend to vote for liberals", "I tend to vote for liberals", "You tend to vote"),
    ],
)
def test_a_sentence_has_a_verb(text: str, first: str, second: str) -> None:
    assert in_person(text, "first") == first
    assert in_person(text, "second").startswith(second)
