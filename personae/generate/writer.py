"""Asks a model for small JSON objects, checks every field, asks once more, and counts failures.

Replies are drawn under a JSON schema (`Sampling.schema`). Replies of back ends that can't enforce
it, and values that obey it and are still wrong, are caught here. Fields that stay unfit are named,
so that the caller can fill them in another way and report it.
"""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from personae.core import Chat, Model, Reply, Sampling, canonical_json, requests_of

__all__ = [
    "FieldAnswers",
    "FieldRequest",
    "Writer",
    "model_provenance",
    "object_schema",
    "parse_object",
    "reply_by_schema",
    "schema_problem",
    "text_problem",
    "text_schema",
]

RETRY_TEMPERATURE = 0.7
"""Lowest temperature of a retry: at 0 the reply would be the same again."""
FieldSchema = Mapping[str, Any]
Check = Callable[[str, object], str]
"""Takes a field's name and its value, returns why the value is unfit, or ""."""
_AGE = re.compile(
    r"\b(\d{1,3})[- ]?years?[- ]old\b|\b(?:[Ii] am|[Ii]'m|[Yy]ou are|[Aa]ged|[Aa]ge:?) (\d{1,3})\b"
)


def text_schema(shortest: int, longest: int) -> FieldSchema:
    """Return the JSON schema of a text, lengths in characters."""
    return {"type": "string", "minLength": shortest, "maxLength": longest}


def object_schema(properties: Mapping[str, FieldSchema]) -> Mapping[str, object]:
    """Return the JSON schema of an object with exactly these properties."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def text_problem(value: object, shortest: int, longest: int, age: int | None = None) -> str:
    """Say why a value is no usable text of so many characters; "" if it is one.

    With `age` (years) a text that states another age as the person's own is unfit.

    >>> text_problem("You are 19 and busy.", 2, 80, age=45)
    'states the age 19, and the person is 45'
    """
    if not isinstance(value, str):
        return "not a text"
    text = value.strip()
    if not any(char.isalpha() for char in text):
        return "no letter in it"
    if not shortest <= len(text) <= longest:
        is_short = len(text) < shortest
        limit = f"shorter than {shortest}" if is_short else f"longer than {longest}"
        return f"{limit} characters"
    if not text.isprintable():
        return "control characters in it"
    for match in _AGE.finditer(text) if age is not None else ():
        stated_age = int(match[1] or match[2])
        if stated_age != age:
            return f"states the age {stated_age}, and the person is {age}"
    return ""


def schema_problem(schema: FieldSchema, value: object, age: int | None = None) -> str:
    """Say why a value is unfit for the schema of a text or of listed values; "" if it is fit."""
    if "enum" in schema:
        return "" if value in schema["enum"] else "not one of the listed values"
    return text_problem(value, schema["minLength"], schema["maxLength"], age)


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldRequest:
    """One request: the chat, the fields of the answer with their schemas, and a check of values.

    Without `check`, a value is fit if it obeys its schema.
    """

    chat: Chat
    fields: Mapping[str, FieldSchema]
    check: Check | None = None

    @property
    def schema(self) -> str:
        """The JSON schema of the whole answer, as canonical text, fields in their order."""
        names = list(self.fields)
        body = ", ".join(f"{json.dumps(n)}: {canonical_json(self.fields[n])}" for n in names)
        return (
            f'{{"type": "object", "properties": {{{body}}}, "required": {json.dumps(names)}, '
            f'"additionalProperties": false}}'
        )

    def problem(self, name: str, answer: Mapping[str, object]) -> str:
        """Say why a field of an answer is missing or unfit; "" if it is fit."""
        if name not in answer:
            return "the field is missing"
        if self.check is not None:
            return self.check(name, answer[name])
        return schema_problem(self.fields[name], answer[name])


@dataclass(frozen=True, slots=True)
class FieldAnswers:
    """The values that passed the check, and for every other field the reason why it has none."""

    values: Mapping[str, object]
    unfit: Mapping[str, str] = field(default_factory=dict)

    def text(self, name: str, default: str = "") -> str:
        """Return a field's value as text without outer whitespace."""
        return str(self.values.get(name, default)).strip()


def model_provenance(model: Model, prompt: str) -> dict[str, str]:
    """Return the provenance of a persona that a model wrote; `prompt` is a hash of its prompts."""
    return {"model": model.name, "model fingerprint": model.fingerprint, "prompt": prompt}


@dataclass(frozen=True, slots=True)
class Writer:
    """A model that writes, how its replies are drawn, and counts of what happened.

    `counts` gains `asked`, `asked again`, `unreadable replies` and `unfit values`.
    """

    model: Model
    sampling: Sampling
    counts: Counter[str] = field(default_factory=Counter)

    def at(self, temperature: float) -> "Writer":
        """Return the same writer at another temperature, with the same counts."""
        return replace(self, sampling=replace(self.sampling, temperature=temperature))

    def ask(
        self, requests: Sequence[FieldRequest], tries: int = 2, *, count_unfit: str = ""
    ) -> list[FieldAnswers]:
        """Send all requests, those of one schema as one batch, up to `tries` times.

        Requests with an unfit field are sent again, at a temperature of at least 0.7; only the
        fields still lacking are taken from the new answer. Fields that stay unfit are counted
        under `count_unfit`.
        """
        values: list[dict[str, object]] = [{} for _ in requests]
        unfit = [dict.fromkeys(request.fields, "not asked") for request in requests]
        for attempt in range(tries):
            unfinished = [i for i, reasons in enumerate(unfit) if reasons]
            self.counts["asked again" if attempt else "asked"] += len(unfinished)
            sampling = replace(self.sampling, repeat=self.sampling.repeat + attempt)
            if attempt:
                warmer = max(sampling.temperature, RETRY_TEMPERATURE)
                sampling = replace(sampling, temperature=warmer)
            chats = [(requests[i].chat, requests[i].schema) for i in unfinished]
            replies = reply_by_schema(self.model, chats, sampling)
            for i, reply in zip(unfinished, replies, strict=True):
                self._take(reply, requests[i], values[i], unfit[i])
        if count_unfit:
            self.counts[count_unfit] += sum(map(len, unfit))
        return [FieldAnswers(*pair) for pair in zip(values, unfit, strict=True)]

    def _take(
        self,
        reply: Reply,
        request: FieldRequest,
        values: dict[str, object],
        unfit: dict[str, str],
    ) -> None:
        answer, reply_problem = _answer_of(reply)
        self.counts["unreadable replies"] += bool(reply_problem)
        for name in list(unfit):
            reason = reply_problem or request.problem(name, answer)
            if reason:
                unfit[name] = reason
                self.counts["unfit values"] += not reply_problem
            else:
                values[name] = answer[name]
                del unfit[name]


def reply_by_schema(
    model: Model, requests: Sequence[tuple[Chat, str]], sampling: Sampling
) -> list[Reply]:
    """Answer (chat, JSON schema) requests in order, those of one schema as one batch."""
    groups: dict[str, list[int]] = {}
    for index, (_, schema) in enumerate(requests):
        groups.setdefault(schema, []).append(index)
    replies: dict[int, Reply] = {}
    for schema, indices in groups.items():
        batch = model.reply(
            requests_of(requests[i][0] for i in indices), replace(sampling, schema=schema)
        )
        replies |= dict(zip(indices, batch, strict=True))
    return [replies[index] for index in range(len(requests))]


def parse_object(text: str) -> Mapping[str, Any] | None:
    """Parse a reply that is one JSON object; None if it is anything else.

    >>> parse_object('{"pet": "cat"}'), parse_object("Sure!"), parse_object("[1]")
    ({'pet': 'cat'}, None, None)
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _answer_of(reply: Reply) -> tuple[Mapping[str, object], str]:
    """Return the object in a reply, or the reason why there is none."""
    if reply.status not in ("ok", "cut"):
        return {}, reply.why or reply.status
    answer = parse_object(reply.text)
    return ({}, "the reply is no JSON object") if answer is None else (answer, "")
