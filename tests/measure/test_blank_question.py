"""Blank questions: each question has its own, equal ones are asked once, no answer is mixed up."""

import pytest

from personae.core import Request, say
from personae.measure.blank_question import choose_with_blank
from personae.measure.inventories.forms import DisplayedOption
from personae.measure.listed_questions import ListedQuestion, list_question
from personae.respondents.scripted import ScriptedModel

COLOURS, SIZES = (("red",), ("blue",)), (("small",), ("large",))


def by_text(request: Request) -> list[float]:
    """Probabilities that differ from text to text."""
    first = (sum(map(ord, request.chat[-1].text)) % 83) / 100 + 0.01
    return [first, 0.99 - first]


def model() -> ScriptedModel:
    return ScriptedModel(choose=by_text, name="by text")


def test_equal_blanks_are_asked_once_and_each_question_gets_its_own() -> None:
    options = [COLOURS, SIZES, COLOURS, SIZES]
    questions = [Request(say(f"Question {i}"), o) for i, o in enumerate(options)]
    blanks = [Request(say("..." if o is COLOURS else "Which?"), o) for o in options]
    asked = model()
    pairs = choose_with_blank(asked, questions, blanks)
    assert len(asked.asked) == 4 + 2
    for pair, question, blank in zip(pairs, questions, blanks, strict=True):
        assert [list(pair[0].loglik), list(pair[1].loglik)] == [
            list(model().choose([request])[0].loglik) for request in (question, blank)
        ]


@pytest.mark.parametrize("channel", ["label", "option"])
def test_questions_read_together_are_as_each_alone(channel: str) -> None:
    red = DisplayedOption("A", "red", 1, "A. red")
    blue = DisplayedOption("B", "blue", 2, "B. blue")
    two, turned = (red, blue), (blue, red)
    questions = [
        ListedQuestion(say(f"Question {i}"), say("..."), options)
        for i, options in enumerate([two, two, turned, two, turned, turned])
    ]
    together = list_question(model(), questions, channel)  # type: ignore[arg-type]
    alone = [list_question(model(), [q], channel) for q in questions]  # type: ignore[arg-type]
    assert together == {name: [row[name][0] for row in alone] for name in together}
