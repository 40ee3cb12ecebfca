"""The persona card: what was asked for, what came out, how sure that is, and what it cost.

System   persona card
Paper    Personae's own; inductions after Jiang et al. 2022 (arXiv:2206.07550), norms Johnson 2014
Asks     Asked to be the persona, does the model report the requested traits, in every wording and
         option order, and which way of asking works best?
Differs  no score without a content gate before it, an arm without persona beside it and an
         interval around it; a persona without content is the floor; nothing rests on one wording
Version  1
"""

from collections.abc import Sequence
from dataclasses import replace

from personae.card import parts
from personae.card.analysis import CONTROL, Reading
from personae.core import (
    Answers,
    Chooser,
    Form,
    Heading,
    Induction,
    InputError,
    Inventory,
    Part,
    Persona,
    Report,
    load_inventory,
)
from personae.induce.prompt import find_induction
from personae.measure.battery import battery
from personae.measure.gate import CHANNEL_ORDER, Gate, content_gate

__all__ = ["card"]

PLACEBO = Persona(
    id="placebo",
    text="You are about to read some text. It is about ordinary things, such as a table, the "
    "weather, a street or a piece of paper. The text is neither long nor short.",
)
"""A system message that asks for nothing: whatever it shifts is the floor of every induction."""
WORDINGS = {"label": ("plain", "mpi", "whois"), "option": ("plain", "mpi", "whois")}
STATEMENT_WORDINGS = ("plain", "mpi", "whois")


def card(
    model: Chooser,
    persona: Persona,
    inventory: str = "ipip-neo-120",
    inductions: tuple[str, ...] = ("persona_text", "naive", "words", "p2", "adjectives"),
    seed: int = 0,
    quick: bool = False,
) -> Report:
    """Ask a model to be a persona in several ways; report which personality came out.

    Args:
        persona: who the model is asked to be; its traits (z units) are what is measured against.
        inventory: name of the inventory that is given.
        inductions: ways of asking, the first being the card's main one; see `personae list`.
        seed: seed of the resampling.
        quick: two wordings and two inductions, about two minutes on the embedded model.

    Raises:
        InputError: the persona has neither a text nor traits, or an unknown name is given.

    """
    tool = load_inventory(inventory)
    names = inductions[:2] if quick else inductions
    arms, skipped = _usable(names, persona)
    gate = content_gate(model, tool, seed=seed)
    channel = gate.main or CHANNEL_ORDER[-1]
    answers = _ask(model, arms, persona, tool, _forms(channel, quick=quick))
    others = _other_channels(model, arms[0], persona, tool, channel)
    reading = Reading(tool=tool, persona=persona, answers=answers, seed=seed)
    sides = {
        name: replace(reading, answers=sheet) for name, sheet in others.items() if len(sheet)
    }
    body = _compose(gate, reading, sides, [arm.name for arm in arms], skipped)
    return Report(
        title=f"Persona card: {persona.id} on {model.name}",
        parts=tuple(body),
        answers=Answers.concat([gate.answers, answers, *others.values()]),
    )


def _compose(
    gate: Gate,
    reading: Reading,
    sides: dict[str, Reading],
    arms: list[str],
    skipped: Sequence[str],
) -> list[Part]:
    main = arms[0]
    return [
        *parts.verdicts(gate, reading, arms),
        *parts.warnings(reading, skipped),
        Heading("Requested and measured"),
        *parts.domains(reading, main),
        *parts.facets(reading, main),
        Heading("Which way of asking worked best"),
        *parts.arms(reading, arms),
        Heading("Does it hold still?"),
        *parts.steadiness(reading, main),
        Heading("Does the model read the items?"),
        *parts.channels(gate, reading, sides, main),
        Heading("Response style, coverage and floors"),
        *parts.style(reading, main),
        *parts.floors(reading),
        Heading("What was said to the model"),
        *parts.asked(reading),
    ]


def _usable(names: Sequence[str], persona: Persona) -> tuple[list[Induction[Chooser]], list[str]]:
    """Find the inductions; those that this persona gives nothing to work with are named apart."""
    found: list[Induction[Chooser]] = [find_induction(name) for name in names]
    has_traits = any(":" not in trait for trait in persona.traits)
    usable = [i for i in found if has_traits or i.name == "persona_text"]
    if not (persona.text or persona.statements or persona.facts):
        usable = [i for i in usable if i.name != "persona_text"] or usable
    if not usable:
        raise InputError(
            f"persona {persona.id!r} has no traits, and the inductions given need them: add "
            "traits to the persona, or use --inductions persona_text"
        )
    return usable, [i.name for i in found if i not in usable]


def _forms(channel: str, *, quick: bool) -> list[Form]:
    """Cross three wordings with forward and reverse options; statements have no option order."""
    wordings = ("plain", "mpi") if quick else ("plain", "mpi", "whois")
    if channel == "statement":
        return [Form(wording=w, channel="statement") for w in ("plain", "mpi", "whois")]
    kind = "label" if channel == "label" else "option"
    return [
        Form(wording=w, order=order, channel=kind, layout="options-first")  # type: ignore[arg-type]
        for w in wordings
        for order in ("forward", "reverse")
    ]


def _ask(
    model: Chooser,
    arms: Sequence[Induction[Chooser]],
    persona: Persona,
    tool: Inventory,
    forms: Sequence[Form],
) -> Answers:
    control: Induction[Chooser] = find_induction(CONTROL)
    plain: Induction[Chooser] = find_induction("persona_text")
    asked = battery(model, [control, *arms], persona, tool, forms)
    floor = battery(model, [plain], PLACEBO, tool, forms).tag(arm=PLACEBO.id)
    return Answers.concat([asked, floor])


def _other_channels(
    model: Chooser, arm: Induction[Chooser], persona: Persona, tool: Inventory, main: str
) -> dict[str, Answers]:
    """Ask once in each channel that is not the main one: every channel is reported."""
    control: Induction[Chooser] = find_induction(CONTROL)
    return {
        channel: battery(model, [control, arm], persona, tool, _forms(channel, quick=True)[:2])
        for channel in CHANNEL_ORDER
        if channel != main
    }
