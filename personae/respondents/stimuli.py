"""The kinds of stimulus that recognisers find in prompts.

A stimulus names no instrument: it says which trait a statement is keyed to, which option shows
more of it, or which answer is right. Levels run from 0, the lowest or least agreeing option, to 1.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from personae.core.instruments.behaviour_task import Push

__all__ = [
    "AnswerScale",
    "AuthoredText",
    "JudgedTexts",
    "KeyedAction",
    "KeyedStatement",
    "KnownProblem",
    "PersonaBlock",
    "Prompt",
    "StanceScale",
    "TaskTrial",
    "WordRequest",
    "bare_words",
    "relative_levels",
]


@dataclass(frozen=True, slots=True)
class Prompt:
    """What a recogniser reads: a text, and the options that go with it.

    `text` is a user's turn without its block about a persona, or the words of one option.
    `lines` are the lines of the text that list options; `options` the words of each option.
    """

    text: str = ""
    lines: tuple[str, ...] = ()
    options: tuple[str, ...] = ()

    @property
    def unlisted(self) -> str:
        """The text without its lines of options."""
        text = self.text
        for line in self.lines:
            text = text.replace(line, " ", 1)
        return text


@dataclass(frozen=True, slots=True)
class PersonaBlock:
    """The persona stated at the start of the first user's turn; `rest` is the text after it."""

    persona: str
    rest: str

    @classmethod
    def labelled(cls, label: str, text: str, before: Sequence[str]) -> "PersonaBlock | None":
        r"""Read a block "LABEL: ..." up to an empty line, the one before one of the given words.

        >>> PersonaBlock.labelled("Truth", "Truth:\nYou are calm.\n\nWhy?", ["Question"]).persona
        'You are calm.'
        """
        match = re.match(
            rf"{label}:\s*(?:(.*?)\n\s*\n(?={'|'.join(before)})|(.*?)(?:\n\s*\n|\Z))",
            text,
            re.DOTALL,
        )
        return cls(match[1] or match[2], text[match.end() :]) if match else None


@dataclass(frozen=True, slots=True)
class AuthoredText:
    """A text whose author is asked about, not the respondent; `rest` is the turn without it."""

    text: str
    rest: str


@dataclass(frozen=True, slots=True)
class AnswerScale:
    """The level 0..1 of every option: how much agreement, or how much of anything, it means."""

    levels: tuple[float, ...]

    @classmethod
    def among(
        cls, scales: Iterable[Mapping[str, float]], options: Sequence[str]
    ) -> "AnswerScale | None":
        """Return the levels by the first scale (bare words -> level) that has all options.

        None where no scale has them all.

        >>> AnswerScale.among([{"no": 0.0, "yes": 1.0}], ["Yes.", "No."])
        AnswerScale(levels=(1.0, 0.0))
        """
        words = [bare_words(option) for option in options]
        for scale in scales:
            if all(word in scale for word in words):
                return cls(tuple(scale[word] for word in words))
        return None


@dataclass(frozen=True, slots=True)
class KeyedStatement:
    """A statement: its Big Five domain ("" if none), facet, key (1 or -1), and canonical words.

    `pair` marks two poles, to which yes-saying adds nothing; from `words` come the statement's own
    difficulty and discrimination.
    """

    domain: str
    facet: str
    key: int
    words: str
    pair: bool = False


@dataclass(frozen=True, slots=True)
class KeyedAction(KeyedStatement):
    """An action to choose, as the statement about a person that choosing it makes."""


@dataclass(frozen=True, slots=True)
class TaskTrial:
    """One trial of a behavioural task.

    `signs` maps a trait to the direction, 1 or -1, in which it moves the behaviour; `push` is the
    direction in which the behaviour moves the answer. `situation` is the subject of the
    respondent's own opinion; `levels` maps the words of an option to its level. Without levels it
    is the task's frame without a trial.
    """

    task: str
    signs: Mapping[str, int]
    situation: str = ""
    push: Push = "none"
    levels: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class KnownProblem:
    """A problem, by its text, and its right answer; how hard it is follows from the text."""

    text: str
    answer: str


@dataclass(frozen=True, slots=True)
class StanceScale:
    """Stances on an opinion: the level of each option; `blank` where no opinion is stated."""

    levels: tuple[float, ...]
    blank: bool = False


@dataclass(frozen=True, slots=True)
class JudgedTexts:
    """Texts to be judged, by the option that names each ("" for a single one), and the question.

    `question` is the prompt without the texts.
    """

    sections: Mapping[str, str]
    question: str


@dataclass(frozen=True, slots=True)
class WordRequest:
    """A request to write a portrait with some words, or to give their opposites."""

    words: tuple[str, ...]
    opposites: bool


def bare_words(text: str) -> str:
    """Strip an option's text of quotation marks, outer blanks and full stops, in lower case.

    >>> bare_words(' "Very Accurate." ')
    'very accurate'
    """
    return text.strip(" .\"'").lower()


def relative_levels(values: Mapping[str, float]) -> dict[str, float]:
    """Map the values of options to levels 0..1: 0 for the lowest value, 1 for the highest.

    Equal values all get 0.

    >>> relative_levels({"no": 1, "perhaps": 2, "yes": 3})
    {'no': 0.0, 'perhaps': 0.5, 'yes': 1.0}
    """
    low, high = min(values.values()), max(values.values())
    return {text: (value - low) / ((high - low) or 1) for text, value in values.items()}
