"""What an instrument renders, its recogniser finds again: every item, trial, action and problem."""

import pytest

from personae.core import (
    Form,
    InputError,
    behaviour_tasks,
    inventories,
    load_behaviour_task,
    load_inventory,
)
from personae.designs.grid import Asking
from personae.measure.judge.rubric import Case, load_rubric, rubrics
from personae.measure.situations.situation_bank import load_bank
from personae.measure.tasks.opinions import STANCES
from personae.measure.tasks.problems import load_problems, problem_sets
from personae.respondents.comprehension import comprehend
from personae.respondents.recognition import recognise
from personae.respondents.stimuli import (
    AnswerScale,
    JudgedTexts,
    KeyedAction,
    KnownProblem,
    Prompt,
    StanceScale,
    TaskTrial,
)
from tests.support.rendered_items import render_item

WITH_TEXT = [name for name in inventories() if load_inventory(name).has_text]


@pytest.mark.parametrize("name", WITH_TEXT)
def test_every_item_and_option_of_an_inventory_is_found(name: str) -> None:
    inventory = load_inventory(name)
    values = [option.value for option in inventory.options]
    expected = [(value - min(values)) / (max(values) - min(values)) for value in values]
    for item in inventory.items:
        try:
            chat = render_item(inventory, item, Form(wording="plain")).chat
        except InputError:
            pytest.skip(f"{name} isn't asked in the wording 'plain'")
        reading = comprehend(chat)
        assert reading.statement is not None, item
        assert sorted(option.level or 0.0 for option in reading.options) == pytest.approx(expected)


@pytest.mark.parametrize("name", ["ipip-neo-120", "ipip-neo-300"])
def test_items_have_the_domain_facet_and_key_of_the_inventory(name: str) -> None:
    inventory = load_inventory(name)
    for item in inventory.items:
        statement = comprehend(render_item(inventory, item, Form()).chat).statement
        assert statement is not None
        read = (statement.domain, statement.facet, statement.key)
        assert read == (item.scale, item.facet, item.key)


@pytest.mark.parametrize("name", behaviour_tasks())
def test_every_trial_of_a_task_is_found(name: str) -> None:
    task = load_behaviour_task(name)
    for trial in task.trials:
        stimulus = recognise(TaskTrial, Prompt(f"{task.instruction}\n\n{trial.text}"))
        assert stimulus is not None and (stimulus.task, stimulus.push) == (name, trial.push)
        assert {option.text for option in trial.options} == set(stimulus.levels)
        assert {min(stimulus.levels.values()), max(stimulus.levels.values())} == {0.0, 1.0}
    frame = recognise(TaskTrial, Prompt(f"{task.instruction}\n\n..."))
    assert frame is not None and not frame.levels
    assert recognise(TaskTrial, Prompt(task.trials[0].text)) is None


def test_every_action_is_keyed_to_its_pole() -> None:
    for situation in load_bank("personae-trait").items:
        for pole, actions in ((1, situation.high), (-1, situation.low)):
            for text in actions:
                action = recognise(KeyedAction, Prompt(text))
                assert action is not None and abs(action.key) == 1
                domain, sign = action.domain, action.key * pole
                first = recognise(KeyedAction, Prompt(situation.high[0]))
                assert first is not None and (domain, sign) == (first.domain, first.key)


@pytest.mark.parametrize("name", problem_sets())
def test_every_problem_is_found_with_its_answer(name: str) -> None:
    for problem in load_problems(name).problems:
        asking = Asking(channel="label" if problem.options else "reply")
        assert comprehend(asking.chat(problem)).problem == KnownProblem(
            problem.text, problem.answer
        )


def test_stances_are_found_whatever_their_case_and_order() -> None:
    options = tuple(f" {stance.lower()}." for stance in [*STANCES][::-1])
    stances = recognise(StanceScale, Prompt("I say it is so.", options=options))
    assert stances == StanceScale((*STANCES.values(),)[::-1])
    blank = recognise(StanceScale, Prompt("...", options=options))
    assert blank is not None and blank.blank
    assert recognise(StanceScale, Prompt("So?", options=("AGREE", "perhaps"))) is None


@pytest.mark.parametrize("name", rubrics())
def test_every_scale_of_a_rubric_rises(name: str) -> None:
    rubric = load_rubric(name)
    scale = recognise(AnswerScale, Prompt(options=tuple(o.text for o in rubric.options)))
    if rubric.compares:
        assert scale is None
    else:
        assert scale is not None and list(scale.levels) == sorted(scale.levels)


def test_texts_to_judge_are_separated_from_the_question() -> None:
    pair = Case("1", {"first": "Calm.", "second": "Wild.\n\nSo?\n\nYes.", "pole": "open"})
    judged = recognise(JudgedTexts, Prompt(load_rubric("trait-pair").chat(pair)[0].text))
    assert judged is not None
    assert judged.sections["A"] == judged.sections["Text A"] == "Calm."
    assert judged.sections["B"] == "Wild.\n\nSo?\n\nYes."
    assert "more open person" in judged.question and "Calm" not in judged.question
    assert recognise(JudgedTexts, Prompt("Which text is calm?")) is None
