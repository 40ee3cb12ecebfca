"""The same questions and tasks to one model under many personas, each beside its opposite.

After Han et al. 2025 (arXiv 2509.03730): a trait is put into the system turn by three adjectives
in one of several wordings. Here every persona has its opposite, so that what any system turn does
cancels in their difference.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
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
    nobody,
)
from personae.induce.prompt.prompt_inductions import persona_text, unchanged
from personae.measure.behaviour.administer_tasks import administer_tasks
from personae.measure.inventories.administer import administer, conversation
from personae.traits.trait_words import markers

__all__ = ["TRAITS", "Condition", "Session", "conditions", "run_session"]

TRAITS = {
    "O": "Openness",
    "C": "Conscientiousness",
    "E": "Extraversion",
    "A": "Agreeableness",
    "N": "Neuroticism",
    "SR": "Self-regulation",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What the model is told before it answers: a trait (or "" for none), its sign, a wording."""

    name: str
    text: str
    trait: str = ""
    sign: int = 0
    strategy: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Session:
    """What is asked under every condition, and how.

    `report` and `act` are the channels of questionnaires and tasks. In the `shared` context the
    tasks follow the questionnaires in one conversation; else every question stands alone.
    """

    tools: Sequence[Inventory]
    tasks: Sequence[BehaviourTask]
    report: Channel
    act: Channel
    context: str = "separate"
    orders: Sequence[str] = field(default=("forward", "reverse"))


def conditions(traits: Sequence[str], strategies: int = 3) -> tuple[Condition, ...]:
    """List the conditions: prompts without a persona, then each trait high and low.

    Each strategy comes with a triple of adjectives of its own; with one strategy there is one
    prompt without a persona, the empty one.

    Raises:
        BadValue: a trait other than O, C, E, A, N, SR, or no such number of strategies.

    >>> [c.name for c in conditions(["A"], 1)]
    ['none 1', 'A+ character', 'A- character']
    """
    data: dict[str, Any] = data_json("illusion.json")
    if not 1 <= strategies <= len(data["strategies"]):
        raise BadValue(f"there are 1 to {len(data['strategies'])} strategies, not {strategies}")
    if strange := [t for t in traits if t not in TRAITS]:
        raise BadValue(f"traits are {', '.join(TRAITS)}; not {', '.join(strange)}")
    found = [
        Condition(name=f"none {i}", text=text)
        for i, text in enumerate(data["prompts"][:strategies], start=1)
    ]
    for trait in traits:
        for place, (strategy, wording) in enumerate(data["strategies"].items()):
            if place >= strategies:
                break
            for sign, mark in ((1, "+"), (-1, "-")):
                words = _words(trait, sign, place)
                text = wording.replace("{words}", f"{words[0]}, {words[1]} and {words[2]}")
                found.append(
                    Condition(
                        name=f"{trait}{mark} {strategy}",
                        text=text,
                        trait=trait,
                        sign=sign,
                        strategy=strategy,
                    )
                )
    return tuple(found)


def _words(trait: str, sign: int, triple: int) -> Sequence[str]:
    if trait == "SR":
        listed: Sequence[Sequence[str]] = data_json("illusion.json")["self_regulation"][
            "high" if sign > 0 else "low"
        ]
        return listed[triple]
    pairs = markers(trait)[3 * triple : 3 * triple + 3]
    return [high if sign > 0 else low for low, high in pairs]


def run_session(model: Chooser, condition: Condition, sitting: Session) -> Answers:
    """Ask all questionnaires and tasks of a model under one condition.

    Rows carry the condition's name as `respondent` and the columns `model`, `trait`, `sign`,
    `strategy` and `context`.
    """
    induction = persona_text if condition.text else unchanged
    persona = Persona(id=condition.name, text=condition.text) if condition.text else nobody()
    with induction(model, persona) as speaker:
        reports, before = _report(speaker, sitting)
        acts = administer_tasks(speaker, sitting.tasks, sitting.act, before=before)
    return Answers.concat([*reports, acts]).tag(
        respondent=condition.name,
        arm="persona" if condition.trait else CONTROL,
        model=model.name,
        trait=condition.trait,
        sign=condition.sign,
        strategy=condition.strategy,
        context=sitting.context,
    )


def _report(model: Chooser, sitting: Session) -> tuple[list[Answers], Chat]:
    """Give the questionnaires; in the shared context also the conversation that they were."""
    channel, shared = sitting.report, sitting.context == "shared"
    sheets: list[Answers] = []
    talk: Chat = ()
    for tool in sitting.tools:
        for form in _forms(channel, sitting.orders, shared=shared):
            sheet = administer(model, tool, form)
            sheets.append(sheet)
            talk = (*talk, *conversation(tool, form, sheet)) if shared else ()
    return sheets, talk


def _forms(channel: Channel, orders: Sequence[str], *, shared: bool) -> list[Form]:
    """List the forms of the questionnaires; statements can't be asked in one conversation."""
    if shared:
        return [Form(channel="option" if channel == "statement" else channel, context="shared")]
    if channel == "statement":
        return [Form(channel=channel)]
    return [Form(channel=channel, order=order, layout="options-first") for order in orders]
