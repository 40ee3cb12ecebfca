"""Which behavioural task a chat puts, found by its words alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache

from personae.core import BehaviourTask, Trial, behaviour_tasks, load_behaviour_task

__all__ = ["RecognisedTask", "recognise_task", "task_levels"]


@dataclass(frozen=True, slots=True)
class RecognisedTask:
    """A probe, and the trial asked; None where its frame stands around no trial at all."""

    probe: BehaviourTask
    trial: Trial | None


@cache
def _index() -> tuple[Mapping[str, BehaviourTask], Mapping[str, Trial]]:
    loaded = [load_behaviour_task(name) for name in behaviour_tasks()]
    return {p.instruction: p for p in loaded}, {t.text: t for p in loaded for t in p.trials}


@lru_cache(maxsize=4096)
def recognise_task(ask: str) -> RecognisedTask | None:
    """Find the shipped probe whose instruction, and the trial whose text, is a paragraph of `ask`.

    >>> recognise_task("How many cards?") is None
    True
    """
    by_instruction, by_text = _index()
    paragraphs = ask.split("\n\n")
    probe = next((by_instruction[p] for p in paragraphs if p in by_instruction), None)
    if probe is None:
        return None
    return RecognisedTask(probe, next((by_text[p] for p in paragraphs if p in by_text), None))


def task_levels(trial: Trial) -> dict[str, float]:
    """Give each option of a trial, by its text, the level 0..1 of its value."""
    values = [option.value for option in trial.options]
    low, high = min(values), max(values)
    return {o.text: (o.value - low) / ((high - low) or 1) for o in trial.options}
