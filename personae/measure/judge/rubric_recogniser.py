"""Finds the texts to be judged in a prompt, and the levels of the shipped rubrics' scales."""

import re
from collections.abc import Mapping
from functools import cache

from personae.measure.judge.rubric import load_rubric, rubrics
from personae.respondents.recognition import register
from personae.respondents.stimuli import AnswerScale, JudgedTexts, Prompt, relative_levels

__all__: list[str] = []

_SECTION = re.compile(
    r"^[*#\s]*(?:(?:text|essay|answer|response|story|description|vignette)\s+"
    r"\(?([A-Z]|\d{1,2})\)?\s*[:.]|text:)[ \t]*",
    re.IGNORECASE | re.MULTILINE,
)
_QUESTION = re.compile(r"\n\n(?=[^\n]*\?)")


@register(JudgedTexts, "rubrics")
def _judged_texts(prompt: Prompt) -> JudgedTexts | None:
    """Split "Text A: ... Text B: ..." into the texts by label and the surrounding words.

    A text ends at the next one; the last text ends at the last empty line before a line with a
    question ("?"), else at the last empty line. "Text: ..." has the label ""; any other text is
    found under its label alone ("A") and with its noun ("Text A").
    """
    text = prompt.text
    heads = list(_SECTION.finditer(text))
    if not heads:
        return None
    sections: dict[str, str] = {}
    around = text[: heads[0].start()]
    for head, end in zip(heads, [*(h.start() for h in heads[1:]), len(text)], strict=True):
        body = text[head.end() : end]
        if end == len(text):
            questions = [match.start() for match in _QUESTION.finditer(body)]
            cut = questions[-1] if questions else body.rfind("\n\n")
            if cut >= 0:
                body, around = body[:cut], f"{around}\n{body[cut:].strip()}"
        sections[head[1] or ""] = body.strip()
    by_name = {f"Text {label}": body for label, body in sections.items() if label}
    return JudgedTexts({**by_name, **sections}, around)


@register(AnswerScale, "rubrics")
def _scale(prompt: Prompt) -> AnswerScale | None:
    return AnswerScale.among(_scales(), prompt.options)


@cache
def _scales() -> tuple[Mapping[str, float], ...]:
    """The scales of all shipped rubrics but those that compare two texts."""
    scales = [rubric for rubric in map(load_rubric, rubrics()) if not rubric.compares]
    return tuple(relative_levels({o.text.lower(): o.value for o in r.options}) for r in scales)
