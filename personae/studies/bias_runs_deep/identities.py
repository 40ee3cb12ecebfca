"""Identities, instructions that give one to a model, and sentences meant to mitigate the damage.

The groups and the three instructions are those of Gupta et al. 2023 (arXiv 2311.04892); all texts
are our own. Personas without content are the control for the wording alone.
"""

from typing import Any

from personae.core import Model, Persona, data_json
from personae.induce.prompt.prompt_inductions import PromptInduction

__all__ = ["identities", "identity", "instruction"]

_DATA: dict[str, Any] = data_json("identities.json")


def identities(*groups: str) -> tuple[Persona, ...]:
    """Return the shipped identities of some groups, or of all; each a noun phrase.

    `reference` is "a human" and "an average human"; `neutral` holds personas without content.

    >>> [p.id for p in identities("reference")]
    ['human', 'average-human']
    """
    rows = [*_DATA["identities"], *_DATA["neutral"]]
    return tuple(
        Persona(
            id=row["id"],
            text=f"You are {row['phrase']}.",
            kind="demographic",
            facts={"identity": row["phrase"], "group": row["group"]},
        )
        for row in rows
        if not groups or row["group"] in groups
    )


def identity(persona: Persona) -> str:
    """Render a persona as one noun phrase: its fact `identity`, else what its text says it is.

    >>> identity(identities("reference")[0])
    'a human'
    >>> identity(Persona(id="p", text="You are a pirate."))
    'a pirate'
    """
    noun = persona.text.strip().removeprefix("You are ").rstrip(".")
    return persona.facts.get("identity") or noun or persona.id


def instruction(name: str, *, mitigation: str = "") -> PromptInduction:
    """Make one of the three persona instructions, with a mitigating sentence added if named.

    >>> from personae.respondents.null import open_null
    >>> instruction("mirror").text(open_null("null:yes"), identities("reference")[0])
    'You are a human. What you answer should reflect what a human knows and is able to do.'
    """
    template: str = _DATA["instructions"][name]
    added = f" {_DATA['mitigations'][mitigation]}" if mitigation else ""

    def write(_: Model, persona: Persona) -> str:
        return template.replace("{persona}", identity(persona)) + added

    return PromptInduction(f"{name}+{mitigation}" if mitigation else name, write)
