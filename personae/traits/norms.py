"""Scores relative to human norms: z, T = 50 + 10 z, and the percentile of the normal curve.

Source: Johnson's norms of scale sums by sex and age, held in the inventories. Unlike in the usual
calculator, the percentile is that of the normal CDF and not a cubic in T, and a group must be
named: a model has no sex or age, so that norms only mean "compared with these people".
"""

from dataclasses import dataclass
from math import erf, isfinite, sqrt

from personae.core import BadValue, Inventory, UnknownName, inventories, load_inventory

__all__ = ["Standing", "has_norm", "norm_groups", "norm_standing"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A scale sum among the people of a group: `z`, `T`, `percentile` in 0..100."""

    group: str
    sum: float
    z: float
    T: float
    percentile: float

    @property
    def band(self) -> str:
        """Return low (T < 45), average, or high (T > 55)."""
        return "low" if self.T < 45 else "high" if self.T > 55 else "average"


def norm_groups(inventory: Inventory) -> tuple[str, ...]:
    """Name the groups an inventory has norms for, in their order."""
    return tuple(dict.fromkeys(norm.group for norm in inventory.norms))


def has_norm(inventory: Inventory, scale: str, *, group: str, facet: str = "") -> bool:
    """Tell whether a named group has a norm of a scale or facet.

    >>> has_norm(load_inventory("ipip-neo-120"), "N", group="M 21-40")
    True
    """
    wanted = (group, scale, facet)
    return any((norm.group, norm.scale, norm.facet) == wanted for norm in inventory.norms)


def norm_standing(
    mean: float, inventory: Inventory, scale: str, *, group: str, facet: str = ""
) -> Standing:
    """Compare a mean item score (points) with a named group's norm of the scale or facet.

    The mean is prorated to the sum over the whole instrument's items, so that a short form of a
    shipped inventory is comparable. z is the sum's distance from the norm's mean in
    its SD, T = 50 + 10 z (McCall 1922), and the percentile that of a normal distribution.

    Raises:
        UnknownName: no such group, or no norm of this scale in it; carries near matches.
        BadValue: the mean is not finite.

    >>> neo = load_inventory("ipip-neo-120")
    >>> print(f"{norm_standing(75 / 24, neo, 'N', group='M 21-40').T:.2f}")
    54.87
    """
    if not isfinite(mean):
        raise BadValue(f"a standing needs a finite mean score, not {mean}")
    if group not in norm_groups(inventory):
        raise UnknownName(f"norm group of {inventory.name}", group, norm_groups(inventory))
    norms = {(n.scale, n.facet): n for n in inventory.norms if n.group == group}
    if (scale, facet) not in norms:
        known = (f"{s}:{f}" if f else s for s, f in norms)
        raise UnknownName("normed scale", f"{scale}:{facet}" if facet else scale, known)
    norm = norms[scale, facet]
    full = load_inventory(inventory.name) if inventory.name in inventories() else inventory
    total = mean * len(full.where(scale=scale, facet=facet).items)
    z = (total - norm.mean) / norm.sd
    percentile = 50 * (1 + erf(z / sqrt(2)))
    return Standing(group=group, sum=total, z=z, T=50 + 10 * z, percentile=percentile)
