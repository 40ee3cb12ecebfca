"""Administration: values belong to texts, failures stay rows, likelihoods are read as said."""

from collections.abc import Callable, Sequence
from math import exp, log

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personae.core import (
    Answers,
    Chat,
    Choice,
    Done,
    Form,
    InputError,
    Inventory,
    Model,
    Reply,
    Request,
    Sampling,
    load_inventory,
    say,
)
from personae.measure.inventories.administer import administer
from personae.measure.inventories.forms import Frame, published_form
from personae.measure.inventories.statements import pair_texts, read_pairs, statement_pairs
from personae.measure.listed_questions import administer_shuffled
from personae.models.opening import open_model
from personae.respondents.null import open_null
from personae.respondents.scripted import ScriptedModel
from personae.stats.agreement import exact_agreement, weighted_kappa
from personae.stats.effects.ranks import wilcoxon
from personae.stats.scores.scales import item_matrix, scale_scores
from tests.support.tiny_networks import tiny_model

MPI = load_inventory("mpi-120")
SMALL = MPI.where(facet="Friendliness")


class Weigher:
    """A Chooser whose log-likelihoods come from a function of (chat, option text)."""

    name = "test:weigher"
    fingerprint = "00"

    def __init__(self, loglik: Callable[[Chat, str], float], status: str = "ok") -> None:
        self.loglik, self.status = loglik, status
        self.batches: list[int] = []

    def reply(
        self, requests: Sequence[Request], sampling: Sampling, *, done: Done | None = None
    ) -> list[Reply]:
        return [Reply(text="(B)") for _ in requests]

    def choose(self, requests: Sequence[Request], *, done: Done | None = None) -> list[Choice]:
        self.batches.append(len(requests))
        return [self.weigh(q) for q in requests]

    def weigh(self, question: Request) -> Choice:
        if self.status != "ok":
            return Choice(status=self.status, why="on purpose")  # type: ignore[arg-type]
        raw = np.array([self.loglik(question.chat, forms[0]) for forms in question.options])
        total = float(np.logaddexp.reduce(raw))
        return Choice(
            loglik=tuple(raw),
            logp=tuple(raw - total),
            mass=min(1.0, exp(total)),
            tokens=tuple(len(f[0].split()) for f in question.options),
        )


def by_label(weights: dict[str, float]) -> Weigher:
    return Weigher(lambda _, text: log(weights[text]))


class Replier:
    """A Model that gives replies only."""

    name = "test:replier"
    fingerprint = "01"

    def __init__(self, say_it: Callable[[Chat, Sampling], str]) -> None:
        self.say_it = say_it

    def reply(
        self, requests: Sequence[Request], sampling: Sampling, *, done: Done | None = None
    ) -> list[Reply]:
        return [Reply(text=self.say_it(request.chat, sampling)) for request in requests]


@given(st.permutations("01234").map("".join), st.lists(st.floats(0.01, 1), min_size=5, max_size=5))
def test_label_probabilities_are_mapped_back_to_the_options(order: str, p: list[float]) -> None:
    weights = dict(zip("ABCDE", np.array(p) / sum(p), strict=True))
    rows = administer(by_label(weights), SMALL, published_form("mpi", order=order)).rows
    shown = Frame(SMALL, published_form("mpi", order=order)).options
    by_value = {o.value: weights[o.label] for o in shown}
    logp = rows["logp"].to_list()[0]
    assert np.allclose(np.exp(logp), [by_value[v] for v in range(1, 6)])
    assert np.isclose(np.exp(logp).sum(), 1)
    assert np.allclose(rows["expected"].to_numpy(), sum(v * w for v, w in by_value.items()))
    slot = int(rows["slot"][0])
    assert shown[slot].value == rows["value"][0] and shown[slot].text == rows["raw"][0]
    assert weights[shown[slot].label] == max(weights.values())
    assert rows["order"].unique().to_list() == [order]


def test_ties_of_options_are_noted() -> None:
    rows = administer(Weigher(lambda _, __: -2.0), SMALL, published_form("mpi")).rows
    assert rows["value"].to_list() == [5.0] * 4 and rows["slot"].to_list() == [0] * 4
    assert np.allclose(rows["expected"].to_numpy(), 3.0)
    assert all("5 options are equally likely" in why for why in rows["why"])


def test_a_respondent_that_reads_agrees_with_itself_in_either_order() -> None:
    model = open_model("simulated:E=1.5,N=-1,A=0.7,noise=0")
    sheets = [
        administer(model, MPI, published_form("mpi", order=o)) for o in ("forward", "reverse")
    ]
    (one, two), _, _ = item_matrix(Answers.concat(sheets), ("order",), "value")
    assert exact_agreement(one, two).value == 1.0
    assert weighted_kappa(one, two).value == pytest.approx(1.0)
    found = wilcoxon(one, two)
    assert np.isnan(found.p) or found.p == 1.0


def test_a_respondent_that_chooses_labels_follows_the_order_of_the_list() -> None:
    """Who always takes the 4th option follows the place."""
    model = by_label(dict(zip("ABCDE", (0.01, 0.01, 0.01, 0.96, 0.01), strict=True)))
    for order, mean in (("forward", 2.0), ("reverse", 4.0)):
        answers = administer(model, MPI, published_form("mpi", order=order))
        assert answers.rows["value"].mean() == mean
        scores = scale_scores(answers, by=("order",))
        for scale, score in scores.select("scale", "mean").iter_rows():
            plus = sum(i.key for i in MPI.items if i.scale == scale) / 24
            assert np.isclose(score - 3, (mean - 3) * plus)


def test_a_tenth_of_answers_unparsed_is_counted_and_changes_no_score() -> None:
    random = np.random.default_rng(1)
    lost = {i for i in range(120) if random.random() < 0.1}
    place = {item.id: i for i, item in enumerate(MPI.items)}
    frame = Frame(MPI, published_form("mpi"))
    keys = {frame.chat(frame.text(item)): item for item in MPI.items}

    def answer(chat: Chat, _: Sampling) -> str:
        item = keys[chat]
        if place[item.id] in lost:
            return "I am a bit unsure"
        return "(B). Moderately Accurate" if item.key == 1 else "(D). Moderately Inaccurate"

    form = Form(wording="mpi", channel="reply")
    answers = administer(Replier(answer), MPI, form)
    counts = answers.missing().row(0, named=True)
    assert (counts["asked"], counts["unparsed"]) == (120, len(lost))
    assert answers.rows.filter(pl.col("status") != "ok")["value"].null_count() == len(lost)
    assert scale_scores(answers)["mean"].to_list() == [4.0] * 5


@pytest.mark.parametrize("channel", ["label", "option", "statement"])
@pytest.mark.parametrize("status", ["error", "refused"])
def test_a_choice_that_failed_is_a_row_with_its_reason(channel: str, status: str) -> None:
    form = Form(wording="mpi", channel=channel)  # type: ignore[arg-type]
    rows = administer(Weigher(lambda _, __: -1.0, status), SMALL, form).rows
    assert rows.height and set(rows["status"]) == {status}
    assert all("on purpose" in why for why in rows["why"]) and rows["value"].null_count() > 0


def test_options_without_any_likelihood_are_an_error_not_a_number() -> None:
    model = Weigher(lambda _, __: float("-inf"))
    nothing = (-np.inf,) * 5
    model.weigh = (  # type: ignore[method-assign]
        lambda question: Choice(
            loglik=nothing[: len(question.options)],
            logp=nothing,
            tokens=(1,) * len(question.options),
        )
    )
    for channel in ("label", "option", "statement"):
        rows = administer(model, SMALL, Form(wording="mpi", channel=channel)).rows
        assert set(rows["status"]) == {"error"} and rows["expected"].null_count() == rows.height


def test_option_texts_are_weighed_beyond_what_they_get_without_an_item() -> None:
    """A bias for an option that doesn't depend on the item cancels; the item's pull stays."""
    pull = {"Very Accurate": 0.5, "Very Inaccurate": -0.5}

    def loglik(chat: Chat, text: str) -> float:
        tokens = len(text.split())
        item = 0.0 if "N/A." in chat[-1].text else pull.get(text, 0.0)
        return tokens * (-1.0 - len(text) + item)

    rows = administer(Weigher(loglik), SMALL, Form(wording="mpi", channel="option")).rows
    wanted = np.array([-0.5, 0, 0, 0, 0.5]) - np.log(np.exp([-0.5, 0, 0, 0, 0.5]).sum())
    assert np.allclose(np.array(rows["logp"].to_list()), wanted)
    assert set(rows["raw"]) == {"Very Accurate"}


@pytest.mark.parametrize("channel", ["label", "option", "statement"])
def test_a_form_is_one_batch(channel: str) -> None:
    model = Weigher(lambda _, __: -1.0)
    administer(model, MPI, Form(wording="mpi", channel=channel))  # type: ignore[arg-type]
    assert len(model.batches) == 1


def test_replies_are_drawn_once_per_repeat() -> None:
    model = Replier(lambda _, sampling: "ABCDE"[sampling.repeat])
    form = Form(wording="mpi", channel="reply")
    rows = administer(model, SMALL, form, sampling=Sampling(repeat=1), repeats=3).rows
    assert rows.group_by("repeat", maintain_order=True).agg(pl.col("value").unique()).rows() == [
        (1, [4.0]),
        (2, [3.0]),
        (3, [2.0]),
    ]


def test_failed_replies_keep_their_status() -> None:
    replies = [
        Reply(text="", status="error", why="503"),
        Reply(text="I'd say", status="cut", why="long"),
        Reply(text="(A). Very", status="cut", why="long"),
        Reply(text="As an AI, no."),
    ]
    rows = administer(ScriptedModel(replies), SMALL, Form(wording="mpi", channel="reply")).rows
    assert rows["status"].to_list() == ["error", "cut", "ok", "refused"]
    assert rows["value"].to_list() == [None, None, 5.0, None]
    assert rows["why"].to_list()[:2] == ["503", "long"]


def test_a_shared_context_shows_the_answers_given_so_far() -> None:
    asked: list[Chat] = []

    def answer(chat: Chat, _: Sampling) -> str:
        asked.append(chat)
        return "no idea" if len(asked) == 2 else f"({'ABCDE'[len(asked) - 1]})"

    form = Form(wording="mpi", channel="reply", context="shared")
    rows = administer(Replier(answer), SMALL, form).rows
    assert rows["value"].to_list() == [5.0, None, 3.0, 2.0]
    said = [[m.text for m in chat if m.role == "assistant"] for chat in asked]
    assert said == [[], ["(A)"], ["(A)"], ["(A)", "(C)"]]
    labels = administer(
        by_label({"A": 0.1, "B": 0.6, "C": 0.1, "D": 0.1, "E": 0.1}),
        SMALL,
        Form(wording="mpi", context="shared"),
    )
    assert labels.rows["value"].to_list() == [4.0] * 4


def test_every_item_gets_a_row_with_its_own_key() -> None:
    rows = administer(by_label(dict.fromkeys("ABCDE", 0.2)), MPI, published_form("mpi")).rows
    assert rows["item"].to_list() == [i.id for i in MPI.items]
    assert rows["key"].to_list() == [i.key for i in MPI.items]
    assert rows["facet"].to_list() == [i.facet for i in MPI.items]
    assert set(rows["inventory"]) == {MPI.tag} and rows["wording"][0].startswith("mpi@")


@pytest.mark.parametrize(
    ("model", "inventory", "form", "repeats", "words"),
    [
        (Replier(lambda *_: "A"), "mpi-120", Form(), 1, "channel 'reply'"),
        (by_label({}), "mpi-120", Form(), 2, "repeats belong"),
        (by_label({}), "mpi-120", Form(channel="reply"), 0, "at least 1"),
        (by_label({}), "sd3", Form(), 1, "item file"),
        (by_label({}), "sd3", Form(channel="statement"), 1, "item file"),
        (by_label({}), "mpi-120", Form(channel="statement", order="10"), 1, "forward"),
        (by_label({}), "mpi-120", Form(channel="statement", person="third"), 1, "first person"),
    ],
)
def test_incompatible_forms_are_refused_with_the_reason(
    model: Model, inventory: str, form: Form, repeats: int, words: str
) -> None:
    with pytest.raises(InputError, match=words):
        administer(model, load_inventory(inventory), form, repeats=repeats)


@pytest.mark.parametrize(
    "name", ["ipip-neo-120", "ipip-neo-300", "mpi-1k", "ipip-16pf", "saucier-mini-markers"]
)
def test_pairs_are_opposite_and_use_an_item_once(name: str) -> None:
    tool = load_inventory(name)
    pairs = statement_pairs(tool)
    used = [i.id for p in pairs for i in (p.positive, p.negative)]
    assert len(set(used)) == len(used) == 2 * len(pairs)
    for pair in pairs:
        assert (pair.positive.key, pair.negative.key) == (1, -1)
        assert pair.positive.scale == pair.negative.scale == pair.scale
        assert pair.id == f"{pair.positive.id}|{pair.negative.id}"
        if pair.facet:
            assert pair.positive.facet == pair.negative.facet == pair.facet
    assert pairs == statement_pairs(tool)


def test_pairs_of_one_facet_come_first_and_whole_facets_are_used_up() -> None:
    tool = load_inventory("ipip-neo-120")
    pairs = statement_pairs(tool)
    for facet in {i.facet for i in tool.items}:
        keys = [i.key for i in tool.items if i.facet == facet]
        inside = sum(p.facet == facet for p in pairs)
        assert inside == min(keys.count(1), keys.count(-1))


def test_poles_are_pairs_by_themselves() -> None:
    tool = load_inventory("goldberg-bipolar")
    pair = statement_pairs(tool)[0]
    assert pair_texts(tool, pair) == ("I am talkative.", "I am silent.")
    assert len(statement_pairs(tool)) == 50


def test_an_inventory_of_one_sign_has_no_pairs() -> None:
    one: Inventory = load_inventory("ipip-neo-120").where(facet="Anxiety")
    with pytest.raises(InputError, match="oppositely keyed"):
        statement_pairs(one)


def test_the_contrast_follows_its_definition() -> None:
    """Per token, with the chat minus without it, positive minus negative; listing is inert."""

    def loglik(chat: Chat, text: str) -> float:
        return -3.0 * len(text) + (
            len(text.split()) * (0.7 if text == "I am." else 0.2) if chat else 0
        )

    texts = [("I am.", "No, I am really not.")]
    for swapped in (False, True):
        found = read_pairs(Weigher(loglik), texts, "plain", swapped=swapped)
        assert found["value"] == [pytest.approx(0.5)] and found["raw"] == ["I am."]
        assert found["logp"] == [pytest.approx([0.2, 0.7])]


def test_a_simulated_trait_is_recovered_in_every_channel() -> None:
    """In the channels that weigh."""
    model = open_model("simulated:E=1.5,N=-1.5,noise=0.2")
    for channel in ("label", "option", "statement"):
        answers = administer(model, MPI, Form(channel=channel))
        scores = dict(scale_scores(answers, use="expected").select("scale", "mean").rows())
        middle = 0 if channel == "statement" else 3
        assert scores["E"] > middle > scores["N"]
        assert scores["E"] == max(scores.values()) and scores["N"] == min(scores.values())


def test_a_network_s_options_add_up_to_one() -> None:
    model = tiny_model()
    small = MPI.where(facet="Anger")
    for channel in ("label", "option"):
        rows = administer(model, small, Form(wording="mpi", channel=channel)).rows
        assert rows["status"].to_list() == ["ok"] * 4
        assert np.allclose([np.exp(p).sum() for p in rows["logp"]], 1.0)
        assert all(0 < m <= 1 for m in rows["mass"])
    rows = administer(model, MPI.where(facet="Anger"), Form(channel="statement")).rows
    turned = administer(model, small, Form(channel="statement", order="reverse")).rows
    assert np.allclose(rows["value"].to_numpy(), turned["value"].to_numpy(), atol=1e-4)


def test_a_statement_is_asked_with_and_without_the_chat() -> None:
    model = ScriptedModel(choose=lambda question: [0.5, 0.5])
    read_pairs(model, [("I am.", "I am not.")], "plain")
    assert [request.chat for request in model.asked] == [
        say("Say something true about yourself."),
        (),
    ]


def test_items_under_orders_of_their_own_keep_their_facets() -> None:
    inventory = load_inventory("mpi-120").where(scale="E")
    orders = [["forward"] * len(inventory.items)]
    sheet = administer_shuffled(open_null("null:first"), inventory, Form(), orders)
    assert sheet.rows["facet"].to_list() == [item.facet for item in inventory.items]
    assert len(set(sheet.rows["facet"])) > 1
