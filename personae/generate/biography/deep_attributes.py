"""Fills a person's attributes category by category, each conditioned on those before it.

Wang et al. 2025 (arXiv 2511.07338, section 3.2): attributes near to the person's core, at middle
distance and far from it are chosen and filled in the order of the categories; a request contains
every section already filled. Values come from a model under a small JSON schema, or are drawn at
random.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
import scipy

from personae.core import Array, data_json, say
from personae.generate.biography.exclusions import excluded_values
from personae.generate.biography.life import Life
from personae.generate.biography.people import Demographics, age_group
from personae.generate.biography.strata import (
    RATIO,
    apportion_within_limits,
    breadth_first,
    stratified_choice,
)
from personae.generate.taxonomy.attribute_tree import Attribute, Taxonomy
from personae.generate.text_vectors import HashedVectors
from personae.generate.writer import FieldAnswers, FieldRequest, Writer, schema_problem, text_schema

__all__ = ["AttributeChooser", "Draft", "Filling", "draw_sections", "draw_value", "write_sections"]

ValueSource = Literal["listed", "free"]
ATTRIBUTES_PER_REQUEST = 8
"""Attributes per request; small models fail on longer objects."""
LONGEST_VALUE = 50
"""Characters of a value."""
TRAIT_CORRELATION = 0.8
"""Correlation of a requested trait with the rank of a value of an attribute that depends on it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filling:
    """How attributes are chosen and filled.

    `depth` is the number of attributes, `ratio` the proportions of near, middle and far ones. With
    `listed` values a model chooses from the taxonomy's values where there are any; with `free` it
    writes up to 50 characters.
    """

    depth: int
    ratio: tuple[int, int, int] = RATIO
    values: ValueSource = "listed"


@dataclass(slots=True, kw_only=True, eq=False)
class Draft:
    """A person in the making, filled in place: demographics, life, and the sections so far.

    `traits` are requested standings (z), `random` is the source of all draws, `chosen` holds the
    attributes to be filled, by category and in order. `facts` holds all known facts by path.
    """

    person: Demographics
    life: Life
    traits: Mapping[str, float]
    random: np.random.Generator
    chosen: Mapping[str, Sequence[Attribute]] = field(default_factory=dict)
    sections: dict[str, list[tuple[Attribute, str]]] = field(default_factory=dict)
    facts: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.facts = {**self.person.facts, **self.life.facts}

    def add(self, category: str, attribute: Attribute, value: str) -> None:
        """Add a value; "" and a path that already has a value are ignored."""
        if value and attribute.name not in self.facts:
            self.sections.setdefault(category, []).append((attribute, value))
            self.facts[attribute.name] = value

    @property
    def summary(self) -> str:
        """The person as text, without the stories; attributes are ranked by similarity to it."""
        return " ".join((self.person.sentence, age_group(self.person.age), *self.life.sentences))

    @property
    def so_far(self) -> str:
        """The filled sections, as sentences under their categories."""
        return "\n".join(
            f"{category}: {' '.join(attribute.sentence(value) for attribute, value in section)}"
            for category, section in self.sections.items()
            if section
        )


class AttributeChooser:
    """Chooses a person's attributes from a taxonomy, which is embedded once."""

    def __init__(self, taxonomy: Taxonomy) -> None:
        self._groups = taxonomy.by_category()
        texts = {a: " ".join((*a.path, a.say, *a.values)) for a in taxonomy.attributes}
        self._embed = HashedVectors(list(texts.values()))
        self._vectors: dict[str, Array] = {
            c: self._embed([texts[a] for a in group]) for c, group in self._groups.items()
        }

    def choose(self, draft: Draft, filling: Filling) -> Draft:
        """Choose `depth` attributes, or all if fewer suit the person, in the order of filling.

        The depth is apportioned to the categories by size, at least one each if it suffices.
        Attributes that don't suit the person's age or work are excluded.
        """
        person_vector = self._embed([draft.summary])[0]
        suited_by_category = {
            category_name: [
                i for i, a in enumerate(group) if a.suits(draft.person.age, draft.person.works)
            ]
            for category_name, group in self._groups.items()
        }
        sizes = [len(suited_indices) for suited_indices in suited_by_category.values()]
        minimum = [min(1, size) for size in sizes]
        if sum(minimum) > filling.depth:
            minimum = [0] * len(sizes)
        extras = apportion_within_limits(
            filling.depth - sum(minimum),
            sizes,
            [size - base for size, base in zip(sizes, minimum, strict=True)],
        )
        choices = {}
        for (category, suited_indices), base, extra in zip(
            suited_by_category.items(), minimum, extras, strict=True
        ):
            likeness = self._vectors[category][suited_indices] @ person_vector
            positions = stratified_choice(likeness, base + extra, draft.random, filling.ratio)
            selection = [self._groups[category][suited_indices[k]] for k in positions]
            choices[category] = breadth_first(selection, draft.random)
        return replace(draft, chosen=choices)


def draw_value(attribute: Attribute, draft: Draft) -> str:
    """Draw a value of an attribute that is consistent with the facts so far; "" if there is none.

    If the attribute depends on a requested trait, a latent normal variable that correlates 0.8 with
    the trait (in z) selects the value from the list, which is ordered from low to high; otherwise
    the latent variable is independent. Over a population of standard normal traits all values are
    equally likely. Our own model.
    """
    excluded = excluded_values(attribute.name, attribute.values, draft.facts)
    values = [value for value in attribute.values if value not in excluded]
    if not values:
        return ""
    latent = float(draft.random.standard_normal())
    z = draft.traits.get(attribute.leans[:1]) if attribute.leans else None
    if z is not None:
        sign = -1.0 if attribute.leans.endswith("-") else 1.0
        latent = TRAIT_CORRELATION * sign * z + (1 - TRAIT_CORRELATION**2) ** 0.5 * latent
    return values[min(int(scipy.special.ndtr(latent) * len(values)), len(values) - 1)]


def draw_sections(draft: Draft) -> Draft:
    """Fill all sections of a draft, in place, at random; attributes without values are left out."""
    for category, listed in draft.chosen.items():
        for attribute in listed:
            draft.add(category, attribute, draw_value(attribute, draft))
    return draft


def write_sections(writer: Writer, drafts: Sequence[Draft], filling: Filling) -> None:
    """Let a model fill the drafts in place, section by section, all drafts in one batch.

    A value that stays unfit, or contradicts the facts so far, is drawn at random and counted as
    `repaired`; if none can be drawn the attribute is left out and counted as `left out`.
    """
    for category in dict.fromkeys(c for draft in drafts for c in draft.chosen):
        batches = [_chunks(draft.chosen.get(category, ())) for draft in drafts]
        for turn in range(max(map(len, batches), default=0)):
            indices = [i for i, listed in enumerate(batches) if turn < len(listed)]
            requests = [_request(drafts[i], category, batches[i][turn], filling) for i in indices]
            for i, answers in zip(indices, writer.ask(requests), strict=True):
                _fill_answers(drafts[i], category, batches[i][turn], answers, writer.counts)


def _chunks(attributes: Sequence[Attribute]) -> list[Sequence[Attribute]]:
    return [
        attributes[i : i + ATTRIBUTES_PER_REQUEST]
        for i in range(0, len(attributes), ATTRIBUTES_PER_REQUEST)
    ]


def _fill_answers(
    draft: Draft,
    category: str,
    attributes: Sequence[Attribute],
    answers: FieldAnswers,
    counts: Counter[str],
) -> None:
    for attribute in attributes:
        value = answers.text(_key(attribute)).rstrip(".")
        if not value or value in excluded_values(attribute.name, attribute.values, draft.facts):
            value = draw_value(attribute, draft)
            counts["repaired" if value else "left out"] += 1
        draft.add(category, attribute, value)


def _key(attribute: Attribute) -> str:
    """Return an attribute's name within its category."""
    return ": ".join(attribute.path[1:]) or attribute.path[0]


def _offered_values(attribute: Attribute, draft: Draft, filling: Filling) -> list[str]:
    """List the values from which a model may choose; with an empty list it writes its own."""
    if filling.values == "free":
        return []
    excluded = excluded_values(attribute.name, attribute.values, draft.facts)
    return [v for v in attribute.values if v not in excluded] or list(attribute.values)


def _request(
    draft: Draft, category: str, attributes: Sequence[Attribute], filling: Filling
) -> FieldRequest:
    offered = {_key(a): _offered_values(a, draft, filling) for a in attributes}
    guidance = data_json("personas/life.json")["guidance"].get(category, "")
    chat = say(
        f"An invented person: {draft.summary}\n{draft.so_far}\n\nSection: {category}. {guidance}\n"
        f"Give the person a value for each of these, short and in keeping with all above, as "
        f"JSON:\n" + "\n".join(f"- {name}" for name in offered)
    )
    fields = {
        name: {"enum": list(values)} if values else text_schema(2, LONGEST_VALUE)
        for name, values in offered.items()
    }
    titles = {name.rpartition(": ")[2].lower() for name in offered}

    def check(name: str, value: object) -> str:
        if not offered[name] and str(value).strip().lower() in titles:
            return "repeats the name of an attribute"
        return schema_problem(fields[name], value, draft.person.age)

    return FieldRequest(chat=chat, fields=fields, check=check)
