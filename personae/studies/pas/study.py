"""Alignment with persons by attention heads: do a few shifted heads answer as a person would?

System   pas-papi
Paper    Zhu, Weng, Yang & Zhang 2024, ICLR 2025 (arXiv:2408.11779)
Asks     Known by 120 answers, are a person's 180 other answers predicted better by shifted heads
         than by a prompt, by shown answers, or by guesses without a model?
Differs  the stored answers to minus-keyed items are reversed back before they are shown, labelled
         or compared; strength is chosen on known items that chose no head; every arm stands beside
         five floors, and shifted heads beside those of another person; answers are read by
         likelihood and lost ones counted; options are shown before the item; no DPO or PPO
Version  2
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from personae.core import (
    Array,
    Heading,
    InputError,
    Note,
    OpenModel,
    Report,
    Table,
    require_white_box,
)
from personae.report.build import Row, coverage, table, warning
from personae.stats.resample import mean
from personae.studies.pas.papi import FLOORS, Panel, load_papi, simulated_panel
from personae.studies.pas.person_distance import Distances, arm_answers
from personae.studies.pas.person_heads import (
    ARMS,
    STRENGTHS,
    PersonHeads,
    ask_arms,
    masked,
    person_heads,
    record_heads,
)

__all__ = ["pas"]

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Size:
    """Number of people, of known and of asked items a trait, and the strengths."""

    people: int
    known: int
    asked: int
    strengths: tuple[float, ...]


QUICK, FULL = _Size(3, 6, 2, (2.0, 8.0)), _Size(6, 24, 36, STRENGTHS)


def pas(
    model: OpenModel, persons: str = "", people: int = 0, seed: int = 0, quick: bool = False
) -> Report:
    """Shift attention heads towards a person's answers; compare with prompts and plain guesses.

    Args:
        model: whose heads are shifted.
        persons: a file of people as published for PAPI; without it, simulated people.
        people: how many of them, drawn at random; 6, or 3 when quick.
        seed: seed of the draw, the splits and the resampling.
        quick: three people, few items and strengths.
    """
    subject = require_white_box(model, "the study pas")
    size = QUICK if quick else FULL
    everyone = load_papi(persons) if persons else simulated_panel(40, seed)
    drawn = everyone.take(people or size.people, seed)
    known, asked = _items(everyone, size)
    rows = record_heads(subject, masked(everyone.tool, known))
    heads, left_out = _heads(subject, rows, drawn, known, size.strengths, seed)
    panel = drawn.only(tuple(heads))
    answers = ask_arms(subject, panel, known, asked, heads)
    indices = [everyone.ids.index(who) for who in panel.ids]
    distances = Distances(
        arms={arm: arm_answers(answers, panel, arm) for arm in ARMS},
        floors={name: everyone.floor(name, known)[indices][:, asked] for name in FLOORS},
        panel=panel,
        asked=asked,
        seed=seed,
    )
    return Report(
        title=f"Alignment with persons by attention heads: {subject.name}",
        parts=(
            *distances.verdicts(),
            Heading("Distance from the person"),
            distances.figure(everyone.tag),
            distances.arm_table(),
            distances.trait_table(),
            Heading("Heads and strengths"),
            _head_table(heads),
            *left_out,
            Heading("Coverage"),
            coverage(answers, ("arm",)),
        ),
        answers=answers,
    )


def _items(panel: Panel, size: _Size) -> tuple[Mask, Mask]:
    """Choose the first known and asked items of each trait, plus- and minus-keyed in turn."""
    masks = []
    for pool, count in ((panel.known, size.known), (~panel.known, size.asked)):
        part = masked(panel.tool, pool).few(count)
        ids = {item.id for item in part.items}
        masks.append(np.array([item.id in ids for item in panel.tool.items]))
    return masks[0], masks[1]


def _heads(
    model: OpenModel,
    rows: tuple[Array, Array],
    panel: Panel,
    known: Mask,
    strengths: tuple[float, ...],
    seed: int,
) -> tuple[dict[str, PersonHeads], list[Note]]:
    """Choose each person's heads; people with too few usable answers are left out and named."""
    inventory = masked(panel.tool, known)
    heads: dict[str, PersonHeads] = {}
    left_out: list[Note] = []
    for row, who in enumerate(panel.ids):
        answers = panel.raw[row, known]
        try:
            heads[who] = person_heads(model, rows, inventory, answers, strengths, seed)
        except InputError as error:
            left_out.append(warning(f"{who} is left out: {error}."))
    if not heads:
        raise InputError(f"none of {len(panel.ids)} people has usable heads: {left_out[0].text}")
    return heads, left_out


def _head_table(heads: Mapping[str, PersonHeads]) -> Table:
    rows: list[Row] = []
    for who, own in heads.items():
        blocks = sorted({block for block, _ in own.vectors.heads})
        accuracy = mean(own.vectors.held_out, name="accuracy", of="head", unit="rate")
        rows.append(
            {
                "person": who,
                "usable items": own.usable,
                "held-out accuracy": accuracy.value,
                "of the letter alone": own.vectors.chance,
                "blocks": f"{blocks[0]}-{blocks[-1]}",
                "strength": own.strength,
                "error at 0": own.errors[0.0],
                "error at the strength": own.errors[own.strength],
            }
        )
    note = (
        "Accuracy of the chosen heads' probes, optimistic because it chose them. Errors in points "
        "on known items held out of the choice of heads. A strength of 0 changes nothing."
    )
    return table("chosen", "Heads and strength of each person", rows, note)
