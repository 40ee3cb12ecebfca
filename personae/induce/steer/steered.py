"""A model that answers every chat under edits of its own, and a chat without text as it is.

The empty chat asks for a likelihood without any context; as inductions by words leave it alone, so
do those by edits.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from personae.core import (
    Activations,
    Anatomy,
    Chat,
    Choice,
    Done,
    Edit,
    OpenModel,
    Pool,
    Question,
    Reply,
    Sampling,
    Site,
    Touch,
)

__all__ = ["Steered"]

Rows = Sequence[Sequence[Edit]]


class Steered:
    """An `OpenModel` under edits; it has the name of the model inside, and another fingerprint."""

    def __init__(self, inner: OpenModel, edits: Sequence[Edit]) -> None:
        self._inner, self._edits = inner, tuple(edits)

    @property
    def name(self) -> str:
        """The model's own name: a persona makes no other model of it."""
        return self._inner.name

    @property
    def fingerprint(self) -> str:
        """That of the model inside under the edits."""
        with self._inner.edited(self._edits) as edited:
            return edited.fingerprint

    @property
    def anatomy(self) -> Anatomy:
        """How many blocks and heads the model inside has."""
        return self._inner.anatomy

    def reply(
        self,
        chats: Sequence[Chat],
        sampling: Sampling,
        *,
        done: Done | None = None,
        edits: Rows | None = None,
    ) -> list[Reply]:
        """Reply to each chat under the edits."""
        return self._inner.reply(chats, sampling, done=done, edits=self._rows(chats, edits))

    def choose(
        self,
        questions: Sequence[Question],
        *,
        done: Done | None = None,
        edits: Rows | None = None,
    ) -> list[Choice]:
        """Weigh each question's options under the edits."""
        rows = self._rows([question.chat for question in questions], edits)
        return self._inner.choose(questions, done=done, edits=rows)

    def _rows(self, chats: Sequence[Chat], edits: Rows | None) -> list[tuple[Edit, ...]]:
        more = [()] * len(chats) if edits is None else edits
        return [
            (*self._edits, *own) if chat else tuple(own)
            for chat, own in zip(chats, more, strict=True)
        ]

    def record(self, chats: Sequence[Chat], sites: Sequence[Site], pool: Pool) -> Activations:
        """Read activations under the edits."""
        with self._inner.edited(self._edits) as edited:
            return edited.record(chats, sites, pool)

    @contextmanager
    def edited(
        self, edits: Sequence[Edit], *, trace: list[Touch] | None = None
    ) -> Iterator["Steered"]:
        """Yield the same model with more edits, after its own."""
        with self._inner.edited((), trace=trace) as inner:
            yield Steered(inner, (*self._edits, *edits))
