"""A persona's traits and other layers in words: adjectives, key words, graded markers, prose."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from personae.core import BIG_FIVE, InputError, Persona
from personae.traits.trait_words import TraitSide, graded, ladder_step, markers, trait_side

__all__ = [
    "KeyWords",
    "domain_sides",
    "joined_words",
    "key_words",
    "ladder_text",
    "persona_prose",
    "with_article",
]


_CARD_FIELDS = {"personality/summary": "Personality", "scenario": "Scenario"}


class KeyWords(NamedTuple):
    """Key words of one direction of a domain or facet, and those of the opposite one.

    `low` is whether the direction is below average.
    """

    adjective: str
    words: tuple[str, ...]
    opposite: tuple[str, ...]
    low: bool


def _strongest(persona: Persona) -> list[tuple[str, str, float]]:
    """List the requested traits as (domain, facet, z), strongest first, ties in the order OCEAN."""
    split = [(*trait.partition(":")[::2], z) for trait, z in persona.traits.items()]
    order = "".join(BIG_FIVE)
    return sorted(split, key=lambda t: (-abs(t[2]), order.index(t[0]), t[1]))


def _require(requested: object, persona: Persona, kind: str) -> None:
    if not requested:
        raise InputError(
            f"persona {persona.id!r} requests no {kind}, which this induction puts into words; "
            f"give it traits such as {{'E': 1.5}}, or use persona_text"
        )


def domain_sides(persona: Persona) -> tuple[TraitSide, ...]:
    """Return the words for each domain's requested direction, strongest first.

    A standing of 0 has no direction, and facets have no such words: both are left out.

    Raises:
        InputError: nothing is left.
    """
    sides = [trait_side(d, 1 if z > 0 else -1) for d, f, z in _strongest(persona) if z and not f]
    _require(sides, persona, "Big Five domain above or below average")
    return tuple(sides)


def key_words(persona: Persona) -> tuple[KeyWords, ...]:
    """Return key words for each requested direction: six per domain, one per facet.

    Raises:
        InputError: the persona requests nothing above or below average.
    """
    traits = []
    for domain, facet, z in _strongest(persona):
        high, low = trait_side(domain, 1), trait_side(domain, -1)
        indices = [i for i, f in enumerate(high.facets) if not facet or f.lower() == facet.lower()]
        if z == 0 or not indices:
            continue
        side, other = (high, low) if z > 0 else (low, high)
        words, opposite = ([s.keywords[i] for i in indices] for s in (side, other))
        traits.append(KeyWords(side.adjective, tuple(words), tuple(opposite), z < 0))
    _require(traits, persona, "trait above or below average")
    return tuple(traits)


def ladder_text(persona: Persona, step: int | None = None) -> str:
    """Describe the persona by all markers of its traits, graded in nine steps.

    A standing of z units corresponds to step 5 + 2z (see `ladder_step`); `step` (1..9) replaces it
    for every trait. A facet's own standing takes precedence over its domain's.

    Raises:
        InputError: the persona requests no trait.

    >>> ladder_text(Persona(id="a", traits={"A:Modesty": -2}))
    'You are extremely self-important.'
    """
    standings: Mapping[tuple[str, str], float] = {(d, f): z for d, f, z in _strongest(persona)}
    own = {pair for d, f in standings if f for pair in markers(d, f)}
    phrases = []
    for (domain, facet), z in standings.items():
        for low, high in markers(domain, facet):
            if facet or (low, high) not in own:
                phrases.append(graded(low, high, ladder_step(z) if step is None else step))
    _require(phrases, persona, "trait")
    return f"You are {joined_words(phrases)}."


def _adjective_text(persona: Persona) -> str:
    """Name each requested trait once, graded: "You are very extraverted and ...".

    >>> _adjective_text(Persona(id="a", traits={"E": 1.5, "N": -0.5}))
    'You are very extraverted and a bit emotionally stable.'
    """
    phrases = []
    for domain, facet, z in _strongest(persona):
        pairs = (
            markers(domain, facet)
            if facet
            else ((trait_side(domain, -1).plain, trait_side(domain, 1).plain),)
        )
        phrases += [graded(low, high, ladder_step(z)) for low, high in pairs]
    return f"You are {joined_words(phrases)}." if phrases else ""


def persona_prose(persona: Persona) -> str:
    r"""Return the persona's text; if it has none, all its other layers as text.

    With a text go the fields that a character card has for the prompt: the facts `instruction`,
    `personality/summary` and `scenario`, and a voice that is a dialogue.

    Raises:
        InputError: the persona is empty.

    >>> persona_prose(Persona(id="a", facts={"work/occupation": "nurse"}))
    'About you:\n- occupation: nurse'
    """
    if persona.text.strip():
        return _text_with_fields(persona)
    instruction = persona.facts.get("instruction", "")
    facts = [
        f"{path.rpartition('/')[2]}: {fact}"
        for path, fact in persona.facts.items()
        if path != "instruction"
    ]
    people = [f"{name}: {relation}" for name, relation in persona.relations.items()]
    parts = [
        instruction,
        _adjective_text(persona),
        _points("About you:", facts),
        _points("You say of yourself:", persona.statements),
        persona.narrative and f"Your story:\n{persona.narrative}",
        persona.voice and f"How you talk:\n{persona.voice}",
        _points("People in your life:", people),
        _points("What you remember:", persona.memories),
    ]
    prose = "\n\n".join(filter(None, parts))
    if not prose:
        raise InputError(
            f"persona {persona.id!r} is empty: give it a text, facts, statements or traits, or "
            f"use the induction 'unchanged'"
        )
    return prose


def _text_with_fields(persona: Persona) -> str:
    """Return the text, and the fields of a character card that its own text doesn't hold."""
    parts = [persona.facts.get("instruction", ""), persona.text]
    for path, head in _CARD_FIELDS.items():
        if persona.facts.get(path, "").strip():
            parts.append(f"{head}: {persona.facts[path]}")
    if "\n" in persona.voice.strip() and ":" in persona.voice:  # turns, not a manner in a phrase
        parts.append(f"How you talk:\n{persona.voice}")
    return "\n\n".join(part for part in parts if part.strip())


def _points(head: str, lines: Sequence[str]) -> str:
    return "\n".join([head, *(f"- {line}" for line in lines)]) if lines else ""


def joined_words(words: list[str] | tuple[str, ...]) -> str:
    """Join words with commas and a last "and"."""
    return " and ".join([*([", ".join(words[:-1])] if words[1:] else []), *words[-1:]])


def with_article(words: str) -> str:
    """Put "a" or "an" before words, by their first letter.

    >>> with_article("extraversive person")
    'an extraversive person'
    """
    return f"{'an' if words[:1].lower() in 'aeiou' else 'a'} {words}"
