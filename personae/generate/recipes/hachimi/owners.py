"""The owners who write a persona's fields, and the small schema that each of them must fill.

An owner is data: `name`, `task`, `temperature`, `fields`. A field's kind is a text with a length,
a whole number in a range, or one of the values of its variable or of the scale of levels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from personae.core import BadValue, UnknownName, canonical_json
from personae.generate.population.ordered_levels import Levels
from personae.generate.population.population_spec import PopulationSpec
from personae.generate.writer import object_schema, parse_object, text_schema

__all__ = [
    "Issue",
    "OwnedField",
    "Owner",
    "OwnerReply",
    "parse_reply",
    "read_owners",
    "reply_schema",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnedField:
    """One fact that an owner writes; `key` names it in the reply.

    `allowed` lists its values; if empty, it is a text of `low` to `high` characters, or with
    `whole` an integer from `low` to `high`.
    """

    path: str
    allowed: tuple[str, ...] = ()
    low: int = 0
    high: int = 0
    whole: bool = False
    says: str = ""

    @property
    def key(self) -> str:
        """The last part of its path."""
        return self.path.rpartition("/")[2]

    @property
    def is_text(self) -> bool:
        """Whether it is free text, which no draw can supply."""
        return not self.allowed and not self.whole

    def schema(self) -> Mapping[str, object]:
        """Return the JSON schema of its value."""
        if self.allowed:
            return {"enum": list(self.allowed)}
        if self.whole:
            return {"type": "integer", "minimum": self.low, "maximum": self.high}
        return text_schema(self.low, self.high)

    def read(self, value: object) -> str | None:
        """Convert the value to a fact, or None if it isn't allowed; texts are only trimmed."""
        if self.whole:
            is_integer = isinstance(value, int) and not isinstance(value, bool)
            return str(value) if is_integer and self.low <= int(str(value)) <= self.high else None
        if not isinstance(value, str):
            return None
        text = value.strip()
        if self.allowed:
            return text if text in self.allowed else None
        return text if self.low <= len(text) <= self.high else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """One writer: its task, and the fields that no other owner may change."""

    name: str
    task: str
    fields: tuple[OwnedField, ...]
    temperature: float = 1.0

    @property
    def max_tokens(self) -> int:
        """Enough tokens for every field at its longest, at about three characters per token."""
        return 40 + sum(12 + (f.high // 3 if f.is_text else 8) for f in self.fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Issue:
    """A fault: the rule's code and description, the owner, its fields, and how to correct it."""

    code: str
    description: str
    owner: str
    fields: tuple[str, ...]
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnerReply:
    """A parsed reply: facts by path, fields without a usable value, number of dropped keys.

    `was_embedded`: the JSON object stood among other text.
    """

    facts: Mapping[str, str]
    unusable: tuple[str, ...] = ()
    dropped: int = 0
    was_embedded: bool = False


def reply_schema(fields: Sequence[OwnedField]) -> str:
    """Return the JSON schema of a reply with these fields.

    >>> reply_schema([OwnedField(path="home/pet", allowed=("cat", "dog"))])[30:73]
    '"properties":{"pet":{"enum":["cat","dog"]}}'
    """
    return canonical_json(object_schema({f.key: f.schema() for f in fields}))


def parse_reply(reply: str, fields: Sequence[OwnedField]) -> OwnerReply:
    """Parse a reply; text that isn't JSON is searched for an object in it.

    >>> pet = OwnedField(path="home/pet", allowed=("cat", "dog"))
    >>> parse_reply('Sure! {"pet": "cat", "age": 7}', [pet])
    OwnerReply(facts={'home/pet': 'cat'}, unusable=(), dropped=1, was_embedded=True)
    """
    reply_fields, was_embedded = _find_object(reply)
    fields_by_key = {f.key: f for f in fields}
    values = {
        f.path: f.read(reply_fields[k]) for k, f in fields_by_key.items() if k in reply_fields
    }
    facts = {path: value for path, value in values.items() if value is not None}
    return OwnerReply(
        facts=facts,
        unusable=tuple(f.path for f in fields if f.path not in facts),
        dropped=len(set(reply_fields) - set(fields_by_key)),
        was_embedded=was_embedded,
    )


def _find_object(text: str) -> tuple[Mapping[str, Any], bool]:
    """Return the JSON object that a text is, or else contains, and whether it was embedded."""
    body = parse_object(text)
    if body is not None:
        return body, False
    body = parse_object(text[text.find("{") : text.rfind("}") + 1])
    return ({}, False) if body is None else (body, True)


def read_owners(spec: PopulationSpec, levels: Levels | None) -> tuple[Owner, ...]:
    """Parse the owners of a population's description.

    `levels` are the description's levels, if it has any: their dimensions may be owned too.

    Raises:
        UnknownName: a field that is no variable, no level, and no text.
        BadValue: an owner without a name or fields; a field with two owners.
    """
    values = {v.name: v.values for v in spec.variables if v.shares}
    if levels is not None:
        values |= dict.fromkeys(levels.loadings, levels.scale)
    owners = tuple(_parse_owner(body, values) for body in spec.owners)
    paths = [f.path for owner in owners for f in owner.fields]
    if shared := sorted({p for p in paths if paths.count(p) > 1}):
        raise BadValue(f"fields with two owners: {shared}")
    return owners


def _parse_owner(body: Mapping[str, Any], values: Mapping[str, tuple[str, ...]]) -> Owner:
    fields, temperature = body.get("fields"), body.get("temperature", 1.0)
    is_field_list = isinstance(fields, list) and fields and all(isinstance(f, dict) for f in fields)
    if (
        not isinstance(body.get("name"), str)
        or not is_field_list
        or type(temperature) not in (int, float)
    ):
        raise BadValue(
            f"an owner has a name, a list of fields that are objects, and a number as temperature: "
            f"{str(body)[:100]}"
        )
    return Owner(
        name=body["name"],
        task=str(body.get("task", "")),
        temperature=float(temperature),
        fields=tuple(_parse_field(field_body, values) for field_body in body["fields"]),
    )


def _parse_field(body: Mapping[str, Any], values: Mapping[str, tuple[str, ...]]) -> OwnedField:
    path, description = str(body.get("path", "")), str(body.get("says", ""))
    for kind in ("text", "whole"):
        if kind in body:
            limits = body[kind]
            if not isinstance(limits, list) or [type(limit) for limit in limits] != [int, int]:
                raise BadValue(f"{kind} of the field {path!r} is [low, high], not {limits!r}")
            low, high = limits
            return OwnedField(
                path=path, low=low, high=high, whole=kind == "whole", says=description
            )
    if path not in values:
        raise UnknownName("variable or level for an owner's field", path, values)
    return OwnedField(path=path, allowed=values[path], says=description)
