"""Costs of calls to a server, and hard limits on them.

A request counts at its worst case (prompt plus `max_tokens`) while it is under way, so that
requests side by side can't exceed a limit together; afterwards at what the server reports.
"""

import time
from dataclasses import dataclass
from math import ceil, isfinite

from personae.core import BadValue, BudgetSpent, Chat, Usage, counted

__all__ = ["Budget", "Price", "Spending", "tokens_of"]

CHARS_PER_TOKEN = 4.0
"""Of English prose under a byte-pair tokenizer; other scripts take more tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """Price of a million tokens, read (input) and written (output).

    >>> Price(input_per_million=0.5, output_per_million=2).cost(1_000_000, 500_000)
    1.5
    """

    input_per_million: float
    output_per_million: float
    currency: str = "USD"

    def __post_init__(self) -> None:
        for value in (self.input_per_million, self.output_per_million):
            if not (isfinite(value) and value >= 0):
                raise BadValue(f"a price is a finite number >= 0 per million tokens, not {value}")

    def cost(self, tokens_in: int, tokens_out: int) -> float:
        """Return the cost of tokens read and written, in `currency`."""
        return (
            tokens_in * self.input_per_million + tokens_out * self.output_per_million
        ) / 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """Hard limits of one process's use of servers; None means no limit.

    `calls` counts the calls that a server may bill: every one that runs a model, retries too, but
    not those that only turn text into tokens. A question whose options take several calls is
    answered before the limit is looked at again. `money` is in the price's currency. Answers
    recalled from a journal cost nothing.

    Raises:
        BadValue: a limit that isn't a positive number.
    """

    calls: int | None = None
    tokens: int | None = None
    money: float | None = None
    minutes: float | None = None

    def __post_init__(self) -> None:
        for name in ("calls", "tokens", "money", "minutes"):
            value = getattr(self, name)
            if value is not None and not (isfinite(value) and value > 0):
                raise BadValue(f"a limit on {name} is a positive number, not {value}")


def tokens_of(chat: Chat) -> int:
    """Estimate a chat's tokens from its characters, plus four per turn for the template."""
    return ceil(sum(len(m.text) / CHARS_PER_TOKEN + 4 for m in chat))


class Spending:
    """Account of a budget: amounts spent, and amounts reserved for requests under way.

    One account serves all models of a run that are behind servers. Reservations rest on estimates;
    where the server counts more tokens than were estimated, later ones grow in proportion.

    Raises:
        BadValue: a limit on money without a price.
    """

    def __init__(self, budget: Budget, price: Price | None) -> None:
        if budget.money is not None and price is None:
            raise BadValue("a limit on money needs a price: give one, such as --price 0.15,0.60")
        self.price = price
        self._budget = budget
        self._began: float | None = None
        self._calls = 0
        self._spent = (0, 0)
        self._reserved = (0, 0)
        self._estimated = (0, 0)
        self._counted = (0, 0)
        self._limit = ""

    @property
    def spent(self) -> Usage:
        """Use by this process so far: all calls that may be billed, failed ones and retries too."""
        read, written = self._spent
        return Usage(
            requests=self._calls,
            tokens_in=read,
            tokens_out=written,
            money=self._cost(self._spent),
            currency=self.price.currency if self.price else Usage().currency,
        )

    def __str__(self) -> str:
        """Say what was spent, such as "12 calls, 340 tokens, 0.0012 USD"."""
        money = f", {self._cost(self._spent):.4f} {self.price.currency}" if self.price else ""
        return f"{counted(self._calls, 'call')}, {counted(sum(self._spent), 'token')}{money}"

    def reserve(self, read: int, written: int) -> tuple[int, int] | None:
        """Reserve tokens for a call and return how many, read and written.

        None if the call has to wait until one under way has ended.

        Raises:
            BudgetSpent: the call doesn't fit, however few tokens those under way take.
        """
        now = time.monotonic()
        self._began = now if self._began is None else self._began
        limit = self._budget
        if limit.minutes is not None and now - self._began >= limit.minutes * 60:
            raise self._ended(f"{limit.minutes:g} minute{'s' * (limit.minutes != 1)}")
        if limit.calls is not None and self._calls >= limit.calls:
            raise self._ended(counted(limit.calls, "call"))
        amount = self._corrected((read, written))
        self._refuse_beyond(_sum(self._spent, amount))
        if not self._fits(_sum(self._spent, self._reserved, amount)):
            return None
        self._calls += 1
        self._reserved = _sum(self._reserved, amount)
        return amount

    def count_calls(self, more: int) -> None:
        """Correct the calls counted: a try counts as one, and may have taken more or none."""
        self._calls += more

    def ended(self) -> BudgetSpent:
        """Say which limit was reached last and what is spent now: calls under way end later."""
        return BudgetSpent(
            f"the limit of {self._limit} is reached, as the next call might exceed it; spent: "
            f"{self}; what was answered is kept: run again with a higher limit to go on"
        )

    def settle(
        self,
        reserved: tuple[int, int],
        used: tuple[int, int],
        estimate: tuple[int, int] | None = None,
    ) -> None:
        """Replace the reservation of a call by its actual use.

        `estimate`: the tokens that the caller expected, of a call that the server counted.
        """
        self._reserved = (self._reserved[0] - reserved[0], self._reserved[1] - reserved[1])
        self._spent = _sum(self._spent, used)
        if estimate is not None:
            self._estimated = _sum(self._estimated, estimate)
            self._counted = _sum(self._counted, used)

    def _corrected(self, tokens: tuple[int, int]) -> tuple[int, int]:
        """Scale an estimate by how far the server's counts have exceeded earlier ones."""
        read, written = (
            ceil(amount * max(1.0, counted / estimated if estimated else 1.0))
            for amount, counted, estimated in zip(
                tokens, self._counted, self._estimated, strict=True
            )
        )
        return read, written

    def _cost(self, tokens: tuple[int, int]) -> float:
        return self.price.cost(*tokens) if self.price else 0.0

    def _fits(self, tokens: tuple[int, int]) -> bool:
        limit = self._budget
        return (limit.tokens is None or sum(tokens) <= limit.tokens) and (
            limit.money is None or self._cost(tokens) <= limit.money
        )

    def _refuse_beyond(self, tokens: tuple[int, int]) -> None:
        if self._fits(tokens):
            return
        limit = self._budget
        if limit.tokens is not None and sum(tokens) > limit.tokens:
            raise self._ended(counted(limit.tokens, "token"))
        unit = self.price.currency if self.price else ""
        raise self._ended(f"{limit.money:g} {unit}")

    def _ended(self, limit: str) -> BudgetSpent:
        self._limit = limit
        return self.ended()


def _sum(*parts: tuple[int, int]) -> tuple[int, int]:
    return sum(p[0] for p in parts), sum(p[1] for p in parts)
