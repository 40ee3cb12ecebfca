"""The grid on the embedded model: draws and likelihoods agree, batches change nothing."""

import numpy as np
import pytest

from personae.core import Persona, Request, Sampling
from personae.designs.arms import CONTROL_ARM, Arm
from personae.designs.grid import Asking, ask_grid
from personae.induce.prompt.prompt_inductions import persona_text
from personae.measure.tasks.problems import load_problems
from personae.measure.tasks.theory_of_mind import belief_problems, load_scenes
from personae.models.local.engine import LocalModel
from personae.studies.bias_runs_deep.identities import identities
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
