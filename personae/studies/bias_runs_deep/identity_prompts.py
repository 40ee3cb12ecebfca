"""Instructions that give a model an identity, and sentences that are to mitigate the damage.

After Gupta et al. 2023 (arXiv 2311.04892), whose wording is not used: all texts are our own.
"""

from typing import Any

from personae.core import Model, Persona, data_json
from personae.induce.prompt.prompt_inductions import PromptInduction

__all__ = ["identity", "instruction"]

_DATA: dict[str, Any] = data_json("audit/personas.json")


def identity(persona: Persona) -> str:
    """Render a persona as one noun phrase: its fact `identity`, else what its text says it is.

    >>> from personae.designs.identities import identities
    >>> identity(identities("reference")[0])
    'a human'
    >>> identity(Persona(id="p", text="You are a pirate."))
    'a pirate'
    """
    noun = persona.text.strip().removeprefix("You are ").rstrip(".")
    return persona.facts.get("identity") or noun or persona.id


def instruction(name: str, *, mitigation: str = "") -> PromptInduction:
    """Make one of the three persona instructions, with a mitigating sentence added if named.

    >>> from personae.designs.identities import identities
    >>> from personae.respondents.null import open_null
    >>> instruction("mirror").text(open_null("null:yes"), identities("reference")[0])
    'You are a human. What you answer should reflect what a human knows and is able to do.'
    """
    template: str = _DATA["instructions"][name]
    added = f" {_DATA['mitigations'][mitigation]}" if mitigation else ""

    def write(_: Model, persona: Persona) -> str:
        return template.replace("{persona}", identity(persona)) + added

    return PromptInduction(f"{name}+{mitigation}" if mitigation else name, write)
