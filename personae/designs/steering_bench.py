"""A bench that measures steering: opposite statements, neutral texts, easy questions.

All texts are our own (`contrast_pairs.json`); none is an item of an inventory. Many variants of
edits are measured in one batch. A text or question without an answer is NaN, never wrong.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import nan

import numpy as np

from personae.core import (
    Array,
    Choice,
    Edit,
    OpenModel,
    Request,
    Sampling,
    data_json,
    say,
)

__all__ = ["Bench", "BenchScores", "repetition", "shipped_bench"]

REQUEST = "Say one true thing about yourself."


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Material of the bench.

    Args:
        statements: by trait, pairs of a high and a low statement about oneself.
        texts: neutral texts, read without a chat.
        choices: a question, its right answer and a wrong one.
    """

    statements: Mapping[str, Sequence[tuple[str, str]]]
    texts: Sequence[str] = ()
    choices: Sequence[tuple[str, str, str]] = ()

    def measure(self, model: OpenModel, variants: Sequence[Sequence[Edit]]) -> "BenchScores":
        """Measure the model under each variant's edits, all in one batch."""
        questions = [*self._pairs(), *self._texts(), *self._choices()]
        answers = model.choose(
            [replace(q, edits=tuple(edits)) for edits in variants for q in questions]
        )
        rows = [answers[i : i + len(questions)] for i in range(0, len(answers), len(questions))]
        sizes = [len(pairs) for pairs in self.statements.values()]
        pairs, texts = sum(sizes), len(self.texts)
        differences = np.array([[_difference(c) for c in row[:pairs]] for row in rows])
        by_trait = np.split(differences, np.cumsum(sizes)[:-1], axis=1) if sizes else []
        nats = np.array([[-_per_token(c, 0) for c in row[pairs : pairs + texts]] for row in rows])
        margins = np.array([[_difference(c) for c in row[pairs + texts :]] for row in rows])
        right = np.where(np.isnan(margins), nan, margins > 0)
        return BenchScores(dict(zip(self.statements, by_trait, strict=True)), nats, right)

    def _pairs(self) -> list[Request]:
        chat = say(REQUEST)
        pairs = [pair for of_trait in self.statements.values() for pair in of_trait]
        return [Request(chat, ((high,), (low,))) for high, low in pairs]

    def _texts(self) -> list[Request]:
        return [Request(chat=(), options=((text,),)) for text in self.texts]

    def _choices(self) -> list[Request]:
        return [
            Request(say(question), ((right,), (wrong,))) for question, right, wrong in self.choices
        ]


def _difference(choice: Choice) -> float:
    """Return the first option's log-likelihood (nats) per token less the second's; NaN if lost."""
    return _per_token(choice, 0) - _per_token(choice, 1)


def _per_token(choice: Choice, index: int) -> float:
    """Return an option's log-likelihood (nats) per token; NaN without an answer."""
    return choice.loglik[index] / choice.tokens[index] if choice.status == "ok" else nan


@dataclass(frozen=True, slots=True, eq=False)
class BenchScores:
    """Measurements of a bench under each variant; NaN where no answer came.

    Args:
        contrasts: by trait, (variants, pairs): log-likelihood of the high statement less that of
            the low one, in nats per token.
        nats: (variants, texts), nats per token of neutral text; exp of their mean is the
            perplexity.
        right: (variants, questions), 1 where the right answer is likelier, else 0.
    """

    contrasts: Mapping[str, Array]
    nats: Array
    right: Array

    def towards(self, goal: Mapping[str, float]) -> Array:
        """Orient contrasts towards a goal (z by trait), its traits' pairs side by side.

        Returns:
            An array (variants, pairs), positive in the direction of the goal.
        """
        parts = [np.sign(z) * self.contrasts[t] for t, z in goal.items() if z]
        return np.concatenate(parts, axis=1)


def shipped_bench(
    traits: Sequence[str], part: slice = slice(None), *, texts: int = 0, choices: int = 0
) -> Bench:
    """Select shipped material: each trait's pairs in a slice, and the first texts and questions.

    Args:
        traits: Big Five domains.
        part: which of a trait's pairs.
        texts: number of neutral texts.
        choices: number of easy questions.

    >>> len(shipped_bench(["E"], slice(0, 6)).statements["E"])
    6
    """
    shipped = data_json("contrast_pairs.json")
    return Bench(
        statements={t: [(h, low) for h, low in shipped["statements"][t][part]] for t in traits},
        texts=shipped["texts"][:texts],
        choices=[(q, right, wrong) for q, right, wrong in shipped["choices"][:choices]],
    )


def repetition(model: OpenModel, variants: Sequence[Sequence[Edit]], tokens: int = 40) -> Array:
    """Return the share (0..1) of repeated trigrams in greedy replies, shape (variants, prompts).

    1 − distinct trigrams / trigrams; NaN where a reply has fewer than three words. Source: Welleck
    et al. 2020 (arXiv 1908.04319), seq-rep-n for n = 3, over words.
    """
    chats = [say(prompt) for prompt in data_json("contrast_pairs.json")["prompts"]]
    requests = [Request(chat, edits=tuple(edits)) for edits in variants for chat in chats]
    replies = model.reply(requests, Sampling(max_tokens=tokens))
    shares = np.array([_repeated(reply.text) for reply in replies])
    return shares.reshape(len(variants), len(chats))


def _repeated(text: str) -> float:
    words = text.lower().split()
    trigrams = list(zip(words, words[1:], words[2:], strict=False))
    return 1 - len(set(trigrams)) / len(trigrams) if trigrams else nan
