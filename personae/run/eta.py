"""About how long a run will take, from its plan and from the speed of its own answers.

A written token takes a model much longer than a read one: how much longer is learned. Choices tell
what a token read takes; what replies take beyond that is their writing.
"""

from personae.core import Choice, Reply
from personae.run.plan import CostEstimate

__all__ = ["Eta"]

WRITING = 20.0
"""Times that a written token takes against a read one, until the run has shown its own figure."""


class _Kind:
    """What was seen of choices, or of replies: answers, tokens, and the seconds they took."""

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
    """Weighs what is left of a plan by tokens read and written, at the speed seen so far."""

    def __init__(self, plan: CostEstimate) -> None:
        self._plan = plan
        self._choices, self._replies = _Kind(), _Kind()

    def saw(self, answer: Reply | Choice, bound: int, seconds: float | None) -> None:
        """Count an answer of at most `bound` written tokens; no `seconds` if it was recalled."""
        kind = self._replies if isinstance(answer, Reply) else self._choices
        kind.saw(answer, bound, seconds)

    @property
    def seconds(self) -> float | None:
        """Seconds left, about; None before the first answer that took time."""
        price = self._prices()
        if price is None:
            return None
        read, written = self._left()
        return read * price[0] + written * price[1]

    def _prices(self) -> tuple[float, float] | None:
        """Give the seconds that a token read and a token written take."""
        weighed, wrote = self._choices, self._replies
        if not weighed.fresh + wrote.fresh or not weighed.timed_read + wrote.timed_read:
            return None
        if not wrote.timed_written:
            read = (weighed.seconds + wrote.seconds) / (weighed.timed_read + wrote.timed_read)
            return read, WRITING * read
        if not weighed.timed_read:
            read = wrote.seconds / (wrote.timed_read + WRITING * wrote.timed_written)
            return read, WRITING * read
        read = weighed.seconds / weighed.timed_read
        written = (wrote.seconds - read * wrote.timed_read) / wrote.timed_written
        if written >= read:
            return read, written
        # Replies took less than their reading should: a server that weighs options slowly.
        return read, wrote.seconds / wrote.timed_written

    def _left(self) -> tuple[float, float]:
        """Give the tokens left to read and to write, at the seen lengths where there are any."""
        plan, weighed, wrote = self._plan, self._choices, self._replies
        mean = plan.tokens_in / max(plan.requests, 1)
        choices = plan.requests - plan.replies
        read = max(choices - weighed.count, 0) * _mean(weighed, mean)
        read += max(plan.replies - wrote.count, 0) * _mean(wrote, mean)
        bound = max(plan.tokens_out - choices - wrote.bound, 0)
        used = wrote.written / wrote.bound if wrote.bound else 1.0
        return read, bound * used


def _mean(kind: _Kind, planned: float) -> float:
    return kind.read / kind.count if kind.count else planned
