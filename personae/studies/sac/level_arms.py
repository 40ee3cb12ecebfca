"""Traits at rising levels: which items are asked at which level, and their administration.

One factor at a time is asked for, at each of its levels; its own items are given at all of them, a
few items of every other factor beside them, and its own again on ladders of intensity.
"""

from contextlib import AbstractContextManager
from dataclasses import dataclass, replace

import polars as pl

from personae.core import Answers, Chooser, Form, Inventory, Persona
from personae.induce.prompt.prompt_inductions import persona_text
from personae.measure.inventories.administer import administer
from personae.stats.scores.scales import Use
from personae.studies.sac.intensity_ladders import intensity, toggle_text

__all__ = ["LADDERS", "LevelDesign", "ask_ladders", "ask_levels", "ask_toggles"]

LADDERS = ("frequency", "depth", "threshold", "effort", "willingness")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class LevelDesign:
    """What is asked at which level.

    Targets are asked at `levels`, other factors too at `wide`, the ladders at `laddered`; `own`,
    `others` and `rungs` are the numbers of items of a target, of any other factor, and of a target
    on each ladder.
    """

    tool: Inventory
    targets: tuple[str, ...]
    form: Form
    levels: tuple[int, ...]
    wide: tuple[int, ...]
    laddered: tuple[int, ...]
    own: int
    others: int = 3
    rungs: int

    @property
    def use(self) -> Use:
        """The value that counts: the mean over option probabilities, or the option replied."""
        return "value" if self.form.channel == "reply" else "expected"

    def target_items(self, target: str, count: int | None = None) -> Inventory:
        """Keep the target's items, `own` of them or `count`."""
        return self.tool.where(scale=target).few(self.own if count is None else count)

    def battery(self, targets: tuple[str, ...], level: int | None = None) -> Inventory:
        """Keep the targets' items and, at a wide level or at none, a few of all others."""
        ids = {item.id for target in targets for item in self.target_items(target).items}
        if level is None or level in self.wide:
            ids |= {i.id for i in self.tool.few(self.others).items if i.scale not in targets}
        return replace(self.tool, items=tuple(i for i in self.tool.items if i.id in ids))

    def levels_of(self, target: str, scale: str) -> tuple[int, ...]:
        """Return the levels at which a factor was asked under a target."""
        return self.levels if scale == target else self.wide


def ask_levels(model: Chooser, design: LevelDesign) -> Answers:
    """Ask for every target at every level; rows carry the tags `target` and `level`."""
    sheets = []
    for target in design.targets:
        for level in design.levels:
            with _at(model, target, level) as speaker:
                sheet = administer(speaker, design.battery((target,), level), design.form)
            sheets.append(sheet.tag(arm=f"{target}@{level}", target=target, level=float(level)))
    return Answers.concat(sheets)


def ask_toggles(model: Chooser, design: LevelDesign) -> Answers:
    """Ask the targets' own items under prompts that only switch a target on (+) or off (-)."""
    sheets = []
    for target in design.targets:
        for sign in "+-":
            persona = Persona(id=f"{target}{sign}", text=toggle_text(target, high=sign == "+"))
            with persona_text(model, persona) as speaker:
                sheet = administer(speaker, design.target_items(target), design.form)
            sheets.append(sheet.tag(arm=f"toggle:{target}{sign}"))
    return Answers.concat(sheets)


def ask_ladders(model: Chooser, design: LevelDesign, threshold: str) -> Answers:
    """Ask the targets' items on five ladders at the levels in `laddered`; tag `ladder`.

    An easy threshold counts as a strong trait ("reversed") or as a low answer ("as-is").
    """
    sheets = []
    for target in design.targets:
        for level in design.laddered:
            with _at(model, target, level) as speaker:
                for name in LADDERS:
                    form = Form(wording=f"sac-{name}", person="second", channel=design.form.channel)
                    sheet = administer(speaker, design.target_items(target, design.rungs), form)
                    if name == "threshold" and threshold == "as-is":
                        mirrored = [(6 - pl.col(c)).alias(c) for c in ("value", "expected")]
                        sheet = Answers(sheet.rows.with_columns(mirrored))
                    sheets.append(sheet.tag(arm=f"{target}@{level}", ladder=name))
    return Answers.concat(sheets)


def _at(model: Chooser, target: str, level: int) -> AbstractContextManager[Chooser]:
    return intensity({target: level})(model, Persona(id=f"{target}@{level}"))
