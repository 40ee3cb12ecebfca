"""Log-probabilities of options' tokens in vLLM, by the shorter of two ways that give the same.

Options of one token each, such as labels, are asked for by `logprob_token_ids`: the prompt is read
once for all of them, from vLLM's prefix cache as far as it is there. All others are read as part of
the prompt, each anew: vLLM keeps no log-probabilities of prompt tokens, and leaves its cache aside
for requests that want some. Both are those of the network, before temperature and masks.
"""

from collections.abc import Callable, Mapping, Sequence
from math import isfinite, nan
from typing import Any

from personae.models.codec.posed_questions import TokenQuestion
from personae.models.vllm.steering_layers import Edits
from personae.models.weighing import Tokens

__all__ = ["Generate", "option_logps"]

Generate = Callable[[Sequence[Tokens], Sequence[Any], Sequence[Edits]], list[Any]]
"""Answers prompts by sampling parameters, each under its edits."""
LISTED = 20
"""The most log-probabilities of one token that an engine gives, unless it is told otherwise."""


def option_logps(
    questions: Sequence[tuple[TokenQuestion, Edits]], generate: Generate
) -> list[dict[Tokens, float]]:
    """Return for each question the log-probabilities (nats) of its options' tokens.

    A key is a form of an option up to that token; the value is NaN where vLLM gives none.
    """
    logps = _by_first_tokens(questions, generate)
    rest = [i for i, known in enumerate(logps) if not known]
    for i, known in zip(rest, _by_prompts([questions[i] for i in rest], generate), strict=True):
        logps[i] = known
    return logps


def _by_first_tokens(
    questions: Sequence[tuple[TokenQuestion, Edits]], generate: Generate
) -> list[dict[Tokens, float]]:
    """Weigh options of one token; nothing is known where that can't be, or wasn't answered."""
    from vllm import SamplingParams

    asked: dict[tuple[Tokens, Edits, Tokens], None] = {}
    ids_of = [_first_tokens(question) for question, _ in questions]
    if hasattr(SamplingParams, "logprob_token_ids"):  # not in older ones
        for (question, edits), ids in zip(questions, ids_of, strict=True):
            if ids:
                asked[question.prompt, edits, ids] = None
    parameters = [
        SamplingParams(
            max_tokens=1, temperature=0.0, logprobs=len(ids), logprob_token_ids=list(ids)
        )
        for _, _, ids in asked
    ]
    outputs = generate([p for p, _, _ in asked], parameters, [edits for _, edits, _ in asked])
    answers = dict(zip(asked, outputs, strict=True))
    return [
        _first_logps(answers.get((question.prompt, edits, ids)), ids)
        for (question, edits), ids in zip(questions, ids_of, strict=True)
    ]


def _first_tokens(question: TokenQuestion) -> Tokens:
    """Return the tokens of a question all of whose forms are one token, if vLLM can list them."""
    forms = {form for option in question.options for form in option}
    if not question.prompt or len(forms) > LISTED or any(len(form) > 1 for form in forms):
        return ()
    return tuple(sorted(token for (token,) in forms))


def _first_logps(output: Any, ids: Tokens) -> dict[Tokens, float]:  # noqa: ANN401
    listed = output.outputs[0].logprobs if output is not None and output.outputs else None
    entry = listed[0] if listed else {}
    logps: dict[Tokens, float] = {
        (token,): float(entry[token].logprob) for token in ids if token in entry
    }
    return logps if len(logps) == len(ids) and all(map(isfinite, logps.values())) else {}


def _by_prompts(
    questions: Sequence[tuple[TokenQuestion, Edits]], generate: Generate
) -> list[dict[Tokens, float]]:
    from vllm import SamplingParams

    texts: dict[tuple[Tokens, Edits], None] = {}
    for question, edits in questions:
        for text in _texts(question):
            texts[text, edits] = None
    parameters = [SamplingParams(max_tokens=1, prompt_logprobs=1) for _ in texts]
    outputs = generate([t for t, _ in texts], parameters, [edits for _, edits in texts])
    values = {key: _prompt_logps(key[0], out) for key, out in zip(texts, outputs, strict=True)}
    logps: list[dict[Tokens, float]] = []
    for question, edits in questions:
        start = len(question.prompt)
        known: dict[Tokens, float] = {}
        for text in _texts(question):
            row = values[text, edits]
            known |= {text[start : i + 1]: row[i] for i in range(start, len(text))}
        logps.append(known)
    return logps


def _texts(question: TokenQuestion) -> list[Tokens]:
    """Return the prompt with each form of each option."""
    return [question.prompt + form for option in question.options for form in option]


def _prompt_logps(tokens: Tokens, output: Any) -> Mapping[int, float]:  # noqa: ANN401
    """Return the log-probability (nats) of each token but the first; NaN where there is none."""
    listed = output.prompt_logprobs or []
    values = {}
    for index, token in enumerate(tokens):
        entry = (listed[index] if index < len(listed) else None) or {}
        values[index] = float(entry[token].logprob) if token in entry else nan
    return values
