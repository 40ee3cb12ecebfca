"""Rules that warn of what a persona may do harm with: data, each with its reason.

A rule holds where all its conditions do:

any          one of the patterns is found in a text
sentence     a sentence holds a word of each of the named lists; two names in one entry stand
             side by side in this order
fact         a fact has one of these names (the last level of its path), and with `below` a
             number under it
origin       the pattern is found in the provenance
lacks        a filled layer has none of these notes in its provenance, its own or the persona's
shows        the persona is evidence of this kind
kind_is_not  it is declared another kind
minor        its age or its text makes it one under 18

Source: Chen et al. 2024 (arXiv 2404.18231), the risks of role-playing agents. What words can show
is less than what they can hide: silence of the rules proves nothing.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from personae.core import BadFile, Persona, UnknownName, data_json, parse_json, read_text
from personae.personas import LAYERS, evident_kinds, layer_provenance

__all__ = ["Risk", "RiskRule", "find_risks", "load_risk_rules"]

Level = Literal["warning", "error"]
_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+")
_EXCERPT = 60
_Condition = Callable[[Persona], str | None]
"""Gives where the condition holds ("" for the persona as a whole), or None where it doesn't."""


@dataclass(frozen=True, slots=True)
class RiskRule:
    """A rule: its code and risk, whom it concerns (all if empty), its conditions, its reason."""

    code: str
    risk: str
    reason: str
    conditions: tuple[_Condition, ...]
    kinds: tuple[str, ...] = ()
    level: Level = "warning"


@dataclass(frozen=True, slots=True)
class Risk:
    """What a rule found: where in the persona, and which rule."""

    rule: RiskRule
    found: str


def find_risks(persona: Persona, rules: Sequence[RiskRule]) -> Iterator[Risk]:
    """Give what the rules find in a persona; a composite is under the rules of all its kinds.

    >>> child = Persona(id="a", facts={"age": "12"})
    >>> ", ".join(found.rule.code for found in find_risks(child, load_risk_rules()))
    'no-licence, no-source, minor'
    """
    kinds = {persona.kind, *evident_kinds(persona)}
    for rule in rules:
        if rule.kinds and kinds.isdisjoint(rule.kinds):
            continue
        found: list[str] = []
        for condition in rule.conditions:
            place = condition(persona)
            if place is None:
                break
            found.append(place)
        else:
            yield Risk(rule, next(filter(None, found), ""))


def load_risk_rules(path: str | Path | None = None) -> tuple[RiskRule, ...]:
    """Read the rules that ship, or those of a JSON file of the same form.

    Raises:
        BadFile: the file isn't of this form; says which rule and why.
    """
    where = str(path or "persona_rules.json")
    if path is None:
        whole = data_json("persona_rules.json")
    else:
        whole = parse_json(read_text(Path(path), 1 << 20), where)
    if not isinstance(whole, dict) or not isinstance(whole.get("rules"), list):
        raise BadFile(f"{where}: an object with 'rules' (a list) and 'words' (named lists)")
    words = whole.get("words", {})
    if not isinstance(words, dict):
        raise BadFile(f"{where}: 'words' is an object of named lists")
    rules = []
    for place, given in enumerate(whole["rules"], start=1):
        try:
            rules.append(_rule(given, words))
        except (re.error, KeyError, TypeError, AttributeError, ValueError) as error:
            raise BadFile(f"{where}, rule {place}: {type(error).__name__}: {error}") from error
    return tuple(rules)


def _rule(given: Mapping[str, object], words: Mapping[str, Sequence[str]]) -> RiskRule:
    level: Level = "error" if given.get("level") == "error" else "warning"
    if given.get("level", level) != level:
        raise ValueError(f"level is one of {get_args(Level)}, not {given['level']!r}")
    when = given["when"]
    if not isinstance(when, list) or not when:
        raise ValueError("'when' is a list of conditions")
    kinds = given.get("kinds", [])
    return RiskRule(
        code=str(given["code"]),
        risk=str(given["risk"]),
        reason=str(given["reason"]),
        conditions=tuple(_condition(one, words) for one in when),
        kinds=tuple(kinds) if isinstance(kinds, list) else (),
        level=level,
    )


def _condition(given: Mapping[str, object], words: Mapping[str, Sequence[str]]) -> _Condition:
    (name, value), *more = given.items()
    if name not in _MAKERS:
        raise UnknownName("condition of a rule", name, _MAKERS)
    return _MAKERS[name](value, {"words": words, **dict(more)})


def _any(value: object, _: Mapping[str, object]) -> _Condition:
    patterns = [re.compile(str(one)) for one in _listed(value)]

    def holds(persona: Persona) -> str | None:
        for pattern in _screened(patterns, persona):
            for place, text in _texts(persona):
                if found := pattern.search(text):
                    return _shown(place, found[0])
        return None

    return holds


def _sentence(value: object, more: Mapping[str, object]) -> _Condition:
    words = more["words"]

    def pattern(names: str) -> re.Pattern[str]:
        each = [f"(?:{'|'.join(words[name])})" for name in names.split()]  # type: ignore[index]
        side_by_side = r"\s+".join(each)
        return re.compile(rf"\b{side_by_side}\b", re.I)

    needed = [pattern(str(one)) for one in _listed(value)]

    def holds(persona: Persona) -> str | None:
        if len(_screened(needed, persona)) < len(needed):
            return None
        for place, text in _texts(persona):
            for sentence in _SENTENCE.split(text):
                if all(one.search(sentence) for one in needed):
                    return _shown(place, sentence)
        return None

    return holds


def _screened(patterns: Sequence[re.Pattern[str]], persona: Persona) -> list[re.Pattern[str]]:
    """Keep the patterns found in all texts together: one search each, and most end here."""
    whole = "\n".join(text for _, text in _texts(persona))
    return [one for one in patterns if re.search(one.pattern, whole, one.flags | re.M)]


def _fact(value: object, more: Mapping[str, object]) -> _Condition:
    names = {str(one) for one in _listed(value)}
    limit = more.get("below")

    def holds(persona: Persona) -> str | None:
        for path, fact in persona.facts.items():
            if path.rpartition("/")[2].lower().replace("_", " ") not in names:
                continue
            if limit is None or _under(fact, float(str(limit))):
                return _shown(f"facts/{path}", fact)
        return None

    return holds


def _under(fact: str, limit: float) -> bool:
    number = re.match(r"\s*(\d{1,3})(?![\d-])", fact)
    return number is not None and int(number[1]) < limit


def _origin(value: object, _: Mapping[str, object]) -> _Condition:
    pattern = re.compile(str(value), re.I)

    def holds(persona: Persona) -> str | None:
        for name, note in persona.provenance.items():
            if found := pattern.search(note):
                return _shown(f"provenance/{name}", found[0])
        return None

    return holds


def _lacks(value: object, _: Mapping[str, object]) -> _Condition:
    names = [str(one) for one in _listed(value)]

    def holds(persona: Persona) -> str | None:
        filled = (layer for layer in LAYERS if getattr(persona, layer))
        bare = [x for x in filled if not any(layer_provenance(persona, x, n) for n in names)]
        return ", ".join(bare) or None

    return holds


def _shows(value: object, _: Mapping[str, object]) -> _Condition:
    return lambda persona: "" if value in evident_kinds(persona) else None


def _kind_is_not(value: object, _: Mapping[str, object]) -> _Condition:
    return lambda persona: None if persona.kind == value else ""


def _minor(_: object, __: Mapping[str, object]) -> _Condition:
    rules = {rule["code"]: rule for rule in data_json("persona_rules.json")["rules"]}
    told = [_condition(rules[code]["when"][0], {}) for code in ("minor", "minor-told")]
    return lambda persona: next((p for one in told if (p := one(persona)) is not None), None)


def _listed(value: object) -> list[object]:
    if not isinstance(value, list) or not value:
        raise ValueError("a condition takes a list that isn't empty")
    return value


def _texts(persona: Persona) -> Iterator[tuple[str, str]]:
    yield from ((name, getattr(persona, name)) for name in ("text", "narrative", "voice"))
    for name in ("statements", "memories"):
        yield from ((name, line) for line in getattr(persona, name))
    for name in ("facts", "relations"):
        yield from ((f"{name}/{key}", value) for key, value in getattr(persona, name).items())


def _shown(place: str, text: str) -> str:
    short = " ".join(text.split())
    return f"{place}: {short[:_EXCERPT]}{'...' if len(short) > _EXCERPT else ''}"


_MAKERS: Mapping[str, Callable[[object, Mapping[str, object]], _Condition]] = {
    "any": _any,
    "sentence": _sentence,
    "fact": _fact,
    "origin": _origin,
    "lacks": _lacks,
    "shows": _shows,
    "kind_is_not": _kind_is_not,
    "minor": _minor,
}
