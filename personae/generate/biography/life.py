"""A person's life: core values, attitude, coping, stories and hobbies, written in that order.

The chain follows Wang et al. 2025 (arXiv 2511.07338, section 3.2): each link is conditioned on
those before it; the tone is drawn with equal probabilities, so that not all lives are happy.
Without a model each link is drawn from lists.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from personae.core import data_json, say
from personae.generate.biography.people import Demographics
from personae.generate.writer import FieldAnswers, FieldRequest, Writer, schema_problem, text_schema

__all__ = ["Life", "draw_life", "write_lives"]

TONES = ("positive", "negative", "neutral")
_SPEAKER = re.compile(r"\b(?:I|I'm|my|you|your)\b")


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """The links of the chain; stories are in the first person, the oldest first."""

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
        """The links but the stories, as sentences in the second person."""
        return (
            f"What matters to you is {self.values}.",
            f"You are someone who {self.attitude}, and who {self.habit}.",
            f"When things get hard, you are one who {self.coping}.",
            f"In your own time, what you do is {' and '.join(self.hobbies)}.",
        )


def draw_life(random: np.random.Generator, age: int) -> Life:
    """Draw a life from lists; the stories happen between the ages of 6 and `age` (years)."""
    data = data_json("personas/life.json")
    tone = TONES[int(random.integers(len(TONES)))]
    options = data["tones"][tone]

    def choice(texts: Sequence[str]) -> str:
        return texts[int(random.integers(len(texts)))]

    stories: list[str] = []
    for age_then in sorted(random.integers(6, max(age, 7), int(random.integers(1, 4))).tolist()):
        event_tone = tone if random.random() < 0.6 else TONES[int(random.integers(len(TONES)))]
        event = choice(
            [e for e in data["events"][event_tone] if not any(e in story for story in stories)]
        )
        stories.append(f"At {age_then} I {event}. {choice(data['meanings'][event_tone])}")
    return Life(
        tone=tone,
        values=choice(options["values"]),
        attitude=choice(options["attitudes"]),
        habit=choice(options["habits"]),
        coping=choice(options["coping"]),
        stories=tuple(stories),
        hobbies=tuple(str(h) for h in random.choice(data["hobbies"], 2, replace=False)),
        voice=choice(data["tones_of_voice"]),
    )


def write_lives(
    writer: Writer, people: Sequence[Demographics], lives: Sequence[Life], *, listed: bool
) -> list[Life]:
    """Let a model write each link, given the links before it; unfit answers keep the drawn text.

    `lives` are drawn lives, whose tone is kept. With `listed` the model chooses from the lists,
    which small models can do; otherwise it writes. Fields that keep the drawn text are counted as
    `repaired`.
    """
    current_lives = list(lives)
    for link in (_values, _attitude, _stories, _hobbies):
        requests = [
            link(person, life, listed) for person, life in zip(people, current_lives, strict=True)
        ]
        link_writer = writer.at(0.2) if link is _hobbies else writer
        answers = link_writer.ask(requests, count_unfit="repaired")
        current_lives = [
            _apply_answers(life, answer, listed)
            for life, answer in zip(current_lives, answers, strict=True)
        ]
    return current_lives


def _apply_answers(life: Life, answers: FieldAnswers, listed: bool) -> Life:
    texts = {name: str(value).strip() for name, value in answers.values.items()}
    stories = []
    for number, drawn_story in enumerate(life.stories, start=1):
        event = texts.pop(f"story_{number}", "")
        opening = drawn_story.partition(" I ")[0]
        stories.append(f"{opening} I {event}." if event and listed else event or drawn_story)
    hobbies = [
        texts.pop(f"hobby_{i}", drawn_hobby) for i, drawn_hobby in enumerate(life.hobbies, start=1)
    ]
    if len({hobby.lower() for hobby in hobbies}) < len(hobbies):
        hobbies = list(life.hobbies)
    phrases = {name: text.rstrip(".") for name, text in texts.items()}
    return replace(life, stories=tuple(stories), hobbies=tuple(hobbies), **phrases)


def _request(
    task: str,
    person: Demographics,
    context: str,
    sizes: Mapping[str, tuple[int, int]],
    lists: Mapping[str, Sequence[str]],
) -> FieldRequest:
    """Ask for fields: chosen from a list where there is one, else written as phrases or stories."""
    fields = {
        name: {"enum": list(lists[name])} if name in lists else text_schema(*size)
        for name, size in sizes.items()
    }

    def check(name: str, value: object) -> str:
        is_story = name.startswith("story")
        problem = schema_problem(fields[name], value, None if is_story else person.age)
        if problem or is_story or name in lists:
            return problem
        has_speaker = _SPEAKER.search(str(value)) or person.name in str(value)
        return "a sentence about the speaker, not a phrase" if has_speaker else ""

    return FieldRequest(
        chat=say(f"An invented person: {context}\n\n{task} Answer in JSON."),
        fields=fields,
        check=check,
    )


def _lists(life: Life, listed: bool, **names: str) -> dict[str, Sequence[str]]:
    """Return the lists of the life's tone by field, or none."""
    options = data_json("personas/life.json")["tones"][life.tone]
    return {field: options[name] for field, name in names.items()} if listed else {}


def _values(person: Demographics, life: Life, listed: bool) -> FieldRequest:
    task = (
        f"In one short phrase, what does this person value most? The tone is {life.tone}. Write "
        f"what goes on inside the person."
    )
    lists = _lists(life, listed, values="values")
    return _request(task, person, person.sentence, {"values": (8, 80)}, lists)


def _attitude(person: Demographics, life: Life, listed: bool) -> FieldRequest:
    task = (
        "What is the person's attitude to life, a habit that others can see, and what the person "
        'does when things get hard? Each goes on after "a person who", as in "keeps silent".'
    )
    sizes = {"attitude": (8, 80), "habit": (8, 120), "coping": (8, 80)}
    lists = _lists(life, listed, attitude="attitudes", habit="habits", coping="coping")
    return _request(task, person, f"{person.sentence} {life.sentences[0]}", sizes, lists)


def _stories(person: Demographics, life: Life, listed: bool) -> FieldRequest:
    names = [f"story_{i + 1}" for i in range(len(life.stories))]
    context = " ".join((person.sentence, *life.sentences[:3]))
    if not listed:
        task = (
            "Tell moments of this person's life that explain who they are, in the first person, "
            "each with the age at which it happened. They may be bad ones."
        )
        return _request(task, person, context, dict.fromkeys(names, (60, 600)), {})
    events = data_json("personas/life.json")["events"]
    all_events = [event for tone in TONES for event in events[tone]]
    parts = {name: all_events[i :: len(names)] for i, name in enumerate(names)}
    task = "Which of these happened to the person and explains who they are?"
    return _request(task, person, context, dict.fromkeys(names, (60, 600)), parts)


def _hobbies(person: Demographics, life: Life, listed: bool) -> FieldRequest:
    task = "Infer two things this person does alone for pleasure, bad habits included."
    context = " ".join((person.sentence, *life.sentences[:3]))
    names = ("hobby_1", "hobby_2")
    all_hobbies = data_json("personas/life.json")["hobbies"]
    parts = {name: all_hobbies[i::2] for i, name in enumerate(names)} if listed else {}
    return _request(task, person, context, dict.fromkeys(names, (4, 60)), parts)
