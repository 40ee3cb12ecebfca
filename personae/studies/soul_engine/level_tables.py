"""The report's parts on levels and directions: errors by reader, cosines, removal, answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from personae.core import BIG_FIVE, Answers, Array, Edit, Estimate, OpenModel, Part, Site, Table
from personae.designs.steering_bench import shipped_bench
from personae.report.build import Row, bars, estimate_words, heatmap, matrix_table, table
from personae.stats.resample import mean
from personae.studies.soul_engine.level_readout import (
    CharacterSpeech,
    LevelReadout,
    Overlap,
    explained_share,
    linear_levels,
    without_span,
)

__all__ = [
    "ReadingTest",
    "direction_parts",
    "error_parts",
    "level_answers",
    "recognition_table",
    "removal_table",
]


@dataclass(frozen=True, slots=True, eq=False)
class ReadingTest:
    """Characters outside the training, and each reader's estimates of their levels.

    The constant guess comes first in `readouts`, the two heads come last.
    """

    name: str
    speech: CharacterSpeech
    readouts: Sequence[LevelReadout]

    @property
    def constant(self) -> LevelReadout:
        """The constant guess."""
        return self.readouts[0]

    @property
    def heads(self) -> LevelReadout:
        """The two heads."""
        return self.readouts[-1]

    def explained(self, readout: LevelReadout, seed: int) -> Estimate:
        """Estimate a reader's R squared against the constant guess."""
        return explained_share(readout, self.constant, self.speech.levels, seed)

    def errors(self, seed: int) -> Mapping[str, Estimate]:
        """Estimate each reader's mean squared error over characters and levels."""
        return {
            r.name: mean(
                r.errors(self.speech.levels).mean(axis=1),
                name=r.name,
                of="character",
                unit="MSE",
                seed=seed,
            )
            for r in self.readouts
        }


def error_parts(tests: Sequence[ReadingTest], seed: int) -> list[Part]:
    """Draw and tabulate squared errors by test and reader."""
    readers = list(dict.fromkeys(r.name for test in tests for r in test.readouts))
    errors = {test.name: test.errors(seed) for test in tests}
    rows: list[Row] = []
    for test in tests:
        for readout in test.readouts:
            by_trait = readout.errors(test.speech.levels).mean(axis=0)
            explained = None if readout is test.constant else test.explained(readout, seed)
            rows.append(
                {
                    "characters": test.name,
                    "reader": readout.name,
                    "MSE": errors[test.name][readout.name],
                    "R squared": explained,
                    **dict(zip(BIG_FIVE.values(), by_trait.tolist(), strict=True)),
                }
            )
    figure = bars(
        "errors",
        "Squared error of five levels in 0..1",
        readers,
        {name: map(by_reader.get, readers) for name, by_reader in errors.items()},
        "MSE",
        alt="; ".join(
            f"{name}, {reader}: {estimate_words(error.value, '.4f')}"
            for name, by_reader in errors.items()
            for reader, error in by_reader.items()
        ),
    )
    note = (
        "The published error, .0113, measures agreement with a teacher model's labels; only the "
        "error of a constant guess beside it tells how much was read."
    )
    return [figure, table("errors", "Squared error and share explained", rows, note)]


def recognition_table(hits: Mapping[str, Array], seed: int) -> Table:
    """Tabulate how often characters are recognised, as a share 0..1, by training.

    Args:
        hits: training -> 1 or 0 for each character, (characters,).
        seed: seed of the bootstrap over characters.
    """
    rows: list[Row] = [
        {
            "training": training,
            "recognised": mean(own, name=training, of="character", unit="share", seed=seed),
            "chance": 1 / len(own),
        }
        for training, own in hits.items()
    ]
    return table("identity", "Characters recognised from other utterances", rows)


def direction_parts(overlap: Overlap, learned: Array) -> list[Part]:
    """Draw the cosines of the traits' mean differences; tabulate those of learned directions.

    Args:
        overlap: cosines of the mean differences.
        learned: the psychometric head's unit directions, (5, width).
    """
    names = list(BIG_FIVE.values())
    upper = [(i, j) for i in range(len(names)) for j in range(i + 1, len(names))]
    figure = heatmap(
        "cosines",
        "Cosines between traits' directions",
        _by_name(overlap.cosines),
        "cosine",
        top=1.0,
        alt="; ".join(f"{names[i]} and {names[j]} {overlap.cosines[i, j]:.2f}" for i, j in upper),
    )
    own = learned @ learned.T
    note = (
        f"Their overlap, which training penalises, is {((own - np.eye(5)) ** 2).sum():.4f}. A head "
        "can keep its directions apart even where those of the traits overlap."
    )
    title = "Cosines between the psychometric head's directions"
    return [figure, matrix_table("learned", title, _by_name(own), note=note)]


def _by_name(matrix: Array) -> Mapping[str, Mapping[str, float]]:
    names = list(BIG_FIVE.values())
    return {
        name: dict(zip(names, row, strict=True))
        for name, row in zip(names, matrix.tolist(), strict=True)
    }


def removal_table(
    model: OpenModel, train: CharacterSpeech, test: ReadingTest, edit: Edit, seed: int
) -> Table:
    """Compare states with and without the traits' span: levels read, right answers, loss.

    Args:
        model: the frozen model.
        train: speech on which the linear probe is fitted.
        test: characters whose levels are read.
        edit: the projection that removes the span of its vectors, (5, width).
        seed: seed of the resampling.
    """
    states = train.means, test.speech.means
    axes = np.asarray(edit.vector, dtype=np.float64)
    without = [without_span(rows, axes) for rows in states]
    probes = [
        test.explained(LevelReadout(name, linear_levels(seen, train.levels, unseen)), seed)
        for name, (seen, unseen) in {"whole": states, "without": without}.items()
    ]
    scores = shipped_bench((), texts=6, choices=20).measure(model, [(), (edit,)])
    right = [mean(r, name="right", of="question", unit="share", seed=seed) for r in scores.right]
    nats = scores.nats[1] - scores.nats[0]
    cells: Mapping[str, tuple[Estimate | float | None, ...]] = {
        "levels read by a linear probe": (*probes, probes[1].value - probes[0].value),
        "right answers": (*right, right[1].value - right[0].value),
        "loss on plain text": (
            None,
            None,
            mean(nats, name="loss", of="text", unit="nats per token", seed=seed),
        ),
    }
    rows = {
        name: dict(zip(("whole", "without", "change"), row, strict=True))
        for name, row in cells.items()
    }
    title = f"States without the span of five directions at block {edit.site.block}"
    return matrix_table("removed", title, rows)


def level_answers(tests: Sequence[ReadingTest], site: Site) -> Answers:
    """Give each level that the heads read as an answer."""
    return Answers.of(
        {
            "respondent": character.name,
            "arm": test.name,
            "inventory": "characters",
            "item": f"level {trait}",
            "scale": trait,
            "channel": "activation",
            "form": f"block {site.block}",
            "unit": "level",
            "raw": f"{level:.4f}",
            "value": float(level),
            "status": "ok",
        }
        for test in tests
        for character, levels in zip(test.speech.characters, test.heads.levels, strict=True)
        for trait, level in zip(BIG_FIVE, levels, strict=True)
    )
