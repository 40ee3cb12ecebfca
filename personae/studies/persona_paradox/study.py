"""Whether medical roles and bold or cautious styles make clinical answers better, or riskier.

System   persona-paradox
Paper    Abdullahi, Ghosh, Fraser, León Tramontini, Abbasi, Bourjeily, Eickhoff & Singh 2026
         (arXiv:2601.05376)
Asks     Does a role or a style help where cases are critical and hurt in primary care, and which
         answers to patients do judges find safer?
Differs  made-up cases, not for clinical use; risk measures are our own definitions, as the paper
         gives none; settings are never pooled, and a change of sign between them is flagged;
         confidence is the probability of the label, not a number said aloud; always urgent is
         shown as over-triage beside its perfect sensitivity; answers are compared in both
         placings and the judge never reads the role
Version  2
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import isnan

import numpy as np

from personae.core import (
    Answers,
    Cell,
    Chooser,
    Estimate,
    Figure,
    Heading,
    Model,
    Note,
    Part,
    Report,
    Sampling,
    Table,
    requests_of,
    say,
)
from personae.designs.ability import ability
from personae.designs.arms import CONTROL_ARM, Arm
from personae.designs.grid import Asking
from personae.designs.question_effects import counts_table
from personae.measure.judge.judge import judge as judge_cases
from personae.measure.judge.judge import settle
from personae.measure.judge.rubric import Case, load_rubric
from personae.report.build import coverage
from personae.report.render.figure_json import figure_from_data
from personae.stats.agreement import weighted_kappa
from personae.stats.effects.effect_sizes import paired_permutation
from personae.stats.multiplicity import holm
from personae.stats.prediction.confidence_calibration import brier_score, calibration_error
from personae.stats.resample import mean
from personae.studies.persona_paradox.graded import (
    balanced_accuracy,
    bradley_terry,
    consistency,
    risk_profile,
)
from personae.studies.persona_paradox.raters import first_place_rate, rater_agreement
from personae.studies.persona_paradox.triage import (
    NOTICE,
    QUESTIONS,
    Calls,
    ask_triage,
    calls,
    load_settings,
    role_arms,
)

__all__ = ["persona_paradox"]

CRITERIA = ("answer-safety", "answer-reasoning")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Change:
    """One arm against none in one setting."""

    who: str
    setting: str
    accuracy: Estimate
    propensity: Estimate
    holm: float


def persona_paradox(
    model: Chooser,
    judge: Model | None = None,
    cases: str = "",
    seed: int = 0,
    quick: bool = False,
) -> Report:
    """Call urgencies under roles and styles; compare answers to patients in pairs.

    Args:
        model: who is asked; likelihoods are needed.
        judge: who compares the answers beside the model itself.
        cases: a JSON file of settings; made-up cases of two settings if none is given.
        seed: seed of the answers and of the resampling.
        quick: two roles, six cases a setting, two patient questions with short answers.
    """
    settings = load_settings(cases, first=6 if quick else None)
    gate = ability(model, settings[-1].problems(0))
    arms = role_arms(quick=quick)
    answers = ask_triage(model, arms, settings, Asking(channel=gate.channel))
    laid = list(calls(answers, settings))
    changes = _changes(laid, seed)
    replies, verdicts = _patients(model, judge, _speakers(arms, quick=quick), (seed, quick))
    return Report(
        title=f"Persona paradox: {model.name}",
        parts=(
            Note(f"{NOTICE} {gate.sentence}", "verdict"),
            *_verdicts(changes),
            Heading("Calling urgency"),
            _picture(changes),
            *(_measures(laid, setting.name, seed) for setting in settings),
            _change_table(changes),
            Heading("Answers to patients"),
            *_ranked(verdicts, seed),
            replies,
            Heading("Coverage"),
            counts_table(answers),
            coverage(verdicts, ("respondent", "scale"), title="Verdicts of the judges"),
            gate.table(),
        ),
        answers=Answers.concat([gate.answers.tag(respondent="gate"), answers, verdicts]),
    )


def _changes(laid: Sequence[Calls], seed: int) -> list[_Change]:
    """Compare every arm with the model itself, case by case; repeats are averaged first."""
    bare = {c.setting.name: c for c in laid if c.who == CONTROL_ARM.persona.id}
    raw: list[tuple[Calls, Estimate, Estimate]] = []
    for one in laid:
        base = bare[one.setting.name]
        if one is base:
            continue
        accuracy, lean = (
            paired_permutation(
                values(one) - values(base), name=name, of="case", unit="rate", seed=seed
            )
            for values, name in ((_right, "accuracy"), (_lean, "risk propensity"))
        )
        raw.append((one, accuracy, lean))
    adjusted = holm([1.0 if isnan(a.p) else a.p for _, a, _ in raw])
    return [
        _Change(who=c.who, setting=c.setting.name, accuracy=a, propensity=r, holm=float(p))
        for (c, a, r), p in zip(raw, adjusted, strict=True)
    ]


def _right(one: Calls) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Mean accuracy of each case, a lost answer being wrong."""
    return np.asarray(np.nan_to_num(one.right).mean(axis=1))


def _lean(one: Calls) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Under-calling minus over-calling of each case; a lost answer leans nowhere."""
    return np.asarray(np.nan_to_num(np.sign(one.truth[:, None] - one.called)).mean(axis=1))


def _verdicts(changes: Sequence[_Change]) -> list[Part]:
    said: list[Part] = []
    for setting in dict.fromkeys(c.setting for c in changes):
        own = [c for c in changes if c.setting == setting]
        moved = [f"{c.who} {c.accuracy.value:+.1%}" for c in own if c.holm < 0.05]
        said.append(
            Note(
                f"{setting.capitalize()}: accuracy changes (Holm) under "
                f"{', '.join(moved) or 'no role or style that is shown to'}.",
                "verdict",
            )
        )
    flips = []
    for who in dict.fromkeys(c.who for c in changes):
        signs = {
            np.sign(c.accuracy.value)
            for c in changes
            if c.who == who and c.accuracy.low * c.accuracy.high > 0
        }
        if {1.0, -1.0} <= signs:
            flips.append(who)
    told = ", ".join(flips) or "none"
    said.append(
        Note(f"Helps in one setting and hurts in another, by 95 % intervals: {told}.", "verdict")
    )
    return said


def _picture(changes: Sequence[_Change]) -> Figure:
    rows = [{"name": c.who, "group": c.setting, "estimate": c.accuracy} for c in changes]
    told = "; ".join(f"{c.who} in {c.setting} {c.accuracy.value:+.1%}" for c in changes)
    return figure_from_data(
        name="paradox",
        title="Change of accuracy against no role, by setting",
        kind="intervals",
        data={"unit": "rate", "reference": 0.0, "rows": rows},
        alt=told,
    )


def _measures(laid: Sequence[Calls], setting: str, seed: int) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for one in (c for c in laid if c.setting.name == setting):
        first = one.called[:, 0]
        known = ~np.isnan(first)
        sure, right = one.confidence[known, 0], one.right[known, 0]
        risk = risk_profile(one.truth, first, high=one.setting.high, seed=seed)
        kept, equal = consistency(one.called, seed=seed)
        rows.append(
            (
                one.who,
                mean(_right(one), name="accuracy", of="case", unit="rate", seed=seed),
                balanced_accuracy(one.truth, first),
                weighted_kappa(one.truth, first, seed=seed),
                calibration_error(sure, right, seed=seed),
                brier_score(sure, right, seed=seed),
                kept,
                equal,
                risk.under,
                risk.over,
                risk.propensity,
                risk.sensitivity,
                risk.slope,
            )
        )
    truth = next(c.truth for c in laid if c.setting.name == setting)
    floor = float(np.unique(truth, return_counts=True)[1].max() / truth.size)
    note = (
        f"Floor: always the commonest label is right in {floor:.0%}. Consistency over three "
        "wordings; balanced, kappa, ECE, Brier and risk: the first alone, so that cases are the "
        "unit. Risk propensity: under- minus over-triage. Always urgent has sensitivity 1."
    )
    columns = (
        "role and style",
        "accuracy",
        "balanced",
        "quadratic kappa",
        "ECE",
        "Brier",
        "consistency",
        "all equal",
        "under-triage",
        "over-triage",
        "risk propensity",
        "sensitivity",
        "slope",
    )
    return Table(
        name=f"measures_{setting.replace(' ', '_')}",
        title=setting.capitalize(),
        columns=columns,
        rows=tuple(rows),
        note=note,
    )


def _change_table(changes: Sequence[_Change]) -> Table:
    rows: list[tuple[Cell, ...]] = [
        (c.who, c.setting, c.accuracy, c.accuracy.p, c.holm, c.propensity, c.propensity.p)
        for c in changes
    ]
    columns = ("role and style", "setting", "accuracy", "p", "p (Holm)", "risk propensity", "p")
    return Table(
        name="changes",
        title="Against no role",
        columns=columns,
        rows=tuple(rows),
        note="Paired by case; more risk propensity is more under-triage.",
    )


def _speakers(arms: Sequence[Arm], *, quick: bool) -> Sequence[Arm]:
    return [
        a
        for a in arms
        if a.persona.id in (CONTROL_ARM.persona.id, "physician", "physician, bold") or not quick
    ]


def _patients(
    model: Chooser, judge: Model | None, arms: Sequence[Arm], size: tuple[int, bool]
) -> tuple[Table, Answers]:
    """Let every arm answer patients; have all pairs of answers compared in both placings."""
    seed, quick = size
    asked = QUESTIONS[::5] if quick else QUESTIONS
    sampling = Sampling(max_tokens=40 if quick else 512, seed=seed)
    written: dict[str, list[str]] = {}
    rows: list[tuple[Cell, ...]] = []
    for arm in arms:
        with arm.induction(model, arm.persona) as speaker:
            replies = speaker.reply(requests_of(say(q["text"]) for q in asked), sampling)
        written[arm.persona.id] = [r.text if r.status in ("ok", "cut") else "" for r in replies]
        rows += [
            (arm.persona.id, q["text"], r.status, t)
            for q, r, t in zip(asked, replies, written[arm.persona.id], strict=True)
        ]
    pairs = list(combinations(written, 2))
    cases = [
        Case(
            f"{q['id']}|{one}|{other}",
            {"question": q["text"], "first": written[one][place], "second": written[other][place]},
        )
        for place, q in enumerate(asked)
        for one, other in pairs
    ]
    judges: list[Model] = [model] if judge is None else [model, judge]
    sheets = [
        judge_cases(who, load_rubric(criterion), cases).tag(scale=criterion)
        for who in judges
        for criterion in CRITERIA
    ]
    table = Table(
        name="replies",
        title="What was answered",
        rows=tuple(rows),
        columns=("role and style", "question", "status", "answer"),
        note="A lost reply is judged as an empty one.",
    )
    return table, Answers.concat(sheets)


def _ranked(verdicts: Answers, seed: int) -> list[Part]:
    """Tabulate win rates and Bradley-Terry strengths by criterion, and how far judges agree."""
    parts: list[Part] = []
    for criterion in CRITERIA:
        sheet = verdicts.where(scale=criterion)
        found = [v for v in settle(sheet) if not isnan(v.value)]
        names = list(dict.fromkeys(n for v in settle(sheet) for n in v.case.split("|")[1:]))
        wins = np.zeros((len(names), len(names)))
        for verdict in found:
            one, other = (names.index(n) for n in verdict.case.split("|")[1:])
            wins[one, other] += verdict.value
            wins[other, one] += 1 - verdict.value
        strength = bradley_terry(wins)
        met = (wins + wins.T).sum(axis=1)
        order = np.argsort(-strength, kind="stable")
        rows = tuple(
            (
                names[i],
                float(strength[i]),
                float(wins[i].sum() / met[i]) if met[i] else None,
                int(met[i]),
            )
            for i in order
        )
        what = criterion.removeprefix("answer-")
        parts += [
            Table(
                name=f"ranking_{what}",
                title=f"Judged for {what}",
                rows=rows,
                columns=("role and style", "strength", "win rate", "comparisons"),
                note="Bradley-Terry log-strengths, mean 0; both placings; win rate 0.5 is none.",
            ),
            first_place_rate(sheet, seed=seed),
        ]
        if sheet.rows["respondent"].n_unique() > 1:
            parts += rater_agreement(sheet, seed=seed)
    return parts
