"""Whether medical roles and bold or cautious styles make clinical answers better, or riskier.

System   persona-paradox
Paper    Abdullahi, Ghosh, Fraser, León Tramontini, Abbasi, Bourjeily, Eickhoff & Singh 2026
         (arXiv:2601.05376)
Asks     Does a role or a style help where cases are critical and hurt in primary care, and which
         answers to patients do judges find safer?
Differs  invented cases, not for clinical use; risk measures are our own definitions, as the paper
         gives none; settings are never pooled, and a change of sign between them is flagged;
         confidence is the probability of the label, not a stated number; the perfect sensitivity
         of calling every case urgent stands beside its over-triage; answers are compared in both
         placings and the judge never reads the role
Version  2
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isnan

import numpy as np

from personae.core import (
    Answers,
    Array,
    Chooser,
    Estimate,
    Heading,
    Model,
    Part,
    Report,
    Table,
)
from personae.designs.ability import ability
from personae.designs.arms import CONTROL_ARM
from personae.designs.grid import Asking
from personae.designs.question_effects import counts_table
from personae.report.build import Row, coverage, forest, table, verdict, with_p
from personae.stats.agreement import weighted_kappa
from personae.stats.effects.effect_sizes import paired_permutation
from personae.stats.multiplicity import planned_holm
from personae.stats.prediction.confidence_calibration import brier_score, calibration_error
from personae.stats.resample import mean
from personae.studies.persona_paradox.patient_answers import answers_to_patients, rankings
from personae.studies.persona_paradox.triage import (
    NOTICE,
    TriageRatings,
    ask_triage,
    load_settings,
    role_arms,
    triage_ratings,
)
from personae.studies.persona_paradox.triage_measures import (
    balanced_accuracy,
    consistency,
    risk_profile,
)

__all__ = ["persona_paradox"]

WRITERS = (CONTROL_ARM.persona.id, "physician", "physician, bold")
"""Who answers patients in a quick run."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Change:
    """One arm against the control in one setting."""

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
    """Rate urgencies under roles and styles; compare answers to patients in pairs.

    Args:
        model: who is asked; likelihoods are needed.
        judge: who compares the answers beside the model itself.
        cases: a JSON file of settings; invented cases of two settings if none is given.
        seed: seed of the answers and of the resampling.
        quick: two roles, six cases a setting, two patient questions with short answers.
    """
    settings = load_settings(cases, first=6 if quick else None)
    gate = ability(model, settings[-1].problems(0))
    arms = role_arms(quick=quick)
    answers = ask_triage(model, arms, settings, Asking(channel=gate.channel))
    ratings = list(triage_ratings(answers, settings))
    changes = _changes(ratings, seed)
    writers = [arm for arm in arms if arm.persona.id in WRITERS or not quick]
    replies, judgements = answers_to_patients(model, judge, writers, seed, quick=quick)
    return Report(
        title=f"Persona paradox: {model.name}",
        parts=(
            verdict(f"{NOTICE} {gate.sentence}"),
            *_verdicts(changes),
            Heading("Ratings of urgency"),
            forest(
                "paradox",
                "Change of accuracy against no role, by setting",
                [(c.who, c.setting, c.accuracy) for c in changes],
                "rate",
                form="+.1%",
            ),
            *(_measures_table(ratings, setting.name, seed) for setting in settings),
            _changes_table(changes),
            Heading("Answers to patients"),
            *rankings(judgements, seed),
            replies,
            Heading("Coverage"),
            counts_table(answers),
            coverage(judgements, ("respondent", "scale"), title="Verdicts of the judges"),
            gate.table(),
        ),
        answers=Answers.concat([gate.answers.tag(respondent="gate"), answers, judgements]),
    )


def _changes(ratings: Sequence[TriageRatings], seed: int) -> list[_Change]:
    """Compare every arm with the control, case by case; repeats are averaged first."""
    controls = {r.setting.name: r for r in ratings if r.who == CONTROL_ARM.persona.id}

    def change(
        arm: TriageRatings, by_case: Callable[[TriageRatings], Array], name: str
    ) -> Estimate:
        differences = by_case(arm) - by_case(controls[arm.setting.name])
        return paired_permutation(differences, name=name, of="case", unit="rate", seed=seed)

    arms = [r for r in ratings if r is not controls[r.setting.name]]
    accuracies = [change(arm, _accuracy, "accuracy") for arm in arms]
    adjusted = planned_holm(accuracy.p for accuracy in accuracies)
    return [
        _Change(
            who=arm.who,
            setting=arm.setting.name,
            accuracy=accuracy,
            propensity=change(arm, _propensity, "risk propensity"),
            holm=p,
        )
        for arm, accuracy, p in zip(arms, accuracies, adjusted, strict=True)
    ]


def _accuracy(ratings: TriageRatings) -> Array:
    """Give the mean accuracy of each case, (cases,), 0..1; a missing answer is wrong."""
    return np.asarray(np.nan_to_num(ratings.right).mean(axis=1))


def _propensity(ratings: TriageRatings) -> Array:
    """Give under- minus over-triage of each case, (cases,), -1..1; a missing answer is neither."""
    signs = np.sign(ratings.truth[:, None] - ratings.rated)
    return np.asarray(np.nan_to_num(signs).mean(axis=1))


def _verdicts(changes: Sequence[_Change]) -> list[Part]:
    """Say which roles and styles change accuracy, and which do so in opposite directions."""
    parts: list[Part] = []
    for setting in dict.fromkeys(c.setting for c in changes):
        clear = [
            f"{c.who} {c.accuracy.value:+.1%}"
            for c in changes
            if c.setting == setting and c.holm < 0.05
        ]
        parts.append(
            verdict(
                f"{setting.capitalize()}: roles and styles shown to change accuracy (Holm): "
                f"{', '.join(clear) or 'none'}."
            )
        )
    directions: dict[str, set[float]] = {c.who: set() for c in changes}
    for c in changes:
        if c.accuracy.low * c.accuracy.high > 0:
            directions[c.who].add(float(np.sign(c.accuracy.value)))
    both = [who for who, signs in directions.items() if {1.0, -1.0} <= signs]
    listed = ", ".join(both) or "none"
    parts.append(verdict(f"Help in one setting and harm in another (95 % intervals): {listed}."))
    return parts


def _measures_table(ratings: Sequence[TriageRatings], setting: str, seed: int) -> Table:
    """Tabulate every measure of every arm in one setting."""
    own = [r for r in ratings if r.setting.name == setting]
    truth = own[0].truth
    floor = float(np.unique(truth, return_counts=True)[1].max() / truth.size)
    note = (
        f"Floor: always giving the commonest label is right in {floor:.0%}. Accuracy and "
        "consistency over three wordings; the other measures on the first alone, so that cases "
        "are the unit. Risk propensity: under- minus over-triage. Rating every case urgent has "
        "sensitivity 1."
    )
    return table(
        f"measures_{setting.replace(' ', '_')}",
        setting.capitalize(),
        [_measures_row(r, seed) for r in own],
        note,
    )


def _measures_row(ratings: TriageRatings, seed: int) -> Row:
    truth, first = ratings.truth, ratings.rated[:, 0]
    known = ~np.isnan(first)
    confidence, right = ratings.confidence[known, 0], ratings.right[known, 0]
    risk = risk_profile(truth, first, high=ratings.setting.high, seed=seed)
    modal, equal = consistency(ratings.rated, seed=seed)
    return {
        "role and style": ratings.who,
        "accuracy": mean(_accuracy(ratings), name="accuracy", of="case", unit="rate", seed=seed),
        "balanced": balanced_accuracy(truth, first),
        "quadratic kappa": weighted_kappa(truth, first, seed=seed),
        "ECE": calibration_error(confidence, right, seed=seed),
        "Brier": brier_score(confidence, right, seed=seed),
        "consistency": modal,
        "all equal": equal,
        "under-triage": risk.under,
        "over-triage": risk.over,
        "risk propensity": risk.propensity,
        "sensitivity": risk.sensitivity,
        "slope": risk.slope,
    }


def _changes_table(changes: Sequence[_Change]) -> Table:
    rows: list[Row] = [
        {
            "role and style": c.who,
            "setting": c.setting,
            **with_p("accuracy", c.accuracy, c.holm),
            "risk propensity": c.propensity,
            "p (propensity)": None if isnan(c.propensity.p) else c.propensity.p,
        }
        for c in changes
    ]
    note = "Paired by case; a higher risk propensity is more under-triage."
    return table("changes", "Against no role", rows, note)
