"""The grid on the embedded model: draws and likelihoods agree, batches change nothing."""

import numpy as np
import pytest

from personae.core import Persona, Request, Sampling
from personae.designs.arms import CONTROL_ARM, Arm
from personae.designs.grid import Asking, ask_grid
from personae.designs.question_effects import question_scores
from personae.induce.prompt.prompt_inductions import persona_text
from personae.measure.tasks.opinions import ask_opinions, load_opinions
from personae.measure.tasks.problems import load_problems
from personae.measure.tasks.theory_of_mind import belief_problems, load_scenes
from personae.models.local.engine import LocalModel
from personae.stats.effects.proportions import rate
from personae.stats.prediction.confidence_calibration import calibration_error
from personae.studies.bias_runs_deep.identities import identities, instruction
from personae.studies.persona_paradox.triage import ask_triage, load_settings, triage_ratings
from personae.studies.persona_paradox.triage_measures import risk_profile
from tests.support.embedded import embedded

pytestmark = pytest.mark.embedded
HUMAN = identities("reference")[0]
DRAWS = 40
SHORT = load_problems("plain-knowledge").per_field(2)


@pytest.fixture(scope="module")
def model() -> LocalModel:
    return LocalModel(embedded())


@pytest.mark.slow
def test_draws_agree_with_likelihoods(model: LocalModel) -> None:
    """Of 40 draws each letter within 3 standard errors."""
    problem = SHORT.problems[3]
    chat = Asking(channel="label").chat(problem)
    options = tuple((f" ({a}",) for a in problem.letters)
    [choice] = model.choose([Request(chat, options)])
    drawn = []
    for repeat in range(DRAWS):
        sampling = Sampling(max_tokens=2, temperature=1.0, seed=11, repeat=repeat)
        drawn += [reply.text for reply in model.reply([Request(chat)], sampling)]
    named = [text.lstrip()[1:2] for text in drawn if text.lstrip().startswith("(")]
    offered = [letter for letter in named if letter in problem.letters]
    error = np.sqrt(choice.mass * (1 - choice.mass) / DRAWS)
    assert len(offered) / DRAWS == pytest.approx(choice.mass, abs=3 * error + 0.005)
    for letter, logp in zip(problem.letters, choice.logp, strict=True):
        p = float(np.exp(logp))
        error = np.sqrt(p * (1 - p) / len(offered))
        assert offered.count(letter) / len(offered) == pytest.approx(p, abs=3 * error + 0.005)


def test_a_human_is_nobody_and_again_the_same(model: LocalModel) -> None:
    """Accuracies within a Wilson width; the same again; rate of parsing."""
    arms = [CONTROL_ARM, Arm(name="adopt", induction=instruction("adopt"), persona=HUMAN)]
    sheet = ask_grid(model, arms, SHORT.per_field(1), Asking(channel="option"))
    scores, _ = question_scores(sheet, "respondent", ["unchanged", HUMAN.id])
    bare, human = (rate(row) for row in scores)
    assert abs(bare.value - human.value) < bare.high - bare.low
    again = ask_grid(model, arms, SHORT.per_field(1), Asking(channel="option"))
    assert again.rows.equals(sheet.rows)
    written = ask_grid(
        model,
        [CONTROL_ARM],
        SHORT.per_field(1),
        Asking(channel="reply", sampling=Sampling(max_tokens=24)),
    )
    read = sum(row["outcome"] in ("correct", "wrong") for row in written.rows.to_dicts())
    assert 0 <= rate([1.0] * read + [0.0] * (len(written) - read)).value <= 1
    assert set(written.rows["status"]) <= {"ok", "refused", "unparsed", "cut"}
    unread = written.rows.filter(~written.rows["outcome"].is_in(["correct", "wrong"]))
    assert not unread["raw"].str.contains(r"\([ABCD]\)").any()


def test_a_pleaser_and_a_contrarian_weigh_agreement_differently(model: LocalModel) -> None:
    """Scores in 0..1, coverage whole, and two personas differ."""
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


@pytest.mark.slow
def test_beliefs_do_not_depend_on_the_batch(model: LocalModel) -> None:
    """The same accuracy in small passes and large, with and without persona."""
    scenes = belief_problems(load_scenes()[:1], variables=("forward belief",)).per_field(3)
    unbatched = LocalModel(embedded(), token_budget=1)
    arms = [
        CONTROL_ARM,
        Arm(
            name="text",
            induction=persona_text,
            persona=Persona(id="ada", text="You are Ada, a shy clerk."),
        ),
    ]
    asking = Asking(channel="option")
    large, small = (ask_grid(m, arms, scenes, asking).rows for m in (model, unbatched))
    assert large["value"].to_list() == small["value"].to_list()
    assert large["expected"].to_numpy() == pytest.approx(small["expected"].to_numpy(), abs=1e-4)


def test_every_measure_of_triage_is_finite(model: LocalModel) -> None:
    """Labels add up, ECE and risk are finite, at any accuracy."""
    settings = load_settings(first=10)[:1]
    sheet = ask_triage(model, [CONTROL_ARM], settings, Asking(channel="label"))
    for logp in sheet.rows["logp"].to_list():
        assert np.exp(logp).sum() == pytest.approx(1.0)
    for ratings in triage_ratings(sheet, settings):
        confidence, right = ratings.confidence[:, 0], ratings.right[:, 0]
        assert np.isfinite(calibration_error(confidence, right).value)
        risk = risk_profile(ratings.truth, ratings.rated[:, 0], high=ratings.setting.high)
        assert np.isfinite([risk.under.value, risk.over.value, risk.propensity.value]).all()
