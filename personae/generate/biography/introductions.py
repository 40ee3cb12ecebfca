"""A model lets personas introduce themselves; the text that prompts use stays what it was."""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from personae.core import Persona, content_key, say
from personae.generate.biography.life import text_problem
from personae.generate.writer import FieldRequest, Writer, model_provenance, text_schema

__all__ = ["write_introductions"]

LEAST, MOST = 40, 400
"""Characters of an introduction."""
REQUEST = "Introduce yourself in two sentences, in the first person. Answer in JSON."
_OWN = re.compile(r"\b(?:I|I'm|my)\b")


def write_introductions(writer: Writer, people: Sequence[Persona]) -> list[Persona]:
    """Add an introduction in the first person as each one's narrative, and say who wrote it.

    One that isn't in the first person, states another age or is no text is left out; `counts`
    gains `left out`.
    """
    wanted = [
        FieldRequest(
            chat=say(f"{one.text} {REQUEST}"),
            fields={"introduction": text_schema(LEAST, MOST)},
            check=partial(_unfit, age=_age(one)),
        )
        for one in people
    ]
    by = model_provenance(writer.model, content_key([REQUEST, LEAST, MOST])[:16])
    found = []
    for one, asked in zip(people, writer.ask(wanted), strict=True):
        writer.counts["left out"] += len(asked.unfit)
        told = str(asked.values.get("introduction", ""))
        found.append(replace(one, narrative=told, provenance={**one.provenance, **by}))
    return found


def _age(one: Persona) -> int | None:
    """Give a person's age in years where a fact of that name says it in digits."""
    said = next((v for path, v in one.facts.items() if path.rpartition("/")[2] == "age"), "")
    return int(said) if said.isdecimal() else None


def _unfit(_: str, value: object, age: int | None) -> str:
    own = _OWN.search(str(value)) and not str(value).startswith("You")
    return text_problem(value, LEAST, MOST, age) or ("" if own else "not in the first person")
