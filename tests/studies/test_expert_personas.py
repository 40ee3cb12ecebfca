"""Expert personas: the paper's counts, its statistics, and a study that finds what is planted."""

from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest
from scipy import stats

from personae.core import Answers, Chat, Done, Note, Reply, Report, Request, Sampling, say
from personae.designs.arms import CONTROL_ARM
from personae.designs.grid import Asking, ask_grid
from personae.designs.question_effects import effects, question_scores
from personae.induce.prompt.prompted import before_question
from personae.measure.tasks.problems import load_problems
from personae.respondents.null import open_null
from personae.respondents.simulated import open_simulated
from personae.stats.multiplicity import holm
from personae.studies.expert_personas.experts import EXPERTS, FIT, LOW, expert
from personae.studies.expert_personas.study import (
    BEFORE,
    LEVELS,
    SYSTEM,
    TRIALS,
    expert_personas,
)
from tests.support.report_parts import table


def test_every_field_has_three_distinct_experts() -> None:
    assert set(FIT) == set(load_problems("plain-knowledge").fields) == set(EXPERTS)
    for field, (near, far) in FIT.items():
        assert len({field, near, far}) == 3
        assert {near, far} <= set(EXPERTS)
        assert expert(field).facts["field"] == field


def lines(report: Report) -> list[str]:
    return [p.text for p in report.parts if isinstance(p, Note) and p.level == "verdict"]


def test_counts_of_the_published_design() -> None:
    """From the numbers of conditions, questions and trials that the paper names."""
    conditions = 1 + 5 + len(LOW)
    assert (198 * TRIALS, 300 * TRIALS) == (4950, 7500)
    assert 6 * conditions * (198 + 300) * TRIALS == 672_300


def test_strict_counts_by_hand_and_under_guessing() -> None:
    counts = np.array([25, 24, 23, 22, 13, 12, 0])
    assert counts.mean() / TRIALS == pytest.approx(0.68)
    assert [int((counts >= k).sum()) for _, k in LEVELS] == [1, 3, 5]
    assert stats.binom.sf(12, TRIALS, 0.25) == pytest.approx(0.0034, abs=5e-5)
    assert stats.binom.sf(12, TRIALS, 0.1) == pytest.approx(1.6e-7, rel=0.05)
    report = expert_personas(open_null("null:uniform"), quick=True)
    for row in table(report, "levels").rows:
        assert row[1] == pytest.approx(0.25, abs=0.13)


def sampled(shift: float, seed: int, questions: int = 198) -> Answers:
    """Draw 25 trials a question for two conditions of equal or shifted ability."""
    random = np.random.default_rng(seed)
    chance = random.beta(0.5, 0.5, questions)
    rates = [random.binomial(TRIALS, np.clip(chance + s, 0, 1)) / TRIALS for s in (0.0, shift)]
    return Answers.of(
        {"item": str(i), "respondent": name, "value": rate}
        for name, values in zip(("none", "expert"), rates, strict=True)
        for i, rate in enumerate(values.tolist())
    )


def test_equal_conditions_differ_at_the_nominal_rate_and_a_shift_is_found() -> None:
    """A small version: 100 simulations under no effect, 20 under one of 0.05."""
    null = [effects(sampled(0.0, seed), "none")[0].shift for seed in range(100)]
    assert sum(effect.p < 0.05 for effect in null) <= 11
    assert sum(effect.low <= 0 <= effect.high for effect in null) >= 88
    real = [effects(sampled(0.05, seed), "none")[0].shift for seed in range(20)]
    assert sum(effect.p < 0.05 for effect in real) >= 17


def test_the_baseline_against_itself_is_nothing() -> None:
    rows = sampled(0.0, 1).where(respondent="none").rows
    twice = Answers.concat([Answers(rows), Answers(rows).tag(respondent="again")])
    shift = effects(twice, "none")[0].shift
    assert (shift.value, shift.low, shift.high, shift.p) == (0.0, 0.0, 0.0, 1.0)


def test_neither_the_order_of_conditions_nor_another_call_changes_a_number() -> None:
    rows = sampled(0.05, 2, questions=40).rows
    both = [rows, rows.with_columns(respondent=rows["respondent"].replace("expert", "other"))]
    there, back = (
        Answers(pl.concat(parts).unique(maintain_order=True)) for parts in (both, both[::-1])
    )
    results = [
        {e.condition: repr(e) for e in effects(answers, "none", seed=4)}
        for answers in (there, back, there)
    ]
    assert results[0] == results[1] == results[2]
    assert set(results[0]) == {"expert", "other"}


def test_the_persona_stands_right_before_the_question_under_one_system_text() -> None:
    problem = load_problems("plain-knowledge").problems[0]
    bare = Asking(system=SYSTEM).chat(problem)
    names = [*EXPERTS[:5], *LOW]
    chats: list[Chat] = [before_question(bare, expert(name).text) for name in names]
    assert len({bare, *chats}) == 9
    assert {chat[0].text for chat in (bare, *chats)} == {SYSTEM}
    for name, chat in zip(names, chats, strict=True):
        assert chat[1].role == "user"
        assert chat[1].text == f"{expert(name).text}\n\n{bare[1].text}"
    assert BEFORE.layout == "user"


def test_no_effect_on_a_respondent_whom_no_persona_moves() -> None:
    report = expert_personas(open_simulated("simulated:ability=0.8"), quick=True)
    assert lines(report)[1].startswith("0 of 4 experts")
    assert "less often right: none" in lines(report)[1]
    own = [row[0] for row in table(report, "fit").rows if row[1] == "in-domain"]
    assert own == [
        "physics-expert",
        "chemistry-expert",
        "biology-expert",
        "law-expert",
        "mean over fields",
    ]


def test_experts_are_adjacent_or_unrelated_as_the_data_say() -> None:
    report = expert_personas(open_simulated("simulated:ability=0.8"), quick=True)
    rows = [r[:2] for r in table(report, "fit").rows if r[0] != "mean over fields"]
    fields = [str(row[0]).removesuffix("-expert") for row in rows if row[1] == "in-domain"]
    fits = [
        (f"{name}-expert", fit)
        for field in fields
        for name, fit in (
            (field, "in-domain"),
            *zip(FIT[field], ("adjacent", "unrelated"), strict=True),
        )
        if name in fields
    ]
    assert sorted(map(str, rows)) == sorted(map(str, fits))


def test_the_fit_of_expert_and_field_is_one_family() -> None:
    """Holm over all fields: no p is adjusted by the three experts of its own field alone."""
    report = expert_personas(open_null("null:garbage,seed=3"), quick=True)
    rows = [r for r in table(report, "fit").rows if r[0] != "mean over fields"]
    raw = [1.0 if np.isnan(float(str(r[3]))) else float(str(r[3])) for r in rows]
    assert [r[4] for r in rows] == pytest.approx(holm(raw).tolist())


class Refusing:
    """Solves everything, and refuses 10 of 25 draws."""

    name, fingerprint = "scripted:refusing", "0" * 64

    def reply(
        self, requests: Sequence[Request], sampling: Sampling, *, done: Done | None = None
    ) -> list[Reply]:
        return [Reply(text=self._one(r.chat, sampling.repeat)) for r in requests]

    def _one(self, chat: Chat, repeat: int) -> str:
        if repeat < 10:
            return "I am not able to answer that."
        known = load_problems("plain-knowledge").problems
        answer = next(p.answer for p in known if p.text in chat[-1].text)
        line = next(x for x in chat[-1].text.splitlines() if x.endswith(f") {answer}"))
        return f"Therefore, the answer is {line[:3]}."


def test_refusals_lower_accuracy_and_are_counted_by_question() -> None:
    """10.0 refusals a question; of the answers given all are right."""
    whole = load_problems("plain-knowledge").per_field(1)
    sheet = ask_grid(Refusing(), [CONTROL_ARM], whole, Asking(channel="reply", repeats=TRIALS))
    scores, _ = question_scores(sheet, "respondent", ["unchanged"])
    assert scores[0].tolist() == pytest.approx([0.6] * 8)
    refused = sheet.where(status="refused").rows.group_by("item").len()["len"].to_list()
    assert refused == [10] * 8
    assert sheet.where(status="ok").rows["value"].mean() == 1.0


def test_likelihoods_make_draws_needless() -> None:
    """200 draws of a question agree with its probability within 3 standard errors."""
    model = open_simulated("simulated:ability=0,noise=1,E=0.3")
    chat = say(
        "Statement: I talk to a lot of different people at parties.\n(A) Very Accurate\n"
        "(B) Moderately Accurate\n(C) Neither\n(D) Moderately Inaccurate\n"
        "(E) Very Inaccurate"
    )
    options = tuple((letter,) for letter in "ABCDE")
    [choice] = model.choose([Request(chat, options)])
    draws = [
        model.reply([Request(chat)], Sampling(temperature=1.0, repeat=repeat))[0].text[1]
        for repeat in range(200)
    ]
    for letter, logp in zip("ABCDE", choice.logp, strict=True):
        p = float(np.exp(logp))
        error = max(np.sqrt(p * (1 - p) / 200), 0.02)
        assert draws.count(letter) / 200 == pytest.approx(p, abs=3 * error)
