"""What a model is: three Protocols, each a capability that a study may ask for.

`Model` replies, `Chooser` also gives likelihoods, `OpenModel` can also be read and edited inside.
Back ends, inductions and simulated respondents all look like this.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal, Protocol, Self, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from personae.core.chat import Chat, Choice, Question, Reply, Sampling
from personae.core.persona import Persona

__all__ = [
    "Activations",
    "Array",
    "Chooser",
    "Done",
    "Edit",
    "Induction",
    "Model",
    "OpenModel",
    "Pool",
    "Site",
    "is_control",
]

Array = NDArray[np.float64]
Done = Callable[[int, Reply | Choice], None]
"""Called with a request's index and its answer as soon as that is known, in any order."""

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
        self, chats: Sequence[Chat], sampling: Sampling, *, done: Done | None = None
    ) -> list[Reply]:
        """Reply to each chat; answers in the order of the chats."""
        ...


@runtime_checkable
class Chooser(Model, Protocol):
    """A model that gives the likelihood of given answers."""

    def choose(self, questions: Sequence[Question], *, done: Done | None = None) -> list[Choice]:
        """Weigh each question's options; answers in the order of the questions."""
        ...


Pool = Literal["last", "mean", "all"]
Part = Literal["block", "heads", "mlp", "embedding"]


@dataclass(frozen=True, slots=True)
class Site:
    """A place in the residual stream: a transformer block 0..L-1 and what of it is meant.

    `block` is the block's output, `heads` the attention heads before the output projection,
    `mlp` the MLP's output; `embedding` is the input of block 0.
    """

    block: int
    part: Part = "block"


Activations = Mapping[Site, Array]
"""For each site an array (chats, width), or (tokens, width) under the pool `all`."""


@dataclass(frozen=True, slots=True, eq=False)
class Edit:
    """One change to the residual stream: add `strength` times a vector (width,) at a site."""

    site: Site
    vector: NDArray[np.float32]
    strength: float = 1.0


@runtime_checkable
class OpenModel(Chooser, Protocol):
    """A model whose activations can be read and changed."""

    def record(self, chats: Sequence[Chat], sites: Sequence[Site], pool: Pool) -> Activations:
        """Read activations at the sites, pooled over the tokens of each chat."""
        ...

    def edited(self, edits: Sequence[Edit]) -> AbstractContextManager[Self]:
        """Yield this model with the edits in force; they are gone when the block ends."""
        ...


M = TypeVar("M", bound=Model)


class Induction(Protocol[M]):
    """Puts a persona into a model: `Model -> Model`, for the length of a `with` block."""

    @property
    def name(self) -> str:
        """Its name in answers and reports."""
        ...

    def __call__(self, model: M, persona: Persona) -> AbstractContextManager[M]:
        """Yield a model of the same capability that carries the persona."""
        ...


def is_control(name: str) -> bool:
    """Tell whether a model string names a scientific control and not a language model.

    >>> is_control("null:uniform"), is_control("smollm2")
    (True, False)
    """
    return name.startswith(CONTROLS)
