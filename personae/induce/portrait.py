"""MPI's chain of prompts (P²): from a trait over key words to a portrait by the model itself.

Source: Jiang et al. 2022 (arXiv 2206.07550), §4.1. Departs from it in asking for all requested
traits in one portrait, and in keeping each portrait with the words it was written from.
"""

import re
from dataclasses import dataclass, field

from personae.core import Chat, Model, ModelError, Sampling, say
from personae.induce.requested import KeyWords, article, listed

__all__ = ["Portrait", "Portraits"]

_WRITE = Sampling(max_tokens=400, temperature=0.0)
_SEPARATOR = re.compile(r"[,;\n]+")
_NUMBERING = re.compile(r"^\s*(?:[-*•]|\(?\d+[.):])\s*")
_MAX_WORD = 40


@dataclass(frozen=True, slots=True)
class Portrait:
    """A model's own second-person portrait, and where it comes from.

    `words` are the key words it was written from; `source` says whose antonyms they are.
    """

    text: str
    words: tuple[str, ...]
    source: str
    status: str


@dataclass(frozen=True, slots=True)
class Portraits:
    """Writes portraits, each once per model and request, and keeps them.

    With `ask_antonyms` the model is asked for the opposites of the key words of a trait below
    average; where it doesn't name as many as asked for, the shipped ones serve, and the portrait's
    `source` says so.
    """

    ask_antonyms: bool = False
    kept: dict[tuple[str, tuple[KeyWords, ...]], Portrait] = field(default_factory=dict)

    def write(self, model: Model, traits: tuple[KeyWords, ...]) -> Portrait:
        """Write the portrait of someone with these traits, or return the one kept.

        Raises:
            ModelError: the model wrote nothing, or refused.
        """
        key = (model.fingerprint, traits)
        if key not in self.kept:
            self.kept[key] = self._written(model, traits)
        return self.kept[key]

    def _written(self, model: Model, traits: tuple[KeyWords, ...]) -> Portrait:
        words: list[str] = []
        sources: list[str] = []
        for trait in traits:
            found, source = self._words(model, trait)
            words += found
            sources.append(source)
        who = listed([trait.adjective for trait in traits])
        reply = model.reply([_portrait_chat(who, words)], _WRITE)[0]
        if reply.status not in ("ok", "cut") or not reply.text.strip():
            raise ModelError(
                f"{model.name} wrote no portrait of {article(who)} person "
                f"({reply.status}{': ' + reply.why if reply.why else ''}); use another induction, "
                f"such as words or adjectives"
            )
        source = "; ".join(dict.fromkeys(sources))
        return Portrait(reply.text.strip(), tuple(words), source, reply.status)

    def _words(self, model: Model, trait: KeyWords) -> tuple[tuple[str, ...], str]:
        if not (self.ask_antonyms and trait.low):
            return trait.words, "shipped key words"
        reply = model.reply([_antonym_chat(trait.opposite)], _WRITE)[0]
        named = [_NUMBERING.sub("", w).strip(" .\"'") for w in _SEPARATOR.split(reply.text)]
        kept = tuple(word.lower() for word in named if 0 < len(word) <= _MAX_WORD)
        wanted = len(trait.opposite)
        if reply.status == "ok" and len(kept) == wanted:
            return kept, "antonyms by the model"
        return trait.words, f"shipped key words (the model named {len(kept)} of {wanted} antonyms)"


def _antonym_chat(words: tuple[str, ...]) -> Chat:
    return say(
        f"Give one antonym for each of these words: {', '.join(words)}.\n"
        f"Reply with {len(words)} antonyms, separated by commas, and nothing else."
    )


def _portrait_chat(who: str, words: list[str]) -> Chat:
    someone = f"{article(who)} person"
    return say(
        f"Key words of {someone}: {', '.join(words)}\n\n"
        f'Use them to write a second-person view of {someone}, beginning with "You are".'
    )
