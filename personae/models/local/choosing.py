"""Weighs the options of questions: from texts to tokens, and from log-probabilities to choices.

An option is read as a continuation of the rendered chat: `encode(render(chat)) + encode(option)`,
the two encoded apart, so that the chat's tokens are the same whatever follows. Nothing is added
or stripped between the two: after a template's generation prompt an option mostly begins without a
blank, after a lead such as "I choose" with one; a caller who wants both gives both as forms.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from personae.core import Chat, Choice, Done
from personae.models.local.editing import Editing
from personae.models.local.forward.passes import ForwardPasses
from personae.models.local.forward.prefix_tree import WantedLogprob
from personae.models.local.forward.shared_blocks import wanted_logprobs
from personae.models.weighing import Tokens, weigh

__all__ = ["ChatCodec", "PosedQuestion", "choices"]

SLAB = 4096
"""Questions planned together; more would hardly share more, and their tokens would fill memory."""


class ChatCodec(Protocol):
    """Renders and tokenises chats."""

    def encode(self, text: str, *, special: bool = True) -> list[int]:
        """Tokenise a text."""
        ...

    def render(self, chat: Chat) -> str:
        """Write a chat as the text that the model continues."""
        ...


class PosedQuestion(NamedTuple):
    """A question and the index of the variant of edits it is asked under."""

    chat: Chat
    options: tuple[tuple[str, ...], ...]
    variant: int = 0


@dataclass(frozen=True, slots=True)
class _Case:
    """A question as tokens: its prompt, and for each option its forms (no two alike)."""

    prompt: Tokens
    options: tuple[tuple[Tokens, ...], ...]


def choices(
    reader: ForwardPasses,
    codec: ChatCodec,
    questions: Sequence[PosedQuestion],
    limit: int,
    done: Done | None,
) -> list[Choice]:
    """Weigh every question, equal ones once; choices come in the order of the questions.

    `limit` is the context length in tokens; a question beyond it gets the status `error`.
    """
    indices: dict[PosedQuestion, list[int]] = {}
    for index, question in enumerate(questions):
        indices.setdefault(question, []).append(index)
    answers: dict[int, Choice] = {}

    def deliver(question: PosedQuestion, choice: Choice) -> None:
        for index in indices[question]:
            answers[index] = choice
            if done is not None:
                done(index, choice)

    first = {question[:2]: indices[question][0] for question in reversed(indices)}
    # the variants of a question stay together, as they share the blocks below their edits
    unique = sorted(indices, key=lambda question: first[question[:2]])
    for start in range(0, len(unique), SLAB):
        _choose_slab(reader, codec, unique[start : start + SLAB], limit, deliver)
    return [answers[index] for index in range(len(questions))]


def _choose_slab(
    reader: ForwardPasses,
    codec: ChatCodec,
    questions: Sequence[PosedQuestion],
    limit: int,
    deliver: Callable[[PosedQuestion, Choice], None],
) -> None:
    encode = _Encoder(codec)
    cases: list[tuple[PosedQuestion, _Case]] = []
    for question in questions:
        case, reason = encode(question, limit)
        if case is None:
            deliver(question, Choice(status="error", why=reason))
        else:
            cases.append((question, case))
    logprobs = _WantedLogprobs(reader.editing)
    for question, case in cases:
        logprobs.add(case, question.variant)
    values = np.full(len(logprobs.reads), np.nan)
    missing = [len(keys) for keys in logprobs.by_case]
    for indices, values_read in wanted_logprobs(reader, list(logprobs.sequences), logprobs.reads):
        values[indices] = values_read
        for case_index in (logprobs.case_of[i] for i in indices):
            missing[case_index] -= 1
            if not missing[case_index]:
                question, case = cases[case_index]
                logps = {k: float(values[i]) for k, i in logprobs.by_case[case_index].items()}
                deliver(question, weigh(case.options, logps, len(case.prompt)))


class _Encoder:
    """Encodes each chat and each option once."""

    def __init__(self, codec: ChatCodec) -> None:
        self.codec = codec
        self.prompts: dict[Chat, Tokens] = {}
        self.texts: dict[str, Tokens] = {}

    def __call__(self, question: PosedQuestion, limit: int) -> tuple[_Case | None, str]:
        prompt = self.prompts.get(question.chat)
        if prompt is None:
            prompt = tuple(self.codec.encode(self.codec.render(question.chat)))
            self.prompts[question.chat] = prompt
        options = tuple(
            tuple(dict.fromkeys(self.form(text) for text in forms)) for forms in question.options
        )
        reason = _refusal_reason(prompt, options, limit)
        return (None if reason else _Case(prompt, options)), reason

    def form(self, text: str) -> Tokens:
        if text not in self.texts:
            self.texts[text] = tuple(self.codec.encode(text, special=False))
        return self.texts[text]


def _refusal_reason(prompt: Tokens, options: Sequence[Sequence[Tokens]], limit: int) -> str:
    forms = [form for option in options for form in option]
    longest = len(prompt) + max(map(len, forms))
    if not prompt:
        return "the chat renders to no token at all, so nothing can be continued"
    if () in forms:
        return "an option encodes to no token, so it has no likelihood"
    if len(set(forms)) < len(forms):
        return "two options encode to the same tokens, so the model can't tell them apart"
    if longest > limit:
        return f"chat and option have {longest:,} tokens; the model reads at most {limit:,}"
    return ""


class _WantedLogprobs:
    """The sequences and wanted log-probabilities of many cases; a case's by beginning of option."""

    def __init__(self, editing: Editing) -> None:
        self.editing = editing
        self.sequences: dict[Tokens, int] = {}
        self.reads: list[WantedLogprob] = []
        self.case_of: list[int] = []
        self.by_case: list[dict[Tokens, int]] = []

    def add(self, case: _Case, variant: int) -> None:
        keys: dict[Tokens, int] = {}
        length = len(case.prompt)
        prompt = self.editing.marked(case.prompt, length, variant)
        for form in (form for option in case.options for form in option):
            path = prompt + self.editing.marked(form[:-1], length, variant, length)
            sequence = self.sequences.setdefault(path, len(self.sequences))
            for depth, target in enumerate(form):
                if form[: depth + 1] not in keys:
                    keys[form[: depth + 1]] = len(self.reads)
                    self.reads.append(WantedLogprob(sequence, len(case.prompt) - 1 + depth, target))
                    self.case_of.append(len(self.by_case))
        self.by_case.append(keys)
