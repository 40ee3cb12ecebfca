"""Finds out, by calls that cost nothing or next to it, whether a server can weigh whole texts."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from personae.core import Chat, ModelUnavailable, say
from personae.models.server.endpoint import Rejected
from personae.models.server.first_tokens import BadLogprobs
from personae.models.server.scoring.llama_cpp import LlamaCompletion, LlamaTokens
from personae.models.server.scoring.text_scorer import Post, ServerTokens, TextScorer, TokenScorer
from personae.models.server.scoring.tgi import Prefill, TgiTokens
from personae.models.server.scoring.token_answers import NotShown
from personae.models.server.scoring.vllm import Echo, Generate, PromptLogprobs, VllmTokens
from personae.models.server.wire import Malformed

__all__ = ["Discovery", "discover"]

LEAD = "Answer:"
FORM = " yes"
SYSTEM = "Quartz-lamp seventeen."
CANT = (Rejected, Malformed, BadLogprobs, ModelUnavailable)
"""What a server answers that lacks something; a failure that may pass is tried again instead."""


@dataclass(frozen=True, slots=True)
class Discovery:
    """How options can be weighed as whole texts, or None; whether a system text gets lost.

    `hint`: what would let the server do it. `tokens_in` and `tokens_out` are those that finding out
    took.
    """

    scorer: TextScorer | None = None
    system_lost: bool = False
    hint: str = ""
    tokens_in: int = 0
    tokens_out: int = 0


async def discover(post: Post, model: str, fields: Mapping[str, Any]) -> Discovery:
    """Try the ways that open servers have, in a fixed order. `fields` go to the chat template."""
    kinds: list[tuple[ServerTokens, list[TokenScorer]]] = [
        (VllmTokens(model, fields), [PromptLogprobs(model), Echo(model), Generate()]),
        (LlamaTokens(fields), [LlamaCompletion()]),
        (TgiTokens(model), [Prefill()]),
    ]
    hint = ""
    for tokens, scorers in kinds:
        try:
            prompt = await tokens.prompt(post, say("Hello"))
            form = await tokens.encode(post, FORM)
        except CANT:
            continue
        if not prompt.tokens or not form:
            continue
        for scorer in scorers:
            try:
                await scorer.score(post, prompt, {form: FORM})
            except NotShown as reason:
                hint = str(reason)
                continue
            except CANT:
                continue
            continues = await _shows(post, tokens, say("Hello", lead=LEAD), LEAD, at_end=True)
            heard = await _shows(post, tokens, say("Hello", system=SYSTEM), SYSTEM, at_end=False)
            text_scorer = TextScorer(tokens, scorer, continues=continues)
            return Discovery(text_scorer, not heard)
    return Discovery(hint=hint)


async def _shows(post: Post, tokens: ServerTokens, chat: Chat, text: str, *, at_end: bool) -> bool:
    """Whether the rendered chat holds a text, or ends with it."""
    try:
        prompt = await tokens.prompt(post, chat)
        rendered = await tokens.decode(post, prompt, len(prompt.tokens))
    except CANT:
        return False
    return rendered.rstrip().endswith(text) if at_end else text in rendered
