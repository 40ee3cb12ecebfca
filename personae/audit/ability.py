"""Does the model solve these problems at all? A gate before any claim that a persona harms it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from personae.audit.effects import question_scores
from personae.audit.grid import Arm, Asking, ask_grid
from personae.audit.problems import ProblemSet
from personae.core import Answers, Chooser, Estimate, Table, nobody
from personae.induce.prompt import unchanged
from personae.stats.resample import mean

__all__ = ["BARE", "Ability", "ability"]

BARE = Arm(name="unchanged", induction=unchanged, persona=nobody(), group="reference")
"""The model itself, without any persona."""
ORDER: tuple[Literal["label", "option"], ...] = ("label", "option")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ability:
    """Accuracy without persona by channel, beside chance; the first channel above it is `channel`.

    Where none is above chance, `channel` is the last one and `above` false: a persona can't then
    be shown to break what isn't there.
    """

    channel: Literal["label", "option"]
    above: bool
    found: Sequence[tuple[str, Estimate, float]]
    answers: Answers

    @property
    def sentence(self) -> str:
        """Say in a sentence whether there is an ability to lose."""
        name, rate, chance = next(f for f in self.found if f[0] == self.channel)
        told = f"{rate.value:.0%} [{rate.low:.0%}, {rate.high:.0%}] right, chance {chance:.0%}"
        if self.above:
            return f"Without persona the model answers by {name}: {told}."
        return f"The model solves these problems in no channel ({name}: {told}): nothing to lose."

    def table(self) -> Table:
        """Tabulate accuracy and chance by channel."""
        return Table(
            name="ability", title="Without persona", columns=("channel", "accuracy", "chance"),
            rows=tuple(self.found),
            note="Channels are tried in this order; the first above chance is read.",
        )  # fmt: skip


def ability(model: Chooser, problems: ProblemSet, *, orders: int = 2, seed: int = 0) -> Ability:
    """Ask the problems without persona by label and by option text; find the channel to read."""
    chance = float(np.mean([1 / len(p.options) for p in problems.problems]))
    found, sheets = [], []
    main: Literal["label", "option"] | None = None
    for channel in ORDER:
        asking = Asking(channel=channel, orders=orders if channel == "label" else 1)
        sheet = ask_grid(model, [BARE], problems, asking)
        scores, _ = question_scores(sheet, "arm", ["unchanged"])
        rate = mean(scores[0], name=channel, of="question", unit="rate", seed=seed)
        found.append((channel, rate, chance))
        sheets.append(sheet)
        if main is None and not np.isnan(rate.low) and rate.low > chance:
            main = channel
    return Ability(channel=main or ORDER[-1], above=main is not None, found=tuple(found),
                   answers=Answers.concat(sheets))  # fmt: skip
