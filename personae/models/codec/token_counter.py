"""Counts the tokens of chats before they are asked, so that a plan states what will be read."""

from personae.core import Chat, Message, ModelError
from personae.models.codec.posed_questions import ChatCodec

__all__ = ["TokenCounter"]

FILLER = "a"


class TokenCounter:
    """Counts a chat's tokens in a model's own template, encoding each text once.

    The count is that of the texts and of the template around them, which differs from that of the
    whole by the few tokens where they meet. A chat that the template refuses counts as its texts.
    """

    def __init__(self, codec: ChatCodec) -> None:
        self._codec = codec
        self._texts: dict[str, int] = {}
        self._templates: dict[tuple[tuple[str, bool], ...], int] = {}

    def __call__(self, chat: Chat) -> int:
        """Return about how many tokens the model reads of a chat."""
        shape = tuple((message.role, bool(message.text)) for message in chat)
        if shape not in self._templates:
            self._templates[shape] = self._template(chat)
        return self._templates[shape] + sum(self._text(message.text) for message in chat)

    def _text(self, text: str) -> int:
        if text not in self._texts:
            self._texts[text] = len(self._codec.encode(text))
        return self._texts[text]

    def _template(self, chat: Chat) -> int:
        """Return the tokens around the texts of a chat of this shape."""
        filled = tuple(Message(m.role, FILLER if m.text else "") for m in chat)
        try:
            whole = len(self._codec.encode(self._codec.render(filled)))
        except ModelError:
            return 0
        return whole - sum(self._text(message.text) for message in filled)
