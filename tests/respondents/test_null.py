"""Null respondents: no trait, no reading; each is the control that it says it is."""

from dataclasses import replace

import pytest

from personae.core import (
    BadValue,
    Channel,
    Form,
    Request,
    Sampling,
    UnknownName,
    load_inventory,
    requests_of,
    say,
)
from personae.measure.inventories.administer import administer
from personae.respondents.null import NULLS, open_null
from personae.stats.scores.scales import scale_scores

MPI = load_inventory("mpi-120")
SAFE = ("first", "garbage", "last", "midpoint", "uniform", "yes")

# (mean, population SD) of a constant "(A)" responder on MPI-120, by domain.
BART = {
    "O": (3.0, 2.0),
    "C": (2.833, 1.993),
    "E": (4.0, 1.732),
    "A": (2.167, 1.818),
    "N": (3.833, 1.818),
}


@pytest.mark.parametrize("channel", ["label", "option", "reply"])
def test_first_is_the_constant_row_of_mpi(channel: Channel) -> None:
    form = Form(wording="mpi", person="second", channel=channel)
    scores = scale_scores(administer(open_null("null:first"), MPI, form))
    for row in scores.iter_rows(named=True):
        assert (row["mean"], row["sd"]) == pytest.approx(BART[row["scale"]], abs=5e-4)


@pytest.mark.parametrize("order", ["forward", "reverse", "31420"])
@pytest.mark.parametrize("channel", ["label", "reply"])
def test_each_answers_by_its_rule(order: str, channel: Channel) -> None:
    form = Form(wording="mpi", order=order, channel=channel)
    shown = {"forward": (5, 1), "reverse": (1, 5), "31420": (2, 5)}[order]
    expected = {"yes": 5, "midpoint": 3, "first": shown[0], "last": shown[1]}
    for kind, value in expected.items():
        rows = administer(open_null(f"null:{kind}"), MPI, form).rows
        assert set(rows["value"]) == {float(value)}


def test_ends_only_scales_have_a_middle() -> None:
    label = Form(wording="enfj", labels="numbers")
    for form in (label, replace(label, channel="reply")):
        assert set(administer(open_null("null:midpoint"), MPI, form).rows["value"]) == {3.0}
        assert set(administer(open_null("null:yes"), MPI, form).rows["value"]) == {5.0}


def test_uniform_uses_every_option_alike() -> None:
    for form in (Form(), Form(channel="reply")):
        rows = administer(open_null("null:uniform"), MPI, form).rows
        counts = rows["value"].value_counts()["count"].to_list()
        assert len(counts) == 5 and min(counts) > 10
    labels = administer(open_null("null:uniform"), MPI, Form()).rows
    assert labels["expected"].to_list() == pytest.approx([3.0] * 120, abs=1e-6)


def test_refusals_and_garbage_are_records() -> None:
    for form, garbled in ((Form(), "ok"), (Form(channel="reply"), "unparsed")):
        refused = administer(open_null("null:refusing"), MPI, form).rows
        assert set(refused["status"]) == {"refused"} and refused["value"].is_null().all()
        garbage = administer(open_null("null:garbage"), MPI, form).rows
        assert set(garbage["status"]) == {garbled}
        assert all(mass is None or mass < 1e-5 for mass in garbage["mass"])


@pytest.mark.parametrize("kind", SAFE)
def test_statements_mean_nothing(kind: str) -> None:
    rows = administer(open_null(f"null:{kind}"), MPI, Form(channel="statement")).rows
    assert rows["value"].to_list() == pytest.approx([0.0] * rows.height)


@pytest.mark.parametrize("kind", [k for k in SAFE if k not in ("uniform", "garbage")])
def test_the_item_is_not_read(kind: str) -> None:
    rows = administer(open_null(f"null:{kind}"), MPI, Form()).rows
    assert len({tuple(logp) for logp in rows["logp"]}) == 1


def test_seeds_differ_and_repeat() -> None:
    chats = [say(f"{i}\nA. Yes\nB. No\nC. Maybe") for i in range(30)]
    first, second = (open_null(f"null:uniform,seed={seed}") for seed in (1, 2))
    assert first.reply(requests_of(chats), Sampling()) == first.reply(
        requests_of(chats), Sampling()
    )
    assert first.reply(requests_of(chats), Sampling()) != second.reply(
        requests_of(chats), Sampling()
    )
    assert first.fingerprint != second.fingerprint


def test_options_that_are_not_listed_cost_the_same_per_word() -> None:
    question = Request(say("Say something."), (("one two",), ("three",)))
    choice = open_null("null:yes").choose([question])[0]
    assert choice.loglik[0] / choice.tokens[0] == choice.loglik[1] / choice.tokens[1]


def test_names_are_checked() -> None:
    with pytest.raises(UnknownName, match="did you mean 'uniform'"):
        open_null("null:unifrom")
    for spec in ("null:yes,seed=-1", "null:yes,noise=1", "null:yes,seed"):
        with pytest.raises(BadValue):
            open_null(spec)
    assert set(NULLS) == {*SAFE, "refusing"}
