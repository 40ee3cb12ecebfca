"""Poles that each method predicts from a text, and floors that predict without reading."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from personae.core import Answers, Array, Inventory
from personae.datasets.labelled_texts import Corpus, lengths
from personae.stats.prediction.classification import floor_predictions
from personae.stats.scores.scales import keyed
from personae.studies.psycot.questionnaire_chain import CONCLUSION

__all__ = ["BY_CONCLUSION", "BY_SCORES", "DIRECT", "METHODS", "STEPWISE", "Predictions", "arranged"]

BY_CONCLUSION, BY_SCORES = "questionnaire, conclusion", "questionnaire, scores"
DIRECT, STEPWISE = "asked directly", "step by step"
METHODS: Mapping[str, str] = {
    BY_CONCLUSION: "rates every item, then names the likelier pole",
    BY_SCORES: "the mean of the keyed ratings, above or below the middle",
    DIRECT: "names the likelier pole without items (the paper's standard prompt)",
    STEPWISE: "reasons in words, then names the likelier pole (zero-shot chain of thought)",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Predictions:
    """Each method's predictions of the same texts.

    Args:
        scales: the labelled scales that were asked about.
        truth: labels, (texts, scales), 1 for the high pole and 0 for the low one.
        scores: by method, (texts, scales); the sign is the prediction, NaN a missing answer.
        floors: by floor, predictions without reading, (texts, scales), 0 or 1.
    """

    scales: tuple[str, ...]
    truth: Array
    scores: Mapping[str, Array]
    floors: Mapping[str, Array]

    def of(self, method: str) -> Array:
        """Predictions of a method or floor: 1 high, 0 low, NaN for a tie or no answer."""
        if method in self.floors:
            return self.floors[method]
        values = self.scores[method]
        return np.where(np.isnan(values) | (values == 0), np.nan, (values > 0).astype(float))


def arranged(
    answers: Answers, inventory: Inventory, scales: tuple[str, ...], corpus: Corpus, seed: int
) -> Predictions:
    """Arrange the answers of every method, and the floors, as texts by scales."""
    rows = answers.rows
    asked = set(rows["respondent"])
    texts = [text for text in corpus.texts if text.id in asked]
    conclusions = rows.filter(pl.col("item") == CONCLUSION)
    ratings = Answers(rows.filter(pl.col("item") != CONCLUSION))
    middle = (inventory.low + inventory.high) / 2
    means = (
        keyed(ratings)
        .group_by("respondent", "scale")
        .agg((pl.col("score").mean() - middle).alias("value"))
    )
    frames = {
        BY_CONCLUSION: conclusions.filter(arm="psycot"),
        BY_SCORES: means,
        DIRECT: conclusions.filter(arm="standard"),
        STEPWISE: conclusions.filter(arm="step by step"),
    }
    truth = np.array([[text.labels[s] for s in scales] for text in texts], dtype=np.float64)
    floors = [floor_predictions(labels, lengths(texts), seed=seed) for labels in truth.T]
    ids = [text.id for text in texts]
    return Predictions(
        scales=scales,
        truth=truth,
        scores={method: _grid(frame, ids, scales) for method, frame in frames.items()},
        floors={name: np.column_stack([own[name] for own in floors]) for name in floors[0]},
    )


def _grid(frame: pl.DataFrame, ids: Sequence[str], scales: Sequence[str]) -> Array:
    """Arrange values as (texts, scales), NaN where one is missing."""
    values = {(r, s): v for r, s, v in frame.select("respondent", "scale", "value").iter_rows()}
    cells = [[values.get((text, scale)) for scale in scales] for text in ids]
    return np.array([[np.nan if value is None else value for value in row] for row in cells])
