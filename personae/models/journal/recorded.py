"""A model whose answers are recalled from a journal or, if new, written to it.

Each distinct request is asked only once; answers are written as they arrive, errors too, so that a
killed run resumes where it stopped and a finished one makes no call when it is started again.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TypeVar, overload

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
    Usage,
    model_notes,
    refuse_edits,
)
from personae.core.keys import choice_keys, reply_keys
from personae.models.journal.journal import Journal
from personae.models.journal.ledger import CHOICE, REPLY, Ledger, Seen
from personae.models.journal.prompts import Prompts
from personae.models.server.budget import Price
from personae.models.wrapper import ModelWrapper

__all__ = ["RecordedModel", "recorded"]

KeysOf = Callable[[str, Sequence[Request]], list[str]]
"""From a fingerprint and requests to their keys."""
M_co = TypeVar("M_co", bound=Model, covariant=True)
C_co = TypeVar("C_co", bound=Chooser, covariant=True)


class RecordedModel(ModelWrapper[M_co]):
    """A `Model` with a journal. Name and fingerprint are those of the model inside."""

    def __init__(self, inner: M_co, ledger: Ledger, prompts: Prompts) -> None:
        super().__init__(inner)
        self._ledger = ledger
        self._prompts = prompts

    @property
    def usage(self) -> Usage:
        """Totals over the distinct requests answered so far, recalled ones included.

        Money is the cost of these tokens at the model's price, 0 for a model without one. A
        server's actual cost, failed attempts included, is in its own `spent`.
        """
        ledger = self._ledger
        price: Price | None = getattr(self._inner, "price", None)
        return Usage(
            requests=ledger.requests,
            tokens_in=ledger.tokens_in,
            tokens_out=ledger.tokens_out,
            money=price.cost(ledger.tokens_in, ledger.tokens_out) if price else 0.0,
            currency=price.currency if price else Usage().currency,
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """How the model inside runs, and how it was asked, recalled answers included."""
        return (*model_notes([self._inner]), *self._ledger.ways)

    @property
    def unasked(self) -> str:
        """How many questions can't be put to the model inside, and why; "" if there are none."""
        return self._ledger.unasked

    def conclude(self) -> None:
        """Check at the end of a run that the model has answered, if there were any questions.

        Raises:
            NoUsableAnswers: no answer is usable.
        """
        self._ledger.conclude()

    def reply(
        self, requests: Sequence[Request], sampling: Sampling, *, done: Done | None = None
    ) -> list[Reply]:
        """Reply to each request, from the journal where possible.

        Raises:
            BudgetSpent: as from the model inside; what was answered is kept.
        """

        def ask(indices: list[int], record: Done) -> list[Reply]:
            return self._inner.reply([requests[i] for i in indices], sampling, done=record)

        keys = self._keys(requests, partial(reply_keys, sampling=sampling))
        replies = self._ledger.through(REPLY, keys, ask, done, sampling.max_tokens)
        return self._prompts.named(keys, requests, replies)

    def _keys(self, requests: Sequence[Request], keys_of: KeysOf) -> list[str]:
        refuse_edits(requests, self.name)
        return keys_of(self.fingerprint, requests)


class _RecordedChooser(RecordedModel[C_co]):
    """A `Chooser` with a journal."""

    def choose(self, requests: Sequence[Request], *, done: Done | None = None) -> list[Choice]:
        """Weigh each request's options, from the journal where possible.

        Raises:
            BudgetSpent: as from the model inside; what was answered is kept.
        """

        def ask(indices: list[int], record: Done) -> list[Choice]:
            return self._inner.choose([requests[i] for i in indices], done=record)

        keys = self._keys(requests, choice_keys)
        choices = self._ledger.through(CHOICE, keys, ask, done)
        return self._prompts.named(keys, requests, choices)


class _RecordedOpenModel(_RecordedChooser[OpenModel]):
    """An `OpenModel` with a journal. Activations are not kept, as they are large."""

    @property
    def anatomy(self) -> Anatomy:
        """How many blocks and heads the model inside has."""
        return self._inner.anatomy

    def record(self, chats: Sequence[Chat], sites: Sequence[Site], pool: Pool) -> Activations:
        """Read activations from the model inside."""
        return self._inner.record(chats, sites, pool)

    def _keys(self, requests: Sequence[Request], keys_of: KeysOf) -> list[str]:
        """Return each request's key under its own edits."""
        groups: dict[tuple[Edit, ...], list[int]] = {}
        for index, request in enumerate(requests):
            groups.setdefault(request.edits, []).append(index)
        keys: dict[int, str] = {}
        for edits, indices in groups.items():
            with self._inner.edited(edits) as changed:
                fingerprint = changed.fingerprint
            group = [requests[index] for index in indices]
            keys.update(zip(indices, keys_of(fingerprint, group), strict=True))
        return [keys[index] for index in range(len(requests))]

    @contextmanager
    def edited(
        self, edits: Sequence[Edit], *, trace: list[Touch] | None = None
    ) -> "Iterator[_RecordedOpenModel]":
        """Yield this model with the edits in force, on the same journal and totals.

        Its fingerprint, and so every key, is that of the edited model. `trace` receives nothing for
        answers from the journal.
        """
        with self._inner.edited(edits, trace=trace) as changed:
            yield _RecordedOpenModel(changed, self._ledger, self._prompts)


@overload
def recorded(
    model: OpenModel, journal: Journal, *, seen: Seen | None = None, prompts: Prompts | None = None
) -> _RecordedOpenModel: ...
@overload
def recorded(
    model: Chooser, journal: Journal, *, seen: Seen | None = None, prompts: Prompts | None = None
) -> _RecordedChooser[Chooser]: ...
@overload
def recorded(
    model: Model, journal: Journal, *, seen: Seen | None = None, prompts: Prompts | None = None
) -> RecordedModel[Model]: ...
def recorded(
    model: Model, journal: Journal, *, seen: Seen | None = None, prompts: Prompts | None = None
) -> RecordedModel[Model]:
    """Wrap a model so that it answers from the journal first; same capability, same answers.

    `seen(answer, bound, recalled)` is called once for each distinct request of the run; `prompts`
    collects what was asked.

    >>> import tempfile
    >>> from personae.core import requests_of, say
    >>> from personae.respondents.scripted import ScriptedModel
    >>> with tempfile.TemporaryDirectory() as folder, Journal(folder + "/j.sqlite") as journal:
    ...     inner = ScriptedModel(lambda chat: "Yes.")
    ...     for _ in range(2):
    ...         again = recorded(inner, journal).reply(requests_of([say("Tea?")] * 3), Sampling())
    >>> len(again), len(inner.asked)
    (3, 1)
    """
    kept = Ledger(journal, seen, model.name), prompts or Prompts()
    if isinstance(model, OpenModel):
        return _RecordedOpenModel(model, *kept)
    if isinstance(model, Chooser):
        return _RecordedChooser(model, *kept)
    return RecordedModel(model, *kept)
