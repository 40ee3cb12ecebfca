"""The result of every statistic: a value with its interval and n, or a reason for none."""

from dataclasses import asdict, dataclass
from math import isnan, nan

import polars as pl

from personae.core.display import FrameResult, brief
from personae.core.errors import BadValue

__all__ = ["Estimate", "counted", "missing", "rounded"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate(FrameResult):
    """A value, its interval, and the number of units it rests on.

    `low` and `high` bound the interval at `level`. `n` counts the sampling unit, which `of`
    names (item, respondent, question, administration). `p` is a two-sided p-value where the
    method is a test. Where the value or its interval is NaN, `why_missing` must say why.
    """

    name: str
    value: float
    low: float
    high: float
    n: int
    of: str
    unit: str = ""
    method: str = ""
    level: float = 0.95
    p: float = nan
    why_missing: str = ""

    def __post_init__(self) -> None:
        is_incomplete = isnan(self.value) or isnan(self.low) or isnan(self.high)
        if is_incomplete and not self.why_missing:
            raise BadValue(
                f"estimate {self.name!r} lacks a value or an interval but gives no reason"
            )
        if self.n < 0:
            raise BadValue(f"estimate {self.name!r} rests on {self.n} {self.of}: n is 0 or more")

    def frame(self) -> pl.DataFrame:
        """Return the estimate as a frame of one row, one column per field.

        >>> missing("alpha", "one item", n=1, of="item").frame()["n"].to_list()
        [1]
        """
        return pl.DataFrame([asdict(self)])

    def __repr__(self) -> str:
        return brief(self, "", str(self))

    def __str__(self) -> str:
        if isnan(self.value):
            return f"{self.name}: {self.words()}"
        chance = "" if isnan(self.p) else f", p = {self.p:.3g}"
        size = counted(self.n, self.of)
        return f"{self.name}: {self.words(unit=self.unit)}, n = {size}{chance}"

    def words(self, form: str = ".3f", *, unit: str = "", bounds: str | None = None) -> str:
        """Write value, unit and interval for a sentence, the ends in the form `bounds` if given.

        Without an interval, the value alone; without a value, the reason.

        >>> e = Estimate(name="d", value=0.5, low=-0.1, high=1.1, n=9, of="item")
        >>> e.words("+.1f", unit="SD", bounds=".1f")
        '+0.5 SD [-0.1, 1.1]'
        >>> missing("d", "one item", n=1, of="item").words()
        'not known (one item)'
        """
        if isnan(self.value):
            return f"not known ({self.why_missing})"
        value = " ".join(filter(None, (rounded(self.value, form), unit)))
        if isnan(self.low) or isnan(self.high):
            return value
        inner = form if bounds is None else bounds
        return f"{value} [{rounded(self.low, inner)}, {rounded(self.high, inner)}]"


def rounded(value: float, form: str) -> str:
    """Write a number in a form such as "+.2f" or ".0%", without a minus before what rounds to 0.

    >>> rounded(-0.001, "+.2f"), rounded(-0.2, ".0%"), rounded(-0.004, ".0%")
    ('+0.00', '-20%', '0%')
    """
    sign = form[:1] if form[:1] in ("+", "-", " ") else ""
    return format(float(value), f"{sign}z{form.removeprefix(sign)}")


def counted(n: int, of: str) -> str:
    """Write a count with its noun in English.

    >>> counted(24, "item"), counted(1, "reply"), counted(2, "reply"), counted(3, "share of tests")
    ('24 items', '1 reply', '2 replies', '3 shares of tests')
    """
    noun, *complement = of.split(" of ", 1)
    if n != 1 and noun and not noun.endswith("s"):
        consonant = noun.endswith("y") and noun[-2:-1] not in "aeiou"
        noun = noun[:-1] + "ies" if consonant else noun + "s"
    return f"{n:,} {' of '.join([noun, *complement])}"


def missing(name: str, why: str, *, n: int, of: str, unit: str = "", method: str = "") -> Estimate:
    """Return an estimate without a value, with the reason.

    >>> print(missing("alpha", "respondents do not differ", n=3, of="respondent"))
    alpha: not known (respondents do not differ)
    """
    return Estimate(
        name=name,
        value=nan,
        low=nan,
        high=nan,
        n=n,
        of=of,
        unit=unit,
        method=method,
        why_missing=why,
    )
