"""Acts without a persona, beside respondents who read nothing and beside what would be best."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from personae.core import CONTROL, Answers, BehaviourTask, Cell, Part, Table, missing
from personae.designs.report_behaviour import BehaviourMeasure
from personae.measure.behaviour.administer_tasks import administer_tasks
from personae.measure.behaviour.behaviour_scores import (
    best_number_of_cards,
    calibration,
    measured,
    one_sided,
    swayed_rate,
)
from personae.respondents.null import open_null
from personae.stats.agreement import exact_agreement

__all__ = ["floors"]

FLOORS = ("null:first", "null:uniform")


def floors(answers: Answers, acts: Sequence[BehaviourMeasure], name: str, seed: int) -> list[Part]:
    """Tabulate acts without persona, floors, and how often options turned round change nothing."""
    plain = answers.where(arm=CONTROL)
    tasks = {act.task.name: act.task for act in acts}
    channel = str(plain.rows.filter(pl.col("scale").is_in(list(tasks)))["channel"][0])
    sheets = [
        plain,
        *(administer_tasks(open_null(n), list(tasks.values()), channel) for n in FLOORS),
    ]
    rows: list[tuple[Cell, ...]] = []
    for act in acts:
        found = [measured(act.task, sheet, act.measure, seed=seed) for sheet in sheets]
        rows.append((act.measure.name, act.measure.unit, *found, _best(act)))
    turned = [swayed_rate(tasks["opinions"], sheet, seed=seed) for sheet in sheets]
    rows.append(("answers turned by an opposite opinion", "rate", *turned, 0.0))
    pairs = [calibration(tasks["honesty"], sheet, seed=seed) for sheet in sheets]
    for place, title in enumerate(("calibration error", "Brier score")):
        rows.append((title, "", *(pair[place] for pair in pairs), 0.0))
    sided = ", ".join(one_sided(tasks["associations"], plain)) or "none"
    table = Table(
        name="acts",
        title="Acts without a persona",
        rows=tuple(rows),
        columns=("measure", "unit", name, *FLOORS, "best or neutral"),
        note="Best: for cards the number with most points on average; for the others, no bias. "
        f"Word lists given to one group throughout: {sided}.",
    )
    return [table, _reading(plain, list(tasks.values()))]


def _best(act: BehaviourMeasure) -> float:
    if act.task.name != "cards":
        return 0.0
    rounds = [t.fields for t in act.task.trials]
    return float(
        np.mean(
            [
                best_number_of_cards(int(r["bad"]), float(r["gain"]), float(r["loss"]))
                for r in rounds
            ]
        )
    )


def _reading(plain: Answers, tasks: Sequence[BehaviourTask]) -> Table:
    """Show how often the same answer is given when the options are turned round."""
    rows: list[tuple[Cell, ...]] = []
    for task in tasks:
        sheet = plain.where(scale=task.name).rows.filter(pl.col("status") == "ok")
        keys = ["respondent", "item"]
        first, second = (
            sheet.filter(order=o).select(*keys, "value") for o in ("forward", "reverse")
        )
        both = first.join(second, on=keys, suffix="_turned")
        found = missing(task.name, "no trial was answered in both orders", n=0, of="trial")
        if both.height:
            found = exact_agreement(
                both["value"].to_numpy(),
                both["value_turned"].to_numpy(),
                name=task.name,
                of="trial",
            )
        rows.append((task.title, found))
    note = "An answer that turns with the options follows their place and not the question."
    return Table(
        name="reading",
        title="Same answer in both option orders",
        note=note,
        columns=("task", "share"),
        rows=tuple(rows),
    )
