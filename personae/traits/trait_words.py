"""Trait words: the trait, direction and strength that they express.

Words come from the MPI lists (`data/trait_words.json`), the graded markers, and the adjective and
pair inventories. A word of two domains, such as "calmness", is ignored. The nine grades are half a
z unit apart, from "extremely" low at -2 to "extremely" high at +2; the source of the ladder
(Serapio-García et al. 2023, arXiv 2307.00184) gives no z; the spacing is ours.
"""

import re
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Literal, NamedTuple

from personae.core import BIG_FIVE, BadValue, data_json, domain_code, inventories, load_inventory

__all__ = [
    "STEPS",
    "TraitSide",
    "Word",
    "antonym",
    "graded",
    "ladder_step",
    "markers",
    "read_standings",
    "related_domain",
    "trait_side",
    "vocabulary",
]

Standings = Mapping[tuple[str, str], float]
"""(domain letter, facet or "") -> z."""
STEPS = 9
_GRADES: Mapping[str, float] = {
    "extremely": 2.0,
    "very": 1.5,
    "": 1.0,
    "a bit": 0.5,
    "neither": 0.0,
    "nor": 0.0,
    "not": -1.0,
    "never": -1.0,
    "not very": -0.5,
}


class Word(NamedTuple):
    """Meaning of a trait word: a domain, a facet or "", and +1 or -1."""

    domain: str
    facet: str
    sign: int


@dataclass(frozen=True, slots=True)
class TraitSide:
    """One direction of a domain in words.

    `adjective` is MPI's, `plain` the everyday one, `words` MPI's three, `keywords` its six facet
    words in the order of `facets`.
    """

    adjective: str
    plain: str
    words: tuple[str, ...]
    keywords: tuple[str, ...]
    facets: tuple[str, ...]


@cache
def trait_side(domain: str, sign: int) -> TraitSide:
    """Return the words for one direction, +1 or -1, of a domain by letter or name.

    >>> trait_side("E", -1).adjective
    'introversive'
    """
    row = data_json("trait_words.json")["domains"][domain_code(domain)]
    side = row["high" if sign > 0 else "low"]
    return TraitSide(
        adjective=side["adjective"],
        plain=side["plain"],
        words=tuple(side["words"]),
        keywords=tuple(side["keywords"]),
        facets=tuple(row["facets"]),
    )


def related_domain(title: str) -> tuple[str, int]:
    """Return the Big Five domain of a scale by its title, and the sign, 1 or -1, of the relation.

    A scale that is related to no domain has ("", 1).

    >>> related_domain("Extraversion"), related_domain("Emotional Stability")
    (('E', 1), ('N', -1))
    """
    for code, name in BIG_FIVE.items():
        if name == title:
            return code, 1
    domain, sign = data_json("trait_words.json")["related_scales"].get(title, ("", 1))
    return domain, sign


@cache
def markers(domain: str, facet: str = "") -> tuple[tuple[str, str], ...]:
    """List the (low, high) adjective markers of a domain, or of one of its facets.

    >>> markers("A", "Modesty")
    (('self-important', 'humble'),)
    """
    return tuple(
        (row["low"], row["high"])
        for row in data_json("adjective_markers.json")["markers"]
        if row["domain"] == domain and (not facet or _same(row["facet"], facet))
    )


def _same(first: str, second: str) -> bool:
    return first.lower().replace("-", " ") == second.lower().replace("-", " ")


def ladder_step(z: float) -> int:
    """Map a standing in z units to a step 1..9: 5 + 2z, rounded half away from 5, then clipped.

    >>> [ladder_step(z) for z in (-3.0, -0.5, 0.0, 0.25, 1.0, 2.0)]
    [1, 4, 5, 6, 7, 9]
    """
    half = int(abs(z) * 2 + 0.5)
    return max(1, min(STEPS, 5 + (half if z > 0 else -half)))


def antonym(word: str) -> str:
    """Return the shipped opposite of a key word or marker; of any other word, its negation.

    >>> antonym("friendliness"), antonym("timid"), antonym("blue")
    ('unfriendliness', 'bold', 'not blue')
    """
    return _antonyms().get(word.strip().lower(), f"not {word.strip()}")


@cache
def _antonyms() -> Mapping[str, str]:
    pairs = [pair for domain in BIG_FIVE for pair in markers(domain)]
    for domain in BIG_FIVE:
        pairs += zip(trait_side(domain, -1).keywords, trait_side(domain, 1).keywords, strict=True)
    return {**{low: high for low, high in pairs}, **{high: low for low, high in pairs}}


def graded(low: str, high: str, step: int) -> str:
    """Write a pair of opposite adjectives at one of the nine steps.

    Raises:
        BadValue: a step outside 1..9.

    >>> graded("silent", "talkative", 9), graded("silent", "talkative", 4)
    ('extremely talkative', 'a bit silent')
    """
    if step not in range(1, STEPS + 1):
        raise BadValue(f"the adjective ladder has the steps 1 to {STEPS}, not {step}")
    pattern: str = data_json("adjective_markers.json")["levels"][step - 1]
    return pattern.replace("{low}", low).replace("{high}", high)


@cache
def vocabulary() -> Mapping[str, Word]:
    """Map every trait word or phrase, in lower case, to its meaning."""
    senses: dict[str, list[Word]] = defaultdict(list)
    for domain in data_json("trait_words.json")["domains"]:
        for sign in (1, -1):
            side = trait_side(domain, sign)
            for word, facet in zip(side.keywords, side.facets, strict=True):
                senses[word].append(Word(domain, facet, sign))
            for word in (side.adjective, side.plain, *side.words):
                senses[word].append(Word(domain, "", sign))
    for row in data_json("adjective_markers.json")["markers"]:
        facet = row["facet"]
        senses[row["low"]].append(Word(row["domain"], facet, -1))
        senses[row["high"]].append(Word(row["domain"], facet, 1))
    for word, meaning in _inventory_words():
        senses[word].append(meaning)
    return {
        word: meanings[0]
        for word, meanings in senses.items()
        if len({(m.domain, m.sign) for m in meanings}) == 1
    }


def _inventory_words() -> list[tuple[str, Word]]:
    meanings = []
    for name in inventories():
        inventory = load_inventory(name)
        if inventory.kind == "statement" or not inventory.has_text:
            continue
        for item in inventory.items:
            meanings.append(
                (item.text.lower(), Word(item.scale, "", item.key * _POLE[bool(item.other)]))
            )
            if item.other:
                meanings.append((item.other.lower(), Word(item.scale, "", item.key)))
    return meanings


_POLE: Mapping[bool, Literal[1, -1]] = {True: -1, False: 1}
"""An adjective stands for its key; the first of a pair is its low pole."""


@cache
def _pattern() -> re.Pattern[str]:
    grades = "|".join(sorted(filter(None, _GRADES), key=len, reverse=True))
    words = "|".join(re.escape(w) for w in sorted(vocabulary(), key=len, reverse=True))
    return re.compile(rf"(?:\b({grades})\s+)?(?<![\w-])({words})(?![\w-])", re.IGNORECASE)


@lru_cache(maxsize=4096)
def read_standings(text: str) -> Standings:
    """Read standings (z units) from the graded trait words of a text, ignoring its grammar.

    A domain's z is the mean over all its words, a facet's over the facet's own words. A plain
    word counts 1, "very" 1.5, "extremely" 2, "a bit" 0.5; "not" reverses the sign.

    >>> dict(read_standings("You are extremely talkative and a bit careless."))[("E", "")]
    2.0
    """
    by_standing: dict[tuple[str, str], list[float]] = defaultdict(list)
    for grade, word in _pattern().findall(text):
        domain, facet, sign = vocabulary()[word.lower()]
        z = sign * _GRADES[grade.lower()]
        by_standing[domain, ""].append(z)
        if facet:
            by_standing[domain, facet].append(z)
    return {key: sum(zs) / len(zs) for key, zs in by_standing.items()}
