"""Stops a run whose model gives no usable answers, before it has cost much."""

from collections import Counter

from personae.core import NOT_ASKED, Choice, NoUsableAnswers, Reply, counted

__all__ = ["UsableAnswers"]

FIRST = 20
"""Requests after which a model without any usable answer is given up."""
MANY = 200
"""Requests after which a model with a smaller share of usable answers than `SHARE` is given up."""
SHARE = 0.2


class UsableAnswers:
    """Counts one model's answers by whether a study can use them.

    An error is not usable, nor is a choice without weights, nor a reply that was cut or can't be
    read and has no text. A refusal in words is an answer. Questions that can't be put to the model
    cost nothing, and stop a run only where there are no others.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._usable = 0
        self._reasons: Counter[str] = Counter()
        self._unasked: Counter[str] = Counter()

    def count(self, answer: Reply | Choice) -> None:
        """Count one answer.

        Raises:
            NoUsableAnswers: the first 20 answers, or more than four in five of at least 200, are
                unusable.
        """
        if _is_usable(answer):
            self._usable += 1
            return
        if isinstance(answer, Choice) and answer.method == NOT_ASKED:
            self._unasked[answer.why] += 1
            return
        self._reasons[answer.why or f"status {answer.status!r}"] += 1
        asked = self._usable + self._reasons.total()
        if (asked >= FIRST and not self._usable) or (
            asked >= MANY and self._usable < SHARE * asked
        ):
            self._give_up(asked)

    @property
    def unasked(self) -> str:
        """How many questions can't be put to the model, and why; "" if there are none."""
        if not self._unasked:
            return ""
        reason, _ = self._unasked.most_common(1)[0]
        count = self._unasked.total()
        noun = "question" if count == 1 else "questions"
        return f"{count:,} {noun} can't be put to {self._name}: {reason}"

    def conclude(self) -> None:
        """Check at the end of a run that the model has answered, if there were any questions.

        Raises:
            NoUsableAnswers: no answer is usable.
        """
        if self._usable:
            return
        if self._reasons:
            self._give_up(self._reasons.total())
        if self._unasked:
            raise NoUsableAnswers(f"nothing was asked: {self.unasked}")

    def _give_up(self, asked: int) -> None:
        (reason, count), *others = self._reasons.most_common()
        more = f"; {counted(len(others), 'other reason')}" if others else ""
        usable = counted(self._usable, "usable answer") if self._usable else "no usable answer"
        raise NoUsableAnswers(
            f"{self._name} gave {usable} to {counted(asked, 'request')}: {reason} "
            f"({counted(count, 'time')}{more}). "
            "Nothing is concluded from them; mend the cause, then run again with --retry-errors"
        )


def _is_usable(answer: Reply | Choice) -> bool:
    if isinstance(answer, Choice):
        return answer.status == "ok"
    if answer.status in ("cut", "unparsed"):
        return bool(answer.text.strip())
    return answer.status != "error"
