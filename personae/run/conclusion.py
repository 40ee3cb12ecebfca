"""The end of a run's questions, whatever the end is, and a word on those that weren't put."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace

from personae.core import BudgetSpent, InputError, Model, Report
from personae.models.journal.recorded import RecordedModel
from personae.report.build import warning
from personae.run.progress import Meter

__all__ = ["concluding", "with_unasked"]


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


def with_unasked(report: Report, models: Collection[RecordedModel[Model]]) -> Report:
    """Add a warning for each model to which questions could not be put, and why."""
    notes = [
        warning(f"{model.unasked}. What rests on them is not known.")
        for model in models
        if model.unasked
    ]
    return replace(report, parts=(*notes, *report.parts)) if notes else report
