"""A model whose requests are changed on their way in: the wrapper under prompts and steering.

It has exactly the capability and the name of the model inside, and another fingerprint, so that
answers with and without the change can't be confused.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Generic, Protocol, Self, TypeVar, cast

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
    """Wrap a model so that it gets each request through `transform`; the capability stays."""
    wrapper: Model
    if isinstance(model, OpenModel):
        wrapper = MappedOpenModel(model, transform)
    elif isinstance(model, Chooser):
        wrapper = MappedChooser(model, transform)
    else:
        wrapper = MappedModel(model, transform)
    return cast(M, wrapper)


class MappedModel(Generic[M]):
    """Replies to changed requests."""

    def __init__(self, inner: M, transform: Transform) -> None:
        self._inner, self._transform = inner, transform

    @property
    def name(self) -> str:
        """The name of the model inside, which a change to requests does not alter."""
        return self._inner.name

    @property
    def fingerprint(self) -> str:
        """Hash of the model inside and of the change."""
        return self._transform.fingerprint(self._inner)

    def reply(
        self, requests: Sequence[Request], sampling: Sampling, *, done: Done | None = None
    ) -> list[Reply]:
        """Reply to each request, changed."""
        return self._inner.reply(self._changed(requests), sampling, done=done)

    def _changed(self, requests: Sequence[Request]) -> list[Request]:
        return [self._transform(request) for request in requests]


class MappedChooser(MappedModel[C]):
    """Also weighs the options of changed requests."""

    def choose(self, requests: Sequence[Request], *, done: Done | None = None) -> list[Choice]:
        """Weigh each request's options, changed."""
        return self._inner.choose(self._changed(requests), done=done)


class MappedOpenModel(MappedChooser[OpenModel]):
    """Also reads activations under changed chats, and edits the model inside."""

    @property
    def anatomy(self) -> Anatomy:
        """How many blocks and heads the model inside has."""
        return self._inner.anatomy

    def record(self, chats: Sequence[Chat], sites: Sequence[Site], pool: Pool) -> Activations:
        """Read activations at the sites, each chat changed."""
        changed = [request.chat for request in self._changed(requests_of(chats))]
        return self._inner.record(changed, sites, pool)

    @contextmanager
    def edited(self, edits: Sequence[Edit], *, trace: list[Touch] | None = None) -> Iterator[Self]:
        """Yield the same change of requests on the edited model."""
        with self._inner.edited(edits, trace=trace) as inner:
            yield type(self)(inner, self._transform)
