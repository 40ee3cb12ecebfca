"""A person's heads in a model, and the arms under which the items are asked."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from personae.core import (
    CONTROL,
    Answers,
    Array,
    Form,
    Induction,
    Inventory,
    Message,
    OpenModel,
    Persona,
    Site,
    load_inventory,
)
from personae.designs.arms import Arm
from personae.induce.combined import combine
from personae.induce.prompt.prompt_inductions import PromptInduction, unchanged, words
from personae.induce.steer.steer_inductions import SteerInduction
from personae.measure.inventories.administer import administer
from personae.measure.inventories.forms import Frame
from personae.studies.pas.head_directions import HeadVectors, fit_heads, head_rows, person_labels
from personae.studies.pas.papi import Panel
from personae.traits.norms import norm_groups, norm_standing

__all__ = ["ARMS", "STRENGTHS", "PersonHeads", "ask_arms", "masked", "person_heads", "record_heads"]

FORM = Form(wording="mpi", channel="label", layout="options-first")
STRENGTHS = (1.0, 2.0, 4.0, 6.0, 8.0)
"""Those of the published code but 0, the unchanged model, which is always tried."""
TUNED = 0.25
"""Share of the known items on which the strength is chosen; the others choose the heads."""
ARMS = (CONTROL, "prompt", "shown answers", "heads", "another's heads", "answers and heads")
Mask = NDArray[np.bool_]


def masked(inventory: Inventory, mask: Mask) -> Inventory:
    """Keep an inventory's items where a mask, (items,), is true."""
    items = [item for item, chosen in zip(inventory.items, mask, strict=True) if chosen]
    return replace(inventory, items=tuple(items))


def record_heads(model: OpenModel, inventory: Inventory) -> tuple[Array, Array]:
    """Record all heads where each item is answered with the highest option, and with the lowest.

    Source: Zhu et al. 2024 (arXiv 2408.11779), section 4.

    Returns:
        Two arrays (items, blocks * heads, head width).
    """
    frame = Frame(inventory, FORM)
    sites = [Site(block, "heads") for block in range(model.anatomy.blocks)]
    labels = {option.value: option.label for option in frame.options}
    chats = [
        (*frame.chat(frame.text(item)), Message("assistant", labels[value]))
        for value in (inventory.high, inventory.low)
        for item in inventory.items
    ]
    rows = head_rows(model.record(chats, sites, "last"), model.anatomy)
    return rows[: len(inventory.items)], rows[len(inventory.items) :]


@dataclass(frozen=True, slots=True, eq=False)
class PersonHeads:
    """A person's heads and how strongly they are shifted.

    Args:
        vectors: the chosen heads.
        strength: the strength with the smallest error.
        errors: strength -> mean absolute error, in points, on the known items held out of the
            choice of heads.
        usable: number of answers to the fitted items that are neither 3 nor missing.
    """

    vectors: HeadVectors
    strength: float
    errors: Mapping[float, float]
    usable: int


def person_heads(
    model: OpenModel,
    rows: tuple[Array, Array],
    known: Inventory,
    answers: Array,
    strengths: Sequence[float] = STRENGTHS,
    seed: int = 0,
) -> PersonHeads:
    """Choose a person's heads on three quarters of the known items, the strength on the others.

    Args:
        model: whose heads are shifted.
        rows: heads at the known items, as `record_heads` gives them.
        known: the known items; no other is used.
        answers: the person's literal answers to them, (items,), NaN where missing.
        strengths: strengths tried beside 0, in standard deviations.
        seed: seed of the split.

    Raises:
        InputError: fewer than 8 answers other than 3.
    """
    order = np.random.default_rng(seed).permutation(len(answers))
    tuned = np.sort(order[: max(1, round(TUNED * len(order)))])
    fitted = np.setdiff1d(order, tuned)
    vectors = fit_heads(
        (rows[0][fitted], rows[1][fitted]), answers[fitted], model.anatomy, seed=seed
    )
    held_out = replace(known, items=tuple(known.items[i] for i in tuned))
    errors = {}
    for strength in (0.0, *strengths):
        with model.edited(vectors.edits(strength)) as shifted:
            expected = administer(shifted, held_out, FORM).rows["expected"].to_numpy()
        distances = np.abs(expected.astype(np.float64) - answers[tuned])
        defined = distances[~np.isnan(distances)]
        errors[strength] = float(defined.mean()) if defined.size else float("nan")
    best = min(errors, key=lambda s: (np.nan_to_num(errors[s], nan=np.inf), s))
    return PersonHeads(vectors, best, errors, len(person_labels(answers[fitted])[0]))


def ask_arms(
    model: OpenModel, panel: Panel, known: Mask, asked: Mask, heads: Mapping[str, PersonHeads]
) -> Answers:
    """Ask the same items under every arm for every person.

    Args:
        model: who answers.
        panel: the people.
        known: the items from which a person is known, (items,).
        asked: the items that are asked, (items,).
        heads: each person's heads, by id.
    """
    questions = masked(panel.tool, asked)
    control = administer(model, questions, FORM)
    sheets = [control.tag(arm=CONTROL, respondent=who) for who in panel.ids]
    for row, who in enumerate(panel.ids):
        another = panel.ids[(row + 1) % len(panel.ids)]
        for arm in _arms(panel, row, known, heads[who], heads[another]):
            with arm.induction(model, arm.persona) as carrier:
                sheet = administer(carrier, questions, FORM)
            sheets.append(sheet.tag(arm=arm.name, respondent=who))
    return Answers.concat(sheets)


def _arms(panel: Panel, row: int, known: Mask, own: PersonHeads, another: PersonHeads) -> list[Arm]:
    """Give one person's arms but the control, in the order of `ARMS`."""
    text = _answers_text(masked(panel.tool, known), panel.raw[row, known])
    shown = PromptInduction("shown answers", lambda _model, _persona: text)
    inductions: tuple[Induction, ...] = (
        unchanged,
        words,
        shown,
        _head_induction(own),
        _head_induction(another),
        combine(shown, _head_induction(own)),
    )
    persona = _requested(panel, row, known)
    return [
        Arm(name=name, induction=induction, persona=persona)
        for name, induction in zip(ARMS, inductions, strict=True)
        if name != CONTROL
    ]


def _head_induction(heads: PersonHeads) -> SteerInduction:
    edits = heads.vectors.edits(heads.strength)
    return SteerInduction("heads", lambda _library, _model, _persona: edits)


def _requested(panel: Panel, row: int, known: Mask) -> Persona:
    """Turn a person's known answers into requested traits: z units, averaged over norm groups."""
    short = load_inventory("ipip-neo-120")
    traits = {}
    for scale in panel.tool.scales:
        own = [i.scale == scale and bool(k) for i, k in zip(panel.tool.items, known, strict=True)]
        values = panel.keyed[row, own]
        level = float(np.nanmean(values)) if (~np.isnan(values)).any() else 3.0
        zs = [norm_standing(level, short, scale, group=g).z for g in norm_groups(short)]
        traits[scale] = float(np.clip(np.mean(zs), -3, 3))
    return Persona(id=panel.ids[row], traits=traits)


def _answers_text(known: Inventory, raw: Array) -> str:
    """Write out a person's literal answers."""
    options = {option.value: option.text for option in known.options}
    lines = [
        f"{item.text}: {options[int(value)]}"
        for item, value in zip(known.items, raw, strict=True)
        if not np.isnan(value)
    ]
    return "This is how you have answered before. " + "; ".join(lines) + "."
