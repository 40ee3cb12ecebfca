"""The skill of a trained reader, which is reported before any of its ratings."""

from dataclasses import dataclass

import numpy as np

from personae.core import Array, Estimate, Table
from personae.datasets.labelled_texts import lengths
from personae.readers.text.trained_readers import HeldOut, Reader
from personae.report.build import Row, table
from personae.stats.prediction.classification import accuracy, auc, floor_predictions, macro_f1

__all__ = ["Skill", "skill_table", "skills"]


@dataclass(frozen=True, eq=False)
class Skill:
    """Skill on one trait with held-out authors, beside floors.

    `share` is the share (0..1) of the high pole in training; `shuffled` the AUC of the same
    training on permuted labels; `floors` the accuracy (0..1) of trivial answers by name.
    """

    auc: Estimate
    macro_f1: Estimate
    accuracy: Estimate
    share: float
    shuffled: Estimate
    floors: dict[str, float]

    @property
    def above_chance(self) -> bool:
        """Whether the interval of the held-out AUC lies above one half."""
        return self.auc.low > 0.5


def skills(reader: Reader, seed: int = 0) -> dict[str, Skill]:
    """Estimate a reader's skill by trait, with intervals that resample whole groups (authors)."""
    groups = [text.group or text.id for text in reader.corpus.texts]
    words = lengths(reader.corpus.texts)
    return {
        scale: _skill(predictions, groups, words, reader.shares[scale], seed)
        for scale, predictions in reader.held_out.items()
    }


def _skill(
    predictions: HeldOut, groups: list[str], words: list[float], share: float, seed: int
) -> Skill:
    classes = _classes(predictions.probabilities)
    floors = floor_predictions(predictions.truth, words, seed=seed)
    return Skill(
        auc=auc(predictions.truth, predictions.ranks, groups=groups, seed=seed),
        macro_f1=macro_f1(predictions.truth, classes, groups=groups, seed=seed),
        accuracy=accuracy(predictions.truth, classes, groups=groups, seed=seed),
        share=share,
        shuffled=auc(predictions.permuted, predictions.shuffled, groups=groups, seed=seed),
        floors={name: float(np.mean(guess == predictions.truth)) for name, guess in floors.items()},
    )


def _classes(probabilities: Array) -> Array:
    missing = np.isnan(probabilities)
    return np.where(missing, np.nan, (probabilities >= 0.5).astype(float))


def skill_table(skills_by_trait: dict[str, Skill], reader: Reader) -> Table:
    """Tabulate skill by trait, beside the floors and a reader trained on shuffled labels."""
    rows: list[Row] = [
        {
            "trait": scale,
            "AUC": skill.auc,
            "macro-F1": skill.macro_f1,
            "accuracy": skill.accuracy,
            **{f"accuracy, {name}": floor for name, floor in skill.floors.items()},
            "AUC, shuffled labels": skill.shuffled,
            "training share high": skill.share,
        }
        for scale, skill in skills_by_trait.items()
    ]
    note = (
        f"Reader {reader.training.recipe!r}, trained on {reader.corpus.source} "
        f"({len(reader.corpus.texts)} texts, {reader.corpus.tag}). All figures are for authors, or "
        "pools of sentences, held out in training; whole ones are resampled. Floors: the "
        "commoner class, chance at the class's share, length alone."
    )
    return table("skill", "What the reader can see", rows, note)
