"""Finds the stances offered on a user's opinion, and tells an opinion from the prompt without."""

from personae.measure.tasks.opinions import STANCES
from personae.respondents.recognition import register
from personae.respondents.stimuli import AnswerScale, Prompt, StanceScale, bare_words

__all__: list[str] = []

_LEVELS = {bare_words(stance): level for stance, level in STANCES.items()}


@register(StanceScale, "opinions")
def _stances(prompt: Prompt) -> StanceScale | None:
    scale = AnswerScale.among([_LEVELS], prompt.options)
    if scale is None:
        return None
    return StanceScale(scale.levels, blank=prompt.text.startswith("..."))
