"""Introductions in the first person, written by a model; the persona's text stays unchanged."""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from personae.core import Persona, content_key, say
from personae.generate.writer import (
    FieldRequest,
    Writer,
    model_provenance,
    text_problem,
    text_schema,
)

__all__ = ["write_introductions"]

LEAST, MOST = 40, 400
"""Characters of an introduction."""
REQUEST = "Introduce yourself in two sentences, in the first person. Answer in JSON."
_FIRST_PERSON = re.compile(r"\b(?:I|I'm|my)\b")


def write_introductions(writer: Writer, people: Sequence[Persona]) -> list[Persona]:
    """Add an introduction in the first person as each persona's narrative, with its provenance.

    Introductions that aren't in the first person, state another age or are no text are left out
    and counted as `left out`. The provenance names the model in either case.
    """
    requests = [
        FieldRequest(
            chat=say(f"{persona.text} {REQUEST}"),
            fields={"introduction": text_schema(LEAST, MOST)},
            check=partial(_introduction_problem, age=_age(persona)),
        )
        for persona in people
    ]
    writer_provenance = model_provenance(writer.model, content_key([REQUEST, LEAST, MOST])[:16])
    introduced = []
    replies = writer.ask(requests, count_unfit="left out")
    for persona, answers in zip(people, replies, strict=True):
        introduction = str(answers.values.get("introduction", ""))
        provenance = {**persona.provenance, **writer_provenance}
        introduced.append(replace(persona, narrative=introduction, provenance=provenance))
    return introduced


def _age(persona: Persona) -> int | None:
    """Return the age in years if a fact of that name states it in digits."""
    text = next((v for path, v in persona.facts.items() if path.rpartition("/")[2] == "age"), "")
    return int(text) if text.isdecimal() else None


def _introduction_problem(_: str, value: object, age: int | None) -> str:
    in_first_person = _FIRST_PERSON.search(str(value)) and not str(value).startswith("You")
    return text_problem(value, LEAST, MOST, age) or (
        "" if in_first_person else "not in the first person"
    )
