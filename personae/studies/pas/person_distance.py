"""How far what a model answers in each arm is from people, beside guesses that need no model."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from personae.core import CONTROL, Answers, Array, Cell, Estimate, Figure, Note, Part, Table
from personae.report.render.figure_json import figure_from_data
from personae.stats.resample import mean
from personae.stats.two_level import two_level_mean
from personae.studies.pas.papi import FLOORS, Panel, trait_errors
from personae.studies.pas.person_heads import ARMS, part_of

__all__ = ["Distances", "predicted"]

Mask = NDArray[np.bool_]


def predicted(answers: Answers, panel: Panel, arm: str) -> tuple[Array, Array]:
    """Give the literal answers, likeliest and expected, (people, items), NaN where lost."""
    sheet = answers.where(arm=arm)
    tables = []
    for column in ("value", "expected"):
        rows = [sheet.where(respondent=who).rows[column].to_numpy() for who in panel.ids]
        tables.append(np.array(rows, dtype=np.float64))
    return tables[0], tables[1]


@dataclass(frozen=True, eq=False)
class Distances:
    """How far arms and floors are from people: literal answers against keyed guesses."""

    found: Mapping[str, tuple[Array, Array]]
    floors: Mapping[str, Array]
    panel: Panel
    asked: Mask
    seed: int

    @property
    def scales(self) -> list[str]:
        """The trait of each item asked."""
        kept = part_of(self.panel.tool, self.asked).items
        return [item.scale for item in kept]

    def apart(self, name: str, *, expected: bool) -> Mapping[str, Array]:
        """Mean error a person, by trait; of a floor or an arm."""
        if name in self.floors:
            return trait_errors(self.floors[name], self.panel.keyed[:, self.asked], self.scales)
        said = self.found[name][int(expected)]
        return trait_errors(said, self.panel.raw[:, self.asked], self.scales)

    def composite(self, name: str, *, expected: bool = False) -> Estimate:
        """The sum over traits of mean errors, averaged over people."""
        each = np.sum(list(self.apart(name, expected=expected).values()), axis=0)
        return mean(each, name=name, of="person", unit="points", seed=self.seed)

    def against(self, arm: str, other: str) -> Estimate:
        """The change of the error of expected answers, item by person; below 0 is nearer."""
        truth = self.panel.raw[:, self.asked]
        one, two = (np.abs(self.found[name][1] - truth) for name in (arm, other))
        return two_level_mean(
            (one - two).T, name=f"{arm} less {other}", of="item", unit="points", seed=self.seed
        )

    def verdicts(self) -> list[Part]:
        """Say whether heads do anything, for this person, and what needs no model."""
        plain = self.against("heads", CONTROL)
        own = self.against("heads", "another's heads")
        nearer = "bring" if plain.high < 0 else "are not shown to bring"
        personal = "fit" if own.high < 0 else "are not shown to fit"
        best = min(ARMS, key=lambda arm: self.composite(arm).value)
        arm, guess = self.composite(best), self.composite("own facet mean, rounded")
        neutral = self.composite("always 3")
        return [
            Note(
                f"A person's heads {nearer} answers nearer to the person: {plain}; and "
                f"{personal} better than another person's: {own}.",
                "verdict",
            ),
            Note(
                f"Nearest arm: {best}, composite {arm.value:.2f}. Without a model, always 3 is "
                f"{neutral.value:.2f} away, the person's rounded facet means {guess.value:.2f}.",
                "verdict",
            ),
        ]

    def figure(self, tag: str) -> Figure:
        """Draw composites of arms and floors."""
        names = [*ARMS, *FLOORS]
        values = [self.composite(name) for name in names]
        told = ", ".join(f"{n} {v.value:.2f}" for n, v in zip(names, values, strict=True))
        return figure_from_data(
            name="composite",
            title=f"Distance from {len(self.panel.ids)} people ({tag})",
            kind="bars",
            data={
                "categories": names,
                "unit": "points, 0 best, 20 worst",
                "groups": ["arm"] * len(ARMS) + ["no model"] * len(FLOORS),
                "series": [{"name": "composite", "values": values}],
            },
            alt=f"Sum over five traits of mean absolute errors: {told}.",
        )

    def arms(self) -> Table:
        """Tabulate arms by likeliest and expected answers, and against the unchanged model."""
        rows: list[tuple[Cell, ...]] = []
        for arm in ARMS:
            rows.append(
                (
                    arm,
                    self.composite(arm),
                    self.composite(arm, expected=True),
                    None if arm == CONTROL else self.against(arm, CONTROL),
                )
            )
        rows += [(name, self.composite(name), None, None) for name in FLOORS]
        return Table(
            name="arms",
            title="Composite distance",
            rows=tuple(rows),
            columns=("answers", "likeliest", "expected", "error less unchanged"),
            note="Composite as published: the sum over five traits of mean absolute errors. The "
            "last column is the mean error an item, of expected answers.",
        )

    def traits(self) -> Table:
        """Tabulate mean errors by trait."""
        rows = tuple(
            (
                name,
                *(
                    float(np.nanmean(v)) if (~np.isnan(v)).any() else None
                    for v in self.apart(name, expected=False).values()
                ),
            )
            for name in (*ARMS, *FLOORS)
        )
        return Table(
            name="traits",
            title="Mean error by trait",
            rows=rows,
            columns=("answers", *dict.fromkeys(self.scales)),
            note="Points, likeliest answers.",
        )
