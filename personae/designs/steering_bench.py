"""What steering is measured by: opposite statements, neutral texts, easy questions.

All are Personae's own words (`contrast_pairs.json`), none an inventory's item. Many variants of
edits are measured in one batch.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

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

__all__ = ["Bench", "Measured", "repetition", "shipped_bench"]

REQUEST = "Say one true thing about yourself."


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """Statements by trait (high, low), texts, and questions with right and wrong answer."""

    statements: Mapping[str, Sequence[tuple[str, str]]]
    texts: Sequence[str] = ()
    choices: Sequence[tuple[str, str, str]] = ()

    def measure(self, model: OpenModel, variants: Sequence[Sequence[Edit]]) -> "Measured":
        """Measure the model under each variant's edits, all in one batch."""
        questions = [*self._pairs(), *self._texts(), *self._choices()]
        answers = model.choose(
            [replace(q, edits=tuple(edits)) for edits in variants for q in questions]
        )
        table = [answers[i : i + len(questions)] for i in range(0, len(answers), len(questions))]
        pairs, texts = len(self._pairs()), len(self.texts)
        apart = np.array([[_apart(c) for c in row[:pairs]] for row in table])
        at = 0
        contrasts: dict[str, Array] = {}
        for trait, statements in self.statements.items():
            contrasts[trait] = apart[:, at : at + len(statements)]
            at += len(statements)
        nats = [[-c.loglik[0] / c.tokens[0] for c in row[pairs : pairs + texts]] for row in table]
        right = [[float(_apart(c) > 0) for c in row[pairs + texts :]] for row in table]
        return Measured(contrasts, np.array(nats), np.array(right))

    def _pairs(self) -> list[Request]:
        chat = say(REQUEST)
        every = [pair for pairs in self.statements.values() for pair in pairs]
        return [Request(chat, ((high,), (low,))) for high, low in every]

    def _texts(self) -> list[Request]:
        return [Request(chat=(), options=((text,),)) for text in self.texts]

    def _choices(self) -> list[Request]:
        return [
            Request(say(question), ((right,), (wrong,))) for question, right, wrong in self.choices
        ]


def _apart(choice: Choice) -> float:
    """Give the first option's log-likelihood a token less the second's; NaN without an answer."""
    if choice.status != "ok":
        return float("nan")
    return choice.loglik[0] / choice.tokens[0] - choice.loglik[1] / choice.tokens[1]


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """What a bench found under each of its variants.

    `contrasts`: by trait, (variants, pairs), nats a token by which the high statement is likelier;
    `nats`: (variants, texts), nats a token of neutral text, whose mean's exponential is the
    perplexity; `right`: (variants, questions), 1 where the right answer is likelier.
    """

    contrasts: Mapping[str, Array]
    nats: Array
    right: Array

    def towards(self, goal: Mapping[str, float]) -> Array:
        """Turn contrasts towards a goal's signs, its traits' pairs side by side: (variants, n)."""
        parts = [np.sign(z) * self.contrasts[t] for t, z in goal.items() if z]
        return np.concatenate(parts, axis=1)


def shipped_bench(
    traits: Sequence[str], part: slice = slice(None), *, texts: int = 0, choices: int = 0
) -> Bench:
    """Take the shipped material: each trait's pairs in a slice, and the first texts and questions.

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
    """Give the share, in 0..1, of three-word runs that a greedy reply repeats: (variants, prompts).

    NaN where a reply has fewer than three words.
    """
    chats = [say(prompt) for prompt in data_json("contrast_pairs.json")["prompts"]]
    requests = [Request(chat, edits=tuple(edits)) for edits in variants for chat in chats]
    replies = model.reply(requests, Sampling(max_tokens=tokens))
    shares = np.array([_repeated(reply.text) for reply in replies])
    return shares.reshape(len(variants), len(chats))


def _repeated(text: str) -> float:
    words = text.lower().split()
    runs = list(zip(words, words[1:], words[2:], strict=False))
    return 1 - len(set(runs)) / len(runs) if runs else float("nan")
