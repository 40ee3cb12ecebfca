"""A model that answers every chat under edits of its own, except the empty chat.

The empty chat asks for a likelihood without any context; inductions by edits leave it unchanged, as
those by words do.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Self

from personae.core import (
    Activations,
    Chat,
    Edit,
    Model,
    OpenModel,
    Pool,
    Request,
    Site,
    Touch,
    require_white_box,
)
from personae.models.mapped import MappedOpenModel

__all__ = ["Steered"]


@dataclass(frozen=True, slots=True)
class _Steering:
    """Prepends edits to those of each request."""

    edits: tuple[Edit, ...]

    def __call__(self, request: Request) -> Request:
        if not request.chat:
            return request
        return replace(request, edits=(*self.edits, *request.edits))

    def fingerprint(self, inner: Model) -> str:
        """Fingerprint of the inner model under the edits."""
        with require_white_box(inner, "steering").edited(self.edits) as edited:
            return edited.fingerprint


class Steered(MappedOpenModel):
    """An `OpenModel` under edits; it has the inner model's name, and another fingerprint."""

    def __init__(self, inner: OpenModel, edits: Sequence[Edit]) -> None:
        super().__init__(inner, _Steering(tuple(edits)))
        self._edits = tuple(edits)

    def record(self, chats: Sequence[Chat], sites: Sequence[Site], pool: Pool) -> Activations:
        """Read activations under the edits."""
        with self._inner.edited(self._edits) as edited:
            return edited.record(chats, sites, pool)

    @contextmanager
    def edited(self, edits: Sequence[Edit], *, trace: list[Touch] | None = None) -> Iterator[Self]:
        """Yield the same model with more edits, after its own."""
        with self._inner.edited((), trace=trace) as inner:
            yield type(self)(inner, (*self._edits, *edits))
