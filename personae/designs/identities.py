"""Audited personas: identities and neutral personas as data, and checks of unique ids.

The groups are those of Gupta et al. 2023 (arXiv 2311.04892); all texts are our own. Neutral
personas are the control for the wording alone.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from personae.core import BadValue, Persona, data_json

__all__ = ["NEUTRAL", "check_unique_ids", "identities"]

_DATA: dict[str, Any] = data_json("audit/personas.json")
NEUTRAL: str = _DATA["neutral_paragraph"]
"""A paragraph without content, of about the length of an expert's description."""


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
    """Return the personas if their ids are unique and differ from the study's references.

    Raises:
        BadValue: an id repeats or is a reference's, so that two personas' answers would merge.

    >>> [p.id for p in check_unique_ids([Persona(id="ann", text="You are Ann.")], ["unchanged"])]
    ['ann']
    """
    known = set(taken)
    for persona in personas:
        if persona.id in known:
            raise BadValue(
                f"the id {persona.id!r} stands twice, or names a reference of this study "
                f"({', '.join(sorted(taken))}); give that persona another id"
            )
        known.add(persona.id)
    return tuple(personas)
