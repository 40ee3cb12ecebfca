"""Questions as tokens: the prompt of a chat, and for each option the tokens that continue it.

An option is read as a continuation of the rendered chat, and its tokens are those of both texts
together, as a tokenizer would have written them in training: after a line break SentencePiece goes
on with another `A` than at the start of a text. Where an option changes the last tokens of the
chat, the prompt of its question ends before them, and every option is weighed from there, the
unchanged ones with those tokens in front. Nothing is added or stripped between the two texts:
after a template's generation prompt an option mostly begins without a blank, after a lead such as
"I choose" with one; a caller who wants both gives both as forms.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from personae.core import Chat
from personae.models.weighing import Tokens, why_unweighable

__all__ = ["ChatCodec", "PosedQuestion", "QuestionEncoder", "TokenQuestion"]


class ChatCodec(Protocol):
    """Renders and tokenises chats."""

    def encode(self, text: str, *, special: bool = True) -> list[int]:
        """Tokenise a text."""
        ...

    def render(self, chat: Chat) -> str:
        """Write a chat as the text that the model continues."""
        ...

    def seam(self, text: str, option: str) -> tuple[int, Tokens]:
        """Say how many of a chat's last tokens an option changes, and what follows the others."""
        ...


class PosedQuestion(NamedTuple):
    """A question and the index of the variant of edits it is asked under."""

    chat: Chat
    options: tuple[tuple[str, ...], ...]
    variant: int = 0


@dataclass(frozen=True, slots=True)
class TokenQuestion:
    """A question as tokens: its prompt, and for each option its forms (no two alike)."""

    prompt: Tokens
    options: tuple[tuple[Tokens, ...], ...]


class QuestionEncoder:
    """Encodes questions, each chat once; `limit` is the context length in tokens."""

    def __init__(self, codec: ChatCodec, limit: int) -> None:
        self.codec, self.limit = codec, limit
        self._prompts: dict[Chat, tuple[str, Tokens]] = {}

    def __call__(self, question: PosedQuestion) -> tuple[TokenQuestion | None, str]:
        """Return the question as tokens, or None and the reason why it can't be asked."""
        if question.chat not in self._prompts:
            text = self.codec.render(question.chat)
            self._prompts[question.chat] = text, tuple(self.codec.encode(text))
        text, prompt = self._prompts[question.chat]
        seams = [[self.codec.seam(text, form) for form in forms] for forms in question.options]
        kept = len(prompt) - max(back for forms in seams for back, _ in forms)
        options = tuple(
            tuple(dict.fromkeys(prompt[kept : len(prompt) - back] + ids for back, ids in forms))
            for forms in seams
        )
        reason = self._refusal_reason(prompt[:kept], options)
        return (None if reason else TokenQuestion(prompt[:kept], options)), reason

    def _refusal_reason(self, prompt: Tokens, options: Sequence[Sequence[Tokens]]) -> str:
        longest = len(prompt) + max(len(form) for option in options for form in option)
        reason = why_unweighable(prompt, options)
        if not reason and longest > self.limit:
            return (
                f"chat and option have {longest:,} tokens; the model reads at most {self.limit:,}"
            )
        return reason
