"""Personality alignment by attention heads: does shifting a few heads answer as a person would?

System   pas-papi
Paper    Zhu, Weng, Yang & Zhang 2024, ICLR 2025 (arXiv:2408.11779)
Asks     Known by 120 answers, are a person's 180 others met better by shifted heads than by a
         prompt, by shown answers, or by guesses that need no model?
Differs  minus-keyed answers are turned back before they are shown, labelled or compared; strength
         is chosen on known items that chose no head; every arm stands beside five floors, and
         shifted heads beside those of another person; answers are read by likelihood and lost
         ones counted; options stand before the item; no DPO or PPO
Version  1
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from personae.core import (
    Answers,
    Array,
    Cell,
    Heading,
    InputError,
    Note,
    OpenModel,
    Part,
    Report,
    Table,
    require_white_box,
)
from personae.stats.resample import mean
from personae.studies.pas.papi import FLOORS, Panel, load_papi, simulated_panel
from personae.studies.pas.person_distance import Distances, predicted
from personae.studies.pas.person_heads import (
    ARMS,
    STRENGTHS,
    Adapted,
    adapt,
    ask_arms,
    part_of,
    read_heads,
)

__all__ = ["pas"]

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class _Size:
    """People, known and asked items a trait, strengths."""

    people: int
    known: int
    asked: int
    strengths: tuple[float, ...]


QUICK, WHOLE = _Size(3, 6, 2, (2.0, 8.0)), _Size(6, 24, 36, STRENGTHS)


def pas(
    model: OpenModel, persons: str = "", people: int = 0, seed: int = 0, quick: bool = False
) -> Report:
    """Shift attention heads towards a person's answers; hold it against prompts and plain guesses.

    Args:
        model: whose heads are shifted.
        persons: a file of people as published for PAPI; simulated people without one.
        people: how many of them, drawn at random; 6, or 3 when quick.
        seed: seed of the draw, the splits and the resampling.
        quick: three people, few items and strengths.
    """
    subject = require_white_box(model, "the study pas")
    size = QUICK if quick else WHOLE
    whole = load_papi(persons) if persons else simulated_panel(40, seed)
    drawn = whole.take(people or size.people, seed)
    known, asked = _items(whole, size)
    rows = read_heads(subject, part_of(whole.tool, known))
    adapted, lost = _adapted(subject, rows, drawn, known, size, seed)
    panel = drawn.only(tuple(adapted))
    answers = ask_arms(subject, panel, known, asked, adapted)
    found = {arm: predicted(answers, panel, arm) for arm in ARMS}
    places = [whole.ids.index(who) for who in panel.ids]
    floors = {name: whole.floor(name, known)[places][:, asked] for name in FLOORS}
    distances = Distances(found, floors, panel, asked, seed)
    return Report(
        title=f"Alignment with persons by attention heads: {subject.name}",
        parts=(
            *distances.verdicts(),
            Heading("Distance from the person"),
            distances.figure(whole.tag),
            distances.arms(),
            distances.traits(),
            Heading("Heads and strengths"),
            _chosen(adapted),
            *lost,
            Heading("Coverage"),
            _coverage(answers),
        ),
        answers=answers,
    )


def _items(panel: Panel, size: _Size) -> tuple[Mask, Mask]:
    """Choose known and asked items, the first of each trait, keys in turn."""
    masks = []
    for pool, count in ((panel.known, size.known), (~panel.known, size.asked)):
        part = part_of(panel.tool, pool).few(count)
        ids = {item.id for item in part.items}
        masks.append(np.array([item.id in ids for item in panel.tool.items]))
    return masks[0], masks[1]


def _adapted(
    model: OpenModel,
    rows: tuple[Array, Array],
    panel: Panel,
    known: Mask,
    size: _Size,
    seed: int,
) -> tuple[dict[str, Adapted], list[Part]]:
    part = part_of(panel.tool, known)
    found: dict[str, Adapted] = {}
    lost: list[Part] = []
    for place, who in enumerate(panel.ids):
        try:
            found[who] = adapt(model, rows, part, panel.raw[place, known], size.strengths, seed)
        except InputError as error:
            lost.append(Note(f"{who} is left out: {error}.", "warning"))
    if not found:
        raise InputError(f"none of {len(panel.ids)} people can be adapted to: {lost[0]}")
    return found, lost


def _coverage(answers: Answers) -> Table:
    counted = answers.missing(by=("arm",))
    return Table(
        name="coverage",
        title="Coverage",
        columns=tuple(counted.columns),
        rows=tuple(counted.rows()),
    )


def _chosen(adapted: Mapping[str, Adapted]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for who, one in adapted.items():
        blocks = sorted({block for block, _ in one.vectors.places})
        best = mean(one.vectors.held_out, name="accuracy", of="head", unit="rate")
        rows.append(
            (
                who,
                one.usable,
                best.value,
                one.vectors.chance,
                f"{blocks[0]}-{blocks[-1]}",
                one.strength,
                one.tried[0.0],
                one.tried[one.strength],
            )
        )
    return Table(
        name="chosen",
        title="What was chosen for each person",
        rows=tuple(rows),
        columns=(
            "person",
            "usable items",
            "held-out accuracy",
            "of the letter alone",
            "blocks",
            "strength",
            "error at 0",
            "error at it",
        ),
        note="Accuracy of the chosen heads' probes, chosen by it, so too high; errors in points on "
        "known items that chose no head. A strength of 0 changes nothing.",
    )
