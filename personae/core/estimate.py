"""What every statistic returns: a value with its interval, its n, or a reason why not."""

from dataclasses import dataclass
from math import isnan, nan

from personae.core.errors import BadValue

__all__ = ["Estimate", "missing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A value, how sure it is, and on how many of what it rests.

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
        holes = isnan(self.value) or isnan(self.low) or isnan(self.high)
        if holes and not self.why_missing:
            raise BadValue(
                f"estimate {self.name!r} lacks a value or an interval but gives no reason"
            )
        if self.n < 0:
            raise BadValue(f"estimate {self.name!r} rests on {self.n} {self.of}: n is 0 or more")

    def __str__(self) -> str:
        if isnan(self.value):
            return f"{self.name}: not known ({self.why_missing})"
        unit = f" {self.unit}" if self.unit else ""
        span = "" if isnan(self.low) else f" [{self.low:.3f}, {self.high:.3f}]"
        chance = "" if isnan(self.p) else f", p = {self.p:.3g}"
        return f"{self.name}: {self.value:.3f}{unit}{span}, n = {self.n} {self.of}{chance}"


def missing(name: str, why: str, *, n: int, of: str, unit: str = "", method: str = "") -> Estimate:
    """Return the estimate of what can't be known, with the reason.

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
