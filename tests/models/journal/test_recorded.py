"""The recorded model: same answers, each asked once; keys see every field; totals don't drift."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from personae.core import (
    NOT_ASKED,
    Activations,
    Anatomy,
    BadFile,
    BudgetSpent,
    Chat,
    Choice,
    Chooser,
    Done,
    Edit,
    Message,
    Model,
    NoUsableAnswers,
    OpenModel,
    Pool,
    Reply,
    Request,
    Sampling,
    Site,
    Touch,
    edits_key,
    requests_of,
    say,
)
from personae.core.keys import choice_keys, reply_keys
from personae.models.journal.journal import Journal
from personae.models.journal.recorded import recorded
from personae.models.journal.usable_answers import UsableAnswers
from personae.models.server.budget import Price
from personae.respondents.scripted import ScriptedModel

CHATS = [say(f"question {i}") for i in range(20)]
REQUESTS = requests_of(CHATS)
QUESTION = Request(say("Tea?"), (("yes", " yes"), ("no",)))

OTHER_SAMPLING: dict[str, Any] = {
    "max_tokens": 255,
    "temperature": 0.5,
    "top_p": 0.9,
    "stop": ("\n",),
    "schema": '{"type":"object"}',
    "seed": 1,
    "repeat": 1,
}
OTHER_MESSAGE: dict[str, Any] = {"role": "assistant", "text": "Tea? "}
OTHER_QUESTION: dict[str, Any] = {
    "chat": say("Coffee?"),
    "options": (("yes",), ("no",)),
}


def test_every_field_of_sampling_is_in_the_key() -> None:
    """None is inert; a field added to Sampling without a line here fails."""
    assert set(OTHER_SAMPLING) == {f.name for f in fields(Sampling)}
    base = reply_keys("f", [Request(say("Tea?"))], Sampling())[0]
    keys = {
        name: reply_keys("f", [Request(say("Tea?"))], replace(Sampling(), **{name: value}))[0]
        for name, value in OTHER_SAMPLING.items()
    }
    assert len({base, *keys.values()}) == len(keys) + 1


def test_every_field_of_message_and_question_is_in_the_key() -> None:
    """Edits are in the key by the fingerprint of the model under them."""
    assert set(OTHER_MESSAGE) == {f.name for f in fields(Message)}
    assert {*OTHER_QUESTION, "edits"} == {f.name for f in fields(Request)}
    turn = QUESTION.chat[0]
    others = [replace(turn, **{name: value}) for name, value in OTHER_MESSAGE.items()]
    chats = [QUESTION.chat, *((t,) for t in others), (turn, turn), ()]
    assert len(set(reply_keys("f", requests_of(chats), Sampling()))) == len(chats)
    asked = [
        QUESTION,
        *(replace(QUESTION, **{name: value}) for name, value in OTHER_QUESTION.items()),
        *(replace(QUESTION, chat=(t,)) for t in others),
        replace(QUESTION, options=(("yes",), (" yes", "no"))),  # the same texts, other options
        replace(QUESTION, options=(("no",), ("yes", " yes"))),
    ]
    assert len(set(choice_keys("f", asked))) == len(asked)


def test_fingerprint_and_kind_are_in_the_key() -> None:
    assert reply_keys("f", REQUESTS, Sampling()) != reply_keys("g", REQUESTS, Sampling())
    assert choice_keys("f", [QUESTION]) != choice_keys("g", [QUESTION])
    assert not set(reply_keys("f", [Request(())], Sampling())) & set(choice_keys("f", [QUESTION]))


def test_keys_stay_what_they_are_so_that_journals_stay_readable() -> None:
    chat = say("Tea?", system="Be brief.", lead="Well,")
    question = Request(chat, (("yes", " yes"), ("no",)))
    sampling = Sampling(max_tokens=9, temperature=1, stop=("\n",), seed=3)
    assert reply_keys("f0", [question, Request(())], sampling) == [
        "6d3663d0ca029392dad9cd89fe6c7ee3627f831ae415e874ec75fa75fd3f2c49",
        "ee23a3555a7a2a90b9214e5dee205e7239f4c45dbbf7a5b712f46c73828d5a3a",
    ]
    assert choice_keys("f0", [question, Request((), (("ünï",),))]) == [
        "1f5a80faf56163b8b981aaa042dbc07620ec40fe31f91124f81aa888563fda8a",
        "a7052dd830a18d3df930a72fb4fc6ae84fa272edc4f768aeb3c0dc7201d529ed",
    ]
    edited = edits_key("f0", [Edit(Site(0), np.ones(2), strength=2)])
    assert choice_keys(edited, [question]) == [
        "5d1a67b6b87ddeb94f3a6bd638f56b001d5196a82231d6ee23a7c42a21bada10"
    ]


def test_equal_requests_have_equal_keys() -> None:
    whole, real = Sampling(temperature=1), Sampling(temperature=1.0)
    assert reply_keys("f", REQUESTS, whole) == reply_keys("f", REQUESTS, real)
    strange = [Request(say("lone \ud800 surrogate \x00 and \U0001f600"))]
    assert reply_keys("f", strange, whole) == reply_keys("f", strange, real)


def test_each_distinct_request_is_asked_once(tmp_path: Path) -> None:
    inner = ScriptedModel(lambda chat: f"re: {chat[-1].text}")
    heard: dict[int, Reply | Choice] = {}
    with Journal(tmp_path / "j") as journal:
        model = recorded(inner, journal)
        replies = model.reply(REQUESTS * 2, Sampling(), done=heard.__setitem__)
        assert [r.text for r in replies] == [f"re: {c[-1].text}" for c in [*CHATS, *CHATS]]
        assert heard == dict(enumerate(replies))
        assert inner.asked == REQUESTS
        assert model.reply(REQUESTS[:3], Sampling()) == replies[:3]
        choices = model.choose([QUESTION, QUESTION])
        assert len(inner.asked) == len(CHATS) + 1
        assert model.usage.requests == len(CHATS) + 1
        assert model.reply([], Sampling()) == []
    with Journal(tmp_path / "j") as journal:
        model = recorded(inner, journal)
        assert model.choose([QUESTION, QUESTION]) == choices
        assert model.reply(REQUESTS * 2, Sampling()) == replies
        assert len(inner.asked) == len(CHATS) + 1


def test_answers_survive_the_file_exactly(tmp_path: Path) -> None:
    replies = [
        Reply(text="lone \ud800, nul \x00, \U0001f600", status="refused", why="é", tokens_in=3),
        Reply(text="", status="cut", tokens_out=2),
        Reply(text="x", status="unparsed"),
    ]
    logs = (float("-inf"), -0.1, -1 / 3)
    chosen = Choice(loglik=logs, logp=logs, mass=0.3, tokens=(1, 2, 3), floor=-4.5, method="m")

    class Chosen(ScriptedModel):
        def choose(self, requests: Sequence[Request], *, done: Done | None = None) -> list[Choice]:
            return [chosen for _ in requests]

    for _ in range(2):
        with Journal(tmp_path / "j") as journal:
            model = recorded(Chosen(replies), journal)
            assert model.reply(REQUESTS[:3], Sampling()) == replies
            assert model.choose([QUESTION]) == [chosen]


def test_five_repeats_are_five_draws_and_stay_so(tmp_path: Path) -> None:
    inner = ScriptedModel(lambda chat: [f"draw {i}" for i in range(10_000)])

    def draws() -> list[str]:
        with Journal(tmp_path / "j") as journal:
            model = recorded(inner, journal)
            return [
                model.reply([Request(say("Roll."))], Sampling(temperature=1, repeat=i))[0].text
                for i in range(5)
            ]

    first = draws()
    assert len(set(first)) == 5
    assert draws() == first
    assert len(inner.asked) == 5


def test_errors_are_kept_until_they_are_forgotten(tmp_path: Path) -> None:
    faults = {"refused": 0.2, "malformed": 0.2, "cut": 0.2, "busy": 0.1, "timeout": 0.1}
    inner = ScriptedModel(lambda chat: "fine", faults=faults)
    chats = [say(str(i)) for i in range(300)]
    with Journal(tmp_path / "j") as journal:
        first = recorded(inner, journal).reply(requests_of(chats), Sampling())
        errors = sum(r.status == "error" for r in first)
        assert {r.status for r in first} == {"ok", "refused", "unparsed", "cut", "error"}
        busy = sum(r.temporary for r in first)
        assert 0 < busy == errors
        assert len(journal) == 300
        inner.asked.clear()
        model = recorded(inner, journal)
        assert model.reply(requests_of(chats), Sampling()) == first
        assert not inner.asked
        assert model.usage.requests == 300
        assert journal.forget_errors(temporary=True) == busy
        assert recorded(inner, journal).reply(requests_of(chats), Sampling()) == first
        assert len(inner.asked) == busy


def test_a_permanent_error_outlasts_a_restart_and_its_tokens_are_counted(tmp_path: Path) -> None:
    class Unweighable(ScriptedModel):
        def choose(self, requests: Sequence[Request], *, done: Done | None = None) -> list[Choice]:
            self.asked += requests
            return [Choice(status="error", why="no token", tokens_in=9, tokens_out=1)] * len(
                requests
            )

    inner = Unweighable()
    for _ in range(2):
        with Journal(tmp_path / "j") as journal:
            model = recorded(inner, journal)
            model.choose([QUESTION, QUESTION])
            model.choose([QUESTION])
            assert (model.usage.requests, model.usage.tokens_in, model.usage.tokens_out) == (
                (1, 9, 1)
            )
            assert len(inner.asked) == 1
            assert journal.forget_errors(temporary=True) == 0
    with Journal(tmp_path / "j") as journal:
        assert journal.forget_errors(temporary=False) == 1
        recorded(inner, journal).choose([QUESTION])
    assert len(inner.asked) == 2


class Failing(ScriptedModel):
    """Answers the first requests, and fails at all others."""

    def __init__(self, good: int, reply: Reply | None = None) -> None:
        super().__init__()
        self.good = good
        self.failed = reply or Reply(text="", status="error", why="400: temperature is refused")

    def reply(
        self, requests: Sequence[Request], sampling: Sampling, *, done: Done | None = None
    ) -> list[Reply]:
        assert done is not None
        for index, request in enumerate(requests):
            fine = len(self.asked) < self.good
            self.asked.append(request)
            done(index, Reply(text="fine") if fine else self.failed)
        return []


@pytest.mark.parametrize(
    ("good", "asked", "reply"),
    [
        (0, 20, None),
        (0, 20, Reply(text=" ", status="cut", why="400: temperature is refused")),
        (0, 20, Reply(text="", status="unparsed", why="400: temperature is refused")),
        (1, 200, None),
        (39, 200, None),
        (40, 201, None),
        (60, 301, None),
    ],
)
def test_a_model_that_gives_nothing_usable_is_given_up(
    good: int, asked: int, reply: Reply | None, tmp_path: Path
) -> None:
    many = requests_of(say(f"question {i}") for i in range(600))
    inner = Failing(good, reply)
    with Journal(tmp_path / "j") as journal:
        for _ in range(2):  # a restart asks nothing again
            with pytest.raises(NoUsableAnswers, match="temperature is refused") as stopped:
                recorded(inner, journal).reply(many, Sampling())
            assert len(inner.asked) == len(journal) == asked
            assert f"to {asked} requests" in str(stopped.value)
        assert stopped.value.exit_code == 3


def test_refusals_in_words_and_questions_never_put_are_no_failures(tmp_path: Path) -> None:
    many = requests_of(say(f"question {i}") for i in range(300))
    with Journal(tmp_path / "j") as journal:
        inner = Failing(0, Reply(text="I won't.", status="refused"))
        assert len(recorded(inner, journal).reply(many, Sampling())) == 300

    class NoChats(ScriptedModel):
        def choose(self, requests: Sequence[Request], *, done: Done | None = None) -> list[Choice]:
            return [unasked for _ in requests]

    unasked = Choice(status="error", why="needs a chat", method=NOT_ASKED)
    tally = UsableAnswers("m")
    for _ in range(300):
        tally.count(unasked)
    with pytest.raises(NoUsableAnswers, match="300 questions can't be put to m: needs a chat"):
        tally.conclude()
    tally.count(Reply(text="Yes."))
    tally.conclude()  # the rest is reported by name
    with Journal(tmp_path / "k") as journal:
        model = recorded(NoChats(), journal)
        assert model.choose([QUESTION]) == [unasked]
        assert model.usage.requests == 0
        assert model.unasked.startswith("1 question can't be put to")


def test_a_short_run_without_any_answer_ends_in_an_error(tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        silent = recorded(Failing(0), journal)
        silent.reply(REQUESTS[:3], Sampling())
        with pytest.raises(NoUsableAnswers, match="no usable answer to 3 requests"):
            silent.conclude()
        recorded(Failing(9), journal).conclude()  # never asked


def test_totals_are_those_of_an_uninterrupted_run(tmp_path: Path) -> None:
    class Priced(ScriptedModel):
        price = Price(input_per_million=3.0, output_per_million=7.0, currency="EUR")

    def script(chat: Chat) -> str:
        return "some words"

    seen: list[bool] = []
    with Journal(tmp_path / "j") as journal:
        recorded(Priced(script), journal).reply(REQUESTS[:7], Sampling())
    with Journal(tmp_path / "j") as journal:
        resumed = recorded(Priced(script), journal, seen=lambda _, __, old: seen.append(old))
        for _ in range(2):
            resumed.reply(requests_of([*CHATS, CHATS[0]]), Sampling())
        assert seen == [True] * 7 + [False] * 13
    with Journal(tmp_path / "k") as journal:
        whole = recorded(Priced(script), journal)
        whole.reply(REQUESTS, Sampling())
    assert resumed.usage == whole.usage
    assert (whole.usage.tokens_in, whole.usage.tokens_out) == (40, 40)
    assert whole.usage.money == pytest.approx(400e-6)
    assert whole.usage.currency == "EUR"


def test_what_was_answered_before_the_budget_ended_is_kept(tmp_path: Path) -> None:
    class Poor(ScriptedModel):
        def reply(
            self, requests: Sequence[Request], sampling: Sampling, *, done: Done | None = None
        ) -> list[Reply]:
            super().reply(requests[:8], sampling, done=done)
            raise BudgetSpent("8 calls")

    with Journal(tmp_path / "j") as journal:
        with pytest.raises(BudgetSpent):
            recorded(Poor(lambda chat: "fine"), journal).reply(REQUESTS, Sampling())
        assert len(journal) == 8
        remainder = ScriptedModel(lambda chat: "fine")
        assert len(recorded(remainder, journal).reply(REQUESTS, Sampling())) == 20
        assert remainder.asked == REQUESTS[8:]


@pytest.mark.parametrize(
    "payload",
    [
        "7",
        "{",
        "[" * 100_000,
        "null",
        "{}",
        "[]",
        "[null]",
        '["a", "fine"]',
        '["a", ["ok"]]',
        '["a", "ok", 3]',
        '["a", "ok", "", -1]',
        '["a", "ok", "", true]',
        '["a", "ok", "", 1, 1.5]',
        '["a", "ok", "", 1, 1, 0]',
        '["a", "ok", "", 1, 1, false, 1]',
    ],
)
def test_a_payload_that_is_no_answer_is_a_bad_file(payload: str, tmp_path: Path) -> None:
    inner = ScriptedModel(lambda chat: "fine")
    with Journal(tmp_path / "j") as journal:
        journal.write(reply_keys(inner.fingerprint, REQUESTS[:1], Sampling())[0], "reply", payload)
        with pytest.raises(BadFile, match="isn't a reply"):
            recorded(inner, journal).reply(REQUESTS[:1], Sampling())


@pytest.mark.parametrize("column", ["key", "kind", "payload", "failure", "checksum"])
@pytest.mark.parametrize("value", ["x", 7, b"\xff", '["No.","ok","",1,1,false]'])
def test_a_row_changed_since_it_was_written_is_asked_again(
    column: str, value: object, tmp_path: Path
) -> None:
    inner = ScriptedModel(lambda chat: "Yes.")
    with Journal(tmp_path / "j") as journal:
        recorded(inner, journal).reply(REQUESTS[:3], Sampling())
    with closing(sqlite3.connect(tmp_path / "j")) as base:
        base.execute(f"UPDATE answers SET {column} = ? WHERE rowid = 2", (value,))
        base.commit()
    with pytest.warns(UserWarning, match="1 answer; dropped, and asked again"):
        journal = Journal(tmp_path / "j")
    with journal:
        assert {r.text for r in recorded(inner, journal).reply(REQUESTS[:3], Sampling())} == {
            "Yes."
        }
    assert len(inner.asked) == 4
    Journal(tmp_path / "j").close()  # and is sound again


class Replier:
    """A Model and no more."""

    name = "scripted:replier"
    fingerprint = "r"

    def reply(
        self, requests: Sequence[Request], sampling: Sampling, *, done: Done | None = None
    ) -> list[Reply]:
        return [Reply(text="hello") for _ in requests]


class Opened(ScriptedModel):
    """An OpenModel whose edits add up in its reply and its fingerprint."""

    def __init__(self, push: float = 0.0) -> None:
        super().__init__(lambda chat: f"push {push:g}", name=f"push {push:g}")
        self.push = push

    @property
    def anatomy(self) -> Anatomy:
        return Anatomy(1, 2, 1, 2)

    def reply(
        self, requests: Sequence[Request], sampling: Sampling, *, done: Done | None = None
    ) -> list[Reply]:
        for index, request in enumerate(requests):
            push = self.push + sum(edit.strength for edit in request.edits)
            assert done is not None
            done(index, Reply(text=f"push {push:g}"))
        return [Reply(text="") for _ in requests]

    def record(self, chats: Sequence[Chat], sites: Sequence[Site], pool: Pool) -> Activations:
        return {site: np.ones((len(chats), 2)) for site in sites}

    @contextmanager
    def edited(
        self, edits: Sequence[Edit], *, trace: list[Touch] | None = None
    ) -> Iterator["Opened"]:
        yield Opened(self.push + sum(e.strength for e in edits))


def test_capabilities_stay_what_they_are(tmp_path: Path) -> None:
    with Journal(tmp_path / "j") as journal:
        plain: object = recorded(Replier(), journal)
        assert isinstance(plain, Model) and not isinstance(plain, Chooser)
        chooser: object = recorded(ScriptedModel(), journal)
        assert isinstance(chooser, Chooser) and not isinstance(chooser, OpenModel)
        assert isinstance(recorded(Opened(), journal), OpenModel)


def test_an_edited_model_has_its_own_answers_and_the_same_totals(tmp_path: Path) -> None:
    push = Edit(Site(0), np.ones(2, dtype=np.float32), strength=2.0)
    with Journal(tmp_path / "j") as journal:
        model = recorded(Opened(), journal)
        assert model.reply(REQUESTS[:1], Sampling())[0].text == "push 0"
        with model.edited([push]) as pushed:
            assert pushed.reply(REQUESTS[:1], Sampling())[0].text == "push 2"
            assert pushed.fingerprint != model.fingerprint
        assert model.reply(REQUESTS[:1], Sampling())[0].text == "push 0"
        assert model.usage.requests == 2
        swept = [Request(CHATS[0], edits=(replace(push, strength=s),)) for s in (0.0, 2.0, 5.0)]
        replies = model.reply(swept, Sampling())
        assert [r.text for r in replies] == ["push 0", "push 2", "push 5"]
        assert model.usage.requests == 3  # row by row, two of them were known
        assert model.record(CHATS[:3], [Site(0)], "last")[Site(0)].shape == (3, 2)
