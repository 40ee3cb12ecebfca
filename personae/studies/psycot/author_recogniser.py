"""Finds the text whose author the questionnaire is about."""

import re

from personae.respondents.recognition import register
from personae.respondents.stimuli import AuthoredText, Prompt

__all__: list[str] = []

_TEXT = re.compile(r"<text>(.*?)</text>", re.DOTALL)


@register(AuthoredText, "psycot")
def _author(prompt: Prompt) -> AuthoredText | None:
    match = _TEXT.search(prompt.text)
    return AuthoredText(match[1], _TEXT.sub(" ", prompt.text)) if match else None
