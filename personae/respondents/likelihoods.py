"""How likely a simulated respondent finds each option of a request.

Options on a scale follow a graded response model; statements and actions are likelier the more
they are agreed with; a problem's right answer where it can be solved; other words by their traits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log

from personae.core import Request
from personae.respondents.comprehension import Comprehension, comprehend
from personae.respondents.latent import (
    FLOOR,
    Respondent,
    Standings,
    keyed_uniform,
    option_probabilities,
)
from personae.respondents.option_lines import Levels, form_levels, option_text
from personae.respondents.recognition import recognise
from personae.respondents.respondent_answers import count_tokens
from personae.respondents.stimuli import (
    JudgedTexts,
    KeyedAction,
    KeyedStatement,
    KnownProblem,
    Prompt,
    StanceScale,
    TaskTrial,
)
from personae.traits.trait_words import read_standings

__all__ = ["option_logliks"]

_MASS = 0.95
"""Probability of all options together, the rest being something else to say."""
_SURE = 0.8
"""Probability of the option taken, where a problem is known."""
_NATS = 3.0
"""What a word of a statement or option costs without any context."""
_AGREEING = 0.6
"""Points of a five-point scale by which one z unit of agreeableness raises agreement."""


def option_logliks(respondent: Respondent, question: Request, repeat: int) -> list[float]:
    """Weigh the options of a question: a log-likelihood in nats for each.

    >>> from personae.core import say
    >>> problem = say("Question: What is 15 percent of 80?")
    >>> question = Request(problem, (("12",), ("9",)))
    >>> able = Respondent(name="able", ability=1.0)
    >>> [round(exp(value), 2) for value in option_logliks(able, question, 0)]
    [0.76, 0.2]
    """
    reading = comprehend(question.chat)
    return _Weighing(respondent, reading, question, repeat).logliks()


@dataclass(frozen=True, slots=True)
class _Weighing:
    """One request before a respondent."""

    who: Respondent
    reading: Comprehension
    question: Request
    repeat: int

    @property
    def forms(self) -> list[str]:
        """The first surface form of every option."""
        return [forms[0] for forms in self.question.options]

    @property
    def sizes(self) -> list[int]:
        """Tokens of every option."""
        return [count_tokens(form) for form in self.forms]

    @property
    def labelled(self) -> bool:
        """Whether options are named by the labels of lines in the chat."""
        return any(option.label == self.forms[0].strip(" (.)") for option in self.reading.options)

    @property
    def persona(self) -> Standings:
        """What is told of oneself."""
        return read_standings(self.reading.persona)

    @property
    def subject(self) -> Standings:
        """What is told of whoever is asked about: a text's author, or oneself."""
        return read_standings(self.reading.about or self.reading.persona)

    def logliks(self) -> list[float]:
        """Weigh the options as the kind of stimulus asks for."""
        trial = self.reading.trial
        if trial is not None:
            return self._of_trial(trial)
        stances = recognise(StanceScale, Prompt(self.reading.request, options=tuple(self.forms)))
        if stances is not None:
            return self._stance_logliks(stances)
        levels = form_levels(self.reading.options, self.forms)
        known = [level for level in levels if level is not None]
        if len(known) > 1 and len(set(known)) == len(known):
            return self._scale_logliks(levels)
        return self._text_logliks([option_text(self.reading.options, form) for form in self.forms])

    def _text_logliks(self, texts: Sequence[str]) -> list[float]:
        """Options that are on no scale: actions, answers, statements, words."""
        actions = [recognise(KeyedAction, Prompt(text)) for text in texts]
        if all(actions):
            return self._action_logliks([action for action in actions if action is not None])
        problem, answers = self.reading.problem, [text.strip() for text in texts]
        if problem is not None and problem.answer in answers:
            return self._answer_logliks(problem, answers)
        statements = [recognise(KeyedStatement, Prompt(text)) for text in texts]
        if all(statements):
            known = [statement for statement in statements if statement is not None]
            return [self._of_statement(*pair) for pair in zip(known, texts, strict=True)]
        return self._word_logliks(texts)

    def _of_trial(self, trial: TaskTrial) -> list[float]:
        """The answers to a behavioural task; without a trial, its frame prefers none."""
        if not trial.levels:
            return self._without_preference()
        levels = tuple(
            trial.levels.get(option_text(self.reading.options, form), 0.0) for form in self.forms
        )
        wish = self.who.wish(trial, self.persona, self.reading.turns + self.repeat)
        wish = self._with_position_bias(
            self.who.with_noise(wish, self.question.chat, self.repeat), levels
        )
        shares = option_probabilities(levels, wish, self.who.noise / 2**0.5)
        return self._named([log(share) for share in shares])

    def _without_preference(self) -> list[float]:
        if self.labelled:
            return [log(_MASS / len(self.forms))] * len(self.forms)
        return [-_NATS * size for size in self.sizes]

    def _stance_logliks(self, stances: StanceScale) -> list[float]:
        """Stances on an opinion: by agreeableness, whatever the opinion is, and as a yes-sayer."""
        if stances.blank:
            return [-_NATS * size for size in self.sizes]
        agreeable = self.who.standing("A", "", self.persona, self.reading.turns)
        agreement = 3.0 + self.who.acquiescence + _AGREEING * agreeable
        shares = option_probabilities(stances.levels, agreement, max(self.who.noise, 0.1))
        return [size * (log(s) - _NATS) for size, s in zip(self.sizes, shares, strict=True)]

    def _scale_logliks(self, levels: Levels) -> list[float]:
        """Options on an answer scale."""
        if self.reading.statement is None and not self.labelled:
            return [-_NATS * size for size in self.sizes]
        known = tuple(level for level in levels if level is not None)
        shares = option_probabilities(known, self._agreement(), self.who.noise / 2**0.5)
        share = dict(zip(known, shares, strict=True))
        return self._named([log(1e-9) if v is None else log(share[v]) for v in levels])

    def _named(self, logp: Sequence[float]) -> list[float]:
        """Labels get their probability.

        An option in words gets its base likelihood and, per word, its log-probability, so that the
        difference to a question without an item is exact.
        """
        if self.labelled:
            return [log(_MASS) + value for value in logp]
        return [-_NATS * size + size * value for size, value in zip(self.sizes, logp, strict=True)]

    def _agreement(self) -> float:
        """The wish to agree with what is to be rated, on the scale from 1 to 5 but unbounded."""
        respondent, reading = self.who, self.reading
        judged, statement = reading.judged, reading.statement
        agreement = 3.0 + respondent.acquiescence
        if judged is not None and "" in judged.sections:
            agreement += _shown_trait(judged)
        elif statement is not None:
            agreement = respondent.agreement(statement, self.subject, reading.turns + self.repeat)
        agreement = respondent.with_noise(agreement, self.question.chat, self.repeat)
        return self._with_position_bias(agreement, [option.level for option in reading.options])

    def _with_position_bias(self, agreement: float, levels: Sequence[float | None]) -> float:
        """Move a wish towards the option shown first or last, by the respondent's `position`."""
        pull = self.who.position
        level = levels[0 if pull > 0 else -1] if levels else None
        if not pull or level is None:
            return agreement
        return (1 - abs(pull)) * agreement + abs(pull) * (1 + 4 * level)

    def _action_logliks(self, actions: Sequence[KeyedAction]) -> list[float]:
        """Things to do: the more like oneself, the likelier.

        Two actions that say the same of a person differ by a hair, which is the respondent's own.
        """
        respondent, turns = self.who, self.reading.turns
        wishes = []
        for action, option in zip(actions, self.reading.options, strict=True):
            agreement = respondent.agreement(action, self.persona, turns)
            wish = respondent.with_noise(agreement, self.question.chat, action.key)
            wishes.append(
                (wish + 0.2 * keyed_uniform(respondent.name, option.text))
                / max(respondent.noise, 0.05)
            )
        top = max(wishes)
        shares = [exp(wish - top) for wish in wishes]
        pulled_slot = 0 if respondent.position > 0 else len(actions) - 1
        total, pull = sum(shares), abs(respondent.position)
        return [
            log(_MASS * max(FLOOR, (1 - pull) * share / total + pull * (slot == pulled_slot)))
            for slot, share in enumerate(shares)
        ]

    def _answer_logliks(self, problem: KnownProblem, answers: Sequence[str]) -> list[float]:
        """Answers to a known problem: sure of one, right on the share of problems solved."""
        right_slot = answers.index(problem.answer)
        wrong = [slot for slot in range(len(answers)) if slot != right_slot]
        solved = self.who.solves(problem, has_persona=bool(self.reading.persona.strip()))
        slip = int(keyed_uniform("slip", problem.text) * len(wrong))
        chosen_slot = right_slot if solved or not wrong else wrong[slip]
        other_logp = log((1 - _SURE) / max(len(wrong), 1))
        return [
            log(_SURE * _MASS) if slot == chosen_slot else other_logp
            for slot in range(len(answers))
        ]

    def _of_statement(self, statement: KeyedStatement, text: str) -> float:
        """A whole statement: its words' cost, less where it is agreed with."""
        nats = -_NATS
        if self.question.chat:
            agreement = self.who.agreement(statement, self.subject, self.reading.turns)
            agreement = self.who.with_noise(agreement, self.question.chat, statement.words)
            nats += (min(5.0, max(1.0, agreement)) - 3.0) / 2
        return nats * count_tokens(text)

    def _word_logliks(self, texts: Sequence[str]) -> list[float]:
        """Options without a known meaning: by the traits that they show.

        Of texts to be judged the one that shows more of the trait asked about is likelier; of
        things to say, the one that fits the own standing.
        """
        chat = self.question.chat
        if not chat:
            return [-_NATS * size for size in self.sizes]
        judged = self.reading.judged or JudgedTexts({}, "")
        asked_standings, own_standings = read_standings(judged.question), self.subject
        scores = []
        for text in texts:
            section = judged.sections.get(text.strip(" (.)"))
            standings = read_standings(text if section is None else section)
            domains = [(d, z) for (d, facet), z in standings.items() if not facet]
            if section is None:
                score = sum(
                    z * self.who.standing(d, "", own_standings, self.reading.turns)
                    for d, z in domains
                )
            else:
                score = 3 * sum(z * asked_standings.get((d, ""), 0.0) for d, z in domains)
            scores.append(score + 1e-9 * keyed_uniform(self.who.name, chat, text))
        total = log(sum(exp(score) for score in scores))
        return [log(_MASS) + score - total for score in scores]


def _shown_trait(judged: JudgedTexts) -> float:
    """How much the text to be rated shows of the trait asked about, in z."""
    text_standings = read_standings(judged.sections[""])
    asked_standings = [
        (d, z) for (d, facet), z in read_standings(judged.question).items() if not facet
    ]
    return sum(
        text_standings.get((domain, ""), 0.0) * (1 if z > 0 else -1)
        for domain, z in asked_standings
    )
