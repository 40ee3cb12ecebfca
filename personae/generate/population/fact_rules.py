"""Rules as data: conditions over the facts of personas, evaluated over whole columns.

A rule is a JSON object: `code`, `says` (what must hold, in words), `holds` (a condition); for
revision `owner`, `fields`, `hint`; `severity` is hard or soft. With `each` (field -> owner) it
stands for one rule per field, which "$EACH" names in its condition. A condition is one of

    {"all": [...]}  {"any": [...]}  {"not": ...}  {"if": ..., "then": ...}
    {"of": FACT, "is" | "in" | ">=" | "<=" | ">" | "<" | "matches" | "lacks": VALUE}
    {"of": FACT, "filled": true}               not absent, not blank
    {"count": [FACT, ...], "in": [...], ">=": K}  how many of these facts are among the values
    {"differ": [FACT, ...]}                    not all the same
    {"disjoint": [FACT, FACT]}                 lists without a common member ("; " between members)

The VALUE of a comparison is a number or {"of": FACT, "plus": K}; `matches` and `lacks` are regular
expressions searched in the text. A text "$NAME" is replaced by the set of that name. Whether a
condition on an absent fact holds is unknown, and so is its negation; a rule whose condition is
unknown is broken.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from personae.core import BadValue, UnknownName

__all__ = ["Rule", "Rules", "read_rules"]

COMPARISONS: Mapping[str, Callable[[pl.Expr, Any], pl.Expr]] = {
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
}
LIST_SEPARATOR = "; "
Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One rule; `description` states what must hold, `facts` are those that its condition reads."""

    code: str
    description: str
    condition: pl.Expr
    facts: frozenset[str]
    severity: str = "hard"
    owner: str = ""
    fields: tuple[str, ...] = ()
    hint: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Rules:
    """Rules that are evaluated together."""

    rules: tuple[Rule, ...] = field(default=())

    def over(self, facts: Sequence[str]) -> "Rules":
        """Select the rules that read no other facts than these."""
        return Rules(tuple(r for r in self.rules if r.facts <= set(facts)))

    def refuse_unknown(self, known: Collection[str]) -> None:
        """Refuse rules that read unknown facts, since such rules could never hold.

        Raises:
            UnknownName: a rule reads a fact that isn't known.
        """
        for rule in self.rules:
            for name in sorted(rule.facts - set(known)):
                raise UnknownName(f"fact of rule {rule.code}", name, known)

    def broken(self, facts: pl.DataFrame) -> list[tuple[Rule, NDArray[np.bool_]]]:
        """Return each rule with the rows that break it, shape (rows,).

        Raises:
            UnknownName: a rule reads a fact that is no column.
        """
        self.refuse_unknown(facts.columns)
        if not self.rules:
            return []
        frame = facts.select(
            (~rule.condition.fill_null(value=False)).alias(str(i))
            for i, rule in enumerate(self.rules)
        )
        return [(rule, frame[str(i)].to_numpy()) for i, rule in enumerate(self.rules)]

    def breaches(self, facts: pl.DataFrame) -> NDArray[np.bool_]:
        """Tell which rows break a hard rule, shape (rows,)."""
        breaches = np.zeros(facts.height, dtype=bool)
        for rule, broken in self.broken(facts):
            if rule.severity == "hard":
                breaches |= broken
        return breaches


def read_rules(body: Sequence[Mapping[str, Any]], sets: Mapping[str, Any] | None = None) -> Rules:
    """Parse rules; `sets` are the values of "$NAME", by name.

    Raises:
        BadValue: a rule or condition in another form than this module's; names the rule.

    >>> adult = {"of": "age", ">=": 18}
    >>> rules = read_rules([{"code": "A", "says": "adults only", "holds": adult}])
    >>> rules.breaches(pl.DataFrame({"age": ["17", "18"]})).tolist()
    [True, False]
    """
    return Rules(
        tuple(_rule(rule, dict(sets or {})) for entry in body for rule in _expand_each(entry))
    )


def _expand_each(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Expand a rule with `each` (field -> owner) into one rule per field."""
    if not isinstance(body, dict):
        raise BadValue(f"a rule is an object, not {body!r}")
    owners = body.get("each")
    if owners is None:
        return [body]
    template = {k: v for k, v in body.items() if k != "each"}
    text = json.dumps(template)
    return [
        {
            **json.loads(text.replace('"$EACH"', json.dumps(field))),
            "owner": owner,
            "fields": [field],
        }
        for field, owner in owners.items()
    ]


def _rule(body: Mapping[str, Any], sets: Mapping[str, Any]) -> Rule:
    if not all(isinstance(body.get(k), str) for k in ("code", "says")):
        raise BadValue(f"a rule has the texts 'code' and 'says' and a condition 'holds': {body!r}")
    known = {"code", "says", "holds", "severity", "owner", "fields", "hint"}
    for name in sorted(set(body) - known):
        raise UnknownName(f"field of rule {body['code']}", name, known)
    if body.get("severity", "hard") not in ("hard", "soft"):
        raise BadValue(f"rule {body['code']}: severity is hard or soft, not {body['severity']!r}")
    reader = _Reader(body["code"], sets)
    condition = reader.condition(body.get("holds"))
    return Rule(
        code=body["code"],
        description=body["says"],
        condition=condition,
        facts=frozenset(reader.facts),
        severity=body.get("severity", "hard"),
        owner=body.get("owner", ""),
        fields=tuple(body.get("fields", ())),
        hint=body.get("hint", ""),
    )


class _Reader:
    """Turns one rule's condition into an expression and notes the facts it reads."""

    def __init__(self, code: str, sets: Mapping[str, Any]) -> None:
        self.code, self.sets, self.facts = code, sets, set[str]()

    def condition(self, body: object) -> pl.Expr:
        if not isinstance(body, dict):
            raise self.invalid(body)
        for words, read_form in FORMS.items():
            if words == body.keys() or (words < body.keys() and words in FORMS_WITH_TESTS):
                return read_form(self, body)
        raise self.invalid(body)

    def all_of(self, body: Body) -> pl.Expr:
        return pl.all_horizontal(*map(self.condition, self.listed(body["all"])))

    def any_of(self, body: Body) -> pl.Expr:
        return pl.any_horizontal(*map(self.condition, self.listed(body["any"])))

    def negation(self, body: Body) -> pl.Expr:
        return ~self.condition(body["not"])

    def implication(self, body: Body) -> pl.Expr:
        return ~self.condition(body["if"]) | self.condition(body["then"])

    def count(self, body: Body) -> pl.Expr:
        values = self.texts(body["in"])
        hits = [self.fact(n).is_in(values).cast(pl.Int32) for n in self.texts(body["count"])]
        tests = {k: v for k, v in body.items() if k not in ("count", "in")}
        return self.comparison(pl.sum_horizontal(*hits), tests)

    def differ(self, body: Body) -> pl.Expr:
        first, *others = (self.fact(n) for n in self.texts(body["differ"]))
        return pl.any_horizontal(*(other != first for other in others))

    def disjoint(self, body: Body) -> pl.Expr:
        first, second = (
            self.fact(n).str.split(LIST_SEPARATOR) for n in self.texts(body["disjoint"])
        )
        return first.list.set_intersection(second).list.len() == 0

    def single_fact(self, body: Body) -> pl.Expr:
        if not isinstance(body["of"], str):
            raise self.invalid(body)
        return self.tested(self.fact(body["of"]), {k: v for k, v in body.items() if k != "of"})

    def listed(self, parts: object) -> list[object]:
        if not isinstance(parts, list) or not parts:
            raise self.invalid(parts)
        return parts

    def tested(self, fact: pl.Expr, tests: Mapping[str, Any]) -> pl.Expr:
        conditions = []
        for name, value in tests.items():
            match name, value:
                case "is", str():
                    conditions.append(fact == self.texts([value])[0])
                case "in", _:
                    conditions.append(fact.is_in(self.texts(value)))
                case "matches", str():
                    conditions.append(fact.str.contains(self.pattern(value)))
                case "lacks", str():
                    conditions.append(~fact.str.contains(self.pattern(value)))
                case "filled", True:
                    conditions.append(fact.str.strip_chars().str.len_chars() > 0)
                case _ if name in COMPARISONS:
                    number = fact.cast(pl.Float64, strict=False)
                    conditions.append(self.comparison(number, {name: value}))
                case _:
                    raise self.invalid({name: value})
        return pl.all_horizontal(*conditions)

    def comparison(self, number: pl.Expr, tests: Mapping[str, Any]) -> pl.Expr:
        if not tests or not set(tests) <= set(COMPARISONS):
            raise self.invalid(tests)
        return pl.all_horizontal(
            *(COMPARISONS[word](number, self.number(value)) for word, value in tests.items())
        )

    def number(self, value: object) -> pl.Expr:
        match value:
            case bool():
                raise self.invalid(value)
            case int() | float():
                return pl.lit(float(value))
            case {"of": str() as name, "plus": int() | float() as addend}:
                return self.fact(name).cast(pl.Float64, strict=False) + addend
            case {"of": str() as name}:
                return self.fact(name).cast(pl.Float64, strict=False)
        raise self.invalid(value)

    def fact(self, name: str) -> pl.Expr:
        self.facts.add(name)
        return pl.col(name)

    def texts(self, value: object) -> list[str]:
        if isinstance(value, str) and value.startswith("$"):
            if value[1:] not in self.sets:
                raise UnknownName(f"set of rule {self.code}", value[1:], self.sets)
            value = self.sets[value[1:]]
        if not isinstance(value, list) or not value or not all(isinstance(v, str) for v in value):
            raise self.invalid(value)
        return value

    def pattern(self, value: str) -> str:
        text = self.sets[value[1:]] if value.startswith("$") and value[1:] in self.sets else value
        try:
            pl.Series([""]).str.contains(str(text))
        except pl.exceptions.ComputeError as error:
            raise BadValue(f"rule {self.code}: {text!r} is not a regular expression") from error
        return str(text)

    def invalid(self, body: object) -> BadValue:
        return BadValue(
            f"rule {self.code}: {str(body)[:200]!r} is not a condition; the forms are listed in "
            f"personae/generate/population/fact_rules.py"
        )


FORMS: Mapping[frozenset[str], Callable[[_Reader, Body], pl.Expr]] = {
    frozenset({"all"}): _Reader.all_of,
    frozenset({"any"}): _Reader.any_of,
    frozenset({"not"}): _Reader.negation,
    frozenset({"if", "then"}): _Reader.implication,
    frozenset({"differ"}): _Reader.differ,
    frozenset({"disjoint"}): _Reader.disjoint,
    frozenset({"count", "in"}): _Reader.count,
    frozenset({"of"}): _Reader.single_fact,
}
FORMS_WITH_TESTS = (frozenset({"count", "in"}), frozenset({"of"}))
"""Forms that take tests beside their own words."""
