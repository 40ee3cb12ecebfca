"""Values that exclude each other: an only child has no rivals among brothers and sisters.

Exclusions are data (`exclusions` in `data/personas/life.json`): a fact, some of its values, another
fact, and the values of the other that are incompatible with them; "*" means that the other fact
doesn't apply.
"""

from collections.abc import Mapping
from functools import cache

from personae.core import data_json

__all__ = ["excluded_values"]

ANY_VALUE = "*"


@cache
def _exclusions_by_fact() -> Mapping[str, tuple[tuple[frozenset[str], str, frozenset[str]], ...]]:
    """Index the exclusions by fact: (excluded values, excluding fact, its excluding values)."""
    exclusions: dict[str, list[tuple[frozenset[str], str, frozenset[str]]]] = {}
    for fact, values, other_fact, other_values in data_json("personas/life.json")["exclusions"]:
        exclusions.setdefault(other_fact, []).append(
            (frozenset(other_values), fact, frozenset(values))
        )
        # the reverse: a fact that doesn't apply under some values excludes them once it is known
        excluding_values = (
            frozenset({ANY_VALUE}) if ANY_VALUE in other_values else frozenset(other_values)
        )
        exclusions.setdefault(fact, []).append((frozenset(values), other_fact, excluding_values))
    return {fact: tuple(rules) for fact, rules in exclusions.items()}


def excluded_values(fact: str, values: tuple[str, ...], known: Mapping[str, str]) -> frozenset[str]:
    """Return those of a fact's values that are incompatible with the known facts.

    >>> top = "Demographic Information/Mobility"
    >>> sorted(excluded_values(f"{top}/Main transport", ("by car", "by bus"),
    ...                  {f"{top}/Driving": "do not drive"}))
    ['by car']
    """
    excluded: set[str] = set()
    for own_values, other, other_values in _exclusions_by_fact().get(fact, ()):
        if other in known and (known[other] in other_values or ANY_VALUE in other_values):
            excluded |= set(values) if ANY_VALUE in own_values else own_values & set(values)
    return frozenset(excluded)
