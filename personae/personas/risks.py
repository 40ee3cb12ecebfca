"""Rules, as data, that warn of harm that a persona may do; each states its reason.

A rule holds where all its conditions do:

any          one of the patterns is found in a text
sentence     a sentence holds a word of each of the named lists; of two names in one entry, the
             words are adjacent and in this order
fact         a fact has one of these names (the last level of its path), and with `below` a
             number under it
origin       the pattern is found in the provenance
lacks        a filled layer has none of these notes in its provenance, its own or the persona's
shows        the persona's content is evidence of this kind
kind_is_not  the persona is declared to be of another kind
minor        by its age or its text, the persona is under 18

Source: Chen et al. 2024 (arXiv 2404.18231), the risks of role-playing agents. Wording shows only
some of the risks: that no rule fires proves nothing.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from personae.core import (
    BadFile,
    InputError,
    Persona,
    UnknownName,
    data_json,
    parse_json,
    read_text,
    typed,
)
from personae.personas import LAYERS, evident_kinds, layer_provenance

__all__ = ["Risk", "RiskRule", "find_risks", "load_risk_rules"]

Level = Literal["warning", "error"]
_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+")
_EXCERPT = 60
_Condition = Callable[[Persona], str | None]
"""Returns where the condition holds ("" for the persona as a whole), or None where it doesn't."""


@dataclass(frozen=True, slots=True)
class RiskRule:
    """A rule: code, risk, the kinds it concerns (all if empty), conditions and reason."""

    code: str
    risk: str
    reason: str
    conditions: tuple[_Condition, ...]
    kinds: tuple[str, ...] = ()
    level: Level = "warning"


@dataclass(frozen=True, slots=True)
class Risk:
    """A rule that fired, and the excerpt of the persona on which it did."""

    rule: RiskRule
    excerpt: str


def find_risks(persona: Persona, rules: Sequence[RiskRule]) -> Iterator[Risk]:
    """Apply the rules to a persona; a composite is subject to the rules of all its kinds.

    >>> child = Persona(id="a", facts={"age": "12"})
    >>> ", ".join(risk.rule.code for risk in find_risks(child, load_risk_rules()))
    'no-licence, no-source, minor'
    """
    kinds = {persona.kind, *evident_kinds(persona)}
    for rule in rules:
        if rule.kinds and kinds.isdisjoint(rule.kinds):
            continue
        excerpts: list[str] = []
        for condition in rule.conditions:
            excerpt = condition(persona)
            if excerpt is None:
                break
            excerpts.append(excerpt)
        else:
            yield Risk(rule, next(filter(None, excerpts), ""))


def load_risk_rules(path: str | Path | None = None) -> tuple[RiskRule, ...]:
    """Read the shipped rules, or those of a JSON file of the same form.

    Raises:
        BadFile: the file has another form; the message names the rule and the reason.
    """
    where = str(path or "persona_rules.json")
    if path is None:
        document = data_json("persona_rules.json")
    else:
        document = parse_json(read_text(Path(path), 1 << 20), where)
    if not isinstance(document, dict) or not isinstance(document.get("rules"), list):
        raise BadFile(f"{where}: an object with 'rules' (a list) and 'words' (named lists)")
    words = document.get("words", {})
    if not isinstance(words, dict):
        raise BadFile(f"{where}: 'words' is an object of named lists")
    rules = []
    for number, body in enumerate(document["rules"], start=1):
        try:
            rules.append(_rule(body, words))
        except (InputError, re.error, KeyError, TypeError, AttributeError, ValueError) as error:
            raise BadFile(f"{where}, rule {number}: {type(error).__name__}: {error}") from error
    return tuple(rules)


def _rule(body: Mapping[str, object], words: Mapping[str, Sequence[str]]) -> RiskRule:
    level: Level = "error" if body.get("level") == "error" else "warning"
    if body.get("level", level) != level:
        raise ValueError(f"level is one of {get_args(Level)}, not {body['level']!r}")
    conditions = body["when"]
    if not isinstance(conditions, list) or not conditions:
        raise ValueError("'when' is a list of conditions")
    kinds = body.get("kinds", [])
    texts = {name: typed(body[name], str, name) for name in ("code", "risk", "reason")}
    return RiskRule(
        **texts,
        conditions=tuple(_condition(condition, words) for condition in conditions),
        kinds=tuple(typed(kinds, list[str], "kinds")),
        level=level,
    )


def _condition(body: Mapping[str, object], words: Mapping[str, Sequence[str]]) -> _Condition:
    (name, value), *options = body.items()
    if name not in _CONDITIONS:
        raise UnknownName("condition of a rule", name, _CONDITIONS)
    return _CONDITIONS[name](value, {"words": words, **dict(options)})


def _any(value: object, _: Mapping[str, object]) -> _Condition:
    patterns = [re.compile(str(pattern)) for pattern in _require_list(value)]

    def holds(persona: Persona) -> str | None:
        for pattern in _matching_patterns(patterns, persona):
            for where, text in _texts(persona):
                if match := pattern.search(text):
                    return _excerpt(where, match[0])
        return None

    return holds


def _sentence(value: object, options: Mapping[str, object]) -> _Condition:
    words = options["words"]

    def adjacent(names: str) -> re.Pattern[str]:
        word_groups = [f"(?:{'|'.join(words[name])})" for name in names.split()]  # type: ignore[index]
        side_by_side = r"\s+".join(word_groups)
        return re.compile(rf"\b{side_by_side}\b", re.I)

    patterns = [adjacent(str(entry)) for entry in _require_list(value)]

    def holds(persona: Persona) -> str | None:
        if len(_matching_patterns(patterns, persona)) < len(patterns):
            return None
        for where, text in _texts(persona):
            for sentence in _SENTENCE.split(text):
                if all(pattern.search(sentence) for pattern in patterns):
                    return _excerpt(where, sentence)
        return None

    return holds


def _matching_patterns(
    patterns: Sequence[re.Pattern[str]], persona: Persona
) -> list[re.Pattern[str]]:
    """Keep the patterns that match the joined texts: one search each rules out most of them."""
    joined = "\n".join(text for _, text in _texts(persona))
    return [
        pattern for pattern in patterns if re.search(pattern.pattern, joined, pattern.flags | re.M)
    ]


def _fact(value: object, options: Mapping[str, object]) -> _Condition:
    names = {str(name) for name in _require_list(value)}
    below = options.get("below")
    limit = None if below is None else float(str(below))

    def holds(persona: Persona) -> str | None:
        for path, fact in persona.facts.items():
            if path.rpartition("/")[2].lower().replace("_", " ") not in names:
                continue
            if limit is None or _is_below(fact, limit):
                return _excerpt(f"facts/{path}", fact)
        return None

    return holds


def _is_below(fact: str, limit: float) -> bool:
    number = re.match(r"\s*(\d{1,3})(?![\d-])", fact)
    return number is not None and int(number[1]) < limit


def _origin(value: object, _: Mapping[str, object]) -> _Condition:
    pattern = re.compile(str(value), re.I)

    def holds(persona: Persona) -> str | None:
        for name, note in persona.provenance.items():
            if match := pattern.search(note):
                return _excerpt(f"provenance/{name}", match[0])
        return None

    return holds


def _lacks(value: object, _: Mapping[str, object]) -> _Condition:
    names = [str(name) for name in _require_list(value)]

    def holds(persona: Persona) -> str | None:
        filled = (layer for layer in LAYERS if getattr(persona, layer))
        lacking_layers = [
            layer
            for layer in filled
            if not any(layer_provenance(persona, layer, note) for note in names)
        ]
        return ", ".join(lacking_layers) or None

    return holds


def _shows(value: object, _: Mapping[str, object]) -> _Condition:
    return lambda persona: "" if value in evident_kinds(persona) else None


def _kind_is_not(value: object, _: Mapping[str, object]) -> _Condition:
    return lambda persona: None if persona.kind == value else ""


def _minor(_: object, __: Mapping[str, object]) -> _Condition:
    rules = {rule["code"]: rule for rule in data_json("persona_rules.json")["rules"]}
    conditions = [_condition(rules[code]["when"][0], {}) for code in ("minor", "minor-by-text")]
    return lambda persona: next(
        (p for condition in conditions if (p := condition(persona)) is not None), None
    )


def _require_list(value: object) -> list[object]:
    if not isinstance(value, list) or not value:
        raise ValueError("a condition takes a list that isn't empty")
    return value


def _texts(persona: Persona) -> Iterator[tuple[str, str]]:
    yield from ((name, getattr(persona, name)) for name in ("text", "narrative", "voice"))
    for name in ("statements", "memories"):
        yield from ((name, line) for line in getattr(persona, name))
    for name in ("facts", "relations"):
        yield from ((f"{name}/{key}", value) for key, value in getattr(persona, name).items())


def _excerpt(where: str, text: str) -> str:
    line = " ".join(text.split())
    return f"{where}: {line[:_EXCERPT]}{'...' if len(line) > _EXCERPT else ''}"


_CONDITIONS: Mapping[str, Callable[[object, Mapping[str, object]], _Condition]] = {
    "any": _any,
    "sentence": _sentence,
    "fact": _fact,
    "origin": _origin,
    "lacks": _lacks,
    "shows": _shows,
    "kind_is_not": _kind_is_not,
    "minor": _minor,
}
