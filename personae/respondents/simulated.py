"""Simulated respondents: models of known traits that read prompts as any model must.

They are the positive control of every study: a statistic must recover their traits. The traits are
defined in `latent`, the understanding of a chat in `comprehension`, the likelihoods of options in
`likelihoods`, the texts in `composition`.
"""

from collections.abc import Sequence
from math import exp

from personae.core import Chat, Choice, Done, Reply, Request, Sampling, content_key
from personae.respondents.composition import compose, compose_with, fill_schema, work_out
from personae.respondents.comprehension import Comprehension, comprehend
from personae.respondents.latent import Respondent, keyed_uniform, parse_spec
from personae.respondents.likelihoods import option_logliks
from personae.respondents.option_lines import OptionLine, full_scale
from personae.respondents.recognition import recognise, recognition_key
from personae.respondents.respondent_answers import (
    choice_from_logliks,
    choose_each,
    write_each,
)
from personae.respondents.stimuli import Prompt, WordRequest
from personae.traits.trait_words import read_standings

__all__ = ["SimulatedRespondent", "open_simulated"]

VERSION = 4
"""Raise it when the answers of a specification change by a change of the code."""


def open_simulated(spec: str) -> "SimulatedRespondent":
    """Open `simulated:E=1.5,N=-1,noise=0.3,...`; settings as in `latent.Respondent`.

    Raises:
        UnknownName: a setting that doesn't exist.
        BadValue: a value out of range, or a setting given twice.

    >>> open_simulated("simulated:E=1.5").reply([], Sampling())
    []
    """
    return SimulatedRespondent(parse_spec(spec))


class SimulatedRespondent:
    """A Chooser of known traits; its answers depend on specification, seed, repeat and chat."""

    def __init__(self, respondent: Respondent) -> None:
        self._who = respondent

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    @property
    def name(self) -> str:
        """The specification that opened it."""
        return self._who.name

    @property
    def fingerprint(self) -> str:
        """Hash of the specification, the code's version and what respondents recognise."""
        return content_key(["simulated", VERSION, self.name, recognition_key()])

    @property
    def respondent(self) -> Respondent:
        """The truth: its traits and habits."""
        return self._who

    def choose(self, requests: Sequence[Request], *, done: Done | None = None) -> list[Choice]:
        """Weigh each question's options by what they mean, never by how they are labelled."""

        def answer(request: Request) -> Choice:
            return choice_from_logliks(request, option_logliks(self._who, request, 0))

        return choose_each(self.name, requests, answer, done)

    def reply(
        self, requests: Sequence[Request], sampling: Sampling, *, done: Done | None = None
    ) -> list[Reply]:
        """Name one of the options shown; without any, write sentences that show its traits."""
        return write_each(
            self.name, requests, lambda chat: self._text(chat, sampling), sampling, done
        )

    def _text(self, chat: Chat, sampling: Sampling) -> str:
        reading = comprehend(chat)
        option = self._chosen_option(reading, chat, sampling) if reading.options else None
        problem = reading.problem
        if problem is not None and option is None:
            solved = self._who.solves(problem, has_persona=bool(reading.persona.strip()))
            return work_out(problem, solved=solved)
        if sampling.schema is not None:
            seed = (self.name, sampling.seed, sampling.repeat, chat)
            return fill_schema(sampling.schema, seed, option.label if option else "")
        if option is not None:
            return option.line
        request = recognise(WordRequest, Prompt(reading.request))
        return compose_with(request) if request else self._prose(reading, chat, sampling)

    def _prose(self, reading: Comprehension, chat: Chat, sampling: Sampling) -> str:
        """Write a few sentences that show the respondent's standings under the persona."""
        persona = read_standings(reading.about or reading.persona)
        turns = reading.turns + sampling.repeat
        standings = {d: self._who.standing(d, "", persona, turns) for d in "OCEAN"}
        draw_seed = (sampling.seed, sampling.repeat) if sampling.temperature > 0 else ()
        return compose(standings, (self.name, chat, *draw_seed))

    def _chosen_option(self, reading: Comprehension, chat: Chat, sampling: Sampling) -> OptionLine:
        """Choose one of the options listed, or a number between two labelled ends."""
        by_name: dict[str, OptionLine] = {}
        for option in full_scale(reading.options):
            by_name.setdefault(option.label or option.text, option)  # a text may list a line twice
        options = list(by_name.values())
        names = tuple((name,) for name in by_name)
        question = Request(chat, names)
        logliks = option_logliks(self._who, question, sampling.repeat)
        if sampling.temperature == 0:
            return options[max(range(len(options)), key=lambda slot: logliks[slot])]
        threshold = keyed_uniform(self.name, "draw", sampling.seed, sampling.repeat, chat)
        for option, logp in zip(options, choice_from_logliks(question, logliks).logp, strict=True):
            threshold -= exp(logp)
            if threshold <= 0:
                return option
        return options[-1]
