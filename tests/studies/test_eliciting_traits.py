"""Traits elicited in interviews: readers on speakers whose traits are known."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from personae.core import (
    Answers,
    BadValue,
    Estimate,
    InputError,
    ModelUnavailable,
    Sampling,
    UnknownName,
    data_json,
)
from personae.encoders.sentence_encoder import open_encoder
from personae.measure.interview import Stem, interview, read_interview, stems
from personae.readers.text.self_descriptions import self_descriptions
from personae.readers.text.trained_readers import ReaderTraining, train_reader
from personae.respondents.null import open_null
from personae.respondents.scripted import ScriptedModel
from personae.respondents.simulated import open_simulated
from personae.studies.eliciting_traits.reader_estimates import activation, from_persona_middle, lean
from personae.studies.eliciting_traits.study import eliciting_traits
from tests.support.extras import needs
from tests.support.report_parts import table, verdict_text
from tests.support.tiny_networks import tiny_model

pytestmark = needs("sklearn")
WARM = Sampling(max_tokens=60, temperature=1.0, top_p=0.95)


@pytest.fixture(autouse=True)
def encoder() -> None:
    try:
        open_encoder()
    except ModelUnavailable as error:
        pytest.skip(str(error))


class Counting:
    """An observer that gives each text its number of words, in place of a classifier."""

    def rate(self, texts: Sequence[str]) -> Answers:
        return Answers.of(
            {"item": str(k), "scale": "E", "unit": "nats", "value": float(len(t.split()))}
            for k, t in enumerate(texts)
        )


def test_equal_texts_are_read_alike_wherever_they_stand() -> None:
    corpus = self_descriptions(18)
    training = ReaderTraining(recipe="features", folds=2, inner=2, penalties=(0.01,))
    observer = train_reader(corpus, ["E"], training)
    text = "I would take a moment and look around. Most days I talk to everybody I meet."
    others = [text.excerpt for text in corpus.texts[:9]]
    values = {
        observer.rate([*others[:k], text, text]).rows["value"][k + j]
        for k in range(10)
        for j in (0, 1)
    }
    assert len(values) == 1


def test_there_are_twenty_plain_stems_and_five_a_trait() -> None:
    assert len(stems()) == 20
    assert {d: len(stems(d)) for d in "OCEAN"} == dict.fromkeys("OCEAN", 5)
    every = [s.text for s in (*stems(), *stems("OCEAN"))]
    assert len(set(every)) == 45
    with pytest.raises(UnknownName, match="trait with stems"):
        stems("X")


def test_the_stem_is_never_read() -> None:
    echo = ScriptedModel(lambda chat: f"{chat[-1].text} a person of few words indeed", name="echo")
    answers = interview(echo, stems(most=2), 1, WARM)
    assert [answer.text for answer in answers] == ["a person of few words indeed"] * 2
    assert data_json("interview.json")["ask"] not in answers[0].text


def test_what_cannot_be_read_is_counted_with_its_reason() -> None:
    replies = {
        "plain1": "As an AI language model, I have no strengths of my own to speak of.",
        "plain2": "No.",
        "plain3": "I am good. " * 40,
        "plain4": "1 2 3 4 5 6 7 8 9 {} [] <> == 10 11 12 13 -- 14",
        "plain5": "I like to walk along the river with an old friend.",
    }
    by_text = {stem.text: replies[stem.id] for stem in stems(most=5)}
    model = ScriptedModel(lambda chat: by_text[chat[-1].text], name="mixed")
    answers = interview(model, stems(most=5), 1, WARM)
    assert [s.status for s in answers] == ["refused", "unparsed", "unparsed", "unparsed", "ok"]
    rows = read_interview(Counting(), answers).rows
    assert rows["value"].to_list() == [None] * 4 + [11.0]
    assert all(rows["why"].to_list()[:4])


def test_no_answer_to_a_question_is_refused() -> None:
    with pytest.raises(BadValue, match="samples is at least 1"):
        eliciting_traits(open_null("null:yes"), samples=0)


def test_more_samples_keep_the_first_and_narrow_the_interval() -> None:
    model = open_simulated("simulated:E=1,noise=0.2")
    few = interview(model, stems(most=6), 2, WARM)
    many = interview(model, stems(most=6), 8, WARM)
    assert [s for s in many if s.draw < 2] == few
    widths = []
    for answers in (few, many):
        estimate = lean(read_interview(Counting(), answers), "E", 0)
        widths.append(estimate.high - estimate.low)
    assert widths[1] < widths[0]
    assert interview(model, stems(most=6), 2, WARM) == few


def rows_of(values: dict[str, list[float]], arm: str = "unchanged") -> Answers:
    return Answers.of(
        {"arm": arm, "item": item, "scale": "E", "facet": item[0], "repeat": k, "value": value}
        for item, scores in values.items()
        for k, value in enumerate(scores)
    )


def test_a_cue_that_works_is_found_and_one_that_does_not_is_not() -> None:
    random = np.random.default_rng(2)
    inside = {f"E{k}": list(random.normal(2, 0.5, 4)) for k in range(5)}
    outside = {f"{d}{k}": list(random.normal(0, 0.5, 4)) for d in "OCAN" for k in range(5)}
    gap, delta = activation(rows_of(inside | outside), ["E"], 0)["E"]
    assert gap.p < 0.01 and delta.value == 1.0
    flat = {item: list(random.normal(0, 0.5, 4)) for item in inside | outside}
    assert activation(rows_of(flat), ["E"], 0)["E"][0].p > 0.05


def test_between_personas_is_question_by_question() -> None:
    """Questions far apart in register cancel out of the middle."""
    own = rows_of({"a": [5.0, 5.0], "b": [-5.0, -5.0], "c": [0.5, 0.5]})
    high = rows_of({"a": [5.5], "b": [-4.5], "c": [1.0]}, "persona E+")
    low = rows_of({"a": [3.5], "b": [-6.5], "c": [-1.0]}, "persona E-")
    estimate = from_persona_middle(Answers.concat([own, high, low]), "E", 0)
    assert estimate.value == pytest.approx(0.5) and estimate.low == pytest.approx(0.5)


def test_a_planted_personality_is_recovered() -> None:
    """Even from five answers to as many questions: the two intervals lie apart."""
    cells = []
    for e in (2, -2):
        report = eliciting_traits(open_simulated(f"simulated:E={e},noise=0.2"), quick=True)
        read = table(report, "read")
        column = read.columns.index("from the middle of opposite personas")
        cells.append(read.rows[0][column])
        if e > 0:
            assert "Extraversion closer to high" in verdict_text(report)
    assert isinstance(cells[0], Estimate) and isinstance(cells[1], Estimate)
    assert cells[1].value < 0 < cells[0].low
    assert cells[1].high < cells[0].low


@pytest.mark.parametrize("name", ["null:uniform", "null:garbage", "null:refusing", "null:midpoint"])
def test_who_has_no_traits_gives_no_finding(name: str) -> None:
    text = verdict_text(eliciting_traits(open_null(name), quick=True))
    assert "closer" not in text and "bring it out:" not in text
    assert "Not shown: that the reader detects Extraversion, Neuroticism" in text


def test_the_training_share_stands_beside_the_result() -> None:
    report = eliciting_traits(open_simulated("simulated:noise=0.2"), quick=True)
    read = table(report, "read")
    assert read.columns[1:3] == ("training share high", "mean output")
    assert all(isinstance(row[1], float) and 0 < row[1] < 1 for row in read.rows)
    coverage = table(report, "coverage")
    assert {"refused", "unparsed", "words"} <= set(coverage.columns)


def test_own_texts_and_what_they_lack(tmp_path: Path) -> None:
    path = tmp_path / "texts.jsonl"
    path.write_text('{"id": "1", "text": "x", "labels": {"Q": 1}}', encoding="utf-8")
    with pytest.raises(InputError, match="needed are Big Five domains"):
        eliciting_traits(open_null("null:yes"), texts=str(path), quick=True)
    rows = [
        f'{{"id": "{k}", "author": "a{k // 2}", "text": "I {"love" if k % 4 < 2 else "hate"} '
        f'loud parties number {k}.", "labels": {{"E": {int(k % 4 < 2)}}}}}'
        for k in range(24)
    ]
    path.write_text("\n".join(rows), encoding="utf-8")
    report = eliciting_traits(
        open_simulated("simulated:E=1"), texts=str(path), reader="words", quick=True
    )
    assert [row[0] for row in table(report, "skill").rows] == ["E"]


def test_no_signal_is_flagged(tmp_path: Path) -> None:
    """A classifier that can only say its prior reads nothing, and the report says so."""
    path = tmp_path / "texts.jsonl"
    rows = [
        f'{{"id": "{k}", "text": "all the same words", "labels": {{"E": {int(k % 4 > 0)}}}}}'
        for k in range(40)
    ]
    path.write_text("\n".join(rows), encoding="utf-8")
    report = eliciting_traits(
        open_simulated("simulated:E=1"), texts=str(path), quick=True, reader="words"
    )
    assert "No signal: on held-out authors the reader does not detect Extraversion" in verdict_text(
        report
    )
    row = table(report, "read").rows[0]
    assert row[1] == 0.75 and row[2] == pytest.approx(0.75, abs=0.01)
    assert abs(getattr(row[4], "value", np.nan)) < 0.05


def test_what_a_network_says_at_random_is_drawn_anew_and_not_read() -> None:
    model, draw = tiny_model(), replace(WARM, max_tokens=12)
    answers = interview(model, [Stem("a", "", "What I do best at work is")], 2, draw)
    assert len({answer.text for answer in answers}) == 2
    rows = read_interview(Counting(), answers).rows
    assert rows["status"].to_list() == ["unparsed", "unparsed"]
    assert rows["value"].null_count() == 2
