"""One parser: labels, words and numbers, and 360 published raw answers."""

import csv
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personae.core import Form, load_inventory
from personae.measure.inventories.forms import DisplayedOption, published_form
from personae.measure.parse import parse_reply
from tests.support.rendered_items import RenderedItem, render_item

IPIP = load_inventory("ipip-neo-300")


def shown(name: str = "mpi", **changes: str) -> RenderedItem:
    usual = published_form(name)
    form = Form(wording=name, labels=usual.labels, layout=usual.layout, **changes)  # type: ignore[arg-type]
    return render_item(IPIP, IPIP.items[0], form)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("(B). Moderately Accurate", 4),
        (" B", 4),
        ("Option D)", 2),
        ("I am a bit unsure", None),
        ("A", 5),
        ("a", 5),
        ("(a)", 5),
        ("**(C)**", 3),
        ("B.", 4),
        ("Very Inaccurate", 1),
        ("I'd say it is very accurate.", 5),
        ("Neither accurate nor inaccurate", 3),
        ("moderately\n accurate", 4),
        ("The answer is E", 1),
        ("I choose option B because it fits.", 4),
        ('{"answer": "D"}', 2),
        ('```json\n{"choice": "(A). Very Accurate"}\n```', 5),
        ("(B) or (C)", None),
        ("Very Accurate, or Moderately Accurate", None),
        ("(A) Very Accurate. (E) would be wrong.", None),
        ("F", None),
        ("Inaccurate", None),
        ("I cannot answer a question", None),
        ("", None),
        ("   \n", None),
        ("{", None),
        ('{"answer": null}', None),
    ],
)
def test_letters(text: str, value: int | None) -> None:
    found = parse_reply(text, shown().shown)
    assert found.value == value
    assert (found.status == "ok") == (value is not None)
    assert bool(found.why) == (value is None)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3.", 3),
        ("3", 3),
        ("**4**", 2),
        ("10", None),
        ("0", None),
        ("-1", None),
        ("3.5", None),
        ("6 out of 10", None),
        ("4/5", 2),
        ("I'd give it 2 out of 5.", 4),
        ("On a scale of 1 to 5, I am a 4.", 2),
        ("3-4", None),
        ("2 or 3", None),
        ("I am 100% sure: 1", 5),
        ('{"answer": 3}', 3),
        ('{"rating": "5"}', 1),
        ("Not like me at all", 1),
        ("Not like me", 2),
        ("1 = Very much like me: 3", None),
        ("1. I worry about things: 3", None),
    ],
)
def test_numbers(text: str, value: int | None) -> None:
    assert parse_reply(text, shown("whois").shown).value == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Not A", None),
        ("Definitely not (A).", None),
        ("Anything but A.", None),
        ("It is not very accurate.", None),
        ("I don't think it's very accurate", None),
        ("I wouldn’t say that is *Very Accurate*.", None),
        ("Not A. Very inaccurate.", None),
        ("It isn't (A) or (B).", None),
        ("My answer isn't A; it's C", 3),
        ("I'm not sure, but (B)", 4),
        ("I do not worry about things (E)", 1),
        ("I don't have feelings. A.", 5),
        ("Not A... well, A.", 5),
        ("Very accurate? No.", None),
        ("Very accurate? Not at all.", None),
        ("(A)? No", None),
        ("Very accurate? Yes.", 5),
        ("I'm not sure I'd say very accurate", None),
        ("Not sure (C)", 3),
    ],
)
def test_an_option_that_is_only_denied_is_no_answer(text: str, value: int | None) -> None:
    found = parse_reply(text, shown().shown)
    assert found.value == value
    assert ("only denies" in found.why) == (value is None and " or " not in text)


@pytest.mark.parametrize(
    "text",
    [
        "I'm not sure I agree",
        "I am not certain that I agree.",
        "I don't know if I agree",
        "I'm not sure whether I'd agree",
        "Agree? No.",
    ],
)
def test_doubts_about_an_option_are_no_answer(text: str) -> None:
    options = [DisplayedOption("", "Agree", 4, ""), DisplayedOption("", "Disagree", 2, "")]
    assert parse_reply(text, options).status == "unparsed"
    assert parse_reply("I'm not sure, but I agree", options).value == 4


def test_denied_numbers_and_options_that_begin_with_not() -> None:
    options = shown("whois").shown
    assert parse_reply("Not a 5", options).value is None
    assert parse_reply("I would not say 5, rather nothing", options).value is None
    assert parse_reply("I'd say not like me.", options).value == 2
    assert parse_reply("I'm not going out much: 5", options).value == 1


def test_reversed_lists_change_labels_and_not_words() -> None:
    turned = shown(order="reverse")
    assert parse_reply("(A)", turned.shown).value == 1
    assert parse_reply("Very Accurate", turned.shown).value == 5


def test_a_label_beside_another_options_words_counts_and_is_noted() -> None:
    found = parse_reply("(B) Very Inaccurate", shown().shown)
    assert found.value == 4 and "another option's words" in found.why


@pytest.mark.parametrize(
    "text",
    [
        "As an AI language model, I don't have personal feelings.",
        "I'm sorry, but I can't describe myself.",
        "I cannot provide an answer to this question.",
        "I’m just an AI, I do not have a personality.",
    ],
)
def test_refusals_are_refusals_unless_an_option_is_chosen(text: str) -> None:
    assert parse_reply(text, shown().shown).status == "refused"
    assert parse_reply(f"{text} Still: (C)", shown().shown).value == 3


@given(st.text())
def test_any_text_gets_a_value_or_a_reason(text: str) -> None:
    for name in ("mpi", "enfj", "whois", "plain"):
        found = parse_reply(text, shown(name).shown)
        assert (found.value is None) == (found.slot is None) == (found.status != "ok")
        assert found.status == "ok" or found.why


def test_the_360_raw_answers(test_data: Callable[[str], Path]) -> None:
    """At least 99 % of the decisions are those of the publication.

    The two that differ name one number twice and no other ("1 = Not like me at all: ... Score:
    1"; "1 = Very much like me - ... a 1"): missing in the publication, an answer here.
    """
    names = {"mpi-gpt35": "mpi", "chatgpt-an-enfj": "enfj", "whoisgpt": "whois"}
    path = test_data("self-assessment-unreliable/llama2_7b_raw_responses_first60.csv")
    with path.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert len(rows) == 360
    odd = []
    for row in rows:
        item = IPIP.items[int(row["item"]) - 1]
        asked = render_item(
            IPIP, item, published_form(names[row["prompt"]], order=row["option_order"])
        )
        slot = parse_reply(row["response"], asked.shown).slot
        if ("" if slot is None else asked.labels[slot]) != row["parsed_choice"]:
            odd.append((row["prompt"], row["option_order"], row["item"], row["parsed_choice"]))
    assert odd == [("whoisgpt", "forward", "57", ""), ("whoisgpt", "reverse", "25", "")]
