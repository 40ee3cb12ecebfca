"""Null respondents: models without any traits, the negative control of every study.

A statistic that finds an effect in them is wrong. They see which options are shown, and `yes` and
`midpoint` also what an option means; none of them reads an item or a persona. `null:first` gives
the constant answer that MPI reports for BART (Jiang et al. 2022, arXiv 2206.07550).
"""

from collections.abc import Callable, Mapping, Sequence
from math import log
from typing import NamedTuple

from personae.core import (
    BadValue,
    Chat,
    Choice,
    Done,
    Reply,
    Request,
    Sampling,
    UnknownName,
    content_key,
)
from personae.respondents.composition import fill_schema
from personae.respondents.comprehension import Comprehension, comprehend
from personae.respondents.latent import FLOOR, keyed_uniform, parse_settings
from personae.respondents.option_lines import OptionLine, form_levels, full_scale
from personae.respondents.recognition import recognition_key
from personae.respondents.respondent_answers import (
    choice_from_logliks,
    choose_each,
    count_tokens,
    write_each,
)

__all__ = ["NULLS", "NullRespondent", "open_null"]

VERSION = 2
_MASS = 0.95
_REFUSAL = "I'm sorry, but I can't answer questions about myself."
_SYLLABLES = ("ka", "lo", "mi", "ru", "te", "vo", "zu", "pe")


def open_null(spec: str) -> "NullRespondent":
    """Open `null:KIND`, with `,seed=N` if wanted.

    The kinds are those of `NULLS`.

    Raises:
        UnknownName: no null respondent of that kind.
        BadValue: a setting other than a whole, non-negative seed.

    >>> open_null("null:yes").name
    'null:yes'
    """
    kind, _, setting_text = spec.removeprefix("null:").partition(",")
    if kind not in NULLS:
        raise UnknownName("null respondent", kind, NULLS)
    settings = parse_settings(f"null:{setting_text}")
    seed = settings.pop("seed", "0")
    if settings or not seed.isdecimal():
        raise BadValue(f"{spec!r}: a null respondent has one setting, seed=0, 1, 2, ...")
    return NullRespondent(spec, kind, int(seed))


class NullRespondent:
    """A Chooser that answers without reading what is asked."""

    def __init__(self, name: str, kind: str, seed: int) -> None:
        self._name, self._kind, self._seed = name, kind, seed

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    @property
    def name(self) -> str:
        """The specification that opened it."""
        return self._name

    @property
    def fingerprint(self) -> str:
        """Hash of kind, seed, the code's version and what respondents recognise."""
        return content_key(["null", VERSION, self._kind, self._seed, recognition_key()])

    def choose(self, requests: Sequence[Request], *, done: Done | None = None) -> list[Choice]:
        """Put nearly all weight on the kind's option; `refusing` gives records of refusal.

        Without a list of options in the chat no option is preferred: each has the same likelihood
        per word in any chat.
        """
        return choose_each(self.name, requests, self._choice, done)

    def reply(
        self, requests: Sequence[Request], sampling: Sampling, *, done: Done | None = None
    ) -> list[Reply]:
        """Name an option by the kind's rule; without listed options, return a stock sentence."""
        return write_each(
            self.name, requests, lambda chat: self._text(chat, sampling), sampling, done
        )

    def _choice(self, question: Request) -> Choice:
        if self._kind == "refusing":
            return Choice(status="refused", why="this null respondent refuses everything")
        reading = comprehend(question.chat)
        count = len(question.options)
        if not reading.options:
            words = [count_tokens(forms[0]) for forms in question.options]
            return choice_from_logliks(question, [-3.0 * n for n in words])
        names = [forms[0].strip(" (.)") for forms in question.options]
        if self._kind == "garbage":
            weights = [
                keyed_uniform(self._seed, question.chat, i) ** 4 + FLOOR for i in range(count)
            ]
            return choice_from_logliks(question, [log(1e-6 * w / sum(weights)) for w in weights])
        if self._kind == "uniform":  # slightly unequal, so that ties favour no position
            shares = [1 + 1e-9 * keyed_uniform(self._seed, question.chat, name) for name in names]
            return choice_from_logliks(question, [log(_MASS * s / count) for s in shares])
        chosen_slot = self._chosen_slot(question, reading, names)
        shares = [1 - (count - 1) * FLOOR if i == chosen_slot else FLOOR for i in range(count)]
        return choice_from_logliks(question, [log(_MASS * s) for s in shares])

    def _chosen_slot(self, question: Request, reading: Comprehension, names: Sequence[str]) -> int:
        """The index of the option that the kind takes."""
        options = _option_positions(question, reading, names)
        return min(range(len(options)), key=lambda i: _PREFERENCES[self._kind](options[i]))

    def _text(self, chat: Chat, sampling: Sampling) -> str:
        seed = (self._name, sampling.seed, sampling.repeat, chat)
        if self._kind == "refusing":
            return _REFUSAL
        if sampling.schema is not None:
            option = self._option(chat, seed) if self._kind != "garbage" else None
            return fill_schema(sampling.schema, seed, option.label if option else "")
        if self._kind == "garbage":
            draws = [int(len(_SYLLABLES) * keyed_uniform(seed, i)) for i in range(12)]
            return " ".join(_SYLLABLES[index] for index in draws)
        option = self._option(chat, seed)
        return option.line if option else "There is nothing to say."

    def _option(self, chat: Chat, seed: tuple[object, ...]) -> OptionLine | None:
        reading = comprehend(chat)
        if not reading.options:
            return None
        options = full_scale(reading.options)
        if self._kind == "uniform":
            return options[int(len(options) * keyed_uniform(seed))]
        names = [option.label or option.text for option in options]
        question = Request(chat, tuple((name,) for name in names))
        return options[self._chosen_slot(question, reading, names)]


class _OptionPosition(NamedTuple):
    """An option's position in the list shown, and its level 0..1 (by position where unknown)."""

    position: int
    level: float


def _option_positions(
    question: Request, reading: Comprehension, names: Sequence[str]
) -> list[_OptionPosition]:
    options = full_scale(reading.options)
    position_by_name = {
        option.label or option.text: position for position, option in enumerate(options)
    }
    position_by_name |= {option.text: position for position, option in enumerate(options)}
    positions = [position_by_name.get(name, len(options) + i) for i, name in enumerate(names)]
    levels = form_levels(reading.options, [forms[0] for forms in question.options])
    spread = max(1, len(names) - 1)
    return [
        _OptionPosition(position, position / spread if level is None else level)
        for position, level in zip(positions, levels, strict=True)
    ]


_PREFERENCES: Mapping[str, Callable[[_OptionPosition], float]] = {
    "first": lambda option: option.position,
    "last": lambda option: -option.position,
    "yes": lambda option: -option.level,
    "midpoint": lambda option: abs(option.level - 0.5),
}
"""The quantity that a kind minimises; of ties it takes the first option."""
NULLS = {
    "first": "the option shown first",
    "garbage": "options at random by the chat, and syllables as replies",
    "last": "the option shown last",
    "midpoint": "the option nearest the middle in meaning",
    "refusing": "a refusal of every question",
    "uniform": "every option alike",
    "yes": "the option that agrees most",
}
"""The kinds of null respondents, and what each answers."""
