"""The end of a run's questions, whatever the end is, and a word on those that say little."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace

import numpy as np
import polars as pl

from personae.core import BudgetSpent, InputError, Model, Note, Report
from personae.models.journal.recorded import RecordedModel
from personae.report.build import warning
from personae.run.progress import Meter

__all__ = ["concluding", "with_doubts"]

LEAST_MASS = 0.1
"""Median probability of naming any label under which answers by label rest on next to nothing."""


@contextmanager
def concluding(
    models: Collection[RecordedModel[Model]], meter: Meter | None = None
) -> Iterator[None]:
    """Check at the end of a block that the models have answered.

    Raises:
        NoUsableAnswers: a model was asked and gave nothing usable.
        BudgetSpent: as the block raises it, with the progress on the meter.
    """
    try:
        yield
    except InputError:  # statistics without any answer fail in their own words
        for model in models:
            model.conclude()
        raise
    except BudgetSpent as spent:
        if meter is None:
            raise
        raise BudgetSpent(f"{spent} (so far: {meter.progress})") from spent
    for model in models:
        model.conclude()


def with_doubts(report: Report, models: Collection[RecordedModel[Model]]) -> Report:
    """Add warnings of questions that could not be put, and of labels that were hardly named."""
    notes = [
        warning(f"{model.unasked}. What rests on them is not known.")
        for model in models
        if model.unasked
    ]
    notes += _hardly_named(report)
    return replace(report, parts=(*notes, *report.parts)) if notes else report


def _hardly_named(report: Report) -> list[Note]:
    """Warn where most answers are by label, and the model would rather have said something else."""
    if report.answers is None:
        return []
    answered = report.answers.rows.filter(pl.col("status") == "ok")
    masses = answered.filter(pl.col("channel") == "label")["mass"].drop_nulls().to_numpy()
    if 2 * masses.size <= answered.height or not np.median(masses) < LEAST_MASS:
        return []
    return [
        warning(
            f"In half of the {masses.size:,} answers by label, all labels together have a "
            f"probability of {np.median(masses):.2g} or less: the model would rather say something "
            "else, and what is concluded rests on that remainder. Compare with another channel."
        )
    ]
