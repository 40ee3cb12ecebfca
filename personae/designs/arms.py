"""Arms: an induction with the persona that it carries, the controls, and the check of unique ids.

`CONTROL_ARM` is the model itself; `NEUTRAL` is a text that asks for nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from personae.core import CONTROL, BadValue, Induction, Persona, data_json, nobody
from personae.induce.prompt.prompt_inductions import unchanged

__all__ = ["CONTROL_ARM", "NEUTRAL", "Arm", "check_unique_ids"]

NEUTRAL: str = data_json("identities.json")["neutral_paragraph"]
"""A paragraph without content, of about the length of an expert's description."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arm:
    """One condition: an induction and a persona.

    Args:
        name: the arm in answers.
        induction: how the persona is induced.
        persona: the persona induced; its id is the respondent in answers.
        group: the group of the arm in tables; "" for none.
    """

    name: str
    induction: Induction
    persona: Persona
    group: str = ""


CONTROL_ARM = Arm(name=CONTROL, induction=unchanged, persona=nobody(), group="reference")
"""The model itself, without any persona."""


def check_unique_ids(
    personas: Sequence[Persona], references: Iterable[str] = ()
) -> tuple[Persona, ...]:
    """Return the personas if their ids are unique and differ from the study's references.

    Raises:
        BadValue: an id repeats or is a reference's, so that two personas' answers would merge.

    >>> [p.id for p in check_unique_ids([Persona(id="ann", text="You are Ann.")], ["unchanged"])]
    ['ann']
    """
    reserved = set(references)
    ids: set[str] = set()
    for persona in personas:
        if persona.id in reserved:
            raise BadValue(
                f"the id {persona.id!r} is a reference's in this study "
                f"({', '.join(sorted(reserved))}); give that persona another id"
            )
        if persona.id in ids:
            raise BadValue(f"the id {persona.id!r} stands twice; give one persona another id")
        ids.add(persona.id)
    return tuple(personas)
