"""MPI's chain of prompts (P²): from a trait via key words to a portrait by the model itself.

Source: Jiang et al. 2022 (arXiv 2206.07550), §4.1. Differs: all requested traits enter one
portrait, and each portrait is stored with the words it was written from.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from personae.core import Chat, Model, ModelError, Reply, Sampling, requests_of, say
from personae.induce.prompt.requested_words import KeyWords, joined_words, with_article

__all__ = ["PORTRAIT_TOKENS", "Portrait", "Portraits"]

PORTRAIT_TOKENS = 200
"""Some 150 words; without a limit small models repeat themselves and don't stop."""
_SEPARATOR = re.compile(r"[,;\n]+")
_NUMBERING = re.compile(r"^\s*(?:[-*•]|\(?\d+[.):])\s*")
_MAX_WORD = 40
AntonymReplies = Mapping[tuple[str, ...], Reply]
"""Key words of a high pole -> the model's reply with their antonyms."""


@dataclass(frozen=True, slots=True)
class Portrait:
    """A model's own second-person portrait, with its origin and the reply's status.

    `words` are the key words it was written from; `source` says whose key words or antonyms.
    """

    text: str
    words: tuple[str, ...]
    source: str
    status: str


@dataclass(frozen=True, slots=True)
class Portraits:
    """Writes portraits of at most `tokens` tokens, each once per model and request.

    With `ask_antonyms` the model is asked for the opposites of the key words of a trait below
    average; if it doesn't name as many as asked for, the shipped ones are used, and the portrait's
    `source` says so. `by_request` holds the portraits by (model's fingerprint, key words).
    """

    ask_antonyms: bool = False
    tokens: int = PORTRAIT_TOKENS
    by_request: dict[tuple[str, tuple[KeyWords, ...]], Portrait] = field(default_factory=dict)

    def write(self, model: Model, requests: Sequence[tuple[KeyWords, ...]]) -> list[Portrait]:
        """Write a portrait for each request, in one batch; none is written twice.

        Raises:
            ModelError: the model wrote nothing, or refused.
        """
        keys = [(model.fingerprint, traits) for traits in requests]
        new = [key for key in dict.fromkeys(keys) if key not in self.by_request]
        antonyms = self._antonyms(model, [traits for _, traits in new])
        drafts = [_draft(traits, antonyms) for _, traits in new]
        sampling = Sampling(max_tokens=self.tokens)
        replies = model.reply(
            requests_of(_portrait_chat(adjectives, words) for adjectives, words, _ in drafts),
            sampling,
        )
        for key, (adjectives, words, source), reply in zip(new, drafts, replies, strict=True):
            if reply.status not in ("ok", "cut") or not reply.text.strip():
                raise ModelError(
                    f"{model.name} wrote no portrait of {with_article(adjectives)} person "
                    f"({reply.status}{': ' + reply.why if reply.why else ''}); use another "
                    f"induction, such as words or adjectives"
                )
            self.by_request[key] = Portrait(reply.text.strip(), tuple(words), source, reply.status)
        return [self.by_request[key] for key in keys]

    def _antonyms(self, model: Model, requests: Sequence[tuple[KeyWords, ...]]) -> AntonymReplies:
        """Ask for the opposites of every trait below average, if the model is to name them."""
        opposites = {t.opposite: None for traits in requests for t in traits if t.low}
        if not (self.ask_antonyms and opposites):
            return {}
        replies = model.reply(requests_of(_antonym_chat(words) for words in opposites), Sampling())
        return dict(zip(opposites, replies, strict=True))


def _draft(traits: tuple[KeyWords, ...], antonyms: AntonymReplies) -> tuple[str, list[str], str]:
    """Return the adjectives of the person to be portrayed, the key words, and their source."""
    words: list[str] = []
    sources: list[str] = []
    for trait in traits:
        keywords, source = _words(trait, antonyms.get(trait.opposite) if trait.low else None)
        words += keywords
        sources.append(source)
    adjectives = joined_words([trait.adjective for trait in traits])
    return adjectives, words, "; ".join(dict.fromkeys(sources))


def _words(trait: KeyWords, reply: Reply | None) -> tuple[tuple[str, ...], str]:
    if reply is None:
        return trait.words, "shipped key words"
    candidates = [_NUMBERING.sub("", w).strip(" .\"'") for w in _SEPARATOR.split(reply.text)]
    antonyms = tuple(word.lower() for word in candidates if 0 < len(word) <= _MAX_WORD)
    count = len(trait.opposite)
    if reply.status == "ok" and len(antonyms) == count:
        return antonyms, "antonyms by the model"
    return trait.words, f"shipped key words (the model named {len(antonyms)} of {count} antonyms)"


def _antonym_chat(words: tuple[str, ...]) -> Chat:
    return say(
        f"Give one antonym for each of these words: {', '.join(words)}.\n"
        f"Reply with {len(words)} antonyms, separated by commas, and nothing else."
    )


def _portrait_chat(adjectives: str, words: list[str]) -> Chat:
    someone = f"{with_article(adjectives)} person"
    return say(
        f"Key words of {someone}: {', '.join(words)}\n\n"
        f'Use them to write a second-person view of {someone}, beginning with "You are".'
    )
