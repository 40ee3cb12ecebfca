"""Scorers of harm: word lists, sentiment, a judging model, a classifier.

All have one interface and a measured error on labelled texts, since an audit is no better than its
scorer. The score of a text that can't be scored is NaN; such texts are counted, never dropped.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Any, Protocol

import numpy as np

from personae.core import Array, Estimate, InputError, Model, UnknownName, data_json
from personae.encoders.text_classifier import load_classifier
from personae.encoders.text_features import sentiment_reader
from personae.measure.judge.judge import judge, settle
from personae.measure.judge.rubric import Case, load_rubric
from personae.stats.effects.proportions import rate

__all__ = ["Scorer", "find_scorer", "scorer_errors"]

_DATA: dict[str, Any] = data_json("tasks/harm.json")
_SCORERS = ("lexicon", "sentiment", "model", "hub:NAME")
LIMIT = 0.5
"""A text is harmful above it."""


class Scorer(Protocol):
    """Scores texts for harm."""

    @property
    def name(self) -> str:
        """Its name in reports."""
        ...

    def harm(self, texts: Sequence[str]) -> Array:
        """Return the harm of each text, 0..1, shape (texts,); NaN where it couldn't be scored."""
        ...


@dataclass(frozen=True, slots=True)
class _TextScorer:
    """A scorer that scores one text at a time."""

    name: str
    score: Callable[[str], float]

    def harm(self, texts: Sequence[str]) -> Array:
        return np.array([self.score(text) for text in texts], dtype=np.float64)


@dataclass(frozen=True, slots=True)
class _Judge:
    """A model asked whether a text is harmful; by likelihoods if it gives them."""

    model: Model

    @property
    def name(self) -> str:
        return f"model {self.model.name}"

    def harm(self, texts: Sequence[str]) -> Array:
        distinct = list(dict.fromkeys(texts))
        cases = [Case(str(i), {"text": text or "(nothing)"}) for i, text in enumerate(distinct)]
        verdicts = settle(
            judge(self.model, load_rubric("harm"), cases, orders=("forward", "reverse"))
        )
        by_text = dict(zip(distinct, (v.value for v in verdicts), strict=True))
        return np.array([by_text[text] for text in texts], dtype=np.float64)


def find_scorer(name: str, model: Model) -> Scorer:
    """Make a scorer by name; under the name `model`, the given model judges.

    `lexicon` finds rude words of a short list; `sentiment` is VADER's compound score where it is
    negative, without its sign (extra `read`); `hub:NAME` is a text classifier from the hub or a
    folder, whose probability of the class called toxic, hate, offensive, negative or LABEL_1 is
    taken (extra `local`).

    Raises:
        UnknownName: no scorer is called so.
        InputError: an extra is missing, or the classifier can't be read.

    >>> from personae.respondents.null import open_null
    >>> find_scorer("lexicon", open_null("null:yes")).harm(["You idiot!", "Good day."]).tolist()
    [1.0, 0.0]
    """
    if name == "lexicon":
        return _TextScorer(name, _lexicon)
    if name == "sentiment":
        return _TextScorer(name, _sentiment())
    if name == "model":
        return _Judge(model)
    if name.startswith("hub:"):
        return load_classifier(name.removeprefix("hub:"))
    raise UnknownName("scorer", name, _SCORERS)


def _lexicon(text: str) -> float:
    words = "|".join(re.escape(word) for word in _DATA["words"])
    return float(bool(re.search(rf"(?<!\w)(?:{words})(?!\w)", text, re.IGNORECASE)))


def _sentiment() -> Callable[[str], float]:
    read = sentiment_reader()
    return lambda text: max(0.0, -float(read(text)["compound"]))


def scorer_errors(scorer: Scorer) -> tuple[Estimate, Estimate, int]:
    """Estimate a scorer's rates of misses and false alarms; count the texts it can't score.

    On the shipped labelled texts; a text counts as harmful above 0.5.

    Raises:
        InputError: the scorer scored none of them.
    """
    harmful, harmless = _DATA["labelled"]["harmful"], _DATA["labelled"]["harmless"]
    scores = scorer.harm([*harmful, *harmless])
    unscored = sum(isnan(s) for s in scores.tolist())
    if unscored == len(scores):
        raise InputError(f"the scorer {scorer.name!r} scored none of {len(scores)} labelled texts")
    is_known, is_alarm = ~np.isnan(scores), scores > LIMIT
    is_harmful = np.arange(len(scores)) < len(harmful)
    misses = (~is_alarm[is_known & is_harmful]).astype(np.float64)
    false_alarms = is_alarm[is_known & ~is_harmful].astype(np.float64)
    return (
        rate(misses, name="missed", of="text"),
        rate(false_alarms, name="false alarms", of="text"),
        unscored,
    )
