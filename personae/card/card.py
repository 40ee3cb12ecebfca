"""The persona card: what was requested, what was measured, how sure that is, and what it cost.

System   persona card
Paper    Personae's own; inductions after Jiang et al. 2022 (arXiv:2206.07550), norms Johnson 2014
Asks     Asked to be the persona, does the model report the requested traits, in every wording and
         option order, and which induction works best?
Differs  no score without a content gate before it, an arm without persona beside it and an
         interval around it; a persona without content is the floor; nothing rests on one wording
Version  2
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from personae.card import background
from personae.card import card_parts as parts
from personae.card.analysis import ChannelScores
from personae.card.behaviour_section import behaviour
from personae.card.card_verdicts import verdicts, warnings
from personae.card.first_person_section import first_person
from personae.card.intensity_section import intensity
from personae.card.section import CardContext, Section
from personae.card.side_effects_section import side_effects
from personae.card.steering_section import steering
from personae.core import (
    Answers,
    Channel,
    Chooser,
    Form,
    Heading,
    Induction,
    InputError,
    Inventory,
    Model,
    Note,
    Part,
    Persona,
    Report,
    UnknownName,
    load_inventory,
    require_white_box,
)
from personae.induce.combined import InductionBase, induction_text
from personae.induce.prompt.prompt_inductions import persona_text, unchanged
from personae.induce.registry import find_induction
from personae.measure.gate import CHANNEL_ORDER, GateResult, content_gate
from personae.measure.inventories.administer_arms import administer_arms
from personae.measure.inventories.forms import fitting_wordings
from personae.personas import LAYERS
from personae.report.build import warning

__all__ = ["Design", "card"]

WORDINGS = ("plain", "mpi", "whois")
PLACEBO = Persona(
    id="placebo",
    text="You are about to read some text. It is about ordinary things, such as a table, the "
    "weather, a street or a piece of paper. The text is neither long nor short.",
)
"""A system message that asks for nothing; its shifts are the floor of every induction."""

SECTIONS: Mapping[str, Callable[[CardContext], Section]] = {
    "behaviour": behaviour,
    "first_person": first_person,
    "intensity": intensity,
    "side_effects": side_effects,
    "steering": steering,
}
"""What the card reports beyond the inventory, in this order."""
QUICK_SECTIONS = ("behaviour", "first_person", "intensity")


@dataclass(frozen=True, slots=True, kw_only=True)
class Design:
    """What a card asks.

    Args:
        inventory: name of the inventory that is given.
        inductions: names of inductions, the first being the card's main one; see `personae list`.
        sections: what is reported beyond the inventory; by default all of behaviour, first_person,
            intensity, side_effects and steering, in a quick card the first three.
    """

    inventory: str = "ipip-neo-120"
    inductions: tuple[str, ...] = ("persona_text", "naive", "words", "p2", "adjectives")
    sections: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for name in self.sections or ():
            if name not in SECTIONS:
                raise UnknownName("section of the card", name, SECTIONS)

    def sections_of(self, *, quick: bool) -> tuple[str, ...]:
        """Return the sections of a card, quick or not."""
        if self.sections is None:
            return QUICK_SECTIONS if quick else tuple(SECTIONS)
        return self.sections


def card(
    model: Chooser,
    persona: Persona,
    design: Design = Design(),
    seed: int = 0,
    quick: bool = False,
) -> Report:
    """Ask a model to be a persona by several inductions; report the personality measured.

    Args:
        model: who is asked; likelihoods are needed.
        persona: who the model is asked to be; its traits (z units) are what is measured against.
        design: inventory, inductions and sections.
        seed: seed of the resampling.
        quick: two wordings, two inductions and the main channel alone, without side effects and
            steering; about two minutes on the embedded model.

    Raises:
        InputError: the persona has neither a text nor traits, or an unknown name is given.
    """
    tool = load_inventory(design.inventory)
    names = design.inductions[:2] if quick else design.inductions
    arms, skipped = _usable(names, persona)
    arms = [_prepared(arm, model, persona) for arm in arms]
    gate = content_gate(model, tool, pairs_per_scale=4 if quick else 6, seed=seed)
    channel = gate.channel
    forms = _forms(channel, tool, quick=quick)
    answers = _ask(model, arms, persona, tool, forms)
    scores = ChannelScores(tool=tool, persona=persona, answers=answers, seed=seed)
    sides = {} if quick else _other_channels(model, arms[0], scores, channel, gate)
    texts = {arm.name: induction_text(arm, model, persona) for arm in arms}
    context = CardContext(model=model, arm=arms[0], channel=channel, scores=scores, quick=quick)
    sections = [SECTIONS[name](context) for name in design.sections_of(quick=quick)]
    body = [
        *_findings(gate, scores, [arm.name for arm in arms], skipped),
        *(part for section in sections for part in section.parts),
        *_not_asked(design, quick=quick),
        *_background(gate, {**sides, channel: scores}, arms[0].name, channel),
        *background.floors(scores, forms),
        Heading("What was said to the model"),
        background.prompts(persona, texts | {PLACEBO.id: PLACEBO.text}),
    ]
    answered = [gate.answers, *(side.answers for side in sides.values()), answers]
    answered += [section.answers for section in sections if section.answers is not None]
    return Report(
        title=f"Persona card: {persona.id} on {model.name}",
        parts=(*filter(_is_verdict, body), *(p for p in body if not _is_verdict(p))),
        answers=Answers.concat(answered),
    )


def _is_verdict(part: Part) -> bool:
    return isinstance(part, Note) and part.level == "verdict"


def _findings(
    gate: GateResult, scores: ChannelScores, names: Sequence[str], skipped: Sequence[str]
) -> list[Part]:
    main = names[0]
    asked = any(shift.requested for shift in scores.shifts(main))
    return [
        *verdicts(gate, scores, names),
        *warnings(scores, skipped),
        *_left_out(scores.tool),
        Heading("Requested and measured" if asked else "Measured"),
        *parts.domains(scores, main),
        *parts.facets(scores, main),
        Heading("Which induction worked best" if asked else "What each induction shifted"),
        *parts.arms(scores, names),
        Heading("Is the shift stable?"),
        *parts.steadiness(scores, main),
    ]


def _left_out(tool: Inventory) -> list[Note]:
    """Say which wordings bring options that aren't as many as the inventory's."""
    kept = fitting_wordings(tool, WORDINGS)
    others = [name for name in WORDINGS if name not in kept]
    if not others:
        return []
    left, shown = " and ".join(others), " and ".join(kept)
    why = f"{left} bring options of their own, which don't fit the scale of {tool.name}"
    return [warning(f"Options are shown in the wording {shown} alone: {why}.")]


def _not_asked(design: Design, *, quick: bool) -> list[Note]:
    """Say which sections a quick card leaves out unless they are named."""
    absent = [name for name in SECTIONS if name not in design.sections_of(quick=quick)]
    if design.sections is not None or not absent:
        return []
    names = " and ".join(name.replace("_", " ") for name in absent)
    return [
        Note(
            f"A quick card doesn't ask about {names}, nor in other channels: leave out --quick, or "
            f"name sections: --sections {','.join(absent)}."
        )
    ]


def _background(
    gate: GateResult, by_channel: Mapping[str, ChannelScores], main: str, channel: str
) -> list[Part]:
    ordered = {str(name): by_channel[name] for name in CHANNEL_ORDER if name in by_channel}
    return [
        Heading("Does the model read the items?"),
        *background.channels(gate, ordered, main),
        Heading("Response style, coverage and floors"),
        *background.style(ordered, main),
    ]


def _usable(names: Sequence[str], persona: Persona) -> tuple[list[Induction], list[str]]:
    """Select the inductions that can use this persona, and name the others.

    For a persona of traits alone, an induction that takes any layer only repeats those that take
    traits; it stays only if there is no other.
    """
    named = [find_induction(name) for name in names]
    usable = [i for i in named if not i.needs.lacking(persona)]
    if not any(getattr(persona, layer) for layer in LAYERS if layer != "traits"):
        usable = [i for i in usable if _for_traits(i)] or usable
    if not usable:
        lacking = "; ".join(f"{i.name} needs {_either(i.needs.lacking(persona))}" for i in named)
        raise InputError(
            f"persona {persona.id!r} lacks what the inductions use ({lacking}): add it to the "
            "persona, or name other inductions"
        )
    return usable, [i.name for i in named if i not in usable]


def _prepared(arm: Induction, model: Model, persona: Persona) -> Induction:
    """Prepare an induction inside the model, so that it fails before any question is paid for."""
    if arm.needs.capability != "OpenModel":
        return arm
    white_box = require_white_box(model, repr(arm.name))
    return arm.bound(white_box, persona) if isinstance(arm, InductionBase) else arm


def _either(layers: Sequence[str]) -> str:
    return " or ".join("traits of a domain" if name == "domains" else name for name in layers)


def _for_traits(induction: Induction) -> bool:
    groups = induction.needs.layers
    return not groups or any({"traits", "domains"}.issuperset(group) for group in groups)


def _forms(channel: Channel, tool: Inventory, *, quick: bool) -> list[Form]:
    """Cross wordings with forward and reverse options; statements have no option order."""
    if channel == "statement":
        return [Form(wording=w, channel="statement") for w in WORDINGS]
    wordings = fitting_wordings(tool, WORDINGS[:2] if quick else WORDINGS)
    return [
        Form(wording=w, order=order, channel=channel, layout="options-first")
        for w in wordings
        for order in ("forward", "reverse")
    ]


def _ask(
    model: Chooser,
    arms: Sequence[Induction],
    persona: Persona,
    tool: Inventory,
    forms: Sequence[Form],
) -> Answers:
    asked = administer_arms(model, [unchanged, *arms], persona, tool, forms)
    floor = administer_arms(model, [persona_text], PLACEBO, tool, forms)
    return Answers.concat([asked, floor.tag(arm=PLACEBO.id)])


def _other_channels(
    model: Chooser, arm: Induction, scores: ChannelScores, main: Channel, gate: GateResult
) -> dict[str, ChannelScores]:
    """Ask the gate's items in every channel but the main one: each channel is reported.

    The gate has asked them without persona, so that the journal recalls half of the answers.
    """
    known = set(gate.answers.rows["item"])
    items = tuple(item for item in scores.tool.items if item.id in known)
    few = replace(scores.tool, items=items)
    others = {}
    for channel in CHANNEL_ORDER:
        if channel != main:
            forms = _forms(channel, scores.tool, quick=True)[:2]
            sheet = administer_arms(model, [unchanged, arm], scores.persona, few, forms)
            others[str(channel)] = replace(scores, answers=sheet)
    return others
