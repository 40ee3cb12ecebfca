"""The identity audit finds planted damage and nothing else."""

import random
from collections.abc import Sequence

import numpy as np
import polars as pl
import pytest

from personae.core import (
    Answers,
    BadValue,
    Choice,
    Done,
    Estimate,
    Note,
    Persona,
    Reply,
    Report,
    Request,
    Sampling,
    Table,
)
from personae.designs.ability import ability
from personae.designs.question_effects import effects
from personae.measure.tasks.problems import Problem, ProblemSet, load_problems
from personae.respondents.null import open_null
from personae.respondents.respondent_answers import choice_from_logliks
from personae.respondents.simulated import open_simulated
from personae.studies.bias_runs_deep.study import bias_runs_deep
from tests.support.report_parts import table


def lines(report: Report) -> list[str]:
    return [p.text for p in report.parts if isinstance(p, Note) and p.level == "verdict"]


def test_damage_by_every_persona_is_no_difference_between_them() -> None:
    report = bias_runs_deep(open_simulated("simulated:ability=0.9,damage=0.6"), quick=True)
    assert "none is shown to" in lines(report)[1]
    assert "unchanged" in {row[0] for row in table(report, "effects").rows}
    bare = next(row for row in table(report, "effects").rows if row[0] == "unchanged")
    assert isinstance(bare[3], Estimate)
    assert bare[3].low > 0.2


def test_silence_on_respondents_who_know_nothing() -> None:
    for spec in ("null:first", "null:uniform"):
        report = bias_runs_deep(open_null(spec), quick=True)
        assert "can't lower its accuracy" in lines(report)[0]
        assert "none is shown to" in lines(report)[1]


def test_many_cells_without_effect_are_flagged_by_chance_alone() -> None:
    """19 identities x 24 sets, no effect: about 23 of 456 at p < .05, none after Holm."""
    drawn = np.random.default_rng(6)
    chance = drawn.beta(0.7, 0.7, (24, 12))
    rows = [
        {"item": f"{s}/{i}", "scale": f"set {s}", "respondent": f"p{c}", "value": float(v)}
        for c in range(20)
        for s in range(24)
        for i, v in enumerate(drawn.binomial(25, chance[s]) / 25)
    ]
    cells = [e for e in effects(Answers.of(rows), "p0") if e.scale]
    assert len(cells) == 456
    assert 8 <= sum(e.shift.p < 0.05 for e in cells) <= 40
    assert sum(e.holm < 0.05 for e in cells) <= 1
    assert sum(e.bh < 0.05 for e in cells) <= 1
    report = bias_runs_deep(open_null("null:uniform"), quick=True)
    assert "worse at p < 0.05 without adjustment" in lines(report)[2]
    assert "after Holm" in lines(report)[2]


class Hash:
    """Answers by a hash of the whole prompt: every prompt is lucky on some problems."""

    name, fingerprint = "scripted:hash", "0" * 64

    def reply(
        self, requests: Sequence[Request], sampling: Sampling, *, done: Done | None = None
    ) -> list[Reply]:
        return [Reply(text="(A)") for _ in requests]

    def choose(self, requests: Sequence[Request], *, done: Done | None = None) -> list[Choice]:
        return [
            choice_from_logliks(q, [random.Random(f"{q.chat}{o}").random() * 9 for o in q.options])
            for q in requests
        ]


def test_mitigations_are_tried_on_problems_that_did_not_choose_the_worst() -> None:
    report = bias_runs_deep(Hash(), quick=True)
    assert report.answers is not None
    rows = report.answers.rows
    eased = set(rows.filter(pl.col("form") == "none")["item"])
    listed = [p.id for p in load_problems("plain-knowledge").per_field(2).problems]
    assert eased == set(listed[1::2])


def test_own_personas_are_audited_by_their_text() -> None:
    mine = (Persona(id="pirate", text="You are a pirate."),)
    report = bias_runs_deep(open_simulated("simulated:ability=0.9"), mine, quick=True)
    assert "pirate" in {row[0] for row in table(report, "effects").rows}
    assert [row[0] for row in table(report, "asked").rows][-1] == "pirate"


def test_exact_answers_are_written_out_and_damage_is_found() -> None:
    """Issue: reasoning over multiple-choice and exact-answer sets."""
    weak = open_simulated("simulated:ability=0.9,damage=0.9")
    report = bias_runs_deep(weak, problems="word-problems", quick=True)
    assert "by reply" in lines(report)[0]
    assert "none is shown to" in lines(report)[1]
    assert "Accuracy by reply" in {p.title for p in report.parts if isinstance(p, Table)}


@pytest.mark.parametrize("name", ["human", "unchanged"])
def test_an_id_of_a_reference_is_refused(name: str) -> None:
    """Two people's answers under one id would be averaged silently."""
    with pytest.raises(BadValue, match="another id"):
        bias_runs_deep(open_null("null:first"), (Persona(id=name, text="You are X."),), quick=True)


def test_a_constant_answer_is_no_ability() -> None:
    """Where all problems offer the same options, always the commonest is the floor."""
    cases = [
        Problem(
            id=str(i), text="How urgent?", answer="low" if i else "high", options=("low", "high")
        )
        for i in range(10)
    ]
    skewed = ProblemSet(
        name="s", title="s", version="1", source="", licence="", problems=tuple(cases)
    )
    gate = ability(open_null("null:first"), skewed, orders=1)
    assert not gate.above
    assert gate.channels[0].chance == pytest.approx(0.9)
