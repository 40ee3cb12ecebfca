"""Administers the same inventories and tasks under many personas, each beside its opposite.

After Han et al. 2025 (arXiv 2509.03730): three adjectives, in one of several wordings, put a trait
into the system turn. Here every persona has its opposite, so that the effect of a system turn as
such cancels in their difference.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from personae.core import (
    CONTROL,
    Answers,
    BadValue,
    BehaviourTask,
    Channel,
    Chat,
    Chooser,
    Form,
    Inventory,
    Persona,
    data_json,
)
from personae.designs.arms import Arm
from personae.induce.prompt.prompt_inductions import persona_text, unchanged
from personae.measure.behaviour.administer_tasks import administer_tasks
from personae.measure.inventories.administer import administer, conversation
from personae.traits.trait_words import markers

__all__ = ["TRAITS", "Session", "opposite_arms", "run_session"]

TRAITS = {
    "O": "Openness",
    "C": "Conscientiousness",
    "E": "Extraversion",
    "A": "Agreeableness",
    "N": "Neuroticism",
    "SR": "Self-regulation",
}
SIGNS = {"+": 1, "-": -1}
ORDERS = ("forward", "reverse")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Session:
    """What is asked under every persona, and how.

    Args:
        inventories: asked first.
        tasks: asked after them.
        report: the channel of the inventories.
        behaviour: the channel of the tasks.
        context: `shared` if the tasks follow the inventories in one conversation, `separate` if
            every question stands alone.
    """

    inventories: Sequence[Inventory]
    tasks: Sequence[BehaviourTask]
    report: Channel
    behaviour: Channel
    context: str = "separate"


def opposite_arms(traits: Sequence[str], strategies: int = 3) -> tuple[Arm, ...]:
    """List the arms: prompts without a persona, then each trait high and low.

    An arm's group is its trait, and its persona's facts are the sign and the strategy. Each
    strategy has adjectives of its own. The first prompt without a persona is empty, and the only
    one where there is one strategy.

    Raises:
        BadValue: a trait other than O, C, E, A, N, SR, or a number of strategies that don't exist.

    >>> [arm.persona.id for arm in opposite_arms(["A"], 1)]
    ['none 1', 'A+ character', 'A- character']
    """
    data: dict[str, Any] = data_json("illusion.json")
    if not 1 <= strategies <= len(data["strategies"]):
        raise BadValue(f"there are 1 to {len(data['strategies'])} strategies, not {strategies}")
    if strange := [t for t in traits if t not in TRAITS]:
        raise BadValue(f"traits are {', '.join(TRAITS)}; not {', '.join(strange)}")
    wordings = list(islice(data["strategies"].items(), strategies))
    return (
        *(
            _control_arm(number, text)
            for number, text in enumerate(data["prompts"][:strategies], start=1)
        ),
        *(
            _persona_arm(trait, mark, strategy, wording.replace("{words}", words))
            for trait in traits
            for triple, (strategy, wording) in enumerate(wordings)
            for mark in SIGNS
            for words in [_adjectives(trait, SIGNS[mark], triple)]
        ),
    )


def _control_arm(number: int, text: str) -> Arm:
    """Make a control: a prompt that asks for no trait, or no prompt at all."""
    return Arm(
        name=CONTROL,
        induction=persona_text if text else unchanged,
        persona=Persona(id=f"none {number}", text=text),
    )


def _persona_arm(trait: str, mark: str, strategy: str, text: str) -> Arm:
    persona = Persona(
        id=f"{trait}{mark} {strategy}", text=text, facts={"sign": mark, "strategy": strategy}
    )
    return Arm(name="persona", induction=persona_text, persona=persona, group=trait)


def _adjectives(trait: str, sign: int, triple: int) -> str:
    """Write three adjectives of one end of a trait."""
    if trait == "SR":
        ends = data_json("illusion.json")["self_regulation"]
        first, second, third = ends["high" if sign > 0 else "low"][triple]
    else:
        pairs = markers(trait)[3 * triple : 3 * triple + 3]
        first, second, third = (high if sign > 0 else low for low, high in pairs)
    return f"{first}, {second} and {third}"


def run_session(model: Chooser, arm: Arm, session: Session) -> Answers:
    """Ask all inventories and tasks of a model under one arm.

    Rows carry the persona's id as `respondent` and the columns `model`, `trait`, `sign`,
    `strategy` and `context`.
    """
    facts = arm.persona.facts
    with arm.induction(model, arm.persona) as carrier:
        reports, conversation_so_far = _reports(carrier, session)
        behaviour = administer_tasks(
            carrier, session.tasks, session.behaviour, before=conversation_so_far
        )
    return Answers.concat([*reports, behaviour]).tag(
        respondent=arm.persona.id,
        arm=arm.name,
        model=model.name,
        trait=arm.group,
        sign=SIGNS.get(facts.get("sign", ""), 0),
        strategy=facts.get("strategy", ""),
        context=session.context,
    )


def _reports(model: Chooser, session: Session) -> tuple[list[Answers], Chat]:
    """Administer the inventories; in the shared context, also give the conversation so far."""
    shared = session.context == "shared"
    sheets: list[Answers] = []
    chat: Chat = ()
    for inventory in session.inventories:
        for form in _forms(session.report, shared=shared):
            sheet = administer(model, inventory, form)
            sheets.append(sheet)
            chat = (*chat, *conversation(inventory, form, sheet)) if shared else ()
    return sheets, chat


def _forms(channel: Channel, *, shared: bool) -> list[Form]:
    """List the inventories' forms; statements can't be asked in one conversation."""
    if shared:
        return [Form(channel="option" if channel == "statement" else channel, context="shared")]
    if channel == "statement":
        return [Form(channel=channel)]
    return [Form(channel=channel, order=order, layout="options-first") for order in ORDERS]
