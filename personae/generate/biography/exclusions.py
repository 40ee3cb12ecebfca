"""Values that rule each other out: an only child has no rivals among brothers and sisters.

Exclusions are data (`exclusions` in `data/personas/life.json`): a fact, some of its values, another
fact, and those of its values that don't go with them; "*" means that fact has no sense then.
"""

from collections.abc import Mapping
from functools import cache

from personae.core import data_json

__all__ = ["excluded_values"]

EVERY = "*"


@cache
def _by_fact() -> Mapping[str, tuple[tuple[frozenset[str], str, frozenset[str]], ...]]:
    """List for each fact: (values ruled out, by which fact, by which of its values)."""
    found: dict[str, list[tuple[frozenset[str], str, frozenset[str]]]] = {}
    for one, values, other, others in data_json("personas/life.json")["exclusions"]:
        found.setdefault(other, []).append((frozenset(others), one, frozenset(values)))
        # a fact that has no sense under some values leaves these open to be drawn
        rest = frozenset({EVERY}) if EVERY in others else frozenset(others)
        found.setdefault(one, []).append((frozenset(values), other, rest))
    return {fact: tuple(rules) for fact, rules in found.items()}


def excluded_values(fact: str, values: tuple[str, ...], known: Mapping[str, str]) -> frozenset[str]:
    """Give those of a fact's values that don't go with the facts already known.

    >>> top = "Demographic Information/Mobility"
    >>> sorted(excluded_values(f"{top}/Main transport", ("by car", "by bus"),
    ...                  {f"{top}/Driving": "do not drive"}))
    ['by car']
    """
    out: set[str] = set()
    for own, other, others in _by_fact().get(fact, ()):
        if other in known and (known[other] in others or EVERY in others):
            out |= set(values) if EVERY in own else own & set(values)
    return frozenset(out)
