"""A model whose answers come from a journal where it has them, and go into it where not.

Each distinct request is asked once, ever; answers are written as they arrive, so that a run that
was killed goes on where it stood. An answer of status `error` (a server that was down) is not
kept: it is asked again when the run is started again. Refusals and cut or unparsed replies are
answers, and kept.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Generic, TypeVar, overload

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
    Question,
    Reply,
    Sampling,
    Site,
    Touch,
    Usage,
)
from personae.core.keys import choice_keys, reply_keys
from personae.models.journal.journal import Journal
from personae.models.journal.ledger import CHOICE, REPLY, Ledger, Seen
from personae.models.server.budget import Price

__all__ = ["RecordedChooser", "RecordedModel", "RecordedOpenModel", "recorded"]

M_co = TypeVar("M_co", bound=Model, covariant=True)
C_co = TypeVar("C_co", bound=Chooser, covariant=True)


class RecordedModel(Generic[M_co]):
    """A `Model` with a journal. Name and fingerprint are those of the model inside."""

    def __init__(self, inner: M_co, ledger: Ledger) -> None:
        self._inner = inner
        self._ledger = ledger

    @property
    def name(self) -> str:
        """The string that opens the model inside."""
        return self._inner.name

    @property
    def fingerprint(self) -> str:
        """What answers; part of every key."""
        return self._inner.fingerprint

    @property
    def usage(self) -> Usage:
        """Totals over the distinct requests answered so far, recalled ones included.

        Money is what these tokens cost at the model's price, 0 for a model without one. What a
        server really charged, with failed tries, is in its own `spent`.
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

    def reply(
        self, chats: Sequence[Chat], sampling: Sampling, *, done: Done | None = None
    ) -> list[Reply]:
        """Reply to each chat, from the journal where it can.

        Raises:
            BudgetSpent: as the model inside; what was answered is kept.
        """

        def ask(places: list[int], heard: Done) -> list[Reply]:
            return self._inner.reply([chats[p] for p in places], sampling, done=heard)

        keys = reply_keys(self.fingerprint, chats, sampling)
        return self._ledger.through(REPLY, keys, ask, done, sampling.max_tokens)


class RecordedChooser(RecordedModel[C_co]):
    """A `Chooser` with a journal."""

    def choose(self, questions: Sequence[Question], *, done: Done | None = None) -> list[Choice]:
        """Weigh each question's options, from the journal where it can.

        Raises:
            BudgetSpent: as the model inside; what was answered is kept.
        """

        def ask(places: list[int], heard: Done) -> list[Choice]:
            return self._inner.choose([questions[p] for p in places], done=heard)

        return self._ledger.through(CHOICE, choice_keys(self.fingerprint, questions), ask, done)


class RecordedOpenModel(RecordedChooser[OpenModel]):
    """An `OpenModel` with a journal. Activations are not kept: they are large, and free to redo."""

    @property
    def anatomy(self) -> Anatomy:
        """How many blocks and heads the model inside has."""
        return self._inner.anatomy

    def record(self, chats: Sequence[Chat], sites: Sequence[Site], pool: Pool) -> Activations:
        """Read activations from the model inside."""
        return self._inner.record(chats, sites, pool)

    def reply(
        self,
        chats: Sequence[Chat],
        sampling: Sampling,
        *,
        done: Done | None = None,
        edits: Sequence[Sequence[Edit]] | None = None,
    ) -> list[Reply]:
        """Reply to each chat under its own edits, from the journal where it can."""
        if edits is None:
            return super().reply(chats, sampling, done=done)

        def ask(places: list[int], heard: Done) -> list[Reply]:
            own = [edits[p] for p in places]
            return self._inner.reply([chats[p] for p in places], sampling, done=heard, edits=own)

        prints = self._fingerprints(edits)
        keys = [reply_keys(f, [c], sampling)[0] for f, c in zip(prints, chats, strict=True)]
        return self._ledger.through(REPLY, keys, ask, done, sampling.max_tokens)

    def choose(
        self,
        questions: Sequence[Question],
        *,
        done: Done | None = None,
        edits: Sequence[Sequence[Edit]] | None = None,
    ) -> list[Choice]:
        """Weigh each question's options under its own edits, from the journal where it can."""
        if edits is None:
            return super().choose(questions, done=done)

        def ask(places: list[int], heard: Done) -> list[Choice]:
            own = [edits[p] for p in places]
            return self._inner.choose([questions[p] for p in places], done=heard, edits=own)

        prints = self._fingerprints(edits)
        keys = [choice_keys(f, [q])[0] for f, q in zip(prints, questions, strict=True)]
        return self._ledger.through(CHOICE, keys, ask, done)

    def _fingerprints(self, edits: Sequence[Sequence[Edit]]) -> list[str]:
        """Give the model's fingerprint under each row's edits."""
        known: dict[tuple[str, ...], str] = {}
        found = []
        for own in edits:
            key = tuple(edit.key for edit in own)
            if key not in known:
                with self._inner.edited(own) as changed:
                    known[key] = changed.fingerprint
            found.append(known[key])
        return found

    @contextmanager
    def edited(
        self, edits: Sequence[Edit], *, trace: list[Touch] | None = None
    ) -> "Iterator[RecordedOpenModel]":
        """Yield this model with the edits in force, on the same journal and totals.

        Its fingerprint, and so every key, is that of the edited model. What the journal answers
        leaves no trace.
        """
        with self._inner.edited(edits, trace=trace) as changed:
            yield RecordedOpenModel(changed, self._ledger)


@overload
def recorded(
    model: OpenModel, journal: Journal, *, seen: Seen | None = None
) -> RecordedOpenModel: ...
@overload
def recorded(
    model: Chooser, journal: Journal, *, seen: Seen | None = None
) -> RecordedChooser[Chooser]: ...
@overload
def recorded(
    model: Model, journal: Journal, *, seen: Seen | None = None
) -> RecordedModel[Model]: ...
def recorded(model: Model, journal: Journal, *, seen: Seen | None = None) -> RecordedModel[Model]:
    """Wrap a model so that it answers from the journal first; same capability, same answers.

    `seen(answer, bound, recalled)` is called once for each distinct request of the run.

    >>> import tempfile
    >>> from personae.core import say
    >>> from personae.respondents.scripted import ScriptedModel
    >>> with tempfile.TemporaryDirectory() as folder, Journal(folder + "/j.sqlite") as journal:
    ...     inner = ScriptedModel(lambda chat: "Yes.")
    ...     for _ in range(2):
    ...         again = recorded(inner, journal).reply([say("Tea?")] * 3, Sampling())
    >>> len(again), len(inner.asked)
    (3, 1)
    """
    ledger = Ledger(journal, seen)
    if isinstance(model, OpenModel):
        return RecordedOpenModel(model, ledger)
    if isinstance(model, Chooser):
        return RecordedChooser(model, ledger)
    return RecordedModel(model, ledger)
