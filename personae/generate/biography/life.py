"""What a person lives by and through: values, attitude, coping, stories, hobbies, in that order.

The chain is that of Wang et al. 2025 (arXiv 2511.07338, section 3.2): each link is written from
the ones before, the tone is drawn evenly so that not every life is a sunny one. Without a model
each link is drawn from lists.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from personae.core import data_json, say
from personae.generate.biography.people import Demographics
from personae.generate.writer import FieldAnswers, FieldRequest, Writer, text_schema

__all__ = ["Life", "draw_life", "text_problem", "write_lives"]

TONES = ("positive", "negative", "neutral")
_AGE = re.compile(
    r"\b(\d{1,3})[- ]?years?[- ]old\b|\b(?:[Ii] am|[Ii]'m|[Yy]ou are|[Aa]ged|[Aa]ge:?) (\d{1,3})\b"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """The chain's links; stories are in the first person, oldest first."""

    tone: str
    values: str
    attitude: str
    habit: str
    coping: str
    stories: tuple[str, ...]
    hobbies: tuple[str, ...]
    voice: str

    @property
    def facts(self) -> Mapping[str, str]:
        """The links that are facts, by path."""
        top = "Core Values, Beliefs, and Philosophy/Life"
        hobbies = {
            f"Hobbies, Interests, and Lifestyle/Own time/Hobby {i}": hobby
            for i, hobby in enumerate(self.hobbies, start=1)
        }
        return {
            f"{top}/Core values": self.values,
            f"{top}/Attitude": self.attitude,
            f"{top}/Habit": self.habit,
            f"{top}/Coping": self.coping,
            **hobbies,
        }

    @property
    def sentences(self) -> tuple[str, ...]:
        """The same in the second person."""
        return (
            f"What matters to you is {self.values}.",
            f"You are someone who {self.attitude}, and who {self.habit}.",
            f"When things get hard, you are one who {self.coping}.",
            f"In your own time, what you do is {' and '.join(self.hobbies)}.",
        )


def draw_life(random: np.random.Generator, age: int) -> Life:
    """Draw a life from lists; ages in the stories lie between 6 and the age."""
    data = data_json("personas/life.json")
    tone = TONES[int(random.integers(len(TONES)))]
    own = data["tones"][tone]

    def one(listed: Sequence[str]) -> str:
        return listed[int(random.integers(len(listed)))]

    stories: list[str] = []
    for at in sorted(random.integers(6, max(age, 7), int(random.integers(1, 4))).tolist()):
        turn = tone if random.random() < 0.6 else TONES[int(random.integers(len(TONES)))]
        event = one([e for e in data["events"][turn] if not any(e in told for told in stories)])
        stories.append(f"At {at} I {event}. {one(data['meanings'][turn])}")
    return Life(
        tone=tone,
        values=one(own["values"]),
        attitude=one(own["attitudes"]),
        habit=one(own["habits"]),
        coping=one(own["coping"]),
        stories=tuple(stories),
        hobbies=tuple(str(h) for h in random.choice(data["hobbies"], 2, replace=False)),
        voice=one(data["tones_of_voice"]),
    )


def text_problem(value: object, least: int, most: int, age: int | None = None) -> str:
    """Say why a value is no usable text of so many characters; "" if it is one.

    With `age` (years) a text that states another age as the person's own is unfit.

    >>> text_problem("You are 19 and busy.", 2, 80, age=45)
    'states the age 19, and the person is 45'
    """
    if not isinstance(value, str):
        return "not a text"
    text = value.strip()
    if not any(char.isalpha() for char in text):
        return "no letter in it"
    if not least <= len(text) <= most:
        return f"shorter than {least} characters" if len(text) < least else f"longer than {most}"
    if not text.isprintable():
        return "control characters in it"
    for found in _AGE.finditer(text) if age is not None else ():
        said = int(found[1] or found[2])
        if said != age:
            return f"states the age {said}, and the person is {age}"
    return ""


def write_lives(
    writer: Writer, people: Sequence[Demographics], lives: Sequence[Life], *, listed: bool
) -> list[Life]:
    """Let a model write each link from the links before; a link that stays unfit keeps its draw.

    `lives` are drawn ones: their tone is kept. With `listed` the model chooses from the lists, as
    small models can; else it writes. Links that keep their draw count as `repaired`.
    """
    found = list(lives)
    for link in (_values, _attitude, _stories, _hobbies):
        wanted = [link(who, life, listed) for who, life in zip(people, found, strict=True)]
        hand = writer.at(0.2) if link is _hobbies else writer
        for place, asked in enumerate(hand.ask(wanted)):
            writer.counts["repaired"] += len(asked.unfit)
            found[place] = _taken(found[place], asked, listed)
    return found


def _taken(life: Life, asked: FieldAnswers, listed: bool) -> Life:
    texts = {name: str(value).strip() for name, value in asked.values.items()}
    stories = []
    for place, told in enumerate(life.stories, start=1):
        event = texts.pop(f"story_{place}", "")
        began = told.partition(" I ")[0]
        stories.append(f"{began} I {event}." if event and listed else event or told)
    hobbies = [texts.pop(f"hobby_{i}", had) for i, had in enumerate(life.hobbies, start=1)]
    if len({hobby.lower() for hobby in hobbies}) < len(hobbies):
        hobbies = list(life.hobbies)
    unended = {name: text.rstrip(".") for name, text in texts.items()}
    return replace(life, stories=tuple(stories), hobbies=tuple(hobbies), **unended)


def _wanted(
    task: str,
    who: Demographics,
    told: str,
    sizes: Mapping[str, tuple[int, int]],
    lists: Mapping[str, Sequence[str]],
) -> FieldRequest:
    """Ask for fields: chosen where there is a list, else written, and then no sentence with I."""

    def check(name: str, value: object) -> str:
        if name in lists:
            return "" if value in lists[name] else "not one of the listed values"
        story = name.startswith("story")
        why = text_problem(value, *sizes[name], None if story else who.age)
        if why or story:
            return why
        own = re.search(r"\b(?:I|I'm|my|you|your)\b", str(value)) or who.name in str(value)
        return "a sentence about the speaker and no phrase" if own else ""

    fields: dict[str, Mapping[str, object]] = {
        name: {"enum": list(lists[name])} if name in lists else text_schema(*size)
        for name, size in sizes.items()
    }
    return FieldRequest(
        chat=say(f"An invented person: {told}\n\n{task} Answer in JSON."),
        fields=fields,
        check=check,
    )


def _lists(life: Life, listed: bool, **names: str) -> dict[str, Sequence[str]]:
    """Give the lists of the life's tone by field, or none."""
    own = data_json("personas/life.json")["tones"][life.tone]
    return {field: own[name] for field, name in names.items()} if listed else {}


def _values(who: Demographics, life: Life, listed: bool) -> FieldRequest:
    task = (
        f"In one short phrase, what does this person value most? The tone is {life.tone}. Write "
        f"what goes on inside the person."
    )
    lists = _lists(life, listed, values="values")
    return _wanted(task, who, who.sentence, {"values": (8, 80)}, lists)


def _attitude(who: Demographics, life: Life, listed: bool) -> FieldRequest:
    task = (
        "What is the person's attitude to life, a habit that others can see, and what the person "
        'does when things get hard? Each goes on after "a person who", as in "keeps silent".'
    )
    sizes = {"attitude": (8, 80), "habit": (8, 120), "coping": (8, 80)}
    lists = _lists(life, listed, attitude="attitudes", habit="habits", coping="coping")
    return _wanted(task, who, f"{who.sentence} {life.sentences[0]}", sizes, lists)


def _stories(who: Demographics, life: Life, listed: bool) -> FieldRequest:
    names = [f"story_{i + 1}" for i in range(len(life.stories))]
    told = " ".join((who.sentence, *life.sentences[:3]))
    if not listed:
        task = (
            "Tell moments of this person's life that explain who they are, in the first person, "
            "each with the age at which it happened. They may be bad ones."
        )
        return _wanted(task, who, told, dict.fromkeys(names, (60, 600)), {})
    events = data_json("personas/life.json")["events"]
    every = [event for tone in TONES for event in events[tone]]
    parts = {name: every[i :: len(names)] for i, name in enumerate(names)}
    task = "Which of these happened to the person and explains who they are?"
    return _wanted(task, who, told, dict.fromkeys(names, (60, 600)), parts)


def _hobbies(who: Demographics, life: Life, listed: bool) -> FieldRequest:
    task = "Infer two things this person does alone for pleasure, bad habits included."
    told = " ".join((who.sentence, *life.sentences[:3]))
    names = ("hobby_1", "hobby_2")
    every = data_json("personas/life.json")["hobbies"]
    parts = {name: every[i::2] for i, name in enumerate(names)} if listed else {}
    return _wanted(task, who, told, dict.fromkeys(names, (4, 60)), parts)
