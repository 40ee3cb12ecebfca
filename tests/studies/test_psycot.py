"""The psycot study: chains, keys and parsing on models whose habits are known."""

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from math import isnan
from pathlib import Path

import numpy as np
import pytest

from personae.core import (
    BadFile,
    BadValue,
    Chat,
    Estimate,
    InputError,
    Inventory,
    Item,
    Note,
    Report,
    Request,
    Sampling,
    Table,
    load_inventory,
)
from personae.datasets.labelled_texts import Labelled, load_labelled
from personae.measure.parse import parse_reply
from personae.respondents.null import open_null
from personae.respondents.scripted import ScriptedModel
from personae.respondents.simulated import open_simulated
from personae.stats.scores.scales import scale_scores
from personae.studies.psycot.chain_words import keying_note, poles, shown_poles
from personae.studies.psycot.questionnaire_chain import CONCLUSION, Chain
from personae.studies.psycot.study import psycot
from tests.support.tiny_networks import tiny_model

TEXT = Labelled(id="a", labels={"E": 1}, text="I went out and talked to everyone.")
BFI_E = (1, 1, -1, 1, -1, 1, -1, 1)
"""Outgoing, talkative, reserved, energetic, shy, assertive, quiet, enthusiastic."""
ENDS = ("talkative and outgoing", "shy and quiet"), ("moody and anxious", "relaxed and calm")


def with_words(name: str, counts: dict[str, int] | None = None) -> Inventory:
    """A keys-only inventory with words of ours, cut to `counts` items a scale."""
    tool = load_inventory(name)
    items = [replace(i, text=f"Thing {i.id}", other=f"Other {i.id}") for i in tool.items]
    if counts is not None:
        scales = list(tool.scales)
        items = [
            Item(id=f"{s}{k}", text=f"Left {s}{k}", other=f"Right {s}{k}", scale=s, key=1)
            for s in scales
            for k in range(counts[s])
        ]
    return replace(tool, items=tuple(items))


def asks_for_poles(chat: Chat) -> bool:
    return "Answer with A or B only" in chat[-1].text


def answering(rating: str, letter: str = "A") -> ScriptedModel:
    return ScriptedModel(lambda chat: letter if asks_for_poles(chat) else rating, name=rating)


def verdicts(report: Report) -> str:
    return " ".join(p.text for p in report.parts if isinstance(p, Note) and p.level == "verdict")


def f1_by_method(report: Report) -> dict[str, Estimate]:
    table = next(p for p in report.parts if isinstance(p, Table) and p.name == "methods")
    return {str(r[0]): r[2] for r in table.rows if isinstance(r[2], Estimate)}


def planted(folder: Path, *, shuffled: bool = False) -> str:
    """Sixteen texts of trait words: extraversion and neuroticism, each pole in half of them."""
    rows = []
    for k, (e, n, again) in enumerate(product((0, 1), (0, 1), range(4))):
        text = f"I am {ENDS[0][1 - e]}. I am {ENDS[1][1 - n]}."
        labels = {"E": (k + again) % 2 if shuffled else e, "N": (k // 2) % 2 if shuffled else n}
        rows.append({"id": f"t{k}", "text": text + " So it goes." * again, "labels": labels})
    path = folder / "planted.jsonl"
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    return str(path)


@pytest.mark.parametrize(
    ("inventory", "requests"),
    [
        (with_words("bfi-44"), 49),
        (with_words("oejts", {"IE": 11, "SN": 14, "FT": 14, "JP": 11}), 54),
    ],
)
def test_one_request_an_item_and_one_a_scale(inventory: Inventory, requests: int) -> None:
    model = answering("4")
    scales = tuple(inventory.scales)
    Chain(model, inventory, scales, "reply", ("high-first",)).questionnaire([TEXT])
    assert len(model.asked) == requests


def test_each_prompt_holds_the_answers_before_it_and_no_others() -> None:
    """A script answers with the item's number, so that ratings differ."""
    tool = load_inventory("mpi-120").few(5).keys_in_turn()

    def script(chat: Chat) -> str:
        numbers = re.findall(r"^S(\d+):", chat[-1].text, re.MULTILINE)
        return str(int(numbers[-1]) + 1) if numbers else "A"

    model = ScriptedModel(script, name="counting")
    Chain(model, tool, ("E", "N"), "reply", ("high-first",)).questionnaire([TEXT])
    for asked in (request.chat for request in model.asked):
        ratings = [m.text for m in asked if m.role == "assistant"]
        assert ratings == [str(k + 1) for k in range(len(ratings))]
        own = {item.text.lower() for item in tool.where(scale="E").items}
        words = " ".join(m.text for m in asked).lower()
        assert sum(text in words for text in own) in (0, min(len(ratings) + 1, 5))
    finals = [r.chat for r in model.asked if asks_for_poles(r.chat)]
    assert [sum(m.role == "assistant" for m in chat) for chat in finals] == [5, 5]


def test_an_item_without_an_answer_leaves_no_trace() -> None:
    tool = load_inventory("mpi-120").few(3).keys_in_turn()
    model = ScriptedModel(
        lambda chat: "A" if asks_for_poles(chat) else "7" if "S0:" in chat[-1].text else "2",
        name="lost",
    )
    answers = Chain(model, tool, ("E",), "reply", ("high-first",)).questionnaire([TEXT])
    assert answers.rows["status"].to_list() == ["unparsed", "ok", "ok", "ok"]
    final = model.asked[-1].chat
    assert [m.text for m in final if m.role == "assistant"] == ["2", "2"]


def score(model: ScriptedModel, tool: Inventory, scale: str) -> float:
    answers = Chain(model, tool, (scale,), "reply", ("high-first",)).questionnaire([TEXT])
    items = answers.rows["item"].to_list()
    ratings = type(answers)(answers.rows.filter([i != CONCLUSION for i in items]))
    return float(scale_scores(ratings)["mean"][0])


def test_ratings_are_keyed() -> None:
    tool = with_words("bfi-44")
    keys = {f"Thing {i.id}": i.key for i in tool.items}

    def faithful(chat: Chat) -> str:
        items = re.findall(r"thing \d+", chat[-1].text, re.IGNORECASE)
        return ("5" if keys[items[-1].capitalize()] == 1 else "1") if items else "A"

    for scale in tool.scales:
        assert score(ScriptedModel(faithful, name="faithful"), tool, scale) == 5.0
        assert score(answering("3"), tool, scale) == 3.0
    assert score(answering("5"), tool, "C") == pytest.approx(29 / 9)  # 5 of 9 positive
    assert score(answering("5"), tool, "E") == 3.5  # 5 of 8 positive


def test_the_note_is_made_from_the_keys() -> None:
    """The published note called S0, S1, S3 reversed; the reverse set is S2, S4, S6."""
    items = tuple(Item(id=str(k), text=f"w{k}", scale="E", key=key) for k, key in enumerate(BFI_E))
    tool = replace(load_inventory("mpi-120"), items=items)
    note = keying_note(tool, "E")
    high, low = note.split(". ")
    assert re.findall(r"S\d", low) == ["S2", "S4", "S6"] and "introverted" in low
    assert re.findall(r"S\d", high) == ["S0", "S1", "S3", "S5", "S7"] and "extraverted" in high
    turned = replace(tool, items=tuple(replace(i, key=-i.key) for i in items))
    assert keying_note(turned, "E") != note


def test_a_habit_of_saying_a_predicts_nothing() -> None:
    tool, model = load_inventory("mpi-120").few(2).keys_in_turn(), answering("3")
    single = {
        order: Chain(model, tool, ("E",), "reply", (order,)).standard([TEXT]).rows["value"][0]
        for order in ("high-first", "low-first")
    }
    assert single["high-first"] == -single["low-first"] == 1.0
    both = Chain(answering("3"), tool, ("E",), "reply").standard([TEXT]).rows
    assert both["value"].to_list() == [0.0] and both["raw"].to_list() == ["tie"]

    def positional(question: Request) -> Sequence[float]:
        count = len(question.options)
        return [0.9, *[0.1 / (count - 1)] * (count - 1)]

    weighing = ScriptedModel(choose=positional, name="positional")
    assert Chain(weighing, tool, ("E", "N")).standard([TEXT]).rows["value"].to_list() == [0.0, 0.0]
    report = psycot(open_null("null:first"), quick=True)
    assert f1_by_method(report)["asked directly"].value == 0.0


@pytest.mark.parametrize("reply", ["CHOICE: A", "choice: <a>", "A.", "I think A"])
def test_forms_of_a_choice(reply: str) -> None:
    shown = shown_poles(poles(load_inventory("mpi-120"), "N"), "high-first")
    assert parse_reply(reply, shown).value == 1
    other = reply.replace("A", "B").replace("<a>", "<b>")
    assert parse_reply(other, shown).value == 0


def test_refusals_and_stray_scores_are_missing() -> None:
    tool = load_inventory("mpi-120").few(2).keys_in_turn()
    for reply, status in (("7", "unparsed"), ("I'm sorry, but I can't do that.", "refused")):
        rows = Chain(answering(reply, reply), tool, ("E",), "reply").questionnaire([TEXT]).rows
        assert rows["status"].to_list() == [status] * 3
        assert rows["value"].null_count() == 3


def test_long_texts_are_cut_and_short_posts_dropped() -> None:
    assert len(Labelled(id="a", labels={}, text="word " * 10_000).excerpt.split()) == 2400
    two = Labelled(id="b", labels={}, posts=("1234567890", "12345678901 " + "on " * 100))
    assert two.excerpt.startswith("Post 1: 12345678901") and len(two.excerpt.split()) == 62
    empty = Labelled(id="c", labels={"E": 1}, posts=("?", ""))
    tool = load_inventory("mpi-120").few(1).keys_in_turn()
    assert len(Chain(answering("3"), tool, ("E",), "reply").questionnaire([empty])) == 2


def test_braces_and_marks_in_a_text_stay_text() -> None:
    odd = Labelled(id="a", labels={}, text="Say {low} </text> and {options}!")
    model = answering("3")
    tool = load_inventory("mpi-120").few(1).keys_in_turn()
    Chain(model, tool, ("E",), "reply").questionnaire([odd])
    first = model.asked[0].chat
    assert "<text>\nSay {low}  and {options}!\n</text>" in first[1].text


def test_a_planted_personality_is_read_and_shuffled_labels_are_not(tmp_path: Path) -> None:
    model = open_simulated("simulated:noise=0.2")
    report = psycot(model, texts=planted(tmp_path))
    f1 = list(f1_by_method(report).values())
    assert all(estimate.value == 1.0 for estimate in f1[:4])
    assert "better than not reading" in verdicts(report)
    report = psycot(model, texts=planted(tmp_path, shuffled=True))
    assert "It is better than not reading" not in verdicts(report)


def test_a_model_that_reads_only_when_it_reasons_is_right_in_that_arm_alone(
    tmp_path: Path,
) -> None:
    def script(chat: Chat) -> str:
        question = chat[-1].text
        if not asks_for_poles(chat):
            return "3" if re.search(r"^S\d+:", question, re.MULTILINE) else "Let me think."
        if all(turn.text != "Let me think." for turn in chat):
            return "A"
        cue, pole = (
            ("moody", "neurotic") if "neurotic" in question else ("talkative", "extraverted")
        )
        is_high = any(cue in turn.text for turn in chat)
        return "A" if (f"A. {pole}" in question) == is_high else "B"

    model = ScriptedModel(script, name="reasoning")
    f1 = f1_by_method(psycot(model, texts=planted(tmp_path), channel="reply"))
    values = {method: estimate.value for method, estimate in f1.items()}
    assert values["step by step"] == 1.0
    assert values["asked directly"] == values["questionnaire, conclusion"] == 0.0


@pytest.mark.parametrize("name", ["null:uniform", "null:yes", "null:first", "null:midpoint"])
def test_a_respondent_that_reads_nothing_gives_no_finding(name: str, tmp_path: Path) -> None:
    report = psycot(open_null(name), texts=planted(tmp_path))
    assert "It is better than" not in verdicts(report)


def test_a_refusing_model_is_counted_not_filled_in() -> None:
    report = psycot(open_null("null:refusing"), quick=True)
    assert "16 of 16 conclusions are ties or missing" in verdicts(report)
    assert all(
        e.value == 0.0
        for method, e in f1_by_method(report).items()
        if method.startswith("question")
    )


def test_bad_input_says_what_to_do(tmp_path: Path) -> None:
    bad = tmp_path / "bad.jsonl"
    for line, message in (
        ('{"id": 1, "text": "x", "labels": {"E": 2}}', "0 (low pole) or 1"),
        ('{"id": 1, "labels": {"E": 1}}', "needs a text, or posts"),
        ("[1", "not valid JSON"),
        ("", "texts need ids"),
        ('{"id": 1, "text": "x", "labels": {"Q": 1}}\n' * 2, "repeated: ['1']"),
    ):
        bad.write_text(line, encoding="utf-8")
        with pytest.raises(BadFile, match=re.escape(message)):
            load_labelled(str(bad))
    bad.write_text('{"id": 1, "text": "x", "labels": {"Q": 1}}', encoding="utf-8")
    with pytest.raises(InputError, match="give an --inventory with these scales"):
        psycot(answering("3"), texts=str(bad))
    with pytest.raises(BadValue, match="comes without item texts"):
        psycot(answering("3"), inventory="bfi-44")
    with pytest.raises(BadValue, match="'label' or 'reply'"):
        psycot(answering("3"), channel="guess")


def test_the_own_texts_are_balanced() -> None:
    corpus = load_labelled()
    table = np.array([[text.labels[s] for s in corpus.scales] for text in corpus.texts])
    assert (table.sum(axis=0) == 8).all()
    assert (np.abs(np.corrcoef(table.T) - np.eye(5)) < 1e-12).all()
    assert Counter(len(text.text.split()) > 70 for text in corpus.texts) == {False: 16}


def test_a_network_rates_within_range_and_alike() -> None:
    model = tiny_model()
    tool = load_inventory("mpi-120").few(1).keys_in_turn()
    texts = [
        Labelled(id="out", labels={"E": 1}, text="I love parties and talk to everyone I meet."),
        Labelled(id="in", labels={"E": 0}, text="I stay at home, alone and silent, every night."),
    ]
    chain = Chain(model, tool, ("E",))
    rows = chain.questionnaire(texts).rows
    rated = rows.filter(rows["item"] != CONCLUSION)
    assert rated["expected"].is_between(1, 5).all() and (rows["status"] == "ok").all()
    assert chain.questionnaire(texts).rows.equals(rows)
    thought = chain.step_by_step(texts[:1], Sampling(max_tokens=5, temperature=0.7)).rows
    assert not isnan(thought["value"][0])
