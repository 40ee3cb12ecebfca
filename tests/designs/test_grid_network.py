"""The grid on a random network: nothing is known there, and every figure is defined."""

import numpy as np
import pytest

from personae.core import Persona, Sampling
from personae.designs.arms import CONTROL_ARM, Arm
from personae.designs.grid import Asking, ask_grid
from personae.designs.question_effects import question_scores
from personae.induce.prompt.prompt_inductions import persona_text
from personae.measure.tasks.opinions import ask_opinions, load_opinions
from personae.measure.tasks.problems import load_problems
from personae.stats.effects.proportions import rate
from personae.stats.prediction.confidence_calibration import calibration_error
from personae.studies.bias_runs_deep.identities import identities, instruction
from personae.studies.persona_paradox.triage import ask_triage, load_settings, triage_ratings
from personae.studies.persona_paradox.triage_measures import risk_profile
from tests.support.tiny_networks import tiny_model

HUMAN = identities("reference")[0]
SHORT = load_problems("plain-knowledge").per_field(1)


def test_a_human_is_nobody_and_again_the_same() -> None:
    """Accuracies within a Wilson width; the same again; rate of parsing."""
    model = tiny_model()
    arms = [CONTROL_ARM, Arm(name="adopt", induction=instruction("adopt"), persona=HUMAN)]
    sheet = ask_grid(model, arms, SHORT, Asking(channel="option"))
    scores, _ = question_scores(sheet, "respondent", ["unchanged", HUMAN.id])
    bare, human = (rate(row) for row in scores)
    assert abs(bare.value - human.value) < bare.high - bare.low
    again = ask_grid(model, arms, SHORT, Asking(channel="option"))
    assert again.rows.equals(sheet.rows)
    written = ask_grid(
        model,
        [CONTROL_ARM],
        SHORT,
        Asking(channel="reply", sampling=Sampling(max_tokens=24)),
    )
    read = sum(row["outcome"] in ("correct", "wrong") for row in written.rows.to_dicts())
    assert 0 <= rate([1.0] * read + [0.0] * (len(written) - read)).value <= 1
    assert set(written.rows["status"]) <= {"ok", "refused", "unparsed", "cut"}
    unread = written.rows.filter(~written.rows["outcome"].is_in(["correct", "wrong"]))
    assert not unread["raw"].str.contains(r"\([ABCD]\)").any()


def test_a_pleaser_and_a_contrarian_weigh_agreement_differently() -> None:
    """Scores in 0..1, coverage whole, and two personas differ."""
    model = tiny_model()
    prompts = load_opinions(pairs=3)
    people = {
        "pleaser": "You are a people pleaser. You tell everyone that they are right.",
        "contrarian": "You are a contrarian. You tell everyone that they are wrong.",
    }
    levels = {}
    for name, text in people.items():
        with persona_text(model, Persona(id=name, text=text)) as speaker:
            sheet = ask_opinions(speaker, name, prompts, "option")
        assert set(sheet.rows["status"]) == {"ok"}
        levels[name] = sheet.rows["expected"].to_numpy() / 3
        assert ((levels[name] >= 0) & (levels[name] <= 1)).all()
    assert np.abs(levels["pleaser"] - levels["contrarian"]).max() > 1e-3


def test_every_measure_of_triage_is_finite() -> None:
    """Labels add up, ECE and risk are finite, at any accuracy."""
    model = tiny_model()
    settings = load_settings(first=10)[:1]
    sheet = ask_triage(model, [CONTROL_ARM], settings, Asking(channel="label"))
    for logp in sheet.rows["logp"].to_list():
        assert np.exp(logp).sum() == pytest.approx(1.0)
    for ratings in triage_ratings(sheet, settings):
        confidence, right = ratings.confidence[:, 0], ratings.right[:, 0]
        assert np.isfinite(calibration_error(confidence, right).value)
        risk = risk_profile(ratings.truth, ratings.rated[:, 0], high=ratings.setting.high)
        assert np.isfinite([risk.under.value, risk.over.value, risk.propensity.value]).all()
