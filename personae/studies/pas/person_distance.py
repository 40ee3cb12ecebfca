"""Distance of a model's answers from people's in each arm, beside guesses without a model."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from personae.core import CONTROL, Answers, Array, Estimate, Figure, Part, Table
from personae.report.build import Row, bars, estimate_words, matrix_table, table, verdict
from personae.stats.resample import mean
from personae.stats.two_level import two_level_mean
from personae.studies.pas.papi import FLOORS, Panel, trait_errors
from personae.studies.pas.person_heads import ARMS, masked

__all__ = ["Distances", "arm_answers"]

Mask = NDArray[np.bool_]


def arm_answers(answers: Answers, panel: Panel, arm: str) -> tuple[Array, Array]:
    """Arrange an arm's literal answers, likeliest and expected, in points: (people, items) each.

    NaN where an answer is missing. The likeliest are those of Zhu et al. 2024 (arXiv 2408.11779);
    expected ones, the mean over the options' probabilities, are our own.
    """
    sheet = answers.where(arm=arm)
    tables = []
    for column in ("value", "expected"):
        rows = [sheet.where(respondent=who).rows[column].to_numpy() for who in panel.ids]
        tables.append(np.array(rows, dtype=np.float64))
    return tables[0], tables[1]


@dataclass(frozen=True, eq=False)
class Distances:
    """Distances of arms and floors from people.

    Args:
        arms: arm -> literal answers, likeliest and expected, (people, asked items) each.
        floors: floor -> keyed guesses, (people, asked items).
        panel: the people, in the order of the rows.
        asked: mask of the asked items, (items,).
        seed: seed of the resampling.
    """

    arms: Mapping[str, tuple[Array, Array]]
    floors: Mapping[str, Array]
    panel: Panel
    asked: Mask
    seed: int

    @property
    def scales(self) -> list[str]:
        """The trait of each asked item."""
        return [item.scale for item in masked(self.panel.tool, self.asked).items]

    def errors(self, name: str, *, expected: bool) -> Mapping[str, Array]:
        """Return a floor's or arm's mean absolute errors, in points: (people,) for each trait."""
        if name in self.floors:
            return trait_errors(self.floors[name], self.panel.keyed[:, self.asked], self.scales)
        literal = self.arms[name][int(expected)]
        return trait_errors(literal, self.panel.raw[:, self.asked], self.scales)

    def composite(self, name: str, *, expected: bool = False) -> Estimate:
        """Sum a person's mean errors over traits, and average over people (Zhu et al. 2024)."""
        sums = np.sum(list(self.errors(name, expected=expected).values()), axis=0)
        return mean(sums, name=name, of="person", unit="points", seed=self.seed)

    def difference(self, arm: str, other: str) -> Estimate:
        """Estimate the error of an arm less that of another; below 0 the arm is closer.

        Errors are those of expected answers, item by person.
        """
        truth = self.panel.raw[:, self.asked]
        errors, others = (np.abs(self.arms[name][1] - truth) for name in (arm, other))
        return two_level_mean(
            (errors - others).T,
            name=f"{arm} less {other}",
            of="item",
            unit="points",
            seed=self.seed,
        )

    def verdicts(self) -> list[Part]:
        """Say whether heads help, whether they are the person's own, and how close guesses come."""
        control = self.difference("heads", CONTROL)
        another = self.difference("heads", "another's heads")
        closer = "bring" if control.high < 0 else "are not shown to bring"
        personal = "fit" if another.high < 0 else "are not shown to fit"
        best = min(ARMS, key=lambda arm: self.composite(arm).value)
        guess = self.composite("own facet mean, rounded")
        return [
            verdict(
                f"A person's heads {closer} answers closer to the person: {control}; and "
                f"{personal} better than another person's: {another}."
            ),
            verdict(
                f"Closest arm: {best}, composite {self.composite(best).value:.2f}. Without a "
                f"model, always 3 is {self.composite('always 3').value:.2f} away, the person's "
                f"rounded facet means {estimate_words(guess.value, '.2f')}."
            ),
        ]

    def figure(self, tag: str) -> Figure:
        """Draw composites of arms and floors."""
        names = [("arm", arm) for arm in ARMS] + [("no model", floor) for floor in FLOORS]
        values = [self.composite(name) for _, name in names]
        listed = ", ".join(f"{v.name} {estimate_words(v.value, '.2f')}" for v in values)
        return bars(
            "composite",
            f"Distance from {len(self.panel.ids)} people ({tag})",
            names,
            {"composite": values},
            "points, 0 best, 20 worst",
            alt=f"Sum over five traits of mean absolute errors: {listed}.",
        )

    def arm_table(self) -> Table:
        """Tabulate arms by likeliest and expected answers, and against the unchanged model."""
        rows: list[Row] = [
            {
                "answers": name,
                "likeliest": self.composite(name),
                "expected": self.composite(name, expected=True) if name in ARMS else None,
                "error less unchanged": (
                    self.difference(name, CONTROL) if name in ARMS and name != CONTROL else None
                ),
            }
            for name in (*ARMS, *FLOORS)
        ]
        note = (
            "Composite as published: the sum over five traits of mean absolute errors. The last "
            "column is the mean error an item, of expected answers."
        )
        return table("arms", "Composite distance", rows, note)

    def trait_table(self) -> Table:
        """Tabulate mean errors by trait."""
        matrix = {
            name: {
                trait: float(np.nanmean(own)) if (~np.isnan(own)).any() else None
                for trait, own in self.errors(name, expected=False).items()
            }
            for name in (*ARMS, *FLOORS)
        }
        note = "Points, likeliest answers."
        return matrix_table("traits", "Mean error by trait", matrix, "answers", note)
