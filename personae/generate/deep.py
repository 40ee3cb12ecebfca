"""Fills a person's attributes category by category, each from all that stands before it.

Wang et al. 2025 (arXiv 2511.07338, section 3.2): attributes are chosen near, half-way and far
from who the person is, and filled in the order of the categories; a request carries every section
already filled and none to come. Values come from a model under a small JSON schema, or by lot.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from scipy.special import ndtr

from personae.core import Array, data_json, say
from personae.generate.asking import Asked, Wanted, Writer, texts_schema
from personae.generate.life import Life, unfit_text
from personae.generate.people import Anchors, age_group
from personae.generate.strata import RATIO, apportioned, breadth_first, near_mid_far
from personae.generate.taxonomy import Attribute, Taxonomy
from personae.generate.vectors import HashedVectors

__all__ = ["AttributeChooser", "Draft", "Filling", "draw_value", "drawn_sections", "fill_sections"]

Values = Literal["listed", "free"]
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
    values: Values = "listed"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Draft:
    """A person in the making: what is fixed, the life, and the sections filled so far.

    `traits` are requested standings (z), `lots` where its draws come from, `chosen` the attributes
    to be filled, by category and in order.
    """

    who: Anchors
    life: Life
    traits: Mapping[str, float]
    lots: np.random.Generator
    chosen: Mapping[str, Sequence[Attribute]] = field(default_factory=dict)
    sections: Mapping[str, Sequence[tuple[Attribute, str]]] = field(default_factory=dict)

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
        more = apportioned(
            filling.depth - sum(least), sizes, [s - m for s, m in zip(sizes, least, strict=True)]
        )
        chosen = {}
        for (category, places), base, extra in zip(suited.items(), least, more, strict=True):
            likeness = self._vectors[category][places] @ about
            taken = near_mid_far(likeness, base + extra, draft.lots, filling.ratio)
            listed = [self._groups[category][places[k]] for k in taken]
            chosen[category] = breadth_first(listed, draft.lots)
        return replace(draft, chosen=chosen)


def draw_value(
    attribute: Attribute, traits: Mapping[str, float], random: np.random.Generator
) -> str:
    """Draw one of an attribute's values, "" where it lists none.

    All are equally likely over a population of standard normal traits; with a requested trait on
    which the attribute leans, its place on the list goes with the trait (correlation 0.8).
    """
    count = len(attribute.values)
    if not count:
        return ""
    z = traits.get(attribute.leans[:1]) if attribute.leans else None
    noise = float(random.standard_normal())
    if z is None:
        return attribute.values[min(int(ndtr(noise) * count), count - 1)]
    sign = -1.0 if attribute.leans.endswith("-") else 1.0
    latent = LEANING * sign * z + (1 - LEANING**2) ** 0.5 * noise
    return attribute.values[min(int(ndtr(latent) * count), count - 1)]


def drawn_sections(draft: Draft) -> Draft:
    """Fill all sections by lot; attributes without listed values stay out."""
    sections = {
        category: [(a, v) for a in listed if (v := draw_value(a, draft.traits, draft.lots))]
        for category, listed in draft.chosen.items()
    }
    return replace(draft, sections=sections)


def fill_sections(writer: Writer, drafts: Sequence[Draft], filling: Filling) -> list[Draft]:
    """Let a model fill the sections of all drafts side by side, section after section.

    A value that stays unfit is drawn by lot and counts as `repaired`, or is left out where none
    is listed, and counts as `left out`.
    """
    found = list(drafts)
    for category in dict.fromkeys(c for draft in drafts for c in draft.chosen):
        calls = [_calls(draft.chosen.get(category, ())) for draft in drafts]
        for turn in range(max(map(len, calls), default=0)):
            places = [i for i, listed in enumerate(calls) if turn < len(listed)]
            wanted = [_request(found[i], category, calls[i][turn], filling) for i in places]
            for i, asked in zip(places, writer.ask(wanted), strict=True):
                found[i] = _filled(found[i], category, calls[i][turn], asked, writer.counts)
    return found


def _calls(attributes: Sequence[Attribute]) -> list[Sequence[Attribute]]:
    return [attributes[i : i + A_CALL] for i in range(0, len(attributes), A_CALL)]


def _filled(
    draft: Draft,
    category: str,
    attributes: Sequence[Attribute],
    asked: Asked,
    counts: Counter[str],
) -> Draft:
    got = [*draft.sections.get(category, ())]
    for attribute in attributes:
        value = str(asked.values.get(_key(attribute), "")).strip().rstrip(".")
        if not value:
            value = draw_value(attribute, draft.traits, draft.lots)
            counts["repaired" if value else "left out"] += 1
        got += [(attribute, value)] if value else []
    return replace(draft, sections={**draft.sections, category: got})


def _key(attribute: Attribute) -> str:
    """Name an attribute within its category."""
    return ": ".join(attribute.path[1:]) or attribute.path[0]


def _request(
    draft: Draft, category: str, attributes: Sequence[Attribute], filling: Filling
) -> Wanted:
    listed = {_key(a): a.values if filling.values == "listed" else () for a in attributes}
    guidance = data_json("personas/life.json")["guidance"].get(category, "")
    chat = say(
        f"An invented person: {draft.summary}\n{draft.so_far}\n\nSection: {category}. {guidance}\n"
        f"Give the person a value for each of these, short and in keeping with all above, as "
        f"JSON:\n" + "\n".join(f"- {name}" for name in listed)
    )
    fields: dict[str, Mapping[str, object]] = {
        name: {"enum": list(values)} if values else texts_schema(2, LONGEST)
        for name, values in listed.items()
    }

    def check(name: str, value: object) -> str:
        if listed[name]:
            return "" if value in listed[name] else "not one of the listed values"
        if str(value).strip().lower() in (one.rpartition(": ")[2].lower() for one in listed):
            return "repeats the name of an attribute"
        return unfit_text(value, 2, LONGEST, draft.who.age)

    return Wanted(chat=chat, fields=fields, check=check)
