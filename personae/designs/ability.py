"""Does the model solve these problems at all? A gate before any claim that a persona harms it."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from personae.core import CONTROL, Answers, Chooser, Estimate, Sampling, Table
from personae.designs.arms import CONTROL_ARM
from personae.designs.grid import Asking, ask_grid
from personae.designs.question_effects import question_scores
from personae.measure.tasks.problems import ProblemSet
from personae.stats.effects.proportions import rate

__all__ = ["Ability", "ability"]

Way = Literal["label", "option", "reply"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ability:
    """Accuracy without persona by channel, beside chance; the first channel above it is `channel`.

    Where none is above chance, `channel` is the last one and `above` false: a persona can't then
    be shown to break what isn't there.
    """

    channel: Way
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
            name="ability",
            title="Without persona",
            columns=("channel", "accuracy", "chance"),
            rows=tuple(self.found),
            note="Channels are tried in this order; the first above chance is read.",
        )


def _guessing(problems: ProblemSet) -> float:
    """Give the rate of right answers without reading: a guess, or one answer throughout.

    The second counts where at least half of the problems offer that answer, as urgencies do.

    >>> from personae.measure.tasks.problems import load_problems
    >>> _guessing(load_problems("plain-knowledge")), _guessing(load_problems("word-problems"))
    (0.25, 0.0)
    """
    offered: defaultdict[str, int] = defaultdict(int)
    gain: defaultdict[str, float] = defaultdict(float)
    total = 0.0
    for problem in problems.problems:
        guess = 1 / len(problem.options) if problem.options else 0.0
        total += guess
        for option in problem.options:
            offered[option] += 1
            gain[option] += float(option == problem.answer) - guess
    size = len(problems.problems)
    common = [gain[option] for option, count in offered.items() if 2 * count >= size]
    return (total + max([0.0, *common])) / size


def ability(model: Chooser, problems: ProblemSet, *, orders: int = 2, tokens: int = 512) -> Ability:
    """Ask the problems without persona by label and by option text; find the channel to read.

    Where some have no options, all are written out instead, in so many tokens.
    """
    chance, found, sheets = _guessing(problems), [], []
    channels: tuple[Way, ...] = ("label", "option")
    if not all(problem.options for problem in problems.problems):
        channels = ("reply",)
    main: Way | None = None
    for channel in channels:
        asking = Asking(
            channel=channel,
            orders=orders if channel == "label" else 1,
            sampling=Sampling(max_tokens=tokens),
        )
        sheet = ask_grid(model, [CONTROL_ARM], problems, asking)
        scores, _ = question_scores(sheet, "arm", [CONTROL])
        right = rate(scores[0], name=channel, of="question")
        found.append((channel, right, chance))
        sheets.append(sheet)
        if main is None and right.low > chance:
            main = channel
    return Ability(
        channel=main or channels[-1],
        above=main is not None,
        found=tuple(found),
        answers=Answers.concat(sheets),
    )
