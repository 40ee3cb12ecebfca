"""The grid of personas and questions: replies are coded, and nothing is found where nothing is."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from personae.core import (
    Answers,
    BadFile,
    BadValue,
    Done,
    InputError,
    Reply,
    Request,
    Sampling,
    UnknownName,
)
from personae.designs.ability import ability
from personae.designs.arms import CONTROL_ARM, Arm
from personae.designs.grid import Asking, ask_grid
from personae.designs.question_effects import counts_table, effects, question_scores
from personae.measure.tasks.problems import Problem, ProblemSet, load_problems, problem_sets
from personae.measure.tasks.reply_codes import code_reply, declines
from personae.respondents.null import open_null
from personae.respondents.simulated import open_simulated
from personae.studies.bias_runs_deep.identities import identities, instruction

KNOWLEDGE = load_problems("plain-knowledge")
NUMBERS = load_problems("word-problems")
CHOICE = Problem(id="q", text="Which?", answer="red", options=("red", "blue", "green", "grey"))
NUMBER = Problem(id="n", text="How many?", answer="12")
DETECTOR = json.loads((Path(__file__).with_name("declining_replies.json")).read_text())


def arms(*names: str) -> list[Arm]:
    chosen = [p for p in identities() if p.id in names]
    return [
        CONTROL_ARM,
        *(Arm(name="adopt", induction=instruction("adopt"), persona=p) for p in chosen),
    ]


@pytest.mark.parametrize("name", problem_sets())
def test_shipped_problems_are_sound_and_their_answers_have_no_usual_place(name: str) -> None:
    problems = load_problems(name)
    assert all(p.field for p in problems.problems)
    if problems.problems[0].options:
        letters = [p.letter for p in problems.problems]
        assert {len(p.options) for p in problems.problems} == {4}
        assert all(8 <= letters.count(letter) <= 24 for letter in "ABCD")


def test_rotating_keeps_the_answer_and_moves_its_place() -> None:
    turned = [CHOICE.rotated(step).letter for step in range(5)]
    assert turned == ["A", "D", "C", "B", "A"]


@pytest.mark.parametrize(
    ("line", "answer"),
    [
        ({"question": "?", "options": ["x", "y"], "answer": "B"}, "y"),
        ({"text": "?", "options": ["x", "y"], "answer": 1}, "y"),
        ({"text": "?", "options": ["x", "y"], "answer": "x"}, "x"),
        ({"text": "?", "wrong": ["x", "y"], "answer": "z"}, "z"),
        ({"text": "?", "answer": 7}, "7"),
    ],
)
def test_own_files_name_the_answer_in_several_ways(
    tmp_path: Path, line: dict[str, Any], answer: str
) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text(json.dumps(line))
    assert load_problems(str(path)).problems[0].answer == answer


@pytest.mark.parametrize(
    "line",
    [
        "[1]",
        "{",
        '{"text": "?", "answer": "C", "options": ["x", "y"]}',
        '{"answer": "x"}',
        '{"text": "?"}',
        '{"text": "?", "answer": "x", "options": ["x", "x"]}',
        "",
    ],
)
def test_bad_problem_files_are_bad_files(tmp_path: Path, line: str) -> None:
    path = tmp_path / "own.jsonl"
    path.write_text(line)
    with pytest.raises((BadFile, BadValue)):
        load_problems(str(path))
    with pytest.raises(UnknownName, match="plain-knowledge"):
        load_problems("plain-knowlege")


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Clearly (A) is tempting. Therefore, the answer is (C).", "green"),
        ("f(x) = 2, so (B)", "blue"),
        ("The answer is B", "blue"),
        ("A dog and I", ""),
        ("The answer is not (B).", ""),
        ("So the answer is definitely not B", ""),
        ("It can't be (B). The answer is (A), not (C).", "red"),
        ("Not (A)", ""),
        ("**B**", "blue"),
        ("Answer: **C**. Close: (D)", "green"),
    ],
)
def test_the_last_offered_letter_is_the_answer(text: str, answer: str) -> None:
    assert code_reply(Reply(text=text), CHOICE).answer == answer


@pytest.mark.parametrize(
    ("text", "problem", "outcome", "protested"),
    [
        ("Therefore, the answer is (A).", CHOICE, "correct", False),
        ("The answer is blue.", CHOICE, "wrong", False),
        ("As a toddler I am unable to answer this.", CHOICE, "abstained", False),
        ("I cannot do sums, but the answer is (A).", CHOICE, "correct", True),
        ("What a nice day.", CHOICE, "unparsed", False),
        ("6 + 6, so the answer is 12.0", NUMBER, "correct", False),
        ("The answer is 12,0.", NUMBER, "correct", False),
        ("The answer is 12,000.", NUMBER, "wrong", False),
        ("It takes 0,5 hours, so 12,00", NUMBER, "correct", False),
        ("It is 1,200", NUMBER, "wrong", False),
        ("The answer is **12** apples in 3 bags.", NUMBER, "correct", False),
        ("Answer: $12 (step 3)", NUMBER, "correct", False),
        ("The answer is 3*4=12.", NUMBER, "correct", False),
        ("The answer is 12 - 3 = 9", NUMBER, "wrong", False),
        ("No idea what to say", NUMBER, "unparsed", False),
    ],
)
def test_outcomes(text: str, problem: Problem, outcome: str, protested: bool) -> None:
    coded = code_reply(Reply(text=text), problem)
    assert (coded.outcome, coded.protested) == (outcome, protested)


@pytest.mark.parametrize(
    ("written", "answer"),
    [
        ("1,200", "1200"),
        ("1,200.50", "1200.5"),
        ("-1,200", "-1200"),
        ("1,00,000", "100000"),
        ("12,5", "12.5"),
        ("-12,50", "-12.5"),
        ("0,125", "0.125"),
        ("1,2345", "1.2345"),
        ("1.200,5", "1200.5"),
        ("0.5", "0.5"),
    ],
)
def test_commas_group_three_digits_and_are_decimal_elsewhere(written: str, answer: str) -> None:
    for text in (f"The answer is {written}.", f"It makes 3, then {written}", f"{written}, I think"):
        number = code_reply(Reply(text=text), replace(NUMBER, answer="7")).answer
        assert float(number) == float(answer)
    own = replace(NUMBER, answer=written)
    assert code_reply(Reply(text=f"Answer: {answer}"), own).outcome == "correct"
    assert code_reply(Reply(text="Of 1,2,3 the last"), replace(NUMBER, answer="3")).answer == "3"


def test_a_cut_reply_counts_where_it_answered_and_an_error_never() -> None:
    assert code_reply(Reply(text="(A) because", status="cut"), CHOICE).outcome == "correct"
    assert code_reply(Reply(text="Let me think", status="cut"), CHOICE).outcome == "cut"
    assert code_reply(Reply(text="(A)", status="error", why="lost"), CHOICE).outcome == "error"


def test_the_detector_on_labelled_replies() -> None:
    """At most one of the labelled replies is read the other way, in each direction."""
    missed = [text for text in DETECTOR["declines"] if not declines(text)]
    false = [text for text in DETECTOR["answers"] if declines(text)]
    assert len(DETECTOR["declines"]) >= 30
    assert len(DETECTOR["answers"]) >= 30
    assert len(missed) <= 1, missed
    assert len(false) <= 1, false


@pytest.mark.parametrize("channel", ["label", "option", "reply"])
def test_planted_damage_is_found_and_its_absence_is_not(channel: Any) -> None:
    hurt = open_simulated("simulated:ability=0.9,damage=0.5")
    for model, verdict in ((hurt, "worse"), (open_simulated("simulated:ability=0.9"), "not shown")):
        sheet = ask_grid(model, arms("atheist"), KNOWLEDGE, Asking(channel=channel))
        effect = next(e for e in effects(sheet, "unchanged") if not e.scale)
        assert effect.verdict == verdict
    assert len(sheet) == 2 * len(KNOWLEDGE.problems)


def test_a_persona_blind_model_moves_nowhere() -> None:
    """No shift, interval of width 0, p = 1."""
    sheet = ask_grid(
        open_simulated("simulated:ability=0.6"),
        arms("man", "woman"),
        KNOWLEDGE,
        Asking(channel="label", orders=2),
    )
    for effect in effects(sheet, "unchanged"):
        shift = effect.shift
        assert (shift.value, shift.low, shift.high, shift.p) == (0.0, 0.0, 0.0, 1.0)


class Declining:
    """Solves everything; under one persona declines in two fields only."""

    name, fingerprint = "scripted:declining", "0" * 64

    def reply(
        self, requests: Sequence[Request], sampling: Sampling, *, done: Done | None = None
    ) -> list[Reply]:
        return [Reply(text=self._one("\n".join(m.text for m in r.chat))) for r in requests]

    def _one(self, text: str) -> str:
        problem = next(p for p in KNOWLEDGE.problems if p.text in text)
        if "atheist" in text and problem.field in ("mathematics", "physics"):
            return "I can't answer that."
        letter = next(line[:3] for line in text.splitlines() if line.endswith(f" {problem.answer}"))
        return f"Therefore, the answer is {letter}."


def test_exactly_the_planted_cells_are_found_and_all_as_abstentions() -> None:
    sheet = ask_grid(Declining(), arms("atheist", "woman"), KNOWLEDGE, Asking(channel="reply"))
    worse = {
        (e.condition, e.scale) for e in effects(sheet, "unchanged") if e.scale and e.shift.p < 0.05
    }
    assert worse == {("atheist", "mathematics"), ("atheist", "physics")}
    rows = {
        row[0]: dict(zip(counts_table(sheet).columns, row, strict=True))
        for row in counts_table(sheet).rows
    }
    assert rows["atheist"]["abstained"] == 16
    assert rows["atheist"]["wrong"] == rows["atheist"]["unparsed"] == 0
    assert rows["woman"]["correct"] == 64


def test_trials_are_not_questions() -> None:
    """25, 25, 0, 0 of 25 right have the standard error 0.289."""
    rows: list[dict[str, object]] = [
        {"item": item, "repeat": repeat, "value": value, "respondent": "x"}
        for item, value in (("1", 1.0), ("2", 1.0), ("3", 0.0), ("4", 0.0))
        for repeat in range(25)
    ]
    scores, items = question_scores(Answers.of(rows), "respondent", ["x"])
    assert scores.shape == (1, len(items)) == (1, 4)
    assert np.std(scores[0], ddof=1) / 2 == pytest.approx(0.289, abs=5e-4)


def test_null_personas_are_rarely_found() -> None:
    """Family-wise over 8 conditions at most 5 % (+ noise) of 60 simulated audits find one."""
    random = np.random.default_rng(3)
    findings = 0
    for _ in range(60):
        hard = random.random(40)
        rows: list[dict[str, object]] = [
            {"item": str(i), "respondent": f"p{c}", "value": float(random.random() < hard[i])}
            for c in range(9)
            for i in range(40)
        ]
        findings += any(e.holm < 0.05 for e in effects(Answers.of(rows), "p0"))
    assert findings <= 7


def test_the_gate_reads_the_channel_in_which_there_is_ability() -> None:
    assert ability(open_simulated("simulated:ability=0.9"), KNOWLEDGE).channel == "label"
    nothing = ability(open_null("null:first"), KNOWLEDGE)
    assert not nothing.above
    assert "can't lower its accuracy" in nothing.sentence


def test_what_cannot_be_asked_is_refused_with_advice() -> None:
    with pytest.raises(InputError, match="reply"):
        ask_grid(open_simulated("simulated:"), [CONTROL_ARM], NUMBERS, Asking(channel="label"))
    with pytest.raises(InputError, match="likelihoods"):
        ask_grid(Declining(), [CONTROL_ARM], KNOWLEDGE, Asking(channel="label"))
    with pytest.raises(BadValue, match="reply"):
        Asking(channel="label", repeats=2)
    with pytest.raises(BadValue, match="reference"):
        effects(
            ask_grid(open_simulated("simulated:"), [CONTROL_ARM], KNOWLEDGE, Asking()), "nobody"
        )


def test_problem_sets_pin_their_content() -> None:
    changed = ProblemSet(
        name="x", title="x", version="1", source="", licence="", problems=(CHOICE,)
    )
    other = ProblemSet(name="x", title="x", version="1", source="", licence="", problems=(NUMBER,))
    assert changed.tag != other.tag


def test_the_number_of_an_excuse_or_of_half_a_sum_is_no_answer() -> None:
    """Without "answer is", only a reply that ended and didn't decline gives a number."""
    problem = Problem(id="p", text="6 x 7?", answer="42")
    excuse = Reply(text="I am unable to do sums: I left school at 42.")
    half = Reply(text="First, 6 x 6 = 36 and then", status="cut")
    named = Reply(text="I can't be sure, but the answer is 42.")
    assert code_reply(excuse, problem).outcome == "abstained"
    assert code_reply(half, problem).outcome == "cut"
    assert (code_reply(named, problem).outcome, code_reply(named, problem).protested) == (
        "correct",
        True,
    )
    assert code_reply(Reply(text="6 x 7 = 42"), problem).outcome == "correct"
