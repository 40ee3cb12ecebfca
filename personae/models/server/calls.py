"""What a dispatcher sends, and how one try of it can end."""

from dataclasses import dataclass
from typing import Protocol

__all__ = ["Call", "CallResult", "Retry"]


@dataclass(frozen=True, slots=True)
class Call:
    """One request: its index in the batch, and the most tokens it may read and write."""

    index: int
    read: int
    written: int


class Retry(Exception):
    """A try that failed for a reason that may be temporary.

    `wait`: the seconds that the server asks for; `busy`: it says that it is overloaded; `answered`:
    it answered at all; `reached`: a connection stood, so that the prompt may have been charged;
    `tokens`: what the server counted, read and written, for an answer that can't be used.
    """

    def __init__(
        self,
        why: str,
        *,
        wait: float | None = None,
        busy: bool = False,
        answered: bool = True,
        reached: bool = True,
        tokens: tuple[int, int] = (0, 0),
    ) -> None:
        super().__init__(why)
        self.why = why
        self.wait = wait
        self.busy = busy
        self.answered = answered
        self.reached = reached
        self.tokens = tokens


class CallResult(Protocol):
    """The end of a request: an answer, or a record of why there is none."""

    @property
    def tokens_in(self) -> int:
        """Tokens read."""
        ...

    @property
    def tokens_out(self) -> int:
        """Tokens written."""
        ...
