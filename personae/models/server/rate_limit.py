"""How many requests a server is sent at once, and when the next one goes.

Additive increase, multiplicative decrease, as TCP does it (Jacobson 1988): one more for every
answer until the server first says "too many", then one more for every other round of answers; cut
by 15 percent at each such refusal. Halving would leave a server idle for a quarter of the time;
this keeps it 90 percent busy while, at 32 at once, one request in three hundred is refused.
"""

import random
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from personae.core import BadValue

__all__ = ["RateLimit", "retry_after"]

CUT = 0.85
"""Factor on the limit at a refusal."""
GROWTH = 0.5
"""Requests added to the limit per round of answers, after the first refusal."""
BASE = 0.25
"""Seconds of the first backoff, before the random part."""
LONGEST = 30.0
"""Most seconds of a backoff."""


class RateLimit:
    """The adaptive limit. Times are seconds of one clock that the caller reads.

    `limit` begins at `start` and stays in 1..`most`. No request begins before `resume_at`.

    Raises:
        BadValue: limits other than 1 <= start <= most.

    >>> rate_limit = RateLimit(start=8)
    >>> rate_limit.refused(began=0.0, now=1.0, wait=2.0)
    >>> rate_limit.limit, rate_limit.resume_at
    (6, 3.0)
    """

    def __init__(self, *, start: int = 8, most: int = 64, seed: int = 0) -> None:
        if not 1 <= start <= most:
            raise BadValue(f"requests at once: 1 <= start <= most, not {start} and {most}")
        self.resume_at = float("-inf")
        self._room = float(start)
        self._most = most
        self._climbing = True
        self._cut_at = float("-inf")
        self._rng = random.Random(seed)

    @property
    def limit(self) -> int:
        """Requests that may be under way now."""
        return int(self._room)

    def answered(self) -> None:
        """Grow a little: an answer came."""
        self._room = min(self._room + (1 if self._climbing else GROWTH / self._room), self._most)

    def refused(self, *, began: float, now: float, wait: float | None) -> None:
        """Cut the limit: a request sent at `began` was one too many; `wait`: what was asked for.

        Requests that were under way at the last cut don't cut again: the congestion is the same.
        """
        if wait is not None:
            self.resume_at = max(self.resume_at, now + wait)
        if began >= self._cut_at:
            self._cut_at = now
            self._room = max(self._room * CUT, 1.0)
        self._climbing = False

    def backoff(self, tries: int) -> float:
        """Return seconds to wait after so many tries: doubling to 30, less up to half at random."""
        longest = min(BASE * 2.0 ** min(tries - 1, 10), LONGEST)
        return longest * self._rng.uniform(0.5, 1.0)


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Read the requested waiting time, in seconds >= 0, from a number or an HTTP date.

    None where there is none, or it can't be read. Source: RFC 9110, section 10.2.3.

    >>> retry_after({"retry-after": "1.5"})
    1.5
    """
    if (precise := _number(headers.get("retry-after-ms", ""))) is not None:
        return precise / 1000
    header = headers.get("retry-after", "")
    if (seconds := _number(header)) is not None:
        return seconds
    try:
        until = parsedate_to_datetime(header)
    except ValueError:
        return None
    until = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (until - (now or datetime.now(UTC))).total_seconds())


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value < float("inf") else None
