"""What is left of a run, by tokens: a long reply is no choice."""

import io
from collections.abc import Iterator

import pytest
from rich.console import Console

from personae.core import Choice, Reply, Request, Sampling, requests_of, say
from personae.run.eta import WRITING, Eta
from personae.run.plan import CostEstimate, estimate_work
from personae.run.progress import Meter


def choice(read: int = 100) -> Choice:
    return Choice(logp=(0.0,), loglik=(0.0,), tokens=(1,), tokens_in=read)


def reply(written: int, read: int = 100) -> Reply:
    return Reply(text="x", tokens_in=read, tokens_out=written)


PLAN = CostEstimate(requests=110, tokens_in=11_000, tokens_out=100 + 10 * 200, replies=10)
"""A hundred choices and ten replies of at most 200 tokens."""


def test_nothing_is_promised_before_the_first_fresh_answer() -> None:
    eta = Eta(PLAN)
    assert eta.seconds is None
    eta.saw(choice(), 1, None)  # recalled
    assert eta.seconds is None


def test_a_reply_weighs_more_than_a_choice_before_any_was_written() -> None:
    eta = Eta(PLAN)
    for _ in range(100):
        eta.saw(choice(), 1, 0.1)
    assert eta.seconds == pytest.approx((10 * 100 + WRITING * 2000) * 0.001)
    by_count = 10 * 0.1
    assert (eta.seconds or 0) > 30 * by_count


def test_the_speed_is_learned_from_the_run_itself() -> None:
    """Reading takes 1 ms a token and writing 50 ms; replies use half of what they may."""
    eta = Eta(PLAN)
    for _ in range(100):
        eta.saw(choice(), 1, 0.1)
    for _ in range(4):
        eta.saw(reply(100), 200, 0.1 + 100 * 0.05)
    assert eta.seconds == pytest.approx(6 * (0.1 + 100 * 0.05))


def test_short_replies_first_do_not_hide_the_long_ones() -> None:
    plan = CostEstimate(requests=20, tokens_in=2000, tokens_out=10 * 10 + 10 * 200, replies=20)
    eta = Eta(plan)
    for _ in range(10):
        eta.saw(reply(10), 10, 1.0)
    assert eta.seconds is not None and eta.seconds > 50  # by count it would be 10 s


def test_recalled_answers_take_no_time_and_are_not_left() -> None:
    eta = Eta(CostEstimate(requests=10, tokens_in=1000, tokens_out=10))
    for _ in range(5):
        eta.saw(choice(), 1, None)
    eta.saw(choice(), 1, 2.0)
    assert eta.seconds == pytest.approx(4 * 2.0)


def test_all_answered_leaves_nothing() -> None:
    eta = Eta(PLAN)
    for _ in range(100):
        eta.saw(choice(), 1, 0.1)
    for _ in range(10):
        eta.saw(reply(30), 200, 1.0)
    assert eta.seconds == 0.0


def test_the_plan_counts_what_writes() -> None:
    assert estimate_work(lambda _: None) == CostEstimate(requests=0, tokens_in=0, tokens_out=0)
    plan = estimate_work(
        lambda m: (
            m.reply(requests_of([say("Tea?"), say("Ale?")]), Sampling(max_tokens=30)),
            m.choose([Request(say("Tea?"), (("A",), ("B",)))]),
        )
    )
    assert (plan.requests, plan.replies, plan.tokens_out) == (3, 2, 61)
    assert plan.times(1.5).replies == 3


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    yield now


def test_the_line_says_about(clock: list[float]) -> None:
    out = io.StringIO()
    meter = Meter(Console(file=out, width=120), PLAN.requests, "card", eta=Eta(PLAN))
    for _ in range(100):
        clock[0] += 0.2
        meter.seen(choice(), 1, False)
    last = out.getvalue().splitlines()[-1]
    assert last == "card: 76 of about 110 answers, 15 s, about 87 s left"  # 4.8 + 2 + 80
    plain = Meter(Console(file=out, width=120), 100, "generate", "personas")
    clock[0] += 400
    plain.passed(10)
    assert (
        out.getvalue()
        .splitlines()[-1]
        .endswith("10 of about 100 personas, 400 s, about 60 min left")
    )


def test_the_first_answers_say_nothing_about_the_remaining_time(clock: list[float]) -> None:
    out = io.StringIO()
    meter = Meter(Console(file=out, width=120), PLAN.requests, "card", eta=Eta(PLAN))
    clock[0] += 60  # starting up
    meter.seen(choice(), 1, False)
    assert out.getvalue() == "card: 1 of about 110 answers, 60 s\n"
