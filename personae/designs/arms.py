"""An arm: an induction and the persona that it carries; `CONTROL_ARM` is the model itself."""

from dataclasses import dataclass

from personae.core import CONTROL, Induction, Persona, nobody
from personae.induce.prompt.prompt_inductions import unchanged

__all__ = ["CONTROL_ARM", "Arm"]


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
