"""Asks a model for small JSON objects, checks every field, asks once more, and counts what failed.

Replies are drawn under a JSON schema (`Sampling.schema`); back ends that can't enforce it, and
values that obey it and are still wrong, are caught here. What stays unfit is named, so that the
caller can fill it otherwise and say so.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from personae.core import Chat, Model, Reply, Sampling, canonical_json, requests_of

__all__ = ["FieldAnswers", "FieldRequest", "Writer", "model_provenance", "text_schema"]

ANEW = 0.7
"""Least temperature of a later try: at 0 the same would come again."""
Check = Callable[[str, object], str]
"""Takes a field and its value, returns why the value is unfit, or ""."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldRequest:
    """One request: the chat, the fields of the answer with their schemas, and a check of each."""

    chat: Chat
    fields: Mapping[str, Mapping[str, object]]
    check: Check

    @property
    def schema(self) -> str:
        """The JSON schema of the whole answer, as canonical text, fields in their order."""
        names = list(self.fields)
        body = ", ".join(f"{json.dumps(n)}: {canonical_json(self.fields[n])}" for n in names)
        return (
            f'{{"type": "object", "properties": {{{body}}}, "required": {json.dumps(names)}, '
            f'"additionalProperties": false}}'
        )


@dataclass(frozen=True, slots=True)
class FieldAnswers:
    """What was got: values that passed, and for each other field why there is none."""

    values: Mapping[str, object]
    unfit: Mapping[str, str] = field(default_factory=dict)


def text_schema(least: int, most: int) -> dict[str, object]:
    """Give the schema of a text of so many characters."""
    return {"type": "string", "minLength": least, "maxLength": most}


def model_provenance(model: Model, prompt: str) -> dict[str, str]:
    """Give what a persona's provenance says of the model that wrote it, and its prompts' hash."""
    return {"model": model.name, "model fingerprint": model.fingerprint, "prompt": prompt}


@dataclass(frozen=True, slots=True)
class Writer:
    """A model that writes, how its replies are drawn, and what happened on the way.

    `counts` gains `asked`, `asked again`, `unreadable replies` and `unfit values`; callers add
    what they did about it.
    """

    model: Model
    sampling: Sampling
    counts: Counter[str] = field(default_factory=Counter)

    def at(self, temperature: float) -> "Writer":
        """Return the same writer at another temperature, with the same counts."""
        return replace(self, sampling=replace(self.sampling, temperature=temperature))

    def ask(self, wanted: Sequence[FieldRequest], tries: int = 2) -> list[FieldAnswers]:
        """Ask all requests; requests of one schema go out as one batch.

        Later tries ask again, not colder than 0.7, where a field is unfit, and take only the
        fields still lacking.
        """
        found: list[dict[str, object]] = [{} for _ in wanted]
        unfit: list[dict[str, str]] = [dict.fromkeys(w.fields, "not asked") for w in wanted]
        for attempt in range(tries):
            open_ = [i for i, lacking in enumerate(unfit) if lacking]
            self.counts["asked again" if attempt else "asked"] += len(open_)
            draw = replace(self.sampling, repeat=self.sampling.repeat + attempt)
            if attempt:
                draw = replace(draw, temperature=max(draw.temperature, ANEW))
            replies = _batched(self.model, [wanted[i] for i in open_], draw)
            for i, reply in zip(open_, replies, strict=True):
                self._take(reply, wanted[i], found[i], unfit[i])
        return [FieldAnswers(values, lacking) for values, lacking in zip(found, unfit, strict=True)]

    def _take(
        self, reply: Reply, wanted: FieldRequest, found: dict[str, object], unfit: dict[str, str]
    ) -> None:
        given, why = _parsed(reply)
        self.counts["unreadable replies"] += bool(why)
        for name in list(unfit):
            reason = why or _judged(wanted.check, name, given)
            if reason:
                unfit[name] = reason
                self.counts["unfit values"] += not why
            else:
                found[name] = given[name]
                del unfit[name]


def _batched(model: Model, wanted: Sequence[FieldRequest], sampling: Sampling) -> list[Reply]:
    groups: dict[str, list[int]] = {}
    for place, one in enumerate(wanted):
        groups.setdefault(one.schema, []).append(place)
    replies: dict[int, Reply] = {}
    for schema, places in groups.items():
        got = model.reply(
            requests_of(wanted[p].chat for p in places), replace(sampling, schema=schema)
        )
        replies |= dict(zip(places, got, strict=True))
    return [replies[place] for place in range(len(wanted))]


def _parsed(reply: Reply) -> tuple[Mapping[str, object], str]:
    if reply.status not in ("ok", "cut"):
        return {}, reply.why or reply.status
    try:
        given = json.loads(reply.text)
    except (ValueError, RecursionError):
        return {}, "the reply is not JSON"
    return (given, "") if isinstance(given, dict) else ({}, "the reply is no JSON object")


def _judged(check: Check, name: str, given: Mapping[str, object]) -> str:
    return check(name, given[name]) if name in given else "the field is missing"
