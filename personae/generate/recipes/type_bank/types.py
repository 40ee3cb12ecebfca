"""Banks of types: characters made from a description of a type whose name is kept hidden.

After CharacterChat (Tu et al. 2023, arXiv 2308.10278): 64 characters of each of sixteen types, with
seventeen fields and sample answers. The sixteen types have weak psychometric support, so a bank of
the 32 sign patterns of the Big Five is made in the same way.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from typing import Literal

import numpy as np

from personae.core import BIG_FIVE, Persona, data_json, say
from personae.generate.biography.deep_attributes import Draft, draw_value
from personae.generate.biography.life import Life, draw_life
from personae.generate.biography.people import Demographics
from personae.generate.taxonomy.attribute_tree import Attribute, shipped_taxonomy
from personae.generate.writer import (
    FieldAnswers,
    FieldRequest,
    FieldSchema,
    Writer,
    schema_problem,
    text_schema,
)
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
HIDDEN = ("name", "gender", "age", "region", "job", "recent_worry_or_anxiety")
WRITTEN_TOGETHER = (
    ("personality", "advantages_and_disadvantages", "hobby"),
    ("growth_experience", "family_relationship", "social_relationship"),
    ("emotional_state", "living_conditions", "working_conditions"),
    ("tone", "recent_worry_or_anxiety", "additional_information"),
)
"""Fields that a model writes, grouped by request; the others are drawn from tables."""
_FIELD_SCHEMA = text_schema(12, 240)
_PRESET_SCHEMA = text_schema(4, 120)


@dataclass(frozen=True, slots=True)
class PersonalityType:
    """A type: its name (hidden from the writer), its description, and its traits in z."""

    code: str
    description: str
    traits: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class TypeCharacter:
    """A character in the making: type, demographics, life, fields, and five answers in its tone.

    `presets` are pairs of a remark and the character's answer.
    """

    type: PersonalityType
    person: Demographics
    life: Life
    fields: Mapping[str, str]
    presets: tuple[tuple[str, str], ...]

    def persona(self, id_: str, provenance: Mapping[str, str]) -> Persona:
        """Build the persona; the type's name is in `extra` alone, as the hidden label.

        The text suffices for the role of a supporter; the role of a seeker also takes the worry,
        which is the fact `profile/recent_worry_or_anxiety`.
        """
        visible_fields = [self.fields[name] for name in FIELDS if name not in HIDDEN]
        return Persona(
            id=id_,
            text=" ".join([self.person.sentence, *visible_fields]),
            facts={f"profile/{name}": self.fields[name] for name in FIELDS},
            traits=self.type.traits,
            voice=self.fields["tone"],
            memories=self.life.stories,
            provenance=provenance,
            extra={
                "type": self.type.code,
                "presets": [{"hears": remark, "says": answer} for remark, answer in self.presets],
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
            PersonalityType(code, description, dict(data["leans"][letter] for letter in code))
            for code, description in data["types"].items()
        )
    return tuple(_sign_pattern(signs) for signs in product((1, -1), repeat=5))


def _sign_pattern(signs: Sequence[int]) -> PersonalityType:
    sides = [trait_side(domain, sign) for domain, sign in zip(BIG_FIVE, signs, strict=True)]
    description = ", ".join(f"{side.plain}" for side in sides[:-1]) + f" and {sides[-1].plain}"
    keywords = "; ".join(", ".join(side.keywords[:3]) for side in sides)
    code = "".join(f"{d}{'+' if s > 0 else '-'}" for d, s in zip(BIG_FIVE, signs, strict=True))
    traits = {d: float(s) for d, s in zip(BIG_FIVE, signs, strict=True)}
    return PersonalityType(
        code, f"You are {description}. Others would name in you: {keywords}.", traits
    )


def draw_character(
    type_: PersonalityType, person: Demographics, random: np.random.Generator
) -> TypeCharacter:
    """Draw all seventeen fields of a character at random, and five answers by its type.

    `random` is the source of all draws.
    """
    life, data = draw_life(random, person.age), data_json("personas/life.json")
    draft = Draft(person=person, life=life, traits=type_.traits, random=random)

    def choice(name: str) -> str:
        return str(data[name][int(random.integers(len(data[name])))])

    def from_taxonomy(*branches: str) -> str:
        attributes = [a for a in _branches(branches) if a.suits(person.age, person.works)]
        indices = random.choice(len(attributes), min(2, len(attributes)), replace=False)
        filled = [(attributes[i], draw_value(attributes[i], draft)) for i in indices]
        for attribute, value in filled:
            draft.add(attribute.path[0], attribute, value)
        return " ".join(a.sentence(v) for a, v in filled if v)

    work = f"At work you have {choice('working_conditions')}."
    fields = {
        "name": person.name,
        "gender": person.gender,
        "age": str(person.age),
        "region": f"{person.place}, {person.country}",
        "tone": f"You talk like this: {life.voice}.",
        "job": person.work,
        "personality": type_.description,
        "advantages_and_disadvantages": (
            f"You are somebody who {choice('strengths')}, and who {choice('weaknesses')}."
        ),
        "hobby": life.sentences[-1],
        "growth_experience": " ".join(map(_second_person, life.stories)),
        "family_relationship": from_taxonomy("Family"),
        "working_conditions": work if person.works else f"You are {person.work}.",
        "social_relationship": from_taxonomy("Friends", "Networks"),
        "emotional_state": from_taxonomy("Partner"),
        "living_conditions": from_taxonomy("Household", "Housing"),
        "recent_worry_or_anxiety": f"Lately you worry about this: {choice('worries')}.",
        "additional_information": " ".join((life.sentences[2], from_taxonomy("Food", "Habits"))),
    }
    return TypeCharacter(type_, person, life, fields, _presets(type_, random))


def _second_person(story: str) -> str:
    return story.replace(" I was ", " you were ").replace(" I ", " you ")


@cache
def _branches(names: tuple[str, ...]) -> tuple[Attribute, ...]:
    return tuple(a for a in shipped_taxonomy().attributes if a.path[1] in names)


def _presets(type_: PersonalityType, random: np.random.Generator) -> tuple[tuple[str, str], ...]:
    data = data_json("personas/types.json")
    presets = []
    for sample in data["presets"]["samples"]:
        letter = max(sample["by"], key=lambda x: _keyed_trait(data["leans"][x], type_))
        answers = sample["says"][letter]
        presets.append((sample["hears"], answers[int(random.integers(len(answers)))]))
    return tuple(presets)


def _keyed_trait(lean: tuple[str, float], type_: PersonalityType) -> float:
    domain, sign = lean
    return sign * type_.traits.get(domain, 0.0)


def write_characters(writer: Writer, characters: Sequence[TypeCharacter]) -> list[TypeCharacter]:
    """Let a model write fields and answers from the description; unfit ones stay as drawn.

    The type's name is in no prompt; a text that states it, or another age, is unfit. Unfit values
    are counted as `repaired`.
    """
    current_characters = list(characters)
    for names in WRITTEN_TOGETHER:
        requests = [_fields_request(character, names) for character in current_characters]
        replies = writer.ask(requests, count_unfit="repaired")
        current_characters = list(map(_with_fields, current_characters, replies))
    requests = [_presets_request(character) for character in current_characters]
    return list(
        map(_with_presets, current_characters, writer.ask(requests, count_unfit="repaired"))
    )


def _summary(character: TypeCharacter) -> str:
    return f"{character.person.sentence} {character.type.description}"


def _states_code(code: str, text: str) -> bool:
    """Tell whether a text names a type in whatever case.

    >>> _states_code("O+C-", "An o+c- person."), _states_code("INFP", "infpish")
    (True, False)
    """
    return bool(re.search(rf"(?<!\w){re.escape(code)}(?!\w)", text, re.IGNORECASE))


def _problem(character: TypeCharacter, value: object, schema: FieldSchema) -> str:
    if _states_code(character.type.code, str(value)):
        return "states the type"
    words = str(value).lower().split()
    if len(set(words)) < len(words) / 2:
        return "repeats itself"
    return schema_problem(schema, value, character.person.age)


def _fields_request(character: TypeCharacter, names: Sequence[str]) -> FieldRequest:
    topics = ", ".join(name.replace("_", " ") for name in names)
    chat = say(
        f"An invented person, described to themselves: {_summary(character)}\n\nWrite to the "
        f"person about their {topics}: concrete, plausible, each in one or two sentences that "
        f"begin with You or Your. Unpleasant things may be said. Answer in JSON."
    )

    def check(_: str, value: object) -> str:
        is_addressed = str(value).lstrip().startswith("You")
        problem = _problem(character, value, _FIELD_SCHEMA)
        return problem or ("" if is_addressed else "doesn't speak to the person")

    return FieldRequest(chat=chat, fields=dict.fromkeys(names, _FIELD_SCHEMA), check=check)


def _with_fields(character: TypeCharacter, answers: FieldAnswers) -> TypeCharacter:
    fields = {name: answers.text(name) for name in answers.values}
    return replace(character, fields={**character.fields, **fields})


def _presets_request(character: TypeCharacter) -> FieldRequest:
    remarks = [remark for remark, _ in character.presets]
    lines = "\n".join(f"answer_{i}: {remark}" for i, remark in enumerate(remarks, start=1))
    chat = say(
        f"An invented person: {_summary(character)} {character.fields['tone']}\n\nIn that tone, "
        f"what does the person say when somebody else says each of these? One short sentence "
        f"each, as JSON.\n{lines}"
    )
    names = [f"answer_{i}" for i in range(1, len(remarks) + 1)]

    def check(_: str, value: object) -> str:
        is_echo = any(remark.lower() in str(value).lower() for remark in remarks)
        problem = _problem(character, value, _PRESET_SCHEMA)
        return problem or ("repeats what was heard" if is_echo else "")

    return FieldRequest(chat=chat, fields=dict.fromkeys(names, _PRESET_SCHEMA), check=check)


def _with_presets(character: TypeCharacter, answers: FieldAnswers) -> TypeCharacter:
    presets = tuple(
        (remark, answers.text(f"answer_{i}", drawn_answer))
        for i, (remark, drawn_answer) in enumerate(character.presets, start=1)
    )
    return replace(character, presets=presets)
