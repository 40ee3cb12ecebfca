"""Estimates the remaining time of a run from its plan and the speed of its answers.

A written token takes a model much longer than a read one; the ratio is estimated. Choices give the
time of a read token; the additional time of replies is that of their written tokens.
"""

from personae.core import Choice, Reply
from personae.run.plan import CostEstimate

__all__ = ["Eta"]

WRITING = 20.0
"""Time of a written token in units of a read one, until the run provides an estimate."""


class _AnswerTally:
    """Counts of choices, or of replies: answers, tokens, and the seconds they took."""

    def __init__(self) -> None:
        self.count = self.fresh = 0
        self.read = self.written = self.bound = 0
        self.timed_read = self.timed_written = 0
        self.seconds = 0.0

    def saw(self, answer: Reply | Choice, bound: int, seconds: float | None) -> None:
        self.count += 1
        self.read += answer.tokens_in
        self.written += answer.tokens_out
        self.bound += bound
        if seconds is not None:
            self.fresh += 1
            self.seconds += seconds
            self.timed_read += answer.tokens_in
            self.timed_written += answer.tokens_out


class Eta:
    """Estimates the remaining time of a plan from tokens read and written, at the speed so far."""

    def __init__(self, plan: CostEstimate) -> None:
        self._plan = plan
        self._choices, self._replies = _AnswerTally(), _AnswerTally()

    def saw(self, answer: Reply | Choice, bound: int, seconds: float | None) -> None:
        """Count an answer of at most `bound` written tokens; no `seconds` if it was recalled."""
        kind = self._replies if isinstance(answer, Reply) else self._choices
        kind.saw(answer, bound, seconds)

    @property
    def seconds(self) -> float | None:
        """Approximate seconds left; None before the first answer that took time."""
        prices = self._prices()
        if prices is None:
            return None
        tokens_to_read, tokens_to_write = self._left()
        return tokens_to_read * prices[0] + tokens_to_write * prices[1]

    def _prices(self) -> tuple[float, float] | None:
        """Estimate the seconds per token read and per token written."""
        choices, replies = self._choices, self._replies
        if not choices.fresh + replies.fresh or not choices.timed_read + replies.timed_read:
            return None
        if not replies.timed_written:
            read_seconds = (choices.seconds + replies.seconds) / (
                choices.timed_read + replies.timed_read
            )
            return read_seconds, WRITING * read_seconds
        if not choices.timed_read:
            read_seconds = replies.seconds / (replies.timed_read + WRITING * replies.timed_written)
            return read_seconds, WRITING * read_seconds
        read_seconds = choices.seconds / choices.timed_read
        write_seconds = (
            replies.seconds - read_seconds * replies.timed_read
        ) / replies.timed_written
        if write_seconds >= read_seconds:
            return read_seconds, write_seconds
        # Replies took less than their reading should: a server that weighs options slowly.
        return read_seconds, replies.seconds / replies.timed_written

    def _left(self) -> tuple[float, float]:
        """Estimate the tokens left to read and to write, from observed lengths if there are any."""
        plan, choices, replies = self._plan, self._choices, self._replies
        mean = plan.tokens_in / max(plan.requests, 1)
        remaining_choices = plan.requests - plan.replies
        tokens_to_read = max(remaining_choices - choices.count, 0) * _mean(choices, mean)
        tokens_to_read += max(plan.replies - replies.count, 0) * _mean(replies, mean)
        bound = max(plan.tokens_out - remaining_choices - replies.bound, 0)
        fill = replies.written / replies.bound if replies.bound else 1.0
        return tokens_to_read, bound * fill


def _mean(kind: _AnswerTally, planned: float) -> float:
    return kind.read / kind.count if kind.count else planned
