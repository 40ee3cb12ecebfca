"""What a trained reader can see, told before anything that it says: skill, floors, prior."""

from dataclasses import dataclass

import numpy as np

from personae.core import Array, Cell, Estimate, Table
from personae.datasets.labelled_texts import lengths
from personae.readers.text.trained_readers import HeldOut, Reader
from personae.stats.prediction.classification import accuracy, auc, floor_predictions, macro_f1

__all__ = ["Skill", "skill_table", "skills"]


@dataclass(frozen=True, eq=False)
class Skill:
    """How well one trait is told on authors never met, the share it was trained on, the floors."""

    auc: Estimate
    macro_f1: Estimate
    accuracy: Estimate
    share: float
    shuffled: Estimate
    floors: dict[str, float]

    @property
    def sees(self) -> bool:
        """Whether the held-out AUC's interval lies above one half."""
        return self.auc.low > 0.5


def skills(reader: Reader, seed: int = 0) -> dict[str, Skill]:
    """Estimate a reader's skill for each trait; whole groups (authors) are resampled."""
    groups = [one.group or one.id for one in reader.corpus.texts]
    words = lengths(reader.corpus.texts)
    return {
        scale: _skill(held, groups, words, reader.shares[scale], seed)
        for scale, held in reader.held_out.items()
    }


def _skill(held: HeldOut, groups: list[str], words: list[float], share: float, seed: int) -> Skill:
    told = _classes(held.probabilities)
    floors = floor_predictions(held.truth, words, seed=seed)
    return Skill(
        auc=auc(held.truth, held.places, groups=groups, seed=seed),
        macro_f1=macro_f1(held.truth, told, groups=groups, seed=seed),
        accuracy=accuracy(held.truth, told, groups=groups, seed=seed),
        share=share,
        shuffled=auc(held.dealt, held.shuffled, groups=groups, seed=seed),
        floors={name: float(np.mean(guess == held.truth)) for name, guess in floors.items()},
    )


def _classes(probabilities: Array) -> Array:
    missing = np.isnan(probabilities)
    return np.where(missing, np.nan, (probabilities >= 0.5).astype(float))


def skill_table(found: dict[str, Skill], reader: Reader) -> Table:
    """Tabulate skill beside the floors and the reader trained on shuffled labels."""
    rows: list[tuple[Cell, ...]] = [
        (scale, one.auc, one.macro_f1, one.accuracy, *one.floors.values(), one.shuffled, one.share)
        for scale, one in found.items()
    ]
    floors = [f"accuracy, {name}" for name in next(iter(found.values())).floors]
    columns = (
        "trait",
        "AUC",
        "macro-F1",
        "accuracy",
        *floors,
        "AUC, shuffled labels",
        "training share high",
    )
    note = (
        f"Reader {reader.training.recipe!r}, trained on {reader.corpus.source} "
        f"({len(reader.corpus.texts)} texts, {reader.corpus.tag}). All figures are for authors, or "
        "pools of sentences, that the classifier never met; whole ones are resampled. Floors: the "
        "commoner class, chance at the class's share, length alone."
    )
    return Table(
        name="skill", title="What the reader can see", columns=columns, rows=tuple(rows), note=note
    )
