"""The end of a run's questions, whatever the end is."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from personae.core import BudgetSpent, InputError, Model
from personae.models.journal.recorded import RecordedModel
from personae.run.progress import Meter

__all__ = ["concluding"]


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
