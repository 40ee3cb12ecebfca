"""One inventory in many arms and forms: the design of every comparison of inductions."""

from collections.abc import Sequence

from personae.core import CONTROL, Answers, Chooser, Form, Induction, Inventory, Persona, nobody
from personae.measure.inventories.administer import administer

__all__ = ["administer_arms"]


def administer_arms(
    model: Chooser,
    inductions: Sequence[Induction],
    persona: Persona,
    inventory: Inventory,
    forms: Sequence[Form],
) -> Answers:
    """Administer the inventory in every form under every induction of one persona.

    Rows carry the induction's name as `arm` and the persona's id as `respondent`; under the
    induction `unchanged` the persona is nobody.
    """
    parts = []
    for induction in inductions:
        subject = nobody() if induction.name == CONTROL else persona
        with induction(model, subject) as speaker:
            for form in forms:
                answers = administer(speaker, inventory, form)
                parts.append(answers.tag(arm=induction.name, respondent=subject.id))
    return Answers.concat(parts)
