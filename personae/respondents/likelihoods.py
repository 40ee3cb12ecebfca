"""The likelihood of each option of a request for a simulated respondent.

Options on a scale follow a graded response model; statements and actions are the likelier, the more
the respondent agrees with them; a known problem's right answer is likeliest where it is solved;
other texts are weighed by the trait words in them.
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
"""Probability of all options together; the rest goes to any other text."""
_SURE = 0.8
"""Probability of the option chosen, where a problem is known."""
_NATS = 3.0
"""Negative log-likelihood per word of a statement or option without any context."""
_AGREEING = 0.6
"""Points of a five-point scale by which one z unit of agreeableness raises agreement."""


def option_logliks(respondent: Respondent, question: Request, repeat: int) -> list[float]:
    """Weigh the options of a question: one log-likelihood (nats) per option, in their order.

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
    """A request and the respondent that weighs its options."""

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
        """Words of the first form of every option."""
        return [count_tokens(form) for form in self.forms]

    @property
    def labelled(self) -> bool:
        """Whether the options are labels of lines in the chat."""
        return any(option.label == self.forms[0].strip(" (.)") for option in self.reading.options)

    @property
    def persona(self) -> Standings:
        """The standings that the persona's words state."""
        return read_standings(self.reading.persona)

    @property
    def subject(self) -> Standings:
        """The standings of whoever is asked about: a text's author, or the persona."""
        return read_standings(self.reading.about or self.reading.persona)

    def logliks(self) -> list[float]:
        """Weigh the options as the kind of stimulus asks for."""
        trial = self.reading.trial
        if trial is not None:
            return self._trial_logliks(trial)
        stances = recognise(StanceScale, Prompt(self.reading.request, options=tuple(self.forms)))
        if stances is not None:
            return self._stance_logliks(stances)
        levels = form_levels(self.reading.options, self.forms)
        known = [level for level in levels if level is not None]
        if len(known) > 1 and len(set(known)) == len(known):
            return self._scale_logliks(levels)
        return self._text_logliks([option_text(self.reading.options, form) for form in self.forms])

    def _text_logliks(self, texts: Sequence[str]) -> list[float]:
        """Weigh options that are on no scale: actions, answers, statements, words."""
        actions = [recognise(KeyedAction, Prompt(text)) for text in texts]
        if all(actions):
            return self._action_logliks([action for action in actions if action is not None])
        problem, answers = self.reading.problem, [text.strip() for text in texts]
        if problem is not None and problem.answer in answers:
            return self._answer_logliks(problem, answers)
        statements = [recognise(KeyedStatement, Prompt(text)) for text in texts]
        if all(statements):
            known = [statement for statement in statements if statement is not None]
            return [self._statement_loglik(*pair) for pair in zip(known, texts, strict=True)]
        return self._word_logliks(texts)

    def _trial_logliks(self, trial: TaskTrial) -> list[float]:
        """Weigh the answers to a behavioural task; its frame without a trial prefers none."""
        if not trial.levels:
            return self._without_preference()
        levels = tuple(
            trial.levels.get(option_text(self.reading.options, form), 0.0) for form in self.forms
        )
        answer = self.who.latent_answer(trial, self.persona, self.reading.turns + self.repeat)
        answer = self._with_position_bias(
            self.who.with_noise(answer, self.question.chat, self.repeat), levels
        )
        shares = option_probabilities(levels, answer, self.who.noise / 2**0.5)
        return self._in_surface_form([log(share) for share in shares])

    def _without_preference(self) -> list[float]:
        if self.labelled:
            return [log(_MASS / len(self.forms))] * len(self.forms)
        return [-_NATS * size for size in self.sizes]

    def _stance_logliks(self, stances: StanceScale) -> list[float]:
        """Weigh stances by agreeableness and acquiescence, whatever the opinion is."""
        if stances.blank:
            return [-_NATS * size for size in self.sizes]
        agreeable = self.who.standing("A", "", self.persona, self.reading.turns)
        agreement = 3.0 + self.who.acquiescence + _AGREEING * agreeable
        shares = option_probabilities(stances.levels, agreement, max(self.who.noise, 0.1))
        return [size * (log(s) - _NATS) for size, s in zip(self.sizes, shares, strict=True)]

    def _scale_logliks(self, levels: Levels) -> list[float]:
        """Weigh options on an answer scale; one of unknown level gets next to nothing."""
        if self.reading.statement is None and not self.labelled:
            return [-_NATS * size for size in self.sizes]
        known = tuple(level for level in levels if level is not None)
        shares = option_probabilities(known, self._agreement(), self.who.noise / 2**0.5)
        share = dict(zip(known, shares, strict=True))
        return self._in_surface_form([log(1e-9) if v is None else log(share[v]) for v in levels])

    def _in_surface_form(self, logp: Sequence[float]) -> list[float]:
        """Convert log-probabilities to log-likelihoods of labels, or of options in words.

        An option in words gets its likelihood without context and, per word, its log-probability,
        so that the difference from a question without an item is exact.
        """
        if self.labelled:
            return [log(_MASS) + value for value in logp]
        return [-_NATS * size + size * value for size, value in zip(self.sizes, logp, strict=True)]

    def _agreement(self) -> float:
        """The latent agreement with what is to be rated, in points from 1 to 5, unbounded."""
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
        """Move a latent answer towards the option shown first or last, by `position`."""
        pull = self.who.position
        level = levels[0 if pull > 0 else -1] if levels else None
        if not pull or level is None:
            return agreement
        return (1 - abs(pull)) * agreement + abs(pull) * (1 + 4 * level)

    def _action_logliks(self, actions: Sequence[KeyedAction]) -> list[float]:
        """Weigh actions: the likelier, the more the respondent agrees with them.

        Two actions that say the same of a person differ slightly, by the respondent's own taste.
        """
        respondent, turns = self.who, self.reading.turns
        preferences = []
        for action, option in zip(actions, self.reading.options, strict=True):
            agreement = respondent.agreement(action, self.persona, turns)
            agreement = respondent.with_noise(agreement, self.question.chat, action.key)
            preferences.append(
                (agreement + 0.2 * keyed_uniform(respondent.name, option.text))
                / max(respondent.noise, 0.05)
            )
        top = max(preferences)
        shares = [exp(preference - top) for preference in preferences]
        pulled_slot = 0 if respondent.position > 0 else len(actions) - 1
        total, pull = sum(shares), abs(respondent.position)
        return [
            log(_MASS * max(FLOOR, (1 - pull) * share / total + pull * (slot == pulled_slot)))
            for slot, share in enumerate(shares)
        ]

    def _answer_logliks(self, problem: KnownProblem, answers: Sequence[str]) -> list[float]:
        """Weigh answers to a known problem: one is chosen, the right one if it is solved."""
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

    def _statement_loglik(self, statement: KeyedStatement, text: str) -> float:
        """The log-likelihood (nats) of a whole statement, which rises with agreement."""
        nats = -_NATS
        if self.question.chat:
            agreement = self.who.agreement(statement, self.subject, self.reading.turns)
            agreement = self.who.with_noise(agreement, self.question.chat, statement.words)
            nats += (min(5.0, max(1.0, agreement)) - 3.0) / 2
        return nats * count_tokens(text)

    def _word_logliks(self, texts: Sequence[str]) -> list[float]:
        """Weigh options without a known meaning by the trait words in them.

        Of texts to be judged, the one that shows more of the trait asked about is likelier; of
        other texts, the one that fits the respondent's standings.
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
    """The standing (z units) that the text to be rated shows on the trait asked about."""
    text_standings = read_standings(judged.sections[""])
    asked_standings = [
        (d, z) for (d, facet), z in read_standings(judged.question).items() if not facet
    ]
    return sum(
        text_standings.get((domain, ""), 0.0) * (1 if z > 0 else -1)
        for domain, z in asked_standings
    )
