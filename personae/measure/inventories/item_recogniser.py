"""Finds the items of the shipped inventories in a text, and the levels of their answer scales.

Items are found by their words in any grammatical person; an option's level comes from the scales
of `data/wordings.json` and of the inventories, never from its label or place.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache

from personae.core import Inventory, data_json, inventories, load_inventory
from personae.respondents.recognition import register
from personae.respondents.stimuli import AnswerScale, KeyedStatement, Prompt, relative_levels
from personae.traits.item_grammar import in_person
from personae.traits.trait_words import related_domain

__all__: list[str] = []

_PRECEDENCE = ("ipip-neo-300", "mpi-120", "saucier-mini-markers", "goldberg-bipolar", "ipip-16pf")
"""Inventories whose facet and key an item takes, in this order, if several inventories have it."""
_PRONOUNS = frozenset(
    "i you they he she it me my your their his her its mine yours theirs them we us our".split()
)
_SELF = frozenset("myself yourself themselves himself herself ourselves".split())
_BE = frozenset("am is are was were be being m re s".split())
_NOT = frozenset(("not", "never", "t"))
_WORD = re.compile(r"[a-z0-9]+")


@register(KeyedStatement, "inventories")
def _statement(prompt: Prompt) -> KeyedStatement | None:
    """Find the longest shipped statement in a text, the last of several equally long.

    A negation around it ("It is not true that", "don't") reverses its key.
    """
    words = _tokens(prompt.unlisted)
    statement, start = _longest(words)
    if statement is not None:
        negations = sum(word in _NOT for word in words[max(0, start - 4) : start])
        return _negated(statement) if negations % 2 else statement
    plain = [word for word in words if word not in _NOT and word not in ("do", "don")]
    statement, _ = _longest(plain)
    negations = sum(word in _NOT for word in words)
    return _negated(statement) if statement is not None and negations % 2 else statement


def _negated(statement: KeyedStatement) -> KeyedStatement:
    return replace(statement, key=-statement.key, words=f"not {statement.words}")


def _longest(words: Sequence[str]) -> tuple[KeyedStatement | None, int]:
    index, most = _index()
    for length in range(min(most, len(words)), 1, -1):
        for start in range(len(words) - length, -1, -1):
            statement = index.get(tuple(words[start : start + length]))
            if statement is not None:
                return statement, start
    return None, 0


def _tokens(text: str) -> list[str]:
    """Split into words without person: no pronouns, one form of "be", no ending -s."""
    words: list[str] = []
    for word in _WORD.findall(text.lower().replace("someone who", " ")):
        if word in _PRONOUNS:
            continue
        stem = "be" if word in _BE else "self" if word in _SELF else _stem(word)
        if not (stem == "be" and words[-1:] == ["be"]):
            words.append(stem)
    return words


def _stem(word: str) -> str:
    if word in ("has", "having"):
        return "have"
    if len(word) > 3 and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) > 4 and word.endswith(("shes", "ches", "sses", "xes", "oes")):
        return word[:-2]
    return word[:-1] if len(word) > 2 and word.endswith("s") and not word.endswith("ss") else word


@cache
def _index() -> tuple[Mapping[tuple[str, ...], KeyedStatement], int]:
    """Index every shipped item by its words; also the length of the longest, in words."""
    index: dict[tuple[str, ...], KeyedStatement] = {}
    for name in [*_PRECEDENCE, *(n for n in inventories() if n not in _PRECEDENCE)]:
        for words, statement in _statements(load_inventory(name)):
            index.setdefault(words, statement)
    return index, max(map(len, index), default=0)


def _statements(inventory: Inventory) -> Iterator[tuple[tuple[str, ...], KeyedStatement]]:
    pair = inventory.kind == "pair"
    for item in inventory.items:
        if not item.text:
            continue
        domain, sign = related_domain(inventory.scales[item.scale])
        text = f"be {item.text}" if inventory.kind == "adjective" else f"{item.text} {item.other}"
        facet = item.facet if domain == item.scale else ""
        for sentence in dict.fromkeys((text, in_person(text, "first"))):  # an item may lack a verb
            words = tuple(_tokens(sentence))
            yield words, KeyedStatement(domain, facet, item.key * sign, " ".join(words), pair)


@register(AnswerScale, "inventories")
def _scale(prompt: Prompt) -> AnswerScale | None:
    """Find the wording's or inventory's scale that has all options."""
    return AnswerScale.among(_scales(), prompt.options)


@cache
def _scales() -> tuple[Mapping[str, float], ...]:
    scales = []
    for row in data_json("wordings.json")["wordings"].values():
        if row["options"]:
            values = {text.lower(): int(v) for v, text in row["options"].items() if text}
            scales.append(relative_levels(values))
    for name in inventories():
        options = load_inventory(name).options
        scales.append(relative_levels({o.text.lower(): o.value for o in options}))
    return tuple(scales)
