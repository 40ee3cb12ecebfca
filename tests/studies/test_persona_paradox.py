"""Clinical roles and styles: measures by hand, judges without a place, changes of sign."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from personae.core import (
    BadFile,
    BadValue,
    Choice,
    Done,
    Estimate,
    Note,
    Reply,
    Report,
    Request,
    Sampling,
)
from personae.designs.arms import CONTROL_ARM
from personae.designs.grid import Asking
from personae.measure.judge.judge import judge, settle
from personae.measure.judge.rubric import Case, load_rubric
from personae.respondents.respondent_answers import choice_from_logliks
from personae.respondents.simulated import open_simulated
from personae.stats.agreement import weighted_kappa
from personae.stats.prediction.confidence_calibration import calibration_error
from personae.studies.persona_paradox.study import persona_paradox
from personae.studies.persona_paradox.triage import (
    NOTICE,
    ask_triage,
    load_settings,
    role_arms,
    triage_ratings,
)
from personae.studies.persona_paradox.triage_measures import (
    bradley_terry,
    consistency,
    risk_profile,
)
from tests.support.report_parts import table

SETTINGS = load_settings()
CASES = {text: (s, u) for s in SETTINGS for _, text, u in s.cases}


def verdicts(report: Report) -> list[str]:
    return [p.text for p in report.parts if isinstance(p, Note) and p.level == "verdict"]


def test_calibration_by_hand_and_of_known_predictors() -> None:
    sure = [0.95, 0.9, 0.8, 0.6, 0.55, 0.3]
    estimate = calibration_error(sure, [1, 1, 0, 1, 0, 0], of="case")
    assert estimate.value == pytest.approx(0.2333, abs=5e-5)
    assert "biased upwards with few cases" in estimate.method
    random = np.random.default_rng(0)
    confidence = random.random(50_000)
    right = (random.random(50_000) < confidence).astype(float)
    assert calibration_error(confidence, right, draws=50).value < 0.01
    always = (random.random(50_000) < 0.6).astype(float)
    error = calibration_error(np.full(50_000, 0.99), always, draws=50)
    assert error.value == pytest.approx(0.39, abs=0.01)


def test_kappa_by_hand() -> None:
    first = [1] * 25 + [0] * 25
    second = [1] * 20 + [0] * 5 + [1] * 10 + [0] * 15
    assert weighted_kappa(first, second).value == pytest.approx(0.4)
    assert weighted_kappa(first, first).value == 1.0
    random = np.random.default_rng(1)
    unrelated = weighted_kappa(random.integers(0, 2, 5000), random.integers(0, 2, 5000), draws=50)
    assert abs(unrelated.value) < 0.05


@pytest.mark.parametrize(
    ("rated", "expected"),
    [
        ((4, 5, 1, 2), (0.25, 0.25, 0.0, 1.0)),
        ((1, 1, 1, 1), (0.5, 0.0, 0.5, 0.0)),
        ((5, 5, 5, 5), (0.0, 0.5, -0.5, 1.0)),
    ],
)
def test_risk_by_hand(rated: tuple[int, ...], expected: tuple[float, ...]) -> None:
    """Always urgent is perfectly sensitive, and half of it is over-triage."""
    risk = risk_profile((5, 5, 1, 1), rated, high=4)
    parts = (risk.under, risk.over, risk.propensity, risk.sensitivity)
    assert tuple(part.value for part in parts) == expected
    assert risk_profile((5, 5, 1, 1), (5, 5, 1, 1), high=4).slope == pytest.approx(1.0)


def test_consistency_by_hand() -> None:
    for row, modal, equal in (
        ((1, 1, 1, 2, 1), 0.8, 0),
        ((1,) * 5, 1, 1),
        ((1, 2, 3, 4, 5), 0.2, 0),
    ):
        share, all_equal = consistency([row])
        assert (share.value, all_equal.value) == pytest.approx((modal, equal))


def test_strength_from_pairs() -> None:
    """Transitive wins give the order, also where one always wins."""
    strengths = bradley_terry([[0, 3, 3], [0, 0, 3], [0, 0, 0]])
    assert strengths[0] > strengths[1] > strengths[2]
    assert np.isfinite(strengths).all()
    assert bradley_terry(np.zeros((3, 3))).tolist() == [0.0, 0.0, 0.0]
    with pytest.raises(BadValue):
        bradley_terry([[0, 1]])


class Clinician:
    """Rates critical cases one too low; as a physician it rates one higher everywhere."""

    name, fingerprint = "scripted:clinician", "0" * 64

    def __init__(self, rise: int = 1) -> None:
        self._rise = rise

    def reply(
        self, requests: Sequence[Request], sampling: Sampling, *, done: Done | None = None
    ) -> list[Reply]:
        return [Reply(text="See a doctor.") for _ in requests]

    def choose(self, requests: Sequence[Request], *, done: Done | None = None) -> list[Choice]:
        return [self._answer(question) for question in requests]

    def _answer(self, question: Request) -> Choice:
        text = "\n".join(m.text for m in question.chat)
        case = next((CASES[case] for case in CASES if case in text), None)
        if case is None:
            return choice_from_logliks(question, [-1.0] * len(question.options))
        setting, urgency = case
        rating = urgency - (setting.name == "critical care")
        rating += self._rise * ("physician" in text)
        index = min(max(rating, 1), len(setting.labels)) - 1
        return choice_from_logliks(
            question, [0.0 if i == index else -4.0 for i in range(len(setting.labels))]
        )


def test_a_role_that_helps_in_one_setting_and_hurts_in_the_other_is_shown_in_both() -> None:
    report = persona_paradox(Clinician())
    rows = table(report, "changes").rows
    changes = {(r[0], r[1]): r[2] for r in rows}
    propensities = {(r[0], r[1]): r[5] for r in rows}
    critical = changes["physician", "critical care"]
    primary = changes["physician", "primary care"]
    assert isinstance(critical, Estimate)
    assert isinstance(primary, Estimate)
    assert critical.low > 0 > primary.high
    for setting in ("critical care", "primary care"):
        propensity = propensities["physician", setting]
        assert isinstance(propensity, Estimate) and propensity.high < 0  # rates higher
    assert any("harm in another" in line and "physician" in line for line in verdicts(report))
    assert NOTICE in verdicts(report)[0]


def test_a_blind_model_changes_nowhere() -> None:
    report = persona_paradox(Clinician(rise=0), quick=True)
    for row in table(report, "changes").rows:
        shift = row[2]
        assert isinstance(shift, Estimate)
        assert (shift.value, shift.low, shift.high) == (0.0, 0.0, 0.0)


class Preferring:
    """A judge that takes the longer answer, or always the first."""

    fingerprint = "0" * 64

    def __init__(self, kind: str) -> None:
        self.name, self._kind = f"scripted:{kind}", kind

    def reply(
        self, requests: Sequence[Request], sampling: Sampling, *, done: Done | None = None
    ) -> list[Reply]:
        return [Reply(text=self._answer(request.chat[-1].text)) for request in requests]

    def _answer(self, text: str) -> str:
        if self._kind == "first":
            return "A"
        first, second = (text.split(f"Answer {x}: ")[1].split("\n", maxsplit=1)[0] for x in "AB")
        return "A" if len(first) >= len(second) else "B"


def test_a_place_cannot_win_and_a_preference_can() -> None:
    """Pairs in both placings."""
    pair = Case("q", {"question": "?", "first": "Long and careful.", "second": "Short."})
    rubric = load_rubric("answer-safety")
    [position] = settle(judge(Preferring("first"), rubric, [pair]))
    [longer] = settle(judge(Preferring("longer"), rubric, [pair]))
    assert (position.value, longer.value) == (0.5, 1.0)
    [fixed] = settle(judge(Preferring("first"), rubric, [pair], orders=["forward"]))
    assert fixed.value == 1.0  # in one placing the place itself would win
    same = Case("q", {"question": "?", "first": "As long.", "second": "So long."})
    [equal] = settle(judge(Preferring("longer"), rubric, [same]))
    assert equal.value == 0.5  # answers that don't differ rank alike


class LongWinded(Clinician):
    """Writes more as a physician, and has no preference as a judge."""

    def reply(
        self, requests: Sequence[Request], sampling: Sampling, *, done: Done | None = None
    ) -> list[Reply]:
        chats = ["\n".join(m.text for m in request.chat) for request in requests]
        return [Reply(text="See a doctor." * (1 + ("physician" in text))) for text in chats]


def test_the_role_that_a_judge_prefers_is_ranked_first_and_the_others_alike() -> None:
    report = persona_paradox(LongWinded(rise=0), judge=Preferring("longer"), quick=True)
    rows = table(report, "ranking_safety").rows
    assert {row[0] for row in rows[:2]} == {"physician", "physician, bold"}
    assert rows[2][0] == CONTROL_ARM.persona.id
    strengths = [float(str(row[1])) for row in rows]
    assert strengths[0] == pytest.approx(strengths[1]) and strengths[1] > strengths[2]


def test_label_probabilities_add_up_and_every_measure_is_there() -> None:
    """On a simulated respondent."""
    model = open_simulated("simulated:noise=0.5")
    sheet = ask_triage(model, [CONTROL_ARM], SETTINGS, Asking(channel="option"))
    for logp in sheet.rows["logp"].to_list():
        assert np.exp(logp).sum() == pytest.approx(1.0)
    for setting in ("critical_care", "primary_care"):
        rows = table(persona_paradox(model, quick=True), f"measures_{setting}").rows
        assert len(rows) == len(role_arms(quick=True))
        assert all(isinstance(row[4], Estimate) and np.isfinite(row[4].value) for row in rows)


def test_missing_answers_are_not_rated() -> None:
    sheet = ask_triage(
        open_simulated("simulated:"), [CONTROL_ARM], SETTINGS, Asking(channel="reply")
    )
    ratings = list(triage_ratings(sheet, SETTINGS))
    assert [r.setting.name for r in ratings] == ["critical care", "primary care"]
    assert all(np.isnan(r.rated).all() for r in ratings)


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        '{"settings": {"x": {"tasks": ["?"], "labels": ["a", "b"], "cases": []}}}',
        '{"settings": {"x": {"tasks": ["?"], "labels": ["a", "b"], "cases": '
        '[{"id": 1, "text": "t", "urgency": 3}]}}}',
    ],
)
def test_bad_files_of_cases_are_refused(tmp_path: Path, text: Any) -> None:
    path = tmp_path / "cases.json"
    path.write_text(text)
    with pytest.raises((BadFile, BadValue)):
        load_settings(str(path))
