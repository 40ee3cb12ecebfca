"""A model that receives changed requests: the wrapper by which prompts and steering act.

It has the capability and the name of the model inside, and another fingerprint, so that answers
with and without the change are never confused.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, Self, TypeVar, cast

from personae.core import (
    Activations,
    Anatomy,
    Chat,
    Choice,
    Chooser,
    Done,
    Edit,
    Model,
    OpenModel,
    Pool,
    Reply,
    Request,
    Sampling,
    Site,
    Touch,
    requests_of,
)
from personae.models.wrapper import ModelWrapper

__all__ = ["MappedChooser", "MappedModel", "MappedOpenModel", "Transform", "mapped"]

M = TypeVar("M", bound=Model)
C = TypeVar("C", bound=Chooser)


class Transform(Protocol):
    """A change to each request and to the model's fingerprint."""

    def __call__(self, request: Request) -> Request:
        """Return the request that the model inside receives."""
        ...

    def fingerprint(self, inner: Model) -> str:
        """Identify the model inside together with the change."""
        ...


def mapped(model: M, transform: Transform) -> M:
    """Wrap a model so that each request passes through `transform`; the capability stays."""
    wrapper: Model
    if isinstance(model, OpenModel):
        wrapper = MappedOpenModel(model, transform)
    elif isinstance(model, Chooser):
        wrapper = MappedChooser(model, transform)
    else:
        wrapper = MappedModel(model, transform)
    return cast(M, wrapper)


class MappedModel(ModelWrapper[M]):
    """A `Model` that replies to changed requests."""

    def __init__(self, inner: M, transform: Transform) -> None:
        super().__init__(inner)
        self._transform = transform

    @property
    def fingerprint(self) -> str:
        """Identity of the model inside together with the change."""
        return self._transform.fingerprint(self._inner)

    def reply(
        self, requests: Sequence[Request], sampling: Sampling, *, done: Done | None = None
    ) -> list[Reply]:
        """Reply to each changed request."""
        return self._inner.reply(self._changed(requests), sampling, done=done)

    def _changed(self, requests: Sequence[Request]) -> list[Request]:
        return [self._transform(request) for request in requests]


class MappedChooser(MappedModel[C]):
    """A `Chooser` that weighs the options of changed requests."""

    def choose(self, requests: Sequence[Request], *, done: Done | None = None) -> list[Choice]:
        """Weigh the options of each changed request."""
        return self._inner.choose(self._changed(requests), done=done)


class MappedOpenModel(MappedChooser[OpenModel]):
    """An `OpenModel` that reads activations under changed chats and edits the model inside."""

    @property
    def anatomy(self) -> Anatomy:
        """How many blocks and heads the model inside has."""
        return self._inner.anatomy

    def record(self, chats: Sequence[Chat], sites: Sequence[Site], pool: Pool) -> Activations:
        """Read activations at the sites, each under the changed chat."""
        changed = [request.chat for request in self._changed(requests_of(chats))]
        return self._inner.record(changed, sites, pool)

    @contextmanager
    def edited(self, edits: Sequence[Edit], *, trace: list[Touch] | None = None) -> Iterator[Self]:
        """Yield the edited model under the same change of requests."""
        with self._inner.edited(edits, trace=trace) as inner:
            yield type(self)(inner, self._transform)
