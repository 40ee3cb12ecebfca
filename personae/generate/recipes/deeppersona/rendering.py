"""A finished draft as a persona: facts, second-person text, first-person narrative, statements."""

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import zip_longest

from personae.core import Persona, say
from personae.generate.biography.deep_attributes import Draft
from personae.generate.taxonomy.attribute_tree import Attribute
from personae.generate.writer import FieldRequest, Writer, text_problem, text_schema

__all__ = ["first_person", "render_persona", "write_narratives"]

STATEMENTS = 5
MOST_WORDS = 2000
_SUBJECT = tuple(
    (re.compile(pattern, re.IGNORECASE), replacement)
    for pattern, replacement in (
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
    """Rewrite a sentence in the second person in the first.

    >>> first_person("You are tall, and people ask you about your hat.")
    'I am tall, and people ask me about my hat.'
    """
    for pattern, replacement in _SUBJECT:
        sentence = pattern.sub(replacement, sentence)
    return sentence[:1].upper() + sentence[1:]


def render_persona(draft: Draft, id_: str, words: int) -> Persona:
    """Render a finished draft as a persona; text and narrative have at most about `words` words.

    The text begins with the person's demographics and life. Sentences about requested traits
    follow, alternating between the traits, the strongest first; then the other sentences,
    alternating between the categories. The caller adds the provenance.
    """
    ordered = _trait_sentences_first(draft)
    introduction = [draft.person.sentence, *draft.life.sentences]
    sentences = [attribute.sentence(value) for attribute, value in ordered]
    text = " ".join(_within([*introduction, *sentences], words))
    trait_statements = [a.sentence(v) for a, v in ordered if a.say and a.leans]
    selected = _within([*introduction, *draft.life.stories, *sentences], words)
    narrative = [
        sentence if sentence in draft.life.stories else first_person(sentence)
        for sentence in selected
    ]
    return Persona(
        id=id_,
        text=text,
        facts=draft.facts,
        traits=draft.traits,
        statements=tuple(map(first_person, trait_statements[:STATEMENTS])),
        narrative=" ".join(narrative),
        voice=draft.life.voice,
        memories=draft.life.stories,
    )


def _trait_sentences_first(draft: Draft) -> list[tuple[Attribute, str]]:
    rows = [[pair for pair in filled if pair[0].say] for filled in draft.sections.values()]
    mixed = [pair for turn in zip_longest(*rows) for pair in turn if pair is not None]
    by_trait: dict[str, list[int]] = {}
    for i, (attribute, _) in enumerate(mixed):
        by_trait.setdefault(attribute.leans[:1], []).append(i)
    strength = {t: abs(draft.traits.get(t, 0.0)) for t in by_trait}
    requested = sorted(
        (t for t in by_trait if t and strength[t] >= 0.5), key=lambda t: -strength[t]
    )
    turns = zip_longest(*(by_trait[trait] for trait in requested))
    by_turn = [i for turn in turns for i in turn if i is not None]
    leading = dict.fromkeys(by_turn[: max(3, len(mixed) // 4)])
    return [mixed[i] for i in (*leading, *(i for i in range(len(mixed)) if i not in leading))]


def _within(sentences: Sequence[str], words: int) -> list[str]:
    """Select the sentences that fit into a number of words, always including the first."""
    selected, count = list(sentences[:1]), len(sentences[0].split())
    for sentence in sentences[1:]:
        length = len(sentence.split())
        if count + length <= words:
            selected.append(sentence)
            count += length
    return selected


def write_narratives(
    writer: Writer, drafts: Sequence[Draft], personas: Sequence[Persona], words: int
) -> list[Persona]:
    """Let a model write narratives in the first person, of about `words` words.

    A narrative is unfit if it is too short, too long or not in the first person, repeats the
    request or itself, or states another age than the person's. The drawn narrative then stays, and
    is counted as `repaired`.
    """
    shortest, longest = 80, words * 8
    requests = [
        FieldRequest(
            chat=say(
                f"An invented person: {draft.summary}\n{draft.so_far}\n\nLet the person introduce "
                f"themselves in about {words} words, in the first person, in a voice that is "
                f"{draft.life.voice}. Keep to what is said above. Answer in JSON."
            ),
            fields={"summary": text_schema(shortest, longest)},
            check=partial(_narrative_problem, age=draft.person.age, size=(shortest, longest)),
        )
        for draft in drafts
    ]
    replies = writer.ask(requests, count_unfit="repaired")
    return [
        replace(persona, narrative=answers.text("summary", persona.narrative))
        for persona, answers in zip(personas, replies, strict=True)
    ]


def _narrative_problem(_: str, value: object, *, age: int, size: tuple[int, int]) -> str:
    if problem := text_problem(value, *size, age):
        return problem
    text = str(value)
    words = text.lower().split()
    if not re.search(r"\b(?:I|I'm|my)\b", text):
        return "not in the first person"
    if echo := _ECHO.search(text):
        return f"repeats the request ({echo[0]})"
    return "repeats itself" if len(set(words)) < len(words) / 3 else ""
