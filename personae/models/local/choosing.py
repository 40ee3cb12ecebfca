"""Weighs the options of questions by the network, reading what they share once."""

from collections.abc import Callable, Sequence

import numpy as np

from personae.core import Choice, Done
from personae.models.codec.posed_questions import (
    ChatCodec,
    PosedQuestion,
    QuestionEncoder,
    TokenQuestion,
)
from personae.models.local.editing import Editing
from personae.models.local.forward.passes import ForwardPasses
from personae.models.local.forward.plain_passes import WantedLogprob
from personae.models.local.forward.shared_blocks import wanted_logprobs
from personae.models.weighing import Tokens, weigh

__all__ = ["choices"]

SLAB = 4096
"""Questions planned together; more would hardly share more, and their tokens would fill memory."""


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
    encode = QuestionEncoder(codec, limit)
    cases: list[tuple[PosedQuestion, TokenQuestion]] = []
    for question in questions:
        case, reason = encode(question)
        if case is None:
            deliver(question, Choice(status="error", why=reason))
        else:
            cases.append((question, case))
    if not cases:
        return
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


class _WantedLogprobs:
    """The sequences and wanted log-probabilities of many cases; a case's by beginning of option."""

    def __init__(self, editing: Editing) -> None:
        self.editing = editing
        self.sequences: dict[Tokens, int] = {}
        self.reads: list[WantedLogprob] = []
        self.case_of: list[int] = []
        self.by_case: list[dict[Tokens, int]] = []

    def add(self, case: TokenQuestion, variant: int) -> None:
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
