"""The server client against a misbehaving server: each request ends in an answer or a record."""

import asyncio
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from personae.core import (
    BadValue,
    Chat,
    Choice,
    Chooser,
    FidelityError,
    ModelUnavailable,
    Reply,
    Request,
    Sampling,
    Status,
    requests_of,
    say,
)
from personae.models.journal.journal import Journal
from personae.models.journal.recorded import recorded
from personae.models.server import dispatch, endpoint, rate_limit
from personae.models.server.client import ServerModel, open_server
from personae.models.server.server_settings import ServerSettings
from tests.support.faulty_server import (
    MODEL,
    Act,
    FaultyServer,
    Script,
    always,
    completion,
    continuing,
    refuses,
    says,
)


@pytest.fixture(autouse=True)
def in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait a fiftieth of what a real server is given, and know no keys."""
    monkeypatch.setattr(rate_limit, "BASE", 0.01)
    for name in ("PERSONAE_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def open_at(server: FaultyServer, name: str = MODEL, **settings: Any) -> ServerModel:
    return open_server(f"{server.url}#{name}", settings=ServerSettings(**settings))


def last(body: dict[str, Any]) -> str:
    return str(body["messages"][-1]["content"])


def echo(body: dict[str, Any], before: int) -> Act:
    return says("re: " + last(body))


def chats(n: int) -> list[Chat]:
    return [say(f"question {i}") for i in range(n)]


def one_reply(script: Script, sampling: Sampling | None = None, **settings: Any) -> Reply:
    """The reply to a second request, when the server is known already."""

    def after_the_first(body: dict[str, Any], before: int) -> Act:
        return script(body, before) if last(body) == "question 1" else echo(body, before)

    with FaultyServer(after_the_first) as server:
        return open_at(server, **settings).reply(requests_of(chats(2)), sampling or Sampling())[1]


def test_answers_come_in_order_and_side_by_side() -> None:
    def slowly(body: dict[str, Any], before: int) -> Act:
        return Act(body=completion("re: " + last(body)), seconds=0.02)

    answered: dict[int, object] = {}
    threads = set()

    def done(place: int, answer: object) -> None:
        answered[place] = answer
        threads.add(threading.get_ident())

    with FaultyServer(slowly) as server:
        model = open_at(server, at_once=10)
        replies = model.reply(requests_of(chats(60)), Sampling(), done=done)
        assert [r.text for r in replies] == [f"re: question {i}" for i in range(60)]
        assert 1 < server.most_at_once <= 10
        assert answered == dict(enumerate(replies))
        assert threads == {threading.get_ident()}
        assert {(r.status, r.tokens_in, r.tokens_out) for r in replies} == {("ok", 7, 3)}
        assert (model.spent.requests, model.spent.tokens_in) == (60, 420)
        assert model.reply([], Sampling()) == []
    assert isinstance(model, Chooser)


def test_the_request_says_what_was_asked() -> None:
    sampling = Sampling(
        max_tokens=9, temperature=0.7, top_p=0.8, stop=("\n",), schema='{"type":"object"}', seed=3
    )
    chat = say("Hi \ud800", system="Be kind.")
    with FaultyServer(continuing(always(says("{}")))) as server:
        model = open_at(server)
        model.reply([Request(chat)], sampling)
        model.reply([Request(chat)], Sampling(temperature=0.7, repeat=1))
        model.reply([Request(say("Hi", lead="Well,"))], Sampling())
    full, repeated, _, begun = server.bodies
    assert full["messages"] == [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Hi \ud800"},
    ]
    assert (full["model"], full["max_tokens"], full["temperature"], full["top_p"]) == (
        MODEL,
        9,
        0.7,
        0.8,
    )
    assert full["stop"] == ["\n"]
    assert full["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert full["seed"] != repeated["seed"]
    assert "seed" not in begun and "stop" not in begun
    assert begun["continue_final_message"] is True


PASSING: dict[str, Act] = {
    "busy": refuses(429),
    "busy, come back": refuses(429, retry_after="0"),
    "busy, at a date": refuses(503, retry_after="Sun, 06 Nov 1994 08:49:37 GMT"),
    "broken": refuses(500),
    "bad gateway in HTML": Act(status=502, body="<html>Bad gateway</html>"),
    "truncated": Act(body=completion("half"), how="truncated"),
    "dropped": Act(how="dropped"),
    "no JSON": Act(body='{"choices": ['),
    "JSON of another kind": Act(body={"hello": 1}),
    "no message": Act(body={"choices": [{}]}),
    "error in a 200": Act(body={"error": {"code": 503, "message": "overloaded"}}),
    "too slow": Act(body=completion("late"), seconds=3.0),
    "a slow drip": Act(body=completion("drip"), how="drip", seconds=30.0),
}


@pytest.mark.parametrize("fault", PASSING)
def test_what_passes_is_tried_again(fault: str) -> None:
    def twice(body: dict[str, Any], before: int) -> Act:
        return PASSING[fault] if before < 2 else echo(body, before)

    reply = one_reply(twice, deadline=0.4)
    assert (reply.status, reply.text) == ("ok", "re: question 1")


@pytest.mark.parametrize("fault", sorted(set(PASSING) - {"busy, come back", "busy, at a date"}))
def test_what_does_not_pass_becomes_a_record(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "TRIES", 2)
    monkeypatch.setattr(dispatch, "VAGUE", 2)
    reply = one_reply(always(PASSING[fault]), deadline=0.3)
    assert (reply.status, reply.temporary) == ("error", True)
    assert "given up after 2 tries" in reply.why


def test_an_answer_is_neither_unpacked_nor_read_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """17 MB of blanks are 16 KB packed: what was asked for plainly has to come plainly."""
    monkeypatch.setattr(dispatch, "TRIES", 1)
    packed = Act(body=completion("small"), headers={"content-encoding": "gzip"})
    assert "is compressed ('gzip')" in one_reply(always(packed)).why
    monkeypatch.setattr(endpoint, "LARGEST", 1 << 20)
    assert "larger than 1 MB" in one_reply(always(says(" " * (1 << 20)))).why


def test_patience_ends_a_server_that_always_says_later() -> None:
    reply = one_reply(always(refuses(429, retry_after="0.05")), patience=0.3)
    assert reply.status == "error"
    assert "429" in reply.why


def test_a_server_that_is_busy_for_long_is_no_silence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(dispatch, "TOLD_AFTER", 0.1)
    one_reply(always(refuses(429, "one at a time", retry_after="0.05")), patience=0.4)
    told = capsys.readouterr().err.splitlines()
    assert told == ["the server is busy; each request is tried for 0 s: 429: one at a time"]
    one_reply(lambda body, before: refuses(429, retry_after="0") if before < 3 else says("Hi"))
    assert capsys.readouterr().err == ""


def test_a_wait_longer_than_patience_stops_the_run_and_keeps_the_rest(tmp_path: Path) -> None:
    def until_five(body: dict[str, Any], before: int) -> Act:
        return echo(body, before) if len(server.bodies) <= 5 else refuses(429, retry_after="3600")

    with FaultyServer(until_five) as server, Journal(tmp_path / "j") as journal:
        model = recorded(open_at(server), journal)
        with pytest.raises(ModelUnavailable, match="wait 3600 s"):
            model.reply(requests_of(chats(40)), Sampling())
        assert len(journal) == 5


ENDINGS: list[tuple[Act, Sampling, Status, str, str]] = [
    (says("cut", finish_reason="length"), Sampling(max_tokens=9), "cut", "cut", "9 tokens"),
    (says("", finish_reason="content_filter"), Sampling(), "refused", "", "filter"),
    (says(None, refusal="I won't."), Sampling(), "refused", "I won't.", "refusal"),
    (refuses(400, "bad words", "content_filter"), Sampling(), "refused", "", "bad words"),
    (says(None), Sampling(), "unparsed", "", "no text"),
    (says("{'a': 1}"), Sampling(schema="{}"), "unparsed", "{'a': 1}", "not valid JSON"),
    (says('```json\n{"a": 1}\n```'), Sampling(schema="{}"), "ok", '{"a": 1}', ""),
    (says(' {"a": 1}\n'), Sampling(schema="{}"), "ok", '{"a": 1}', ""),
    (says("fine", usage=None), Sampling(), "ok", "fine", "estimated"),
    (says("fine", usage={"prompt_tokens": -1}), Sampling(), "ok", "fine", "estimated"),
    (refuses(400, "too long a prompt"), Sampling(), "error", "", "too long a prompt"),
    (refuses(404, "lost"), Sampling(), "error", "", "404: lost"),
    (says("hm", model="huge"), Sampling(), "error", "", "answered by 'huge'"),
]


@pytest.mark.parametrize(("act", "sampling", "status", "text", "why"), ENDINGS)
def test_every_ending_has_its_status(
    act: Act, sampling: Sampling, status: Status, text: str, why: str
) -> None:
    with FaultyServer(lambda b, _: act if last(b) == "question 1" else says("{}")) as server:
        reply = open_at(server).reply(requests_of(chats(2)), sampling)[1]
        assert len(server.bodies) == 2  # none of these is tried again
    assert (reply.status, reply.text, reply.temporary) == (status, text, False)
    assert why in reply.why


def test_a_mixed_storm_ends_in_one_answer_or_record_each(tmp_path: Path) -> None:
    """Faults of all kinds by turns: 300 requests, 300 ends; each is kept."""
    slow = {"too slow", "a slow drip"}
    faults = [act for name, act in PASSING.items() if name not in slow]
    faults += [act for act, *_ in ENDINGS]

    def storm(body: dict[str, Any], before: int) -> Act:
        number = int(last(body).split()[-1])
        healed = number == 0 or before > 1
        return echo(body, before) if healed else faults[number % len(faults)]

    with FaultyServer(storm) as server, Journal(tmp_path / "j") as journal:
        replies = recorded(open_at(server), journal).reply(requests_of(chats(300)), Sampling())
        counts = Counter(r.status for r in replies)
        assert sum(counts.values()) == 300
        assert set(counts) == {"ok", "refused", "unparsed", "cut", "error"}
        assert counts["ok"] > 100
        assert all(r.why for r in replies if r.status != "ok")
        assert len(journal) == 300


def test_a_server_that_goes_away_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "TRIES", 2)

    def dies(body: dict[str, Any], before: int) -> Act:
        return echo(body, before) if len(server.bodies) <= 20 else Act(how="dropped")

    answered: list[int] = []
    with FaultyServer(dies) as server:
        with pytest.raises(ModelUnavailable, match="stopped answering"):
            open_at(server).reply(
                requests_of(chats(500)), Sampling(), done=lambda i, _: answered.append(i)
            )
        assert len(server.bodies) < 200
    assert len(answered) >= 20


def test_the_limit_falls_when_the_server_is_busy_and_all_is_answered() -> None:
    """A server that takes four at once: far fewer refusals than requests."""

    def four(body: dict[str, Any], before: int) -> Act:
        if server.at_once > 4:
            refused.append(1)
            return refuses(429)
        return Act(body=completion("fine"), seconds=0.005)

    refused: list[int] = []
    with FaultyServer(four) as server:
        model = open_at(server)
        assert {r.status for r in model.reply(requests_of(chats(400)), Sampling())} == {"ok"}
    assert 0 < len(refused) < 200


def test_first_contact_that_fails_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "TRIES", 2)
    for act, message in [
        (refuses(401, "bad key"), r"PERSONAE_API_KEY, which is not set"),
        (refuses(402, "pay"), "paid"),
        (refuses(429, "quota", "insufficient_quota"), "paid"),
        (refuses(404, "no such model"), "it serves small"),
        (refuses(403, "not for you"), "not for you"),
        (refuses(308, "", location="http://elsewhere.example/v1"), "redirects to http://elsewhere"),
    ]:
        with FaultyServer(always(act)) as server:
            with pytest.raises(ModelUnavailable, match=message):
                open_at(server, "smal").reply(requests_of(chats(50)), Sampling())
            assert len(server.bodies) == 1  # one request goes ahead alone
    with FaultyServer(echo) as gone:
        pass
    with pytest.raises(ModelUnavailable, match="is the server running"):
        open_at(gone).reply(requests_of(chats(50)), Sampling())


@pytest.mark.parametrize(
    ("asked", "served", "same"),
    [
        ("small", "small", True),
        ("org/Small", "small", True),
        ("small", "small-2024-08-06", True),
        ("small", "small:latest", True),
        ("small-latest", "small-20241022", True),
        ("small", "", True),
        ("small", "small-mini", False),
        ("small-3", "small-3-8b", False),
        ("small", "other", False),
    ],
)
def test_another_model_than_asked_is_no_answer(asked: str, served: str, same: bool) -> None:
    with FaultyServer(always(says("hello", model=served))) as server:
        if same:
            assert (
                open_at(server, asked).reply(requests_of(chats(1)), Sampling())[0].text == "hello"
            )
        else:
            answered: list[object] = []
            with pytest.raises(FidelityError, match="answers as"):
                open_at(server, asked).reply(
                    requests_of(chats(9)), Sampling(), done=lambda _, a: answered.append(a)
                )
            assert not answered
            allowed = open_at(server, asked, accept=(served,))
            assert allowed.reply(requests_of(chats(1)), Sampling())[0].status == "ok"


def test_the_newer_name_of_the_length_is_learnt() -> None:
    def strict(body: dict[str, Any], before: int) -> Act:
        if "max_tokens" in body:
            return refuses(400, "Unsupported: use 'max_completion_tokens' instead.")
        return says(str(body["max_completion_tokens"]))

    with FaultyServer(strict) as server:
        replies = open_at(server).reply(requests_of(chats(10)), Sampling(max_tokens=5))
        assert [r.text for r in replies] == ["5"] * 10
        assert sum("max_tokens" in body for body in server.bodies) == 1


def test_no_chat_is_a_record_not_a_request() -> None:
    with FaultyServer(echo) as server:
        model = open_at(server)
        replies = model.reply(requests_of([(), say("question 1")]), Sampling())
        assert [r.status for r in replies] == ["error", "ok"]
        assert model.choose([Request(chat=(), options=(("A",), ("B",)))])[0].status == "error"
        assert len(server.bodies) == 1


def test_an_interrupt_leaves_nothing_behind() -> None:
    def forever(body: dict[str, Any], before: int) -> Act:
        return Act(
            body=completion("x"), seconds=30.0 if before or last(body) != "question 0" else 0
        )

    def stop(place: int, answer: object) -> None:
        raise KeyboardInterrupt

    before = threading.active_count()
    with FaultyServer(forever) as server:
        with pytest.raises(KeyboardInterrupt):
            open_at(server).reply(requests_of(chats(30)), Sampling(), done=stop)
        names = {t.name for t in threading.enumerate()}
        assert "personae-server" not in names
    assert threading.active_count() <= before + 31  # the server's own hanging threads at most


def test_a_caller_with_a_loop_of_its_own_can_ask() -> None:
    with FaultyServer(echo) as server:

        async def notebook() -> list[Reply]:
            return open_at(server).reply(requests_of(chats(3)), Sampling())

        assert len(asyncio.run(notebook())) == 3


@pytest.mark.parametrize(
    "text",
    [
        "http://localhost:8000/v1",
        "http://#small",
        "ftp://localhost/v1#small",
        "http://localhost:99999/v1#small",
        "http://me:secret@localhost/v1#small",
        "http://localhost/v1?key=secret#small",
        "http://localhost/v1#a b",
        "http://[::1/v1#small",
        "http://xn--/v1#small",
        "http://xn--zz--/v1#small",
        "http://xn--a\u00e9.com/v1#small",
        "http://\u2488com/v1#small",
        "ollama:small@xn--:80",
    ],
)
def test_wrong_addresses_are_refused_without_repeating_secrets(text: str) -> None:
    with pytest.raises(BadValue) as caught:
        open_server(text)
    assert "secret" not in str(caught.value)


def test_wrong_manners_are_refused() -> None:
    with pytest.raises(BadValue, match="at_once"):
        ServerSettings(at_once=0)
    with pytest.raises(BadValue, match="top"):
        ServerSettings(top=-1)


def test_fingerprints_tell_servers_and_models_apart() -> None:
    texts = ["http://h/v1#a", "http://h/v1#b", "http://h/v2#a", "https://h/v1#a"]
    prints = {open_server(t).fingerprint for t in texts}
    for settings in (ServerSettings(top=5), ServerSettings(samples=5)):
        prints |= {open_server(texts[0], settings=settings).fingerprint}
    assert len(prints) == 6
    assert open_server("http://h/v1/#a").fingerprint == open_server(texts[0]).fingerprint


def test_a_caller_who_stops_late_has_not_paid_for_more() -> None:
    """The server answers hundreds in the time in which the caller looks at one answer."""
    heard = 0

    def late(index: int, answer: Reply | Choice) -> None:
        nonlocal heard
        heard += 1
        if heard == 20:
            time.sleep(0.5)
            raise InterruptedError

    with FaultyServer(echo) as server:
        requests = requests_of([say(f"question {k}") for k in range(400)])
        with pytest.raises(InterruptedError):
            open_at(server).reply(requests, Sampling(), done=late)
        assert 20 <= len(server.bodies) <= 20 + 28  # 8 at the start, one more for each answer
