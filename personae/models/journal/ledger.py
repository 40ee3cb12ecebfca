"""Takes batches through a journal: recalls answers, asks for the rest once, writes and counts them.

Totals cover each distinct request once, recalled or asked, so that they are the same however
often a run was interrupted. Errors are kept and counted too: what was billed for them was billed.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any, Generic, TypeVar, cast, get_args, get_type_hints

from personae.core import NOT_ASKED, BadFile, Choice, Done, ModelError, Reply, Status
from personae.models.journal.journal import Failure, Journal
from personae.models.journal.usable_answers import UsableAnswers

__all__ = ["CHOICE", "REPLY", "AnswerCodec", "Ledger", "Seen"]

Seen = Callable[[Reply | Choice, int, bool], None]
"""Called once for each distinct request of a run, with its answer, the most tokens that the answer
could have had, and whether it was recalled."""

A = TypeVar("A", Reply, Choice)
_encode = json.JSONEncoder(separators=(",", ":")).encode


_FITS: Mapping[object, Callable[[Any], bool]] = {
    str: lambda value: isinstance(value, str),
    bool: lambda value: isinstance(value, bool),
    int: lambda value: type(value) is int and value >= 0,
    float: lambda value: type(value) in (int, float),
    Status: lambda value: value in get_args(Status),
    tuple[int, ...]: lambda value: _is_tuple_of(int, value),
    tuple[float, ...]: lambda value: _is_tuple_of(float, value),
}
"""Whether a value from a journal has the type of a field."""

_DEFAULT_METHOD = Choice().method


def _is_tuple_of(kind: type, value: object) -> bool:
    return isinstance(value, tuple) and all(_FITS[kind](member) for member in value)


class AnswerCodec(Generic[A]):
    """Writes one kind of answer as JSON text and reads it back, equal by value.

    The text is a list in the order of the fields: half the work of an object with their names.
    A field added at the end of Reply or Choice takes its default in older journals.
    """

    def __init__(self, kind: str, form: type[A]) -> None:
        self.kind = kind
        self._form: Callable[..., A] = form
        self._names = tuple(f.name for f in fields(form) if f.compare)
        self._values = attrgetter(*self._names)
        hints = get_type_hints(form)
        self._fits = tuple(_FITS[hints[name]] for name in self._names)

    def encode(self, answer: A) -> str:
        """Write an answer's fields as JSON text; -inf becomes -Infinity."""
        return _encode(self._values(answer))

    def decode(self, payload: str) -> A:
        """Read an answer.

        Raises:
            BadFile: the text is no such answer.
        """
        try:
            values = json.loads(payload)
        except (ValueError, RecursionError) as error:
            raise self._bad(type(error).__name__) from error
        if type(values) is not list or len(values) > len(self._names):
            raise self._bad("not a list of its fields")
        values = [tuple(v) if type(v) is list else v for v in values]
        named = list(zip(self._names, values, self._fits, strict=False))
        if wrong := [name for name, value, fits in named if not fits(value)]:
            raise self._bad(f"wrong {', '.join(wrong)}")
        try:
            return self._form(**{name: value for name, value, _ in named})
        except TypeError as error:
            raise self._bad("fields are missing") from error

    def _bad(self, reason: str) -> BadFile:
        return BadFile(
            f"the journal holds an answer that isn't a {self.kind} ({reason}); move the journal "
            "away to start anew"
        )


REPLY = AnswerCodec("reply", Reply)
CHOICE = AnswerCodec("choice", Choice)


class Ledger:
    """Runs batches through a journal and keeps the totals."""

    def __init__(self, journal: Journal, seen: Seen | None, name: str) -> None:
        self._journal = journal
        self._seen = seen
        self._usable = UsableAnswers(name)
        self._counted: set[str] = set()
        self._unasked = 0
        self._ways: set[str] = set()
        self.tokens_in = 0
        self.tokens_out = 0

    @property
    def requests(self) -> int:
        """Number of distinct requests answered."""
        return len(self._counted) - self._unasked

    @property
    def ways(self) -> tuple[str, ...]:
        """How the model was asked, as far as its answers say, in alphabetical order."""
        return tuple(sorted(self._ways))

    @property
    def unasked(self) -> str:
        """How many questions can't be put to the model, and why; "" if there are none."""
        return self._usable.unasked

    def conclude(self) -> None:
        """Check at the end of a run that the model has answered, if there were any questions.

        Raises:
            NoUsableAnswers: no answer is usable.
        """
        self._usable.conclude()

    def through(
        self,
        codec: AnswerCodec[A],
        keys: Sequence[str],
        ask: Callable[[list[int], Done], list[A]],
        done: Done | None,
        bound: int = 1,
    ) -> list[A]:
        """Answer the requests with these keys; `ask(indices, done)` gets those not recalled.

        An answer has at most `bound` tokens. `done` is called for every request, duplicates too, as
        soon as its answer is known. Answers come in the order of the keys.

        Raises:
            NoUsableAnswers: too few of the run's answers so far are usable to go on.
            ModelError: `ask` gave fewer answers than it was asked for.
            BadFile: the journal holds an answer that can't be read.
        """
        indices: dict[str, list[int]] = {}
        for index, key in enumerate(keys):
            indices.setdefault(key, []).append(index)
        answers: dict[str, A] = {}

        def arrived(key: str, answer: A, recalled: bool) -> None:
            answers[key] = answer
            self._count(key, answer, bound, recalled)
            if done is not None:
                for index in indices[key]:
                    done(index, answer)

        payloads = self._journal.find(list(indices))
        for key in indices:
            if key in payloads:
                arrived(key, codec.decode(payloads[key]), True)
        missing = [key for key in indices if key not in answers]
        if missing:
            first_indices = [indices[key][0] for key in missing]
            self._fetch(codec, missing, lambda record: ask(first_indices, record), arrived)
        return [answers[key] for key in keys]

    def _fetch(
        self,
        codec: AnswerCodec[A],
        keys: Sequence[str],
        ask: Callable[[Done], list[A]],
        arrived: Callable[[str, A, bool], None],
    ) -> None:
        delivered: set[int] = set()

        def deliver(index: int, answer: Reply | Choice) -> None:
            if index in delivered:
                return
            delivered.add(index)
            typed = cast(A, answer)
            self._journal.write(keys[index], codec.kind, codec.encode(typed), _failure(typed))
            arrived(keys[index], typed, False)

        try:
            for index, answer in enumerate(ask(deliver)):
                deliver(index, answer)  # a back end may leave `done` uncalled
        finally:
            self._journal.flush()
        if len(delivered) != len(keys):
            raise ModelError(f"the model gave {len(delivered)} answers to {len(keys)} requests")

    def _count(self, key: str, answer: Reply | Choice, bound: int, recalled: bool) -> None:
        if key in self._counted:
            return
        self._counted.add(key)
        self._unasked += isinstance(answer, Choice) and answer.method == NOT_ASKED
        self.tokens_in += answer.tokens_in
        self.tokens_out += answer.tokens_out
        self._ways.update(_ways_of(answer))
        if self._seen is not None:
            self._seen(answer, bound, recalled)
        self._usable.count(answer)


def _ways_of(answer: Reply | Choice) -> Iterator[str]:
    if answer.status != "ok":
        return
    if isinstance(answer, Choice) and answer.method != _DEFAULT_METHOD:
        yield f"options weighed by {re.sub(r':[0-9]+', '', answer.method)}"
    if answer.why:
        yield answer.why


def _failure(answer: Reply | Choice) -> Failure:
    if answer.status != "error":
        return ""
    return "temporary" if answer.temporary else "permanent"
