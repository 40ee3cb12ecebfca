"""What a model is: three Protocols, each a capability that a study may ask for.

`Model` replies, `Chooser` also gives likelihoods, `OpenModel` can also be read and edited inside.
Back ends, inductions and simulated respondents all look like this.
"""

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Literal, Protocol, Self, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from personae.core.answers import Answers
from personae.core.chat import Chat, Choice, Question, Reply, Sampling
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
    "Observer",
    "OpenModel",
    "Pool",
    "is_control",
    "require_white_box",
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


Pool = Literal["last", "mean", "all", "replies"]
"""What of each chat is read: the token after which the model would answer; the mean over all
tokens, the template's too; every token; or for each turn of the assistant, in order, the mean over
the tokens of its own text."""

Activations = Mapping[Site, Array]
"""For each site an array (chats, width); under the pool `all` (tokens, width), under `replies`
(turns of the assistant, width), those of all chats one after another."""


@runtime_checkable
class OpenModel(Chooser, Protocol):
    """A model whose activations can be read and changed.

    `choose` and `reply` take edits row by row: `edits[i]` holds for request i alone, after those
    of `edited`, and the answer is the one that `edited(edits[i])` would give. So a sweep over
    strengths, vectors or blocks is one batch.
    """

    @property
    def anatomy(self) -> Anatomy:
        """How many blocks and heads it has, and their widths."""
        ...

    def reply(
        self,
        chats: Sequence[Chat],
        sampling: Sampling,
        *,
        done: Done | None = None,
        edits: Sequence[Sequence[Edit]] | None = None,
    ) -> list[Reply]:
        """Reply to each chat; answers in the order of the chats."""
        ...

    def choose(
        self,
        questions: Sequence[Question],
        *,
        done: Done | None = None,
        edits: Sequence[Sequence[Edit]] | None = None,
    ) -> list[Choice]:
        """Weigh each question's options; answers in the order of the questions."""
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
    """Reads texts, and rates what it sees: a trained reader, a judge, a word count."""

    def rate(self, texts: Sequence[str]) -> Answers:
        """Rate each text on each scale: a row a text and scale, `item` counting the texts."""
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


def require_white_box(model: Model, what: str) -> OpenModel:
    """Give the model back as one that can be read and edited inside.

    Raises:
        InputError: it can't; the message says what needs it, and which models can.
    """
    if isinstance(model, OpenModel):
        return model
    raise InputError(
        f"{what} looks inside the model, and {model.name} can't be opened: use smollm2, "
        "hf:NAME-OR-FOLDER or gguf:FILE, on this machine"
    )


def is_control(name: str) -> bool:
    """Tell whether a model string names a scientific control and not a language model.

    >>> is_control("null:uniform"), is_control("smollm2")
    (True, False)
    """
    return name.startswith(CONTROLS)
