"""Banks of types: characters made from a description of a type, the type's name kept hidden.

After CharacterChat (Tu et al. 2023, arXiv 2308.10278): sixteen types times 64, seventeen fields
each, and samples of how the person answers. The sixteen types stand on weak psychometric ground,
so a bank of the 32 sign patterns of the Big Five comes from the same machinery.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Literal

import numpy as np

from personae.core import BIG_FIVE, Persona, data_json, say
from personae.generate.biography.deep_attributes import Draft, draw_value
from personae.generate.biography.life import Life, draw_life, text_problem
from personae.generate.biography.people import Demographics
from personae.generate.taxonomy.attribute_tree import Attribute, shipped_taxonomy
from personae.generate.writer import FieldAnswers, FieldRequest, Writer, text_schema
from personae.traits.trait_words import trait_side

__all__ = [
    "PersonalityType",
    "TypeBank",
    "TypeCharacter",
    "bank_types",
    "draw_character",
    "write_characters",
]

TypeBank = Literal["mbti", "big-five"]
FIELDS = (
    "name",
    "gender",
    "age",
    "region",
    "tone",
    "job",
    "personality",
    "advantages_and_disadvantages",
    "hobby",
    "growth_experience",
    "family_relationship",
    "working_conditions",
    "social_relationship",
    "emotional_state",
    "living_conditions",
    "recent_worry_or_anxiety",
    "additional_information",
)
UNTOLD = ("name", "gender", "age", "region", "job", "recent_worry_or_anxiety")
WRITTEN = (
    ("personality", "advantages_and_disadvantages", "hobby"),
    ("growth_experience", "family_relationship", "social_relationship"),
    ("emotional_state", "living_conditions", "working_conditions"),
    ("tone", "recent_worry_or_anxiety", "additional_information"),
)
"""Fields a model writes, one small object after the other; the rest is anchored."""
LEAST, MOST = 12, 240
_SAID = text_schema(4, 120)


@dataclass(frozen=True, slots=True)
class PersonalityType:
    """A type: its name (hidden from whoever writes), its description, and its traits in z."""

    code: str
    description: str
    traits: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class TypeCharacter:
    """A character in the making: type, anchors, the fields so far, and five answers in tone."""

    type: PersonalityType
    who: Demographics
    life: Life
    fields: Mapping[str, str]
    presets: tuple[tuple[str, str], ...]

    def persona(self, id_: str, provenance: Mapping[str, str]) -> Persona:
        """Give the persona; the type's name stands in `extra` alone, as the hidden truth.

        The text is what a supporter is told; a seeker is told the worry as well, which stands in
        the fact `profile/recent_worry_or_anxiety`.
        """
        told = [self.fields[name] for name in FIELDS if name not in UNTOLD]
        return Persona(
            id=id_,
            text=" ".join([self.who.sentence, *told]),
            facts={f"profile/{name}": self.fields[name] for name in FIELDS},
            traits=self.type.traits,
            voice=self.fields["tone"],
            memories=self.life.stories,
            provenance=provenance,
            extra={
                "type": self.type.code,
                "presets": [{"hears": hears, "says": says} for hears, says in self.presets],
            },
        )


@cache
def bank_types(bank: TypeBank) -> tuple[PersonalityType, ...]:
    """List a bank's types: 16 after Myers and Briggs, or the 32 sign patterns of the Big Five.

    >>> len(bank_types("mbti")), len(bank_types("big-five"))
    (16, 32)
    """
    if bank == "mbti":
        data = data_json("personas/types.json")
        return tuple(
            PersonalityType(code, said, dict(data["leans"][letter] for letter in code))
            for code, said in data["types"].items()
        )
    return tuple(_pattern(signs) for signs in product((1, -1), repeat=5))


def _pattern(signs: Sequence[int]) -> PersonalityType:
    sides = [trait_side(domain, sign) for domain, sign in zip(BIG_FIVE, signs, strict=True)]
    said = ", ".join(f"{side.plain}" for side in sides[:-1]) + f" and {sides[-1].plain}"
    keys = "; ".join(", ".join(side.keywords[:3]) for side in sides)
    code = "".join(f"{d}{'+' if s > 0 else '-'}" for d, s in zip(BIG_FIVE, signs, strict=True))
    traits = {d: float(s) for d, s in zip(BIG_FIVE, signs, strict=True)}
    return PersonalityType(code, f"You are {said}. Others would name in you: {keys}.", traits)


def draw_character(
    type_: PersonalityType, who: Demographics, lots: np.random.Generator
) -> TypeCharacter:
    """Draw a character's seventeen fields at random, and five answers by the type's letters."""
    life, data = draw_life(lots, who.age), data_json("personas/life.json")
    draft = Draft(who=who, life=life, traits=type_.traits, lots=lots)

    def one(name: str) -> str:
        return str(data[name][int(lots.integers(len(data[name])))])

    def from_taxonomy(*branches: str) -> str:
        listed = [a for a in _branches(branches) if a.suits(who.age, who.works)]
        picked = lots.choice(len(listed), min(2, len(listed)), replace=False)
        drawn = [(listed[i], draw_value(listed[i], draft)) for i in picked]
        for attribute, value in drawn:
            draft.add(attribute.path[0], attribute, value)
        return " ".join(a.sentence(v) for a, v in drawn if v)

    work = f"At work you have {one('working_conditions')}."
    fields = {
        "name": who.name,
        "gender": who.gender,
        "age": str(who.age),
        "region": f"{who.place}, {who.country}",
        "tone": f"You talk like this: {life.voice}.",
        "job": who.work,
        "personality": type_.description,
        "advantages_and_disadvantages": (
            f"You are somebody who {one('strengths')}, and who {one('weaknesses')}."
        ),
        "hobby": life.sentences[-1],
        "growth_experience": " ".join(map(_to_you, life.stories)),
        "family_relationship": from_taxonomy("Family"),
        "working_conditions": work if who.works else f"You are {who.work}.",
        "social_relationship": from_taxonomy("Friends", "Networks"),
        "emotional_state": from_taxonomy("Partner"),
        "living_conditions": from_taxonomy("Household", "Housing"),
        "recent_worry_or_anxiety": f"Lately you worry about this: {one('worries')}.",
        "additional_information": " ".join((life.sentences[2], from_taxonomy("Food", "Habits"))),
    }
    return TypeCharacter(type_, who, life, fields, _presets(type_, lots))


def _to_you(story: str) -> str:
    return story.replace(" I was ", " you were ").replace(" I ", " you ")


@cache
def _branches(names: tuple[str, ...]) -> tuple[Attribute, ...]:
    return tuple(a for a in shipped_taxonomy().attributes if a.path[1] in names)


def _presets(type_: PersonalityType, lots: np.random.Generator) -> tuple[tuple[str, str], ...]:
    data = data_json("personas/types.json")
    found = []
    for sample in data["presets"]["samples"]:
        letter = max(sample["by"], key=lambda x: _leaning(data["leans"][x], type_))
        said = sample["says"][letter]
        found.append((sample["hears"], said[int(lots.integers(len(said)))]))
    return tuple(found)


def _leaning(lean: tuple[str, float], type_: PersonalityType) -> float:
    domain, sign = lean
    return sign * type_.traits.get(domain, 0.0)


def write_characters(writer: Writer, characters: Sequence[TypeCharacter]) -> list[TypeCharacter]:
    """Let a model write fields and answers from the description; what stays unfit keeps its draw.

    The type's name is in no prompt, and a text that states it, or another age, is unfit.
    """
    found = list(characters)
    for names in WRITTEN:
        wanted = [_fields_wanted(one, names) for one in found]
        found = [_taken(writer, *pair) for pair in zip(found, writer.ask(wanted), strict=True)]
    wanted = [_presets_wanted(one) for one in found]
    return [_answered(writer, *pair) for pair in zip(found, writer.ask(wanted), strict=True)]


def _told(one: TypeCharacter) -> str:
    return f"{one.who.sentence} {one.type.description}"


def _check(one: TypeCharacter, value: object, size: tuple[int, int]) -> str:
    if isinstance(value, str) and re.search(rf"\b{re.escape(one.type.code)}\b", value):
        return "states the type"
    words = str(value).lower().split()
    if len(set(words)) < len(words) / 2:
        return "repeats itself"
    return text_problem(value, *size, one.who.age)


def _fields_wanted(one: TypeCharacter, names: Sequence[str]) -> FieldRequest:
    listed = ", ".join(name.replace("_", " ") for name in names)
    chat = say(
        f"An invented person, described to themselves: {_told(one)}\n\nWrite to the person about "
        f"their {listed}: concrete, plausible, each in one or two sentences that begin with You "
        f"or Your. Unpleasant things may be said. Answer in JSON."
    )
    fields = {name: text_schema(LEAST, MOST) for name in names}

    def check(_: str, value: object) -> str:
        why = _check(one, value, (LEAST, MOST))
        return why or (
            "" if str(value).lstrip().startswith("You") else "doesn't speak to the person"
        )

    return FieldRequest(chat=chat, fields=fields, check=check)


def _taken(writer: Writer, one: TypeCharacter, asked: FieldAnswers) -> TypeCharacter:
    writer.counts["repaired"] += len(asked.unfit)
    written = {name: str(value).strip() for name, value in asked.values.items()}
    return TypeCharacter(one.type, one.who, one.life, {**one.fields, **written}, one.presets)


def _presets_wanted(one: TypeCharacter) -> FieldRequest:
    heard = "\n".join(f"answer_{i}: {hears}" for i, (hears, _) in enumerate(one.presets, start=1))
    chat = say(
        f"An invented person: {_told(one)} {one.fields['tone']}\n\nIn that tone, what does the "
        f"person say when somebody else says each of these? One short sentence each, as JSON.\n"
        f"{heard}"
    )
    fields = {f"answer_{i}": _SAID for i in range(1, len(one.presets) + 1)}

    def check(_: str, value: object) -> str:
        echo = any(hears.lower() in str(value).lower() for hears, _ in one.presets)
        return _check(one, value, (4, 120)) or ("repeats what was heard" if echo else "")

    return FieldRequest(chat=chat, fields=fields, check=check)


def _answered(writer: Writer, one: TypeCharacter, asked: FieldAnswers) -> TypeCharacter:
    writer.counts["repaired"] += len(asked.unfit)
    presets = tuple(
        (hears, str(asked.values.get(f"answer_{i}", said)).strip())
        for i, (hears, said) in enumerate(one.presets, start=1)
    )
    return TypeCharacter(one.type, one.who, one.life, one.fields, presets)
