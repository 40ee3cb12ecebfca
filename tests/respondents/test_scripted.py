"""The scripted model: a function of the request, with faults in the shares asked for."""

from collections import Counter

import pytest

from personae.core import (
    BadValue,
    Reply,
    Request,
    Sampling,
    UnknownName,
    is_control,
    requests_of,
    say,
)
from personae.respondents.scripted import FAULTS, ScriptedModel

CHATS = [say(f"question {i}") for i in range(2000)]


def test_answers_do_not_depend_on_order_or_batch() -> None:
    def model() -> ScriptedModel:
        return ScriptedModel(lambda chat: ["a", "b", "c"], faults={"refused": 0.3})

    sampling = Sampling(temperature=1)
    replies = model().reply(requests_of(CHATS[:50]), sampling)
    assert model().reply(requests_of(CHATS[:50][::-1]), sampling)[::-1] == replies
    assert [model().reply([Request(c)], sampling)[0] for c in CHATS[:50]] == replies
    assert {r.text for r in replies} > {"a", "b", "c"}


def test_faults_come_in_their_shares() -> None:
    shares = {"refused": 0.1, "malformed": 0.2, "cut": 0.05, "busy": 0.1, "timeout": 0.05}
    model = ScriptedModel(lambda chat: "fine", faults=shares)
    counts = Counter(model.reply(requests_of(CHATS), Sampling()))
    for name, share in shares.items():
        assert counts[FAULTS[name]] / 2000 == pytest.approx(share, abs=0.03)
    questions = [Request(c, (("a",), ("b",))) for c in CHATS[:300]]
    assert {c.status for c in model.choose(questions)} == {
        "ok",
        "refused",
        "unparsed",
        "cut",
        "error",
    }


def test_a_list_is_used_up_in_order() -> None:
    model = ScriptedModel(["one", Reply(text="", status="cut")])
    assert [r.status for r in model.reply(requests_of(CHATS[:2]), Sampling())] == ["ok", "cut"]
    with pytest.raises(BadValue, match="2 replies"):
        model.reply(requests_of(CHATS[:1]), Sampling())


def test_choices_follow_the_probabilities() -> None:
    question = Request(say("Tea?"), (("yes",), ("no",), ("perhaps so",)))
    choice = ScriptedModel(choose=lambda q: [0.6, 0.2, 0.0]).choose([question])[0]
    assert choice.mass == pytest.approx(0.8)
    assert choice.logp[0] == pytest.approx(-0.2876820724517809)
    assert choice.logp[2] == float("-inf")
    assert choice.tokens == (1, 1, 2)
    with pytest.raises(BadValue, match="3 probabilities"):
        ScriptedModel(choose=lambda q: [1.0]).choose([question])


def test_wrong_scripts_are_refused() -> None:
    with pytest.raises(UnknownName, match="did you mean 'refused'"):
        ScriptedModel(faults={"refusal": 0.1})
    with pytest.raises(BadValue, match="at most 1 together"):
        ScriptedModel(faults={"refused": 0.6, "cut": 0.6})
    assert is_control(ScriptedModel().name)


def test_a_long_reply_is_cut() -> None:
    reply = ScriptedModel(lambda chat: "one two three").reply(
        requests_of(CHATS[:1]), Sampling(max_tokens=2)
    )[0]
    assert (reply.text, reply.status, reply.tokens_out) == ("one two", "cut", 2)
