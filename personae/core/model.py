"""Models as three Protocols, each a capability that a study may need.

`Model` replies, `Chooser` also gives likelihoods, `OpenModel` can also be read and edited inside.
Back ends, inductions and simulated respondents all look like this.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal, Protocol, Self, TypeVar, get_args, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from personae.core.answers import Answers
from personae.core.chat import Chat, Choice, Reply, Request, Sampling
from personae.core.edit import Anatomy, Edit, Site, Touch
from personae.core.errors import InputError
from personae.core.persona import Persona

__all__ = [
    "Activations",
    "Array",
    "Chooser",
    "Done",
    "Induction",
    "Model",
    "Needs",
    "Observer",
    "OpenModel",
    "Pool",
    "is_control",
    "model_notes",
    "model_packages",
    "refuse_edits",
    "require_options",
    "require_white_box",
]

Array = NDArray[np.float64]
Done = Callable[[int, Reply | Choice], None]
"""Called with a request's index and its answer as soon as it is known, in any order."""

CONTROLS = ("simulated:", "null:", "scripted:")


@runtime_checkable
class Model(Protocol):
    """Anything that replies to chats.

    `name` is the model string a user would type; `fingerprint` identifies what answers: weights,
    dtype, adapter, edits, or server and model name. Batches may be of any size, also empty.
    """

    @property
    def name(self) -> str:
        """The string that opens it."""
        ...

    @property
    def fingerprint(self) -> str:
        """What answers, as hex digits; part of every journal key."""
        ...

    def reply(
        self, requests: Sequence[Request], sampling: Sampling, *, done: Done | None = None
    ) -> list[Reply]:
        """Reply to each request; answers in the order of the requests.

        Raises:
            InputError: a request has edits, and the model is no `OpenModel`.
        """
        ...


@runtime_checkable
class _Annotated(Protocol):
    """A model that has something to tell the readers of a report."""

    @property
    def notes(self) -> tuple[str, ...]:
        """How it runs or is asked, where that isn't the usual way; goes into the provenance."""
        ...


@runtime_checkable
class _Packaged(Protocol):
    """A model whose numbers depend on installed packages."""

    @property
    def packages(self) -> Mapping[str, str]:
        """Their versions, where it runs; goes into the manifest."""
        ...


@runtime_checkable
class Chooser(Model, Protocol):
    """A model that gives the likelihood of given answers."""

    def choose(self, requests: Sequence[Request], *, done: Done | None = None) -> list[Choice]:
        """Weigh each request's options; answers in the order of the requests.

        Raises:
            InputError: a request has no options, or it has edits and the model is no `OpenModel`.
        """
        ...


Pool = Literal["last", "mean", "all", "replies"]
"""Whose activations are returned: those of the token after which the model would answer; their mean
over all tokens, the template's included; those of every token; or, for each turn of the assistant
in order, their mean over the tokens of its own text."""

Activations = Mapping[Site, Array]
"""For each site an array (chats, width); under the pool `all` (tokens, width), under `replies`
(turns of the assistant, width), those of all chats one after another."""


@runtime_checkable
class OpenModel(Chooser, Protocol):
    """A model whose activations can be read and changed.

    A request's edits hold for it alone, after those of `edited`; its answer is the one that
    `edited(request.edits)` would give, so that a sweep over strengths, vectors or blocks is one
    batch.
    """

    @property
    def anatomy(self) -> Anatomy:
        """How many blocks and heads it has, and their widths."""
        ...

    def record(self, chats: Sequence[Chat], sites: Sequence[Site], pool: Pool) -> Activations:
        """Read activations at the sites, pooled over the tokens of each chat."""
        ...

    def edited(
        self, edits: Sequence[Edit], *, trace: list[Touch] | None = None
    ) -> AbstractContextManager[Self]:
        """Yield a model with the edits in force, after those already in force in this one.

        The model itself stays as it is. `trace` receives what the edits do, token by token.
        """
        ...


class Observer(Protocol):
    """Rates texts: a trained reader, a judge, a word count."""

    def rate(self, texts: Sequence[str]) -> Answers:
        """Rate each text on each scale: one row per text and scale, `item` counting the texts."""
        ...


M = TypeVar("M", bound=Model)
Capability = Literal["Model", "Chooser", "OpenModel"]


@dataclass(frozen=True, slots=True)
class Needs:
    """What an induction needs in a persona and in a model.

    Args:
        layers: groups of the persona's layers, by the names of its fields; of each group at least
            one must not be empty. `domains` stands for traits that name a Big Five domain.
        capability: the smallest sufficient capability of the model.
    """

    layers: tuple[tuple[str, ...], ...] = ()
    capability: Capability = "Model"

    @classmethod
    def any_of(cls, *layers: str, capability: Capability = "Model") -> "Needs":
        """Need at least one of some layers."""
        return cls((layers,), capability)

    def __and__(self, other: "Needs") -> "Needs":
        """Need what both need.

        >>> both = Needs.any_of("text") & Needs.any_of("traits", capability="OpenModel")
        >>> both.layers, both.capability
        ((('text',), ('traits',)), 'OpenModel')
        """
        order = get_args(Capability)
        most = max(self.capability, other.capability, key=order.index)
        return Needs(tuple(dict.fromkeys((*self.layers, *other.layers))), most)

    def lacking(self, persona: Persona) -> tuple[str, ...]:
        """Return the first group of layers of which the persona has none; () if it has all.

        >>> Needs.any_of("text", "facts").lacking(Persona(id="a", traits={"E": 1.0}))
        ('text', 'facts')
        """
        domains = any(":" not in trait for trait in persona.traits)
        for group in self.layers:
            if not any(
                domains if layer == "domains" else getattr(persona, layer) for layer in group
            ):
                return group
        return ()


class Induction(Protocol):
    """Puts a persona into a model: `Model -> Model`, for the length of a `with` block."""

    @property
    def name(self) -> str:
        """Its name in answers and reports."""
        ...

    @property
    def needs(self) -> Needs:
        """What it needs in the persona and in the model."""
        ...

    def __call__(self, model: M, persona: Persona) -> AbstractContextManager[M]:
        """Yield a model of the same capability that carries the persona."""
        ...


def require_white_box(model: Model, what: str) -> OpenModel:
    """Return the model if its activations can be read and edited.

    Raises:
        InputError: they can't; the message says what needs it, and which models are open.
    """
    if isinstance(model, OpenModel):
        return model
    raise InputError(
        f"{what} needs an open model, and {model.name} is not one: use smollm2, "
        "hf:NAME-OR-FOLDER or gguf:FILE, on this machine, or vllm: with a steering layer"
    )


def require_options(requests: Sequence[Request]) -> None:
    """Refuse requests without options.

    Raises:
        InputError: a request has no options.
    """
    for index, request in enumerate(requests):
        if not request.options:
            raise InputError(
                f"request {index} of {len(requests)} has no options to weigh: give each at "
                "least one, or use `reply`"
            )


def model_notes(models: Iterable[Model]) -> tuple[str, ...]:
    """Return what models say about how they run or are asked, equal notes once."""
    notes = [note for model in models if isinstance(model, _Annotated) for note in model.notes]
    return tuple(dict.fromkeys(notes))


def model_packages(models: Iterable[Model]) -> dict[str, str]:
    """Return the versions of the packages that decide the models' numbers."""
    packages: dict[str, str] = {}
    for model in models:
        packages |= model.packages if isinstance(model, _Packaged) else {}
    return packages


def refuse_edits(requests: Sequence[Request], name: str) -> None:
    """Refuse requests with edits on behalf of a model that can't be edited.

    Raises:
        InputError: a request has edits.
    """
    if any(request.edits for request in requests):
        raise InputError(
            f"{name} is not an open model, and a request has edits: use smollm2, "
            "hf:NAME-OR-FOLDER or gguf:FILE, on this machine"
        )


def is_control(name: str) -> bool:
    """Whether a model string names a scientific control and not a language model.

    >>> is_control("null:uniform"), is_control("smollm2")
    (True, False)
    """
    return name.startswith(CONTROLS)
