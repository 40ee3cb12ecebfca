"""Weighing options at a server: by first tokens where it shows them, else by counting replies."""

from math import exp, inf, log
from typing import Any

import pytest

from personae.core import Choice, Reply, Request, say
from personae.models.server import dispatch, rate_limit
from personae.models.server.client import ServerModel, open_server
from personae.models.server.first_tokens import choice_from_replies, choice_from_tokens
from personae.models.server.server_settings import ServerSettings
from tests.support.faulty_server import MODEL, Act, FaultyServer, Script, refuses, says, top

METHOD = "top_logprobs:20"
LABELS = (("A", " A", "(A"), ("B", " B", "(B"), ("C", " C", "(C"))


@pytest.fixture(autouse=True)
def in_no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limit, "BASE", 0.01)


def open_at(server: FaultyServer, **settings: Any) -> ServerModel:
    return open_server(f"{server.url}#{MODEL}", settings=ServerSettings(**settings))


def questions(n: int) -> list[Request]:
    return [Request(say(f"item {i}"), LABELS) for i in range(n)]


def weigh(script: Script, n: int = 5) -> tuple[list[Choice], FaultyServer]:
    with FaultyServer(script) as server:
        return open_at(server).choose(questions(n)), server


def test_first_tokens_are_summed_over_forms_and_leading_blanks() -> None:
    tokens = {"A": log(0.4), "_A": log(0.1), "B": log(0.2), "Sure": log(0.15), "x": log(0.001)}
    choices, server = weigh(lambda body, before: says("A", logprobs=top(**tokens)))
    for choice in choices:
        assert choice.status == "ok"
        assert choice.method == "top_logprobs:20"
        assert choice.loglik == pytest.approx((log(0.5), log(0.2), -inf))
        assert choice.logp == pytest.approx((log(5 / 7), log(2 / 7), -inf))
        assert choice.mass == pytest.approx(0.7)
        assert choice.floor == pytest.approx(log(0.001))
        assert choice.tokens == (1, 1, 1)
        assert (choice.tokens_in, choice.tokens_out) == (7, 3)
    assert len(server.bodies) == 5
    body = server.bodies[0]
    assert (body["max_tokens"], body["temperature"], body["top_logprobs"]) == (
        1,
        0.0,
        20,
    )


def test_a_bracket_before_the_label_counts_towards_the_floor() -> None:
    question = Request(say("?"), LABELS)
    choice = choice_from_tokens(
        question, {"A": log(0.9), "(": log(0.005), "z": log(0.001)}, "top_logprobs:20"
    )
    assert choice.floor == pytest.approx(log(0.006))
    assert choice.logp[0] == pytest.approx(0.0)


def test_texts_of_several_tokens_are_refused_with_the_reason() -> None:
    options = (("Very Accurate",), ("Moderately Accurate",), ("Neither",))
    question = Request(say("?"), options)
    hidden = choice_from_tokens(
        question, {"Very": log(0.5), "Neither": log(0.4)}, "top_logprobs:20"
    )
    assert hidden.status == "error"
    assert "'Very Accurate' takes several tokens" in hidden.why
    assert (hidden.logp, hidden.mass) == ((), 0.0)
    absent = choice_from_tokens(question, {"I": log(0.5), "Well": log(0.4)}, METHOD)
    assert absent.status == "error"
    assert "none of the options" in absent.why


def test_numbers_that_begin_alike_are_not_confused() -> None:
    question = Request(say("?"), (("1", " 1"), ("10", " 10")))
    both = choice_from_tokens(question, {"1": log(0.6), "10": log(0.3)}, METHOD)
    assert both.logp == pytest.approx((log(2 / 3), log(1 / 3)))


def test_next_to_nothing_is_not_a_probability() -> None:
    choices, _ = weigh(lambda b, n: says("A", logprobs=top(A=-0.1, B=-9999.0)))
    assert choices[0].logp[1] == -inf
    assert choices[0].floor == pytest.approx(-0.1)


COUNTED = ["A", "A", "A", "A", " A.", "(A)", "B", "B) often", "Apple", "I can't say"]


def counting(body: dict[str, Any], before: int) -> Act:
    """A server without log-probabilities, whose replies follow the seed."""
    if body["temperature"] == 0:
        return says("A")
    seeds.setdefault(body["seed"], len(seeds))
    return says(COUNTED[seeds[body["seed"]] % 10])


seeds: dict[int, int] = {}


@pytest.mark.parametrize(
    "refusal",
    [None, refuses(400, "logprobs is not supported"), refuses(422, "unknown field top_logprobs")],
)
def test_a_server_without_log_probabilities_is_counted(refusal: Act | None) -> None:
    seeds.clear()

    def script(body: dict[str, Any], before: int) -> Act:
        return refusal if refusal and "logprobs" in body else counting(body, before)

    choices, server = weigh(script)
    probes = [b for b in server.bodies if "logprobs" in b]
    assert len(probes) == (3 if refusal is None else 1)  # one answer without them proves nothing
    assert len(server.bodies) == len(probes) + 5 * 20
    for choice in choices:
        assert choice.method == "counted:20"
        assert choice.loglik == pytest.approx((log(0.6), log(0.2), -inf))
        assert choice.logp == pytest.approx((log(0.75), log(0.25), -inf))
        assert choice.mass == pytest.approx(0.8)
        assert choice.floor == pytest.approx(log(1 / 20))
    answered = len(server.bodies) - (refusal is not None)
    assert sum(choice.tokens_in for choice in choices) == 7 * answered  # all that was billed


def test_a_server_that_lists_only_five_is_asked_for_five() -> None:
    def five(body: dict[str, Any], before: int) -> Act:
        if body["top_logprobs"] > 5:
            return refuses(400, "top_logprobs must be at most 5")
        return says("A", logprobs=top(A=-0.1, B=-3.0))

    choices, server = weigh(five)
    assert {c.method for c in choices} == {"top_logprobs:5"}
    assert len(server.bodies) == 6


def test_one_answer_without_tokens_is_a_record_once_the_server_has_shown_them() -> None:
    def forgets(body: dict[str, Any], before: int) -> Act:
        shown = top(A=-0.1) if body["messages"][0]["content"] != "item 3" else None
        return says("A", logprobs=shown)

    choices, _ = weigh(forgets)
    assert [c.status for c in choices] == ["ok", "ok", "ok", "error", "ok"]
    assert "no log-probabilities" in choices[3].why


def test_an_answer_that_the_server_filtered_is_refused_whatever_tokens_it_shows() -> None:
    def script(body: dict[str, Any], before: int) -> Act:
        item = body["messages"][0]["content"]
        if item == "item 1":
            return says("", finish_reason="content_filter", logprobs=top(A=-0.1))
        if item == "item 2":
            return says(None, refusal="No.", logprobs=top(A=-0.1))
        return says("A", logprobs=top(A=-0.1))

    choices, _ = weigh(script)
    assert [c.status for c in choices] == ["ok", "refused", "refused", "ok", "ok"]
    assert "content filter" in choices[1].why and choices[1].tokens_in
    assert not choices[1].logp


def test_refused_and_failing_questions_are_records() -> None:
    def script(body: dict[str, Any], before: int) -> Act:
        item = body["messages"][0]["content"]
        if item == "item 1":
            return refuses(400, "bad words", "content_filter")
        if item == "item 2":
            return refuses(400, "too long")
        return says("A", logprobs=top(A=-0.1))

    choices, _ = weigh(script)
    assert [c.status for c in choices] == ["ok", "refused", "error", "ok", "ok"]


def test_a_failure_may_pass_and_a_refusal_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch, "TRIES", 2)

    def script(body: dict[str, Any], before: int) -> Act:
        status = {"item 1": 400, "item 2": 500}.get(body["messages"][0]["content"])
        return refuses(status) if status else says("A", logprobs=top(A=-0.1))

    choices, _ = weigh(script, 3)
    assert [(c.status, c.temporary) for c in choices] == [
        ("ok", False),
        ("error", False),
        ("error", True),
    ]


def test_counting_distinguishes_silence_refusal_and_failure() -> None:
    question = Request(say("?"), LABELS)

    def status(*replies: Reply) -> str:
        return choice_from_replies(question, replies).status

    ok, no = Reply(text="A"), Reply(text="I'd rather not", status="refused")
    other, error = Reply(text="hm"), Reply(text="", status="error", why="500")
    assert status(ok, no, other, other) == "ok"
    assert status(no, no, other) == "refused"
    assert status(no, other, other) == "unparsed"
    assert status(ok, error, error) == "error"
    choice = choice_from_replies(question, [ok, ok, ok, error])
    assert choice.method == "counted:3"
    assert exp(choice.logp[0]) == 1.0


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("A person like me", None),
        ("A", 0),
        ("A.", 0),
        ("A Often", 0),
        ("(A) is me", 0),
        ("B is", 1),
    ],
)
def test_a_counted_reply_that_begins_with_an_article_names_no_option(
    text: str, said: int | None
) -> None:
    choice = choice_from_replies(Request(say("?"), LABELS), [Reply(text=text)] * 20)
    assert choice.status == ("unparsed" if said is None else "ok")
    assert said is None or exp(choice.logp[said]) == 1.0


def test_tokens_of_one_text_are_added() -> None:
    listed = [("B", 0.30), ("A", 0.26), ("A", 0.24), ("C", 0.10)]
    entries = [{"token": token, "logprob": log(p)} for token, p in listed]
    shown = {"content": [{**entries[0], "top_logprobs": entries}]}
    choices, _ = weigh(lambda body, before: says("B", logprobs=shown))
    assert choices[0].logp == pytest.approx((log(5 / 9), log(3 / 9), log(1 / 9)))
    assert choices[0].mass == pytest.approx(0.9)


@pytest.mark.parametrize("sign", ["\u0120", "\u2581"])
def test_a_tokenizer_s_sign_for_a_blank_is_a_blank(sign: str) -> None:
    tokens = {f"{sign}A": log(0.4), "A": log(0.1), f"{sign}B": log(0.5)}
    choices, _ = weigh(lambda body, before: says("A", logprobs=top(**tokens)))
    assert choices[0].logp[:2] == pytest.approx((log(0.5), log(0.5)))


IMPOSSIBLE: dict[str, object] = {
    "nan": float("nan"),
    "minus infinity": -inf,
    "positive": 0.7,
    "text": "-0.1",
    "nothing": None,
    "yes": True,
}


@pytest.mark.parametrize("value", IMPOSSIBLE)
def test_log_probabilities_that_cannot_be_are_errors(value: str) -> None:
    def shows(body: dict[str, Any], before: int) -> Act:
        is_bad = body["messages"][0]["content"] == "item 3"
        entries = [
            {"token": "A", "logprob": -0.7},
            {"token": "B", "logprob": IMPOSSIBLE[value] if is_bad else -0.8},
        ]
        return says("A", logprobs={"content": [{**entries[0], "top_logprobs": entries}]})

    choices, _ = weigh(shows)
    assert [c.status for c in choices] == ["ok", "ok", "ok", "error", "ok"]
    assert "log-probability" in choices[3].why
    assert choices[3].tokens_in == 7  # it was billed


def test_probabilities_of_more_than_one_are_errors() -> None:
    choices, _ = weigh(lambda body, before: says("A", logprobs=top(A=-0.1, B=-0.2)))
    assert "add up to 1.724" in choices[0].why


def test_an_empty_list_of_tokens_is_no_answer() -> None:
    def shows(body: dict[str, Any], before: int) -> Act:
        if "logprobs" not in body:
            return says("A")
        item = body["messages"][0]["content"]
        is_empty = item == "item 3" or (item == "item 0" and not before)
        shown = top(A=-0.1, B=-3.0)
        if is_empty:
            shown["content"][0]["top_logprobs"] = []
        return says("A", logprobs=shown)

    choices, server = weigh(shows)
    assert [c.status for c in choices] == ["ok", "ok", "ok", "error", "ok"]
    assert choices[0].method == METHOD  # asked again: one answer proves nothing
    assert len(server.bodies) == 6


def test_a_change_of_the_way_is_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    weigh(lambda body, before: says("A"), n=2)
    assert "shows no log-probabilities: each question" in capsys.readouterr().err


def test_options_of_several_words_are_not_paid_for_where_they_cannot_be_weighed() -> None:
    question = Request(say("?"), (("Very Accurate",), ("Neither",)))
    with FaultyServer(lambda body, before: says("A")) as server:
        choices = open_at(server).choose([question, Request((), (("a",), ("b",)))])
    assert [choice.method for choice in choices] == ["not asked", "not asked"]
    assert "'Very Accurate', of several tokens" in choices[0].why
    assert server.bodies == []


def test_a_gateway_that_answers_every_path_as_a_chat_is_billed_for_every_call() -> None:
    with FaultyServer(lambda body, before: says("A", logprobs=top(A=-0.1)), path="") as server:
        model = open_at(server)
        choices = model.choose(questions(3))
    assert {choice.method for choice in choices} == {METHOD}
    assert len(server.bodies) > 3  # it was also asked which ways it has
    assert (model.spent.requests, model.spent.tokens_in) == (
        len(server.bodies),
        7 * len(server.bodies),
    )
    assert sum(choice.tokens_in for choice in choices) == model.spent.tokens_in


@pytest.mark.parametrize(("listed", "method"), [(0.1, "counted:20"), (0.001, "top_logprobs:20")])
def test_options_that_a_short_list_leaves_out_are_counted(listed: float, method: str) -> None:
    """Where the list ends high, an option may have as much; where it ends low, none can."""

    def lists_others(body: dict[str, Any], before: int) -> Act:
        tokens = {"I": log(0.5), "Well": log(listed)}
        return says("B" if "logprobs" not in body else "I", logprobs=top(**tokens))

    with FaultyServer(lists_others) as server:
        model = open_at(server)
        choices = model.choose(questions(3))
        assert {choice.method for choice in choices} == {method}
        if listed < 0.05:
            assert {choice.status for choice in choices} == {"error"}
            assert len(server.bodies) == 3
        else:
            assert [exp(x) for x in choices[0].logp] == [0, 1, 0]
            assert len(server.bodies) == 3 * 21
        assert model.spent.requests == len(server.bodies)
        assert sum(choice.tokens_in for choice in choices) == 7 * len(server.bodies)
