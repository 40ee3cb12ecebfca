"""Finds a persona in a block "Truth:", and the key words from which a portrait is to be written."""

import re

from personae.respondents.recognition import register
from personae.respondents.stimuli import PersonaBlock, Prompt, WordRequest

__all__: list[str] = []

_LISTED = re.compile(r"(?:key ?words|words)[^:\n]*:\s*(.+)", re.IGNORECASE)
_OPPOSITES = re.compile(r"antonym|opposite", re.IGNORECASE)


@register(PersonaBlock, "truth")
def _truth(prompt: Prompt) -> PersonaBlock | None:
    """Read the block up to the form's own first words."""
    form_openings = ("Question", "Premise", "Here is", "Statement")
    return PersonaBlock.labelled("Truth", prompt.text, form_openings)


@register(WordRequest, "portrait")
def _words(prompt: Prompt) -> WordRequest | None:
    listed = _LISTED.search(prompt.text)
    words = [word.strip(" .") for word in listed[1].split(",")] if listed else []
    words = [word for word in words if word]
    if not words:
        return None
    return WordRequest(tuple(words), opposites=bool(_OPPOSITES.search(prompt.text)))
