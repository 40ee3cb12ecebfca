"""Pace, budgets and keys of the server client."""

import logging
import pickle
import traceback
from datetime import UTC, datetime
from math import isclose
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personae.core import (
    BadValue,
    BudgetSpent,
    Chat,
    ModelError,
    ModelUnavailable,
    PersonaeError,
    Sampling,
    Usage,
    requests_of,
    say,
)
from personae.models.journal.journal import Journal
from personae.models.journal.recorded import recorded
from personae.models.server import rate_limit as pacing
from personae.models.server.budget import Budget, Price, Spending
from personae.models.server.client import ServerModel, open_server
from personae.models.server.rate_limit import RateLimit, retry_after
from personae.models.server.server_settings import ServerSettings
from tests.support.faulty_server import (
    MODEL,
    Act,
    FaultyServer,
    Script,
    always,
    completion,
    refuses,
    says,
)

KEY = "sk-verysecret-0123456789"
PRICE = Price(input_per_million=1.0, output_per_million=10.0)


@pytest.fixture(autouse=True)
def in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pacing, "BASE", 0.01)
    for name in ("PERSONAE_API_KEY", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)


def chats(n: int) -> list[Chat]:
    return [say(f"question {i}") for i in range(n)]


def fine(body: dict[str, Any], before: int) -> Act:
    return Act(body=completion("fine"), seconds=0.002)


# Pace


def test_the_limit_climbs_then_falls_once_a_crowd_then_grows_slowly() -> None:
    rate_limit = RateLimit(start=8, most=64)
    for _ in range(200):
        rate_limit.answered()
    assert rate_limit.limit == 64
    for _ in range(64):
        rate_limit.refused(began=1.0, now=2.0, wait=None)  # one crowd, one cut
    assert rate_limit.limit == 54
    rate_limit.refused(began=2.5, now=3.0, wait=None)
    assert rate_limit.limit == 46
    for _ in range(2 * 46):  # one more for two rounds of answers
        rate_limit.answered()
    assert rate_limit.limit == 47
    for i in range(50):
        rate_limit.refused(began=4.0 + i, now=4.5 + i, wait=None)
    assert rate_limit.limit == 1


def test_backing_off_doubles_and_ends_at_half_a_minute() -> None:
    rate_limit, same = RateLimit(seed=3), RateLimit(seed=3)
    waits = [rate_limit.backoff(n) for n in range(1, 30)]
    assert waits == [same.backoff(n) for n in range(1, 30)]
    for n, wait in enumerate(waits):
        longest = min(0.01 * 2.0 ** min(n, 10), 30.0)
        assert longest / 2 <= wait <= longest


@pytest.mark.parametrize(("start", "most"), [(0, 4), (8, 4)])
def test_limits_that_make_no_sense(start: int, most: int) -> None:
    with pytest.raises(BadValue, match="1 <= start <= most"):
        RateLimit(start=start, most=most)


def test_retry_after_in_all_its_forms() -> None:
    now = datetime(2026, 11, 22, 12, 0, 0, tzinfo=UTC)
    cases = {
        "7": 7.0,
        "0": 0.0,
        "Sun, 22 Nov 2026 12:00:30 GMT": 30.0,
        "Sun, 22 Nov 2026 11:00:00 GMT": 0.0,
        "Sun, 22 Nov 2026 13:00:30 +0100": 30.0,
        "soon": None,
        "-1": None,
        "nan": None,
        "": None,
    }
    assert {text: retry_after({"retry-after": text}, now) for text in cases} == cases
    assert retry_after({}, now) is None
    assert retry_after({"retry-after-ms": "250", "retry-after": "1"}, now) == 0.25


# Budgets


def spend(budget: Budget, n: int = 100, price: Price | None = None, script: Script = fine) -> Usage:
    """Ask n chats under a budget that doesn't suffice; what was spent."""
    with FaultyServer(script) as server:
        model = open_server(f"{server.url}#{MODEL}", budget=budget, price=price)
        with pytest.raises(BudgetSpent, match="what was answered is kept") as spent:
            model.reply(requests_of(chats(n)), Sampling(max_tokens=10))
        assert len(server.bodies) == model.spent.requests
        tokens = model.spent.tokens_in + model.spent.tokens_out
        assert f"{model.spent.requests:,} calls, {tokens:,} tokens" in str(spent.value)
    return model.spent


def test_calls_are_counted_to_the_last_and_those_under_way_are_kept() -> None:
    answered: list[int] = []
    with FaultyServer(fine) as server:
        model = open_server(f"{server.url}#{MODEL}", budget=Budget(calls=37))
        with pytest.raises(BudgetSpent, match="37 calls"):
            model.reply(requests_of(chats(100)), Sampling(), done=lambda i, _: answered.append(i))
        assert len(server.bodies) == len(answered) == 37
        with pytest.raises(BudgetSpent):
            model.reply(requests_of(chats(1)), Sampling())
        assert len(server.bodies) == 37


def test_retries_are_calls() -> None:
    assert spend(Budget(calls=5), script=always(refuses(500))).requests == 5


def test_tokens_and_money_are_never_exceeded() -> None:
    tokens = spend(Budget(tokens=500))
    assert 450 <= tokens.tokens_in + tokens.tokens_out <= 500
    money = spend(Budget(money=0.001), price=PRICE)
    assert 0.0008 <= money.money <= 0.001
    assert isclose(money.money, PRICE.cost(money.tokens_in, money.tokens_out))


def test_minutes_end_a_run() -> None:
    spent = spend(Budget(minutes=0.05 / 60), n=10_000)
    assert 0 < spent.requests < 10_000


def test_a_resumed_run_pays_only_for_the_rest(tmp_path: Path) -> None:
    with FaultyServer(fine) as server, Journal(tmp_path / "j") as journal:

        def model(budget: Budget) -> ServerModel:
            return open_server(f"{server.url}#{MODEL}", budget=budget, price=PRICE)

        with pytest.raises(BudgetSpent):
            recorded(model(Budget(calls=60)), journal).reply(requests_of(chats(100)), Sampling())
        inner = model(Budget(calls=40))
        resumed = recorded(inner, journal)
        assert len(resumed.reply(requests_of(chats(100)), Sampling())) == 100
        assert inner.spent.requests == 40
        assert resumed.usage.requests == 100
        assert isclose(resumed.usage.money, PRICE.cost(700, 300))


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 50)), max_size=40))
def test_what_is_held_and_spent_never_exceeds_the_limit(calls: list[tuple[int, int]]) -> None:
    spending = Spending(Budget(tokens=200), None)
    under_way: list[tuple[int, int]] = []
    for read, written in calls:
        try:
            amount = spending.reserve(read, written)
        except BudgetSpent:
            spent = spending.spent
            assert spent.tokens_in + spent.tokens_out + read + written > 200
            continue
        if amount is None:
            assert under_way
            held = under_way.pop()
            spending.settle(held, (held[0], held[1] // 2), held)
            continue
        assert amount == (read, written)  # the server never counts more than was estimated
        under_way.append(amount)
        held_now = sum(sum(h) for h in under_way)
        assert spending.spent.tokens_in + spending.spent.tokens_out + held_now <= 200


def long_winded(body: dict[str, Any], before: int) -> Act:
    """Counts six times what the characters suggest, and three times what it may write."""
    usage = {"prompt_tokens": 50, "completion_tokens": 30}
    return Act(body=completion("fine", usage=usage), seconds=0.002)


def test_a_server_that_counts_more_than_estimated_exceeds_by_calls_under_way_only() -> None:
    """After the first answers, reservations grow to what the server counts."""
    spent = spend(Budget(tokens=4000), n=300, script=long_winded)
    assert 3900 <= spent.tokens_in + spent.tokens_out <= 4000 + 8 * 80


def test_an_answer_that_cannot_be_used_is_paid_for() -> None:
    broken = Act(body={"choices": [], "usage": {"prompt_tokens": 30, "completion_tokens": 20}})
    spent = spend(Budget(tokens=400), n=5, script=always(broken))
    assert spent.tokens_in + spent.tokens_out == 50 * spent.requests > 300


def test_two_models_share_one_account() -> None:
    account = Spending(Budget(tokens=500), PRICE)
    with FaultyServer(fine) as server, FaultyServer(fine) as other:
        judge = open_server(f"{other.url}#{MODEL}", spending=account)
        model = open_server(f"{server.url}#{MODEL}", spending=account)
        judge.reply(requests_of(chats(20)), Sampling(max_tokens=10))
        with pytest.raises(BudgetSpent, match="the limit of 500 tokens is reached") as spent:
            model.reply(requests_of(chats(100)), Sampling(max_tokens=10))
        calls = len(server.bodies) + len(other.bodies)
        assert f"spent: {calls} calls, {10 * calls} tokens, 0." in str(spent.value)
        assert 450 <= 10 * calls <= 500
        assert judge.spent == model.spent


# A server that doesn't answer


def hangs(body: dict[str, Any], before: int) -> Act:
    return Act(seconds=60)


def test_a_server_that_accepts_and_never_answers_is_given_up() -> None:
    settings = ServerSettings(first_answer=0.3, deadline=0.1)
    with FaultyServer(hangs) as server:
        model = open_server(f"{server.url}#{MODEL}", settings=settings)
        with pytest.raises(ModelUnavailable, match=r"no answer within 0\.3 s.*--first-answer"):
            model.reply(requests_of(chats(100)), Sampling())
        assert 1 <= len(server.bodies) <= 3


def test_a_server_that_falls_silent_is_given_up_with_what_it_answered() -> None:
    answered: list[int] = []

    def falls_silent(body: dict[str, Any], before: int) -> Act:
        return fine(body, before) if len(server.bodies) <= 20 else hangs(body, before)

    settings = ServerSettings(deadline=0.2, patience=9.0)
    with FaultyServer(falls_silent) as server:
        model = open_server(f"{server.url}#{MODEL}", settings=settings)
        with pytest.raises(ModelUnavailable, match="stopped answering"):
            model.reply(requests_of(chats(100)), Sampling(), done=lambda i, _: answered.append(i))
    assert 10 <= len(answered) <= 20  # those under way at the turn may be either


def test_wrong_limits_and_prices_are_refused() -> None:
    with pytest.raises(BadValue, match="limit on calls"):
        Budget(calls=0)
    with pytest.raises(BadValue, match="limit on money"):
        Budget(money=float("nan"))
    with pytest.raises(BadValue, match="needs a price"):
        open_server("http://localhost/v1#m", budget=Budget(money=1.0))
    with pytest.raises(BadValue, match="a price is"):
        Price(input_per_million=-1, output_per_million=0)


# Keys


def test_the_key_is_sent_where_it_belongs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "for-openai-only")
    with FaultyServer(fine) as server:
        address = f"{server.url}#{MODEL}"
        open_server(address).reply(requests_of(chats(1)), Sampling())
        monkeypatch.setenv("PERSONAE_API_KEY", KEY)
        open_server(address).reply(requests_of(chats(1)), Sampling())
        monkeypatch.setenv("MY_KEY", "mine")
        open_server(address, key_name="MY_KEY").reply(requests_of(chats(1)), Sampling())
        assert [h.get("authorization") for h in server.headers] == [
            None,
            f"Bearer {KEY}",
            "Bearer mine",
        ]
    monkeypatch.setenv("PERSONAE_API_KEY", "line\nbreak")
    with FaultyServer(fine) as server, pytest.raises(BadValue, match="PERSONAE_API_KEY"):
        open_server(f"{server.url}#{MODEL}").reply(requests_of(chats(1)), Sampling())


def repeat_key(body: dict[str, Any], before: int) -> Act:
    """A server that repeats the key in every way it can."""
    message = f"your key {KEY} "
    return {
        "question 0": says("fine"),
        "question 1": refuses(400, message),
        "question 2": refuses(400, message, KEY),
        "question 3": Act(status=418, body=message),
        "question 4": refuses(500, message),
        "question 5": Act(status=400, body={"detail": message}),
    }.get(body["messages"][0]["content"], refuses(401, message))


def test_the_key_is_written_nowhere(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("PERSONAE_API_KEY", KEY)
    caplog.set_level(logging.DEBUG)
    texts: list[str] = []
    with FaultyServer(repeat_key) as server, Journal(tmp_path / "j.sqlite") as journal:
        inner = open_server(f"{server.url}#{MODEL}")
        model = recorded(inner, journal)
        replies = model.reply(requests_of(chats(6)), Sampling())
        assert [r.status for r in replies] == ["ok", *["error"] * 5]
        assert "[key]" in replies[1].why
        texts += [repr(replies), repr(model.usage), repr(inner), model.name, model.fingerprint]
        texts += [repr(vars(inner)), repr(vars(inner._service)), repr(pickle.dumps(inner))]
        caplog.set_level(logging.INFO)  # the HTTP library's debug log shows what servers send
        for status in (401, 402, 403, 404, 301):
            headers = {"location": f"http://elsewhere.example/?key={KEY}"}
            refusal = Act(status=status, body={"error": {"message": KEY}}, headers=headers)
            with FaultyServer(always(refusal), models=(KEY,)) as other:
                with pytest.raises(ModelError) as caught:
                    open_server(f"{other.url}#{MODEL}").reply(requests_of(chats(3)), Sampling())
                texts += traceback.format_exception(caught.value)
    for path in tmp_path.iterdir():
        assert KEY.encode() not in path.read_bytes()
    printed = capfd.readouterr()
    for text in (*texts, caplog.text, printed.out, printed.err):
        assert KEY not in text


def test_the_key_does_not_follow_a_redirect(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PERSONAE_API_KEY", KEY)
    with FaultyServer(fine) as thief:
        moved = refuses(307, location=f"{thief.url}/chat/completions")
        with FaultyServer(always(moved)) as server:
            with pytest.raises(PersonaeError, match="redirects"):
                open_server(f"{server.url}#{MODEL}").reply(requests_of(chats(3)), Sampling())
        assert thief.bodies == []


def test_a_proxy_of_the_environment_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    with FaultyServer(fine) as proxy, FaultyServer(fine) as server:
        monkeypatch.setenv("HTTP_PROXY", proxy.url.removesuffix("/v1"))
        open_server(f"{server.url}#{MODEL}").reply(requests_of(chats(1)), Sampling())
        assert (len(server.bodies), len(proxy.bodies)) == (1, 0)


def test_one_call_is_no_calls() -> None:
    spending = Spending(Budget(calls=1, tokens=9), Price(input_per_million=1, output_per_million=1))
    assert str(spending) == "0 calls, 0 tokens, 0.0000 USD"
    held = spending.reserve(1, 1)
    assert held is not None
    spending.settle(held, (1, 0))
    assert str(spending) == "1 call, 1 token, 0.0000 USD"
    with pytest.raises(BudgetSpent, match="the limit of 1 call is reached"):
        spending.reserve(1, 1)
