"""Who is audited and how they are put in: identities, experts, controls, instructions, as data.

The groups are those of Gupta et al. 2023 (arXiv 2311.04892), the fields those of Basil et al. 2025
(arXiv 2512.05858); all texts are our own. Neutral personas are the control for the wording alone.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from personae.core import BadValue, Model, Persona, data_json
from personae.induce.prompt.prompt_inductions import PromptInduction

__all__ = [
    "EXPERTS",
    "FIT",
    "LOW",
    "NEUTRAL",
    "check_unique_ids",
    "expert",
    "identities",
    "identity",
    "instruction",
]

_DATA: dict[str, Any] = data_json("audit/personas.json")
EXPERTS: tuple[str, ...] = tuple(_DATA["experts"])
LOW: tuple[str, ...] = tuple(_DATA["low_knowledge"])
NEUTRAL: str = _DATA["neutral_paragraph"]
FIT: dict[str, tuple[str, str]] = {f: (near, far) for f, (near, far) in _DATA["fit"].items()}
"""Field -> the expert of an adjacent field and of an unrelated one."""


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


def check_unique_ids(personas: Sequence[Persona], taken: Iterable[str]) -> tuple[Persona, ...]:
    """Return personas whose ids are all their own, and no id of a study's references.

    Raises:
        BadValue: an id stands twice or is a reference's; two people's answers would be one's.

    >>> [p.id for p in check_unique_ids([Persona(id="ann", text="You are Ann.")], ["unchanged"])]
    ['ann']
    """
    seen = set(taken)
    for persona in personas:
        if persona.id in seen:
            raise BadValue(
                f"the id {persona.id!r} stands twice, or names a reference of this study "
                f"({', '.join(sorted(taken))}); give that persona another id"
            )
        seen.add(persona.id)
    return tuple(personas)


def identity(persona: Persona) -> str:
    """Render a persona as one noun phrase: its fact `identity`, else what its text says it is.

    >>> identity(identities("reference")[0])
    'a human'
    >>> identity(Persona(id="p", text="You are a pirate."))
    'a pirate'
    """
    told = persona.text.strip().removeprefix("You are ").rstrip(".")
    return persona.facts.get("identity") or told or persona.id


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


def expert(name: str) -> Persona:
    """Return an expert or low-knowledge persona, by field or level.

    >>> expert("toddler").facts["level"]
    'low'
    """
    if name in _DATA["experts"]:
        facts = {"field": name, "level": "expert"}
        return Persona(id=f"{name}-expert", text=_DATA["experts"][name], facts=facts)
    return Persona(id=name, text=_DATA["low_knowledge"][name], facts={"level": "low"})
