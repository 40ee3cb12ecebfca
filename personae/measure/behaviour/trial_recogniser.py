"""Finds the trials of the shipped behavioural tasks by whole paragraphs of a prompt."""

from collections.abc import Mapping
from functools import cache

from personae.core import BehaviourTask, Trial, behaviour_tasks, load_behaviour_task
from personae.respondents.recognition import register
from personae.respondents.stimuli import Prompt, TaskTrial, relative_levels

__all__: list[str] = []


@register(TaskTrial, "behaviour")
def _trial(prompt: Prompt) -> TaskTrial | None:
    """Find the task whose instruction, and the trial whose text, is a paragraph of the prompt."""
    tasks, trials = _index()
    paragraphs = prompt.text.split("\n\n")
    task = next((tasks[p] for p in paragraphs if p in tasks), None)
    if task is None:
        return None
    signs = task.measures[0].signs
    trial = next((trials[p] for p in paragraphs if p in trials), None)
    if trial is None:
        return TaskTrial(task.name, signs)
    levels = relative_levels({option.text: option.value for option in trial.options})
    return TaskTrial(task.name, signs, trial.base, trial.push, levels)


@cache
def _index() -> tuple[Mapping[str, BehaviourTask], Mapping[str, Trial]]:
    """All shipped tasks by instruction, and their trials by text."""
    tasks = [load_behaviour_task(name) for name in behaviour_tasks()]
    return {t.instruction: t for t in tasks}, {
        trial.text: trial for t in tasks for trial in t.trials
    }
