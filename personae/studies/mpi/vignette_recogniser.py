"""Recognises the persona in the block "Context:" before a vignette's premise."""

from personae.respondents.recognition import register
from personae.respondents.stimuli import PersonaBlock, Prompt

__all__: list[str] = []


@register(PersonaBlock, "mpi-vignettes")
def _context(prompt: Prompt) -> PersonaBlock | None:
    return PersonaBlock.labelled("Context", prompt.text, ("Premise",))
