"""Whether a model solves problems above chance, tested before any claim that a persona harms it."""

from collections import defaultdict
from dataclasses import dataclass
from math import isnan
from typing import Literal

from personae.core import CONTROL, Answers, Chooser, Estimate, Sampling, Table, missing
from personae.designs.arms import CONTROL_ARM
from personae.designs.grid import Asking, ask_grid
from personae.designs.question_effects import question_scores
from personae.measure.tasks.problems import ProblemSet
from personae.report.build import Row, estimate_words, table
from personae.stats.effects.proportions import rate

__all__ = ["Ability", "ChannelAccuracy", "ability"]

ProblemChannel = Literal["label", "option", "reply"]


@dataclass(frozen=True, slots=True)
class ChannelAccuracy:
    """Accuracy (0..1) in one channel without persona, and that of guessing."""

    channel: ProblemChannel
    accuracy: Estimate
    chance: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Ability:
    """Accuracy without persona by channel; `channel` is the first one above chance.

    Where none is above chance, `channel` is the last one answered and `above` false: then no loss
    of accuracy under a persona can be shown.
    """

    channel: ProblemChannel
    above: bool
    channels: tuple[ChannelAccuracy, ...]
    answers: Answers

    @property
    def sentence(self) -> str:
        """Whether any channel is above chance, in one sentence."""
        chosen = next(c for c in self.channels if c.channel == self.channel)
        figures = f"{estimate_words(chosen.accuracy, '.0%')} right, chance {chosen.chance:.0%}"
        if self.above:
            return f"Without persona the model answers by {self.channel}: {figures}."
        return (
            f"The model solves these problems in no channel ({self.channel}: {figures}): a persona "
            "can't lower its accuracy."
        )

    def table(self) -> Table:
        """Tabulate accuracy and chance by channel."""
        rows: list[Row] = [
            {"channel": c.channel, "accuracy": c.accuracy, "chance": c.chance}
            for c in self.channels
        ]
        note = "Channels are tried in this order; the first above chance is used."
        return table("ability", "Without persona", rows, note)


def _guessing(problems: ProblemSet) -> float:
    """Return the rate (0..1) of right answers by guessing, or by the best constant answer.

    A constant answer counts where at least half of the problems offer it, as with urgencies.

    >>> from personae.measure.tasks.problems import load_problems
    >>> _guessing(load_problems("plain-knowledge")), _guessing(load_problems("word-problems"))
    (0.25, 0.0)
    """
    offers: defaultdict[str, int] = defaultdict(int)
    gain: defaultdict[str, float] = defaultdict(float)
    total = 0.0
    for problem in problems.problems:
        guess = 1 / len(problem.options) if problem.options else 0.0
        total += guess
        for option in problem.options:
            offers[option] += 1
            gain[option] += float(option == problem.answer) - guess
    size = len(problems.problems)
    common = [gain[option] for option, count in offers.items() if 2 * count >= size]
    return (total + max([0.0, *common])) / size


def ability(model: Chooser, problems: ProblemSet, *, orders: int = 2, tokens: int = 512) -> Ability:
    """Ask the problems without persona by label and by option text; choose the channel to use.

    Args:
        model: the model that is tested.
        problems: the problems; where some have no options, all answers are written.
        orders: rotations of the options in the channel `label`.
        tokens: maximum length of a written answer.
    """
    by_likelihood = all(problem.options for problem in problems.problems)
    names: tuple[ProblemChannel, ...] = ("label", "option") if by_likelihood else ("reply",)
    chance = _guessing(problems)
    channels, parts = [], []
    for name in names:
        asking = Asking(
            channel=name,
            orders=orders if name == "label" else 1,
            sampling=Sampling(max_tokens=tokens),
        )
        answers = ask_grid(model, [CONTROL_ARM], problems, asking)
        scores, _ = question_scores(answers, "arm", [CONTROL])
        accuracy = rate(scores[0], name=name, of="question")
        if set(answers.rows["status"]) == {"error"}:
            accuracy = missing(name, "no question was answered", n=0, of="question")
        channels.append(ChannelAccuracy(name, accuracy, chance))
        parts.append(answers)
    above = [c.channel for c in channels if c.accuracy.low > chance]
    answered = [c.channel for c in channels if not isnan(c.accuracy.value)] or list(names)
    return Ability(
        channel=(above or answered[-1:])[0],
        above=bool(above),
        channels=tuple(channels),
        answers=Answers.concat(parts),
    )
