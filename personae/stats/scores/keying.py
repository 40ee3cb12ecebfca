"""The keying alarm: do answers contradict the scoring key?

A scale whose negative items are never reversed looks like a scale but measures acquiescence. Two
signs reveal it over respondents: α that is no higher with the keys than without, and an item that
correlates negatively with the rest of its scale. Unlike in the textbook rule "item-total r < 0",
the interval must exclude 0, since in small samples r of a sound item is negative by chance.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan

from personae.core import Answers, KeyingAlarm, counted
from personae.stats.scores.reliability import alpha_value, item_total
from personae.stats.scores.scales import Use, item_matrix

__all__ = ["KeyingDoubt", "keying_alarm"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyingDoubt:
    """Evidence against the key of a scale, or of one `item` of it: `text` says what."""

    scale: str
    text: str
    item: str = ""

    def __str__(self) -> str:
        where = f"scale {self.scale}, item {self.item}" if self.item else f"scale {self.scale}"
        return f"{where}: {self.text}"


def keying_alarm(
    answers: Answers,
    *,
    rows: Sequence[str] = ("respondent",),
    use: Use = "value",
    strict: bool = False,
) -> tuple[KeyingDoubt, ...]:
    """Compare each scale's key with the correlations of its items over the rows.

    A scale of mixed keys is doubted where α of the unkeyed answers is defined and α of the keyed
    ones is not above it; an item where its corrected item-total correlation is negative with its
    95 % interval. Fewer than three complete rows, or rows that are all equal, raise no doubt.
    Acquiescence looks the same as a wrong key; both make a score misleading.

    Args:
        answers: of one inventory.
        rows: the columns that identify a row of the matrix, such as the respondent.
        use: the option chosen, or the mean over option probabilities.
        strict: raise instead of returning doubts.

    Raises:
        KeyingAlarm: with `strict`, if there is a doubt.
    """
    doubts: list[KeyingDoubt] = []
    for scale in answers.rows["scale"].unique(maintain_order=True):
        scale_answers = answers.where(scale=scale)
        scores, _, items = item_matrix(scale_answers, rows, use)
        if scale_answers.rows["key"].n_unique() == 2:
            raw, _, _ = item_matrix(scale_answers, rows, use, raw=True)
            with_key, without = alpha_value(scores), alpha_value(raw)
            if not isnan(without) and not with_key > without:
                known = "undefined" if isnan(with_key) else f"{with_key:.2f}"
                text = f"alpha is {known} with the key, {without:.2f} without"
                doubts.append(KeyingDoubt(scale=scale, text=text))
        for item, r in zip(items, item_total(scores, items), strict=True):
            if r.value < 0 and r.high < 0:
                text = f"runs against its scale, r = {r.value:.2f}"
                doubts.append(KeyingDoubt(scale=scale, item=item, text=text))
    if strict and doubts:
        listed = "; ".join(map(str, doubts[:3]))
        raise KeyingAlarm(
            f"answers contradict the scoring key ({counted(len(doubts), 'doubt')}): {listed}. "
            f"Check whether reversed items were reversed already, or never."
        )
    return tuple(doubts)
