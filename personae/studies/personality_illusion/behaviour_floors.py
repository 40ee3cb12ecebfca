"""Behaviour without a persona, beside null respondents and the best possible behaviour."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from personae.core import CONTROL, Answers, BehaviourTask, Estimate, Part, Table, missing
from personae.designs.report_behaviour import BehaviourMeasure
from personae.measure.behaviour.administer_tasks import administer_tasks
from personae.measure.behaviour.behaviour_scores import (
    best_number_of_cards,
    calibration,
    measure_estimate,
    one_sided,
    swayed_rate,
)
from personae.report.build import Row, estimates_table, table
from personae.respondents.null import open_null
from personae.stats.agreement import exact_agreement

__all__ = ["behaviour_floors"]

FLOORS = ("null:first", "null:uniform")


def behaviour_floors(
    answers: Answers, measures: Sequence[BehaviourMeasure], model: str, seed: int
) -> list[Part]:
    """Tabulate behaviour without a persona beside floors, and how often both orders agree.

    Args:
        answers: of one model in one context; only the control arm is read.
        measures: of all tasks.
        model: head of the model's column.
        seed: seed of the bootstrap.
    """
    control = answers.where(arm=CONTROL)
    tasks = {row.task.name: row.task for row in measures}
    channel = str(control.rows.filter(pl.col("scale").is_in(list(tasks)))["channel"][0])
    sheets = {
        model: control,
        **{
            null: administer_tasks(open_null(null), list(tasks.values()), channel)
            for null in FLOORS
        },
    }
    rows: list[Row] = [
        {
            "measure": row.measure.name,
            "unit": row.measure.unit,
            **{
                who: measure_estimate(row.task, s, row.measure, seed=seed)
                for who, s in sheets.items()
            },
            "best or neutral": _best(row),
        }
        for row in measures
    ]
    rows += _other_measures(tasks, sheets, seed)
    sided = ", ".join(one_sided(tasks["associations"], control)) or "none"
    note = (
        "Best: in the card task, the number of cards with the most points on average; elsewhere, "
        f"no bias. Word lists assigned to one group throughout: {sided}."
    )
    return [
        table("behaviour", "Behaviour without a persona", rows, note),
        _order_table(control, list(tasks.values())),
    ]


def _other_measures(
    tasks: dict[str, BehaviourTask], sheets: dict[str, Answers], seed: int
) -> list[Row]:
    """Add results beyond the tasks' measures: answers that follow opinions, and calibration."""
    turned = {who: swayed_rate(tasks["opinions"], s, seed=seed) for who, s in sheets.items()}
    errors = {who: calibration(tasks["honesty"], s, seed=seed) for who, s in sheets.items()}
    cells = [
        ("answers turned by an opposite opinion", "rate", turned),
        ("calibration error", "", {who: pair[0] for who, pair in errors.items()}),
        ("Brier score", "", {who: pair[1] for who, pair in errors.items()}),
    ]
    return [
        {"measure": title, "unit": unit, **values, "best or neutral": 0.0}
        for title, unit, values in cells
    ]


def _best(row: BehaviourMeasure) -> float:
    """Return the value of the best or of neutral behaviour, in the measure's unit."""
    if row.task.name != "cards":
        return 0.0
    decks = [trial.fields for trial in row.task.trials]
    best = [
        best_number_of_cards(int(deck["bad"]), float(deck["gain"]), float(deck["loss"]))
        for deck in decks
    ]
    return float(np.mean(best))


def _order_table(control: Answers, tasks: Sequence[BehaviourTask]) -> Table:
    """Tabulate how often an answer is the same in both orders of the options."""
    note = (
        "An answer that changes with the order depends on an option's position, not on its content."
    )
    return estimates_table(
        "reading",
        "Same answer in both option orders",
        [(task.title, _order_agreement(control, task)) for task in tasks],
        ("task", "share"),
        note,
    )


def _order_agreement(control: Answers, task: BehaviourTask) -> Estimate:
    rows = control.where(scale=task.name).rows.filter(pl.col("status") == "ok")
    keys = ["respondent", "item"]
    forward, reverse = (
        rows.filter(order=order).select(*keys, "value") for order in ("forward", "reverse")
    )
    pairs = forward.join(reverse, on=keys, suffix="_reverse")
    if not pairs.height:
        return missing(task.name, "no trial was answered in both orders", n=0, of="trial")
    return exact_agreement(
        pairs["value"].to_numpy(), pairs["value_reverse"].to_numpy(), name=task.name, of="trial"
    )
