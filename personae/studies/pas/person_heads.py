"""A person's heads on a model, and the person's items asked in every arm."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from personae.core import (
    CONTROL,
    Answers,
    Array,
    Form,
    Inventory,
    Message,
    OpenModel,
    Persona,
    Site,
    load_inventory,
)
from personae.induce.prompt.prompt_inductions import PromptInduction, words
from personae.measure.inventories.administer import administer
from personae.measure.inventories.forms import Frame
from personae.studies.pas.head_directions import HeadVectors, fit_heads, head_rows, person_labels
from personae.studies.pas.papi import Panel
from personae.traits.norms import norm_groups, norm_standing

__all__ = ["ARMS", "STRENGTHS", "Adapted", "adapt", "ask_arms", "part_of", "read_heads"]

FORM = Form(wording="mpi", channel="label", layout="options-first")
STRENGTHS = (1.0, 2.0, 4.0, 6.0, 8.0)
"""Beside 0, at which nothing changes; as in the published code."""
TUNED = 0.25
ARMS = (CONTROL, "prompt", "shown answers", "heads", "another's heads", "answers and heads")
Mask = NDArray[np.bool_]


def part_of(tool: Inventory, mask: Mask) -> Inventory:
    """Keep a questionnaire's items where a mask says so."""
    kept = [item for item, there in zip(tool.items, mask, strict=True) if there]
    return replace(tool, items=tuple(kept))


def read_heads(model: OpenModel, part: Inventory) -> tuple[Array, Array]:
    """Record what all heads hold at the answer to each item: the highest option's, the lowest's."""
    frame = Frame(part, FORM)
    sites = [Site(block, "heads") for block in range(model.anatomy.blocks)]
    labels = {option.value: option.label for option in frame.options}
    chats = [
        (*frame.chat(frame.text(item)), Message("assistant", labels[value]))
        for value in (part.high, part.low)
        for item in part.items
    ]
    rows = head_rows(model.record(chats, sites, "last"), model.anatomy)
    return rows[: len(part.items)], rows[len(part.items) :]


@dataclass(frozen=True, slots=True, eq=False)
class Adapted:
    """A person's heads, the strength chosen, and the mean error at each strength tried."""

    vectors: HeadVectors
    strength: float
    tried: Mapping[float, float]
    usable: int


def adapt(
    model: OpenModel,
    rows: tuple[Array, Array],
    part: Inventory,
    answers: Array,
    strengths: Sequence[float] = STRENGTHS,
    seed: int = 0,
) -> Adapted:
    """Choose a person's heads on three quarters of the known items, the strength on the others.

    Nothing but the known items, `part`, and the literal answers to them is looked at.

    Raises:
        InputError: too few answers that say anything.
    """
    order = np.random.default_rng(seed).permutation(len(answers))
    tuned = np.sort(order[: max(1, round(TUNED * len(order)))])
    kept = np.setdiff1d(order, tuned)
    fitted = (rows[0][kept], rows[1][kept])
    vectors = fit_heads(fitted, answers[kept], model.anatomy, seed=seed)
    held_out = replace(part, items=tuple(part.items[i] for i in tuned))
    tried = {}
    for strength in (0.0, *strengths):
        with model.edited(vectors.edits(strength)) as changed:
            said = administer(changed, held_out, FORM).rows["expected"].to_numpy()
        apart = np.abs(said.astype(np.float64) - answers[tuned])
        known = apart[~np.isnan(apart)]
        tried[strength] = float(known.mean()) if known.size else float("nan")
    best = min(tried, key=lambda s: (tried[s] if tried[s] == tried[s] else np.inf, s))
    return Adapted(vectors, best, tried, len(person_labels(answers[kept])[0]))


def _standing(panel: Panel, place: int, known: Mask) -> Persona:
    """Turn a person's known answers into requested traits: z units, averaged over norm groups."""
    short = load_inventory("ipip-neo-120")
    traits = {}
    for scale in panel.tool.scales:
        own = [i.scale == scale and bool(k) for i, k in zip(panel.tool.items, known, strict=True)]
        said = panel.keyed[place, own]
        level = float(np.nanmean(said)) if (~np.isnan(said)).any() else 3.0
        zs = [norm_standing(level, short, scale, group=g).z for g in norm_groups(short)]
        traits[scale] = float(np.clip(np.mean(zs), -3, 3))
    return Persona(id=panel.ids[place], traits=traits)


def _shown(part: Inventory, raw: Array) -> str:
    """Write out a person's literal answers."""
    options = {option.value: option.text for option in part.options}
    told = [
        f"{item.text}: {options[int(value)]}"
        for item, value in zip(part.items, raw, strict=True)
        if not np.isnan(value)
    ]
    return "This is how you have answered before. " + "; ".join(told) + "."


def ask_arms(
    model: OpenModel, panel: Panel, known: Mask, asked: Mask, adapted: Mapping[str, Adapted]
) -> Answers:
    """Ask the same items in every arm, for every person."""
    questions = part_of(panel.tool, asked)
    plain = administer(model, questions, FORM)
    sheets = [plain.tag(arm=CONTROL, respondent=who) for who in panel.ids]
    for place, who in enumerate(panel.ids):
        other = adapted[panel.ids[(place + 1) % len(panel.ids)]]
        text = _shown(part_of(panel.tool, known), panel.raw[place, known])
        shown = PromptInduction("shown answers", lambda _m, _p, text=text: text)  # type: ignore[misc]
        persona, own = _standing(panel, place, known), adapted[who]
        arms: Mapping[str, tuple[PromptInduction | None, Adapted | None]] = {
            "prompt": (words, None),
            "shown answers": (shown, None),
            "heads": (None, own),
            "another's heads": (None, other),
            "answers and heads": (shown, own),
        }
        for arm, (induction, heads) in arms.items():
            with ExitStack() as stack:
                carrier: OpenModel = model
                if induction is not None:
                    carrier = stack.enter_context(induction(carrier, persona))
                if heads is not None:
                    carrier = stack.enter_context(
                        carrier.edited(heads.vectors.edits(heads.strength))
                    )
                sheets.append(administer(carrier, questions, FORM).tag(arm=arm, respondent=who))
    return Answers.concat(sheets)
