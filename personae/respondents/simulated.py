"""Simulated respondents: models of known traits that read prompts as any model must.

They are the positive control of every study: a statistic must recover the truth on them. What
they are is `latent`, what they read `comprehension` and `trait_words`, what they write `writing`.
They say options with log-probabilities of a graded response model; statements with a likelihood
that rises with agreement; anything else by the trait words in it.
"""

from collections.abc import Sequence
from math import exp, log

from personae.core import Chat, Choice, Done, Question, Reply, Sampling, content_key
from personae.respondents.composition import compose, fill_schema, text_sections
from personae.respondents.comprehension import (
    Comprehension,
    OptionLine,
    RatedStatement,
    comprehend,
    find_action,
    find_statement,
    levels,
)
from personae.respondents.knowledge import recognise
from personae.respondents.latent import FLOOR, Respondent, draw, option_probabilities, parse_spec
from personae.respondents.respondent_answers import count_tokens, finish, weighed
from personae.respondents.stances import assent_probabilities, stance_levels
from personae.respondents.task_recognition import RecognisedTask, task_levels
from personae.traits.trait_words import read_standings

__all__ = [
    "SimulatedRespondent",
    "open_simulated",
    "whole_scale",
]

VERSION = 4
"""Raise it when the same specification begins to answer otherwise."""
_MASS = 0.95
_SURE = 0.8
"""Probability of the option taken, where a problem is known."""
_NATS = 3.0
"""What a word of a statement or option costs without any context."""


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
    """A Chooser of known traits; what it says depends on (specification, seed, repeat, chat)."""

    def __init__(self, respondent: Respondent) -> None:
        self._who = respondent

    @property
    def name(self) -> str:
        """The specification that opened it."""
        return self._who.name

    @property
    def fingerprint(self) -> str:
        """Hash of the specification and of the code's version."""
        return content_key(["simulated", VERSION, self.name])

    @property
    def respondent(self) -> Respondent:
        """The truth: its traits and habits."""
        return self._who

    def choose(self, questions: Sequence[Question], *, done: Done | None = None) -> list[Choice]:
        """Weigh each question's options by what they mean, never by how they are labelled."""
        answers = []
        for index, question in enumerate(questions):
            answers.append(weighed(question, self._loglik(question, 0)))
            if done is not None:
                done(index, answers[-1])
        return answers

    def reply(
        self, chats: Sequence[Chat], sampling: Sampling, *, done: Done | None = None
    ) -> list[Reply]:
        """Name one of the options shown; without any, write a few sentences of the right tone."""
        answers = []
        for index, chat in enumerate(chats):
            answers.append(finish(chat, self._text(chat, sampling), sampling))
            if done is not None:
                done(index, answers[-1])
        return answers

    def _loglik(self, question: Question, repeat: int) -> list[float]:
        reading = comprehend(question.chat)
        if reading.posed is not None:
            return self._of_trial(reading, reading.posed, question, repeat)
        meant = levels(reading, question)
        known = [level for level in meant if level is not None]
        stances = stance_levels([forms[0] for forms in question.options])
        if stances is not None:
            return self._of_stances(reading, question, stances)
        if len(known) > 1 and len(set(known)) == len(known):
            return self._of_scale(reading, question, meant, repeat)
        return self._of_texts(reading, question)

    def _of_texts(self, reading: Comprehension, question: Question) -> list[float]:
        """Log-likelihood of options that are on no scale: deeds, answers, statements, words."""
        texts = [_option_text(reading, forms[0]) for forms in question.options]
        actions = [action for text in texts if (action := find_action(text)) is not None]
        if len(actions) == len(texts):
            return self._of_actions(reading, question.chat, actions)
        problem = recognise(reading.ask)
        if problem is not None and problem.answer in (bare := [t.strip() for t in texts]):
            best = problem.chosen(bare, self._ability(reading))
            rest = log((1 - _SURE) / max(len(bare) - 1, 1))
            return [log(_SURE * _MASS) if i == best else rest for i in range(len(bare))]
        if all(find_statement(text) for text in texts):
            return [self._of_statement(reading, question.chat, text) for text in texts]
        return self._of_words(reading, question.chat, texts)

    def _of_stances(
        self, reading: Comprehension, question: Question, stances: tuple[float, ...]
    ) -> list[float]:
        """Log-likelihood of stances on an opinion; a question without one tells them apart not."""
        sizes = [count_tokens(forms[0]) for forms in question.options]
        if reading.ask.startswith("..."):
            return [-_NATS * size for size in sizes]
        who, read = self._who, read_standings(reading.persona)
        agreeable = who.standing("A", "", read, reading.turns)
        shares = assent_probabilities(stances, agreeable, who.acquiescence, who.noise)
        return [size * (log(s) - _NATS) for size, s in zip(sizes, shares, strict=True)]

    def _of_scale(
        self,
        reading: Comprehension,
        question: Question,
        meant: Sequence[float | None],
        repeat: int,
    ) -> list[float]:
        """Log-likelihood of options on an answer scale.

        Labels get their probability. An option in words gets its base likelihood and, per word,
        its log-probability, so that the difference to a question without an item is exact.
        """
        known = tuple(level for level in meant if level is not None)
        labelled = any(s.label == question.options[0][0].strip(" (.)") for s in reading.shown)
        base = [-_NATS * count_tokens(forms[0]) for forms in question.options]
        if reading.statement is None and not labelled:
            return base
        shares = dict(zip(known, self._shares(reading, question.chat, known, repeat), strict=True))
        rest = log(1e-9)
        logp = [rest if level is None else log(shares[level]) for level in meant]
        if labelled:
            return [log(_MASS) + value for value in logp]
        return [
            start + count_tokens(forms[0]) * value
            for start, forms, value in zip(base, question.options, logp, strict=True)
        ]

    def _ability(self, reading: Comprehension) -> float:
        """Share of the known problems that are solved, less what a persona takes away."""
        return self._who.ability * (1 - self._who.damage * bool(reading.persona.strip()))

    def _shares(
        self, reading: Comprehension, chat: Chat, known: tuple[float, ...], repeat: int
    ) -> tuple[float, ...]:
        who = self._who
        agreement = 3.0 + who.acquiescence
        rated = _rated(reading.ask)
        if rated is not None:
            agreement += rated
        elif reading.statement is not None:
            turns = reading.turns + repeat
            persona = read_standings(reading.about or reading.persona)
            agreement = who.agreement(reading.statement, persona, turns)
        agreement = who.shaken(agreement, chat, repeat)
        agreement = self._pulled(agreement, [option.level for option in reading.shown])
        return option_probabilities(known, agreement, who.noise / 2**0.5)

    def _of_actions(
        self, reading: Comprehension, chat: Chat, actions: Sequence[RatedStatement]
    ) -> list[float]:
        """Log-likelihood of things to do: the more like oneself, the likelier.

        Two actions that say the same of a person differ by a hair, which is the reader's own.
        """
        who, persona = self._who, read_standings(reading.persona)
        wishes = []
        for action, text in zip(actions, (o.text for o in reading.shown), strict=True):
            wish = who.shaken(who.agreement(action, persona, reading.turns), chat, action.key)
            wishes.append((wish + 0.2 * draw(who.name, text)) / max(who.noise, 0.05))
        top = max(wishes)
        shares = [exp(wish - top) for wish in wishes]
        pulled = 0 if who.position > 0 else len(actions) - 1
        total, pull = sum(shares), abs(who.position)
        return [
            log(_MASS * max(FLOOR, (1 - pull) * share / total + pull * (slot == pulled)))
            for slot, share in enumerate(shares)
        ]

    def _of_trial(
        self, reading: Comprehension, posed: RecognisedTask, question: Question, repeat: int
    ) -> list[float]:
        """Log-likelihood of the answers to a behavioural task, labelled or in their own words."""
        labelled = any(s.label == question.options[0][0].strip(" (.)") for s in reading.shown)
        base = [-_NATS * count_tokens(forms[0]) for forms in question.options]
        if posed.trial is None:
            return [log(_MASS / len(base))] * len(base) if labelled else base
        meant = task_levels(posed.trial)
        known = tuple(meant.get(_option_text(reading, forms[0]), 0.0) for forms in question.options)
        persona = read_standings(reading.persona)
        wanted = self._who.wish(posed, persona, reading.turns + repeat)
        wanted = self._pulled(self._who.shaken(wanted, question.chat, repeat), known)
        logp = list(map(log, option_probabilities(known, wanted, self._who.noise / 2**0.5)))
        if labelled:
            return [log(_MASS) + value for value in logp]
        return [
            start + count_tokens(forms[0]) * value
            for start, forms, value in zip(base, question.options, logp, strict=True)
        ]

    def _pulled(self, agreement: float, shown: Sequence[float | None]) -> float:
        """Move a wish towards the option shown first or last, by the respondent's `position`."""
        pull = self._who.position
        level = shown[0 if pull > 0 else -1] if shown else None
        if not pull or level is None:
            return agreement
        return (1 - abs(pull)) * agreement + abs(pull) * (1 + 4 * level)

    def _of_statement(self, reading: Comprehension, chat: Chat, text: str) -> float:
        """Log-likelihood of a whole statement: its words' cost, less where it is agreed with."""
        nats = -_NATS
        asked = find_statement(text)
        if chat and asked is not None:
            persona = read_standings(reading.about or reading.persona)
            agreement = self._who.agreement(asked, persona, reading.turns)
            agreement = self._who.shaken(agreement, chat, asked.words)
            nats += (min(5.0, max(1.0, agreement)) - 3.0) / 2
        return nats * count_tokens(text)

    def _of_words(self, reading: Comprehension, chat: Chat, texts: Sequence[str]) -> list[float]:
        """Log-likelihood of options without a known meaning: by the traits that they show.

        Of texts to be judged ("Text A: ... Text B: ...") the one that shows more of the trait
        asked about is likelier; of things to say, the one that fits the own standing.
        """
        if not chat:
            return [-_NATS * count_tokens(text) for text in texts]
        sections, question = text_sections(reading.ask)
        wanted = read_standings(question)
        own = read_standings(reading.about or reading.persona)
        scores = []
        for text in texts:
            judged = sections.get(text.strip(" (.)").removeprefix("Text "))
            said = read_standings(text if judged is None else judged)
            domains = [(d, z) for (d, facet), z in said.items() if not facet]
            if judged is None:
                score = sum(z * self._who.standing(d, "", own, reading.turns) for d, z in domains)
            else:
                score = 3 * sum(z * wanted.get((d, ""), 0.0) for d, z in domains)
            scores.append(score + 1e-9 * draw(self.name, chat, text))
        total = log(sum(exp(score) for score in scores))
        return [log(_MASS) + score - total for score in scores]

    def _text(self, chat: Chat, sampling: Sampling) -> str:
        reading = comprehend(chat)
        named = self._named(reading, chat, sampling) if reading.shown else None
        problem = recognise(reading.ask)
        if problem is not None and not reading.shown:
            return problem.written(self._ability(reading))
        if sampling.schema is not None:
            seed = (self.name, sampling.seed, sampling.repeat, chat)
            return fill_schema(sampling.schema, seed, named.label if named else "")
        if named:
            return named.line
        read = read_standings(reading.about or reading.persona)
        turns = reading.turns + sampling.repeat
        standings = {d: self._who.standing(d, "", read, turns) for d in "OCEAN"}
        hot = sampling.temperature > 0
        drawn = (sampling.seed, sampling.repeat) if hot else ()
        return compose(reading.ask, standings, (self.name, chat, *drawn))

    def _named(self, reading: Comprehension, chat: Chat, sampling: Sampling) -> OptionLine:
        """Choose one of the options shown; between two named ends, also a number."""
        options = whole_scale(reading.shown)
        names = tuple((o.label or o.text,) for o in options)
        loglik = self._loglik(Question(chat=chat, options=names), sampling.repeat)
        if sampling.temperature == 0:
            best = max(range(len(options)), key=lambda i: loglik[i])
            return options[best]
        question = Question(chat=chat, options=names)
        logp = weighed(question, loglik).logp
        place = draw(self.name, "draw", sampling.seed, sampling.repeat, chat)
        for option, share in zip(options, map(exp, logp), strict=True):
            place -= share
            if place <= 0:
                return option
        return options[-1]


def _rated(ask: str) -> float | None:
    """How much a text to be rated ("Text: ...") shows of the trait asked about, in z."""
    sections, question = text_sections(ask)
    if "" not in sections:
        return None
    said = read_standings(sections[""])
    wanted = [(d, z) for (d, facet), z in read_standings(question).items() if not facet]
    return sum(said.get((domain, ""), 0.0) * (1 if z > 0 else -1) for domain, z in wanted)


def whole_scale(shown: Sequence[OptionLine]) -> Sequence[OptionLine]:
    """Add the numbers between two ends, where only the ends of a scale are named."""
    numbers = [int(s.label) for s in shown if s.label.isdigit()]
    if len(shown) != 2 or len(numbers) != 2 or max(numbers) - min(numbers) < 2:
        return shown
    inner = range(min(numbers) + 1, max(numbers))
    first, last = sorted(shown, key=lambda s: int(s.label))
    return [first, *(OptionLine(str(n), "", str(n), None) for n in inner), last]


def _option_text(reading: Comprehension, form: str) -> str:
    """Give the words behind an option: its line's text if it is a label."""
    by_label = {s.label: s.text for s in reading.shown if s.label}
    return by_label.get(form.strip(" (.)"), form)
