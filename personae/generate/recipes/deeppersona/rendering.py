"""A finished draft as a persona: facts, second-person text, first-person narrative, statements."""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import zip_longest

from personae.core import Persona, say
from personae.generate.biography.deep_attributes import Draft
from personae.generate.biography.life import text_problem
from personae.generate.taxonomy.attribute_tree import Attribute
from personae.generate.writer import FieldRequest, Writer, text_schema

__all__ = ["first_person", "render_persona", "write_narratives"]

STATEMENTS = 5
MANY_WORDS = 2000
_SUBJECT = tuple(
    (re.compile(pattern, re.IGNORECASE), said)
    for pattern, said in (
        (r"\byou are\b", "I am"),
        (r"\byou were\b", "I was"),
        (r"\byourself\b", "myself"),
        (r"\byours\b", "mine"),
        (r"\byour\b", "my"),
        (
            r"\b(ask|asks|around|at|believed in|bothers|call|for|from|gives|humiliated|know|leave"
            r"|leaves|let|make|makes|of|on|others|put|reach|remember|shaped|surprises|tell|tempt|than"
            r"|to|told|upon|wakes?|with) you\b",
            r"\1 me",
        ),
        (r"\byou(?=[.,;:!?)]|$)", "me"),
        (r"\byou\b", "I"),
    )
)
_ECHO = re.compile(r"\b(?:first person|introduce|invented person|JSON|in about \d+ words)\b", re.I)


def first_person(sentence: str) -> str:
    """Turn a sentence in the second person into the first.

    >>> first_person("You are tall, and people ask you about your hat.")
    'I am tall, and people ask me about my hat.'
    """
    for pattern, said in _SUBJECT:
        sentence = pattern.sub(said, sentence)
    return sentence[:1].upper() + sentence[1:]


def render_persona(draft: Draft, id_: str, words: int) -> Persona:
    """Make the persona of a draft; text and narrative have about so many words at most.

    The text begins with who it is and what moves the person. Then come sentences that speak of
    requested traits, in turn and the strongest trait first; then one of each category in turn.
    Provenance is the caller's to add.
    """
    ordered = _telling_first(draft)
    told = [draft.who.sentence, *draft.life.sentences]
    lines = [one.sentence(value) for one, value in ordered]
    text = " ".join(_within([*told, *lines], words))
    leaning = [a.sentence(v) for a, v in ordered if a.say and a.leans]
    kept = _within([*told, *draft.life.stories, *lines], words)
    narrative = [one if one in draft.life.stories else first_person(one) for one in kept]
    return Persona(
        id=id_,
        text=text,
        facts=draft.facts,
        traits=draft.traits,
        statements=tuple(first_person(one) for one in leaning[:STATEMENTS]),
        narrative=" ".join(narrative),
        voice=draft.life.voice,
        memories=draft.life.stories,
    )


def _telling_first(draft: Draft) -> list[tuple[Attribute, str]]:
    rows = [[pair for pair in filled if pair[0].say] for filled in draft.sections.values()]
    mixed = [pair for turn in zip_longest(*rows) for pair in turn if pair is not None]
    by_trait: dict[str, list[int]] = {}
    for i, (one, _) in enumerate(mixed):
        by_trait.setdefault(one.leans[:1], []).append(i)
    strong = {t: abs(draft.traits.get(t, 0.0)) for t in by_trait}
    told = sorted((t for t in by_trait if t and strong[t] >= 0.5), key=lambda t: -strong[t])
    turns = zip_longest(*(by_trait[trait] for trait in told))
    first = [i for turn in turns for i in turn if i is not None][: max(3, len(mixed) // 4)]
    taken = set(first)
    return [mixed[i] for i in first] + [p for i, p in enumerate(mixed) if i not in taken]


def _within(sentences: Sequence[str], words: int) -> list[str]:
    """Take sentences while they fit; the first stands always."""
    kept, count = list(sentences[:1]), len(sentences[0].split())
    for sentence in sentences[1:]:
        length = len(sentence.split())
        if count + length <= words:
            kept.append(sentence)
            count += length
    return kept


def write_narratives(
    writer: Writer, drafts: Sequence[Draft], personas: Sequence[Persona], words: int
) -> list[Persona]:
    """Let a model tell each persona in the first person; an unfit telling keeps the drawn one.

    Unfit is a telling that is too short, too long, not in the first person, repeats the request or
    itself, or states another age than the person's.
    """
    least, most = 80, words * 8
    wanted = [
        FieldRequest(
            chat=say(
                f"An invented person: {draft.summary}\n{draft.so_far}\n\nLet the person introduce "
                f"themselves in about {words} words, in the first person, in a voice that is "
                f"{draft.life.voice}. Keep to what is said above. Answer in JSON."
            ),
            fields={"summary": text_schema(least, most)},
            check=partial(_unfit_telling, age=draft.who.age, size=(least, most)),
        )
        for draft in drafts
    ]
    found = []
    for persona, asked in zip(personas, writer.ask(wanted), strict=True):
        writer.counts["repaired"] += len(asked.unfit)
        told = str(asked.values.get("summary", persona.narrative)).strip()
        found.append(replace(persona, narrative=told))
    return found


def _unfit_telling(_: str, value: object, *, age: int, size: tuple[int, int]) -> str:
    if why := text_problem(value, *size, age):
        return why
    text = str(value)
    words = text.lower().split()
    if not re.search(r"\b(?:I|I'm|my)\b", text):
        return "not in the first person"
    if found := _ECHO.search(text):
        return f"repeats the request ({found[0]})"
    return "repeats itself" if len(set(words)) < len(words) / 3 else ""
