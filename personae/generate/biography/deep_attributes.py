"""Fills a person's attributes category by category, each from all that stands before it.

Wang et al. 2025 (arXiv 2511.07338, section 3.2): attributes are chosen near, half-way and far
from who the person is, and filled in the order of the categories; a request carries every section
already filled and none to come. Values come from a model under a small JSON schema, or at random.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from scipy.special import ndtr

from personae.core import Array, data_json, say
from personae.generate.biography.exclusions import excluded_values
from personae.generate.biography.life import Life, text_problem
from personae.generate.biography.people import Demographics, age_group
from personae.generate.biography.strata import (
    RATIO,
    apportion_within_limits,
    breadth_first,
    stratified_choice,
)
from personae.generate.taxonomy.attribute_tree import Attribute, Taxonomy
from personae.generate.text_vectors import HashedVectors
from personae.generate.writer import FieldAnswers, FieldRequest, Writer, text_schema

__all__ = ["AttributeChooser", "Draft", "Filling", "draw_sections", "draw_value", "write_sections"]

ValueSource = Literal["listed", "free"]
A_CALL = 8
"""Attributes asked for in one request; small models lose longer objects."""
LONGEST = 50
"""Characters of a value."""
LEANING = 0.8
"""Correlation of a leaning attribute's place on its list with the requested trait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filling:
    """How attributes are chosen and filled.

    `ratio` of near, half-way and far ones; `values` `listed` holds a model to the taxonomy's
    values where it has some, `free` lets it write up to 50 characters.
    """

    depth: int
    ratio: tuple[int, int, int] = RATIO
    values: ValueSource = "listed"


@dataclass(slots=True, kw_only=True, eq=False)
class Draft:
    """A person in the making, filled in place: what is fixed, the life, the sections so far.

    `traits` are requested standings (z), `lots` where its draws come from, `chosen` the attributes
    to be filled, by category and in order. `facts` holds all that is known by path.
    """

    who: Demographics
    life: Life
    traits: Mapping[str, float]
    lots: np.random.Generator
    chosen: Mapping[str, Sequence[Attribute]] = field(default_factory=dict)
    sections: dict[str, list[tuple[Attribute, str]]] = field(default_factory=dict)
    facts: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.facts = {**self.who.facts, **self.life.facts}

    def add(self, category: str, attribute: Attribute, value: str) -> None:
        """Put a value down; "" and a path that is taken already are passed over."""
        if value and attribute.name not in self.facts:
            self.sections.setdefault(category, []).append((attribute, value))
            self.facts[attribute.name] = value

    @property
    def summary(self) -> str:
        """Who it is, without the stories: what attributes are compared with."""
        return " ".join((self.who.sentence, age_group(self.who.age), *self.life.sentences))

    @property
    def so_far(self) -> str:
        """All sections filled, as sentences under their categories."""
        return "\n".join(
            f"{category}: {' '.join(one.sentence(value) for one, value in filled)}"
            for category, filled in self.sections.items()
            if filled
        )


class AttributeChooser:
    """Chooses attributes of a taxonomy for a person; the taxonomy is embedded once."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self._groups = taxonomy.by_category()
        texts = {a: " ".join((*a.path, a.say, *a.values)) for a in taxonomy.attributes}
        self._embed = HashedVectors(list(texts.values()))
        self._vectors: dict[str, Array] = {
            c: self._embed([texts[a] for a in group]) for c, group in self._groups.items()
        }

    def choose(self, draft: Draft, filling: Filling) -> Draft:
        """Choose `depth` attributes, or all that suit, in the order of filling.

        Categories get whole shares of the depth by their size, each at least one where the depth
        allows. Attributes that don't suit the person's age or work aren't there to be chosen.
        """
        about = self._embed([draft.summary])[0]
        suited = {
            c: [i for i, a in enumerate(group) if a.suits(draft.who.age, draft.who.works)]
            for c, group in self._groups.items()
        }
        sizes = [len(places) for places in suited.values()]
        least = [min(1, size) for size in sizes]
        if sum(least) > filling.depth:
            least = [0] * len(sizes)
        more = apportion_within_limits(
            filling.depth - sum(least), sizes, [s - m for s, m in zip(sizes, least, strict=True)]
        )
        chosen = {}
        for (category, places), base, extra in zip(suited.items(), least, more, strict=True):
            likeness = self._vectors[category][places] @ about
            taken = stratified_choice(likeness, base + extra, draft.lots, filling.ratio)
            listed = [self._groups[category][places[k]] for k in taken]
            chosen[category] = breadth_first(listed, draft.lots)
        return replace(draft, chosen=chosen)


def draw_value(attribute: Attribute, draft: Draft) -> str:
    """Draw one of an attribute's values that goes with the facts so far, "" where there is none.

    All are equally likely over a population of standard normal traits; with a requested trait on
    which the attribute leans, its place on the list goes with the trait (correlation 0.8).
    """
    out = excluded_values(attribute.name, attribute.values, draft.facts)
    values = [value for value in attribute.values if value not in out]
    if not values:
        return ""
    latent = float(draft.lots.standard_normal())
    z = draft.traits.get(attribute.leans[:1]) if attribute.leans else None
    if z is not None:
        sign = -1.0 if attribute.leans.endswith("-") else 1.0
        latent = LEANING * sign * z + (1 - LEANING**2) ** 0.5 * latent
    return values[min(int(ndtr(latent) * len(values)), len(values) - 1)]


def draw_sections(draft: Draft) -> Draft:
    """Fill all sections at random; attributes without a value that could be drawn stay out."""
    for category, listed in draft.chosen.items():
        for attribute in listed:
            draft.add(category, attribute, draw_value(attribute, draft))
    return draft


def write_sections(writer: Writer, drafts: Sequence[Draft], filling: Filling) -> None:
    """Let a model fill the sections of all drafts side by side, section after section.

    A value that stays unfit, or doesn't go with the facts so far, is drawn at random and counts as
    `repaired`, or is left out where none can be drawn, and counts as `left out`.
    """
    for category in dict.fromkeys(c for draft in drafts for c in draft.chosen):
        calls = [_calls(draft.chosen.get(category, ())) for draft in drafts]
        for turn in range(max(map(len, calls), default=0)):
            places = [i for i, listed in enumerate(calls) if turn < len(listed)]
            wanted = [_request(drafts[i], category, calls[i][turn], filling) for i in places]
            for i, asked in zip(places, writer.ask(wanted), strict=True):
                _fill(drafts[i], category, calls[i][turn], asked, writer.counts)


def _calls(attributes: Sequence[Attribute]) -> list[Sequence[Attribute]]:
    return [attributes[i : i + A_CALL] for i in range(0, len(attributes), A_CALL)]


def _fill(
    draft: Draft,
    category: str,
    attributes: Sequence[Attribute],
    asked: FieldAnswers,
    counts: Counter[str],
) -> None:
    for attribute in attributes:
        value = str(asked.values.get(_key(attribute), "")).strip().rstrip(".")
        if not value or value in excluded_values(attribute.name, attribute.values, draft.facts):
            value = draw_value(attribute, draft)
            counts["repaired" if value else "left out"] += 1
        draft.add(category, attribute, value)


def _key(attribute: Attribute) -> str:
    """Name an attribute within its category."""
    return ": ".join(attribute.path[1:]) or attribute.path[0]


def _offered(attribute: Attribute, draft: Draft, filling: Filling) -> list[str]:
    """List the values a model may choose from; none means that it writes its own."""
    if filling.values == "free":
        return []
    out = excluded_values(attribute.name, attribute.values, draft.facts)
    return [v for v in attribute.values if v not in out] or list(attribute.values)


def _request(
    draft: Draft, category: str, attributes: Sequence[Attribute], filling: Filling
) -> FieldRequest:
    listed = {_key(a): _offered(a, draft, filling) for a in attributes}
    guidance = data_json("personas/life.json")["guidance"].get(category, "")
    chat = say(
        f"An invented person: {draft.summary}\n{draft.so_far}\n\nSection: {category}. {guidance}\n"
        f"Give the person a value for each of these, short and in keeping with all above, as "
        f"JSON:\n" + "\n".join(f"- {name}" for name in listed)
    )
    fields: dict[str, Mapping[str, object]] = {
        name: {"enum": list(values)} if values else text_schema(2, LONGEST)
        for name, values in listed.items()
    }

    def check(name: str, value: object) -> str:
        if listed[name]:
            return "" if value in listed[name] else "not one of the listed values"
        if str(value).strip().lower() in (one.rpartition(": ")[2].lower() for one in listed):
            return "repeats the name of an attribute"
        return text_problem(value, 2, LONGEST, draft.who.age)

    return FieldRequest(chat=chat, fields=fields, check=check)
