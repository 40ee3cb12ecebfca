"""The TRAIT study: scores and sensitivities on respondents whose choices are known."""

import json
import re
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import combinations
from math import isnan, sqrt
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from personae.core import (
    Choice,
    Done,
    Estimate,
    Note,
    Reply,
    Request,
    Sampling,
    data_json,
)
from personae.measure.situations.situation_bank import (
    SituationBank,
    action_orders,
    advice_templates,
    ask_bank,
    load_bank,
)
from personae.models.local.engine import LocalModel
from personae.respondents.latent import keyed_uniform
from personae.respondents.null import open_null
from personae.respondents.respondent_answers import choice_from_logliks
from personae.respondents.scripted import ScriptedModel
from personae.respondents.simulated import open_simulated
from personae.studies.trait.choices import (
    LEAST_MASS,
    Choices,
    item_credits,
    lay_out_choices,
    order_sensitivity,
    pole_difference,
    trait_score,
)
from personae.studies.trait.lexical import distinct, word_distance
from personae.studies.trait.study import trait
from tests.support.embedded import embedded
from tests.support.report_parts import table, verdict_text

BANK = load_bank()
PAIR = action_orders("pair")


def stacked(forward: list[float], reverse: list[float]) -> Choices:
    """Lay out two orders, given slot by slot as the paper does, in stored order."""
    slots = {"0213": forward, "2031": reverse}
    chances = np.empty((1, 2, 4))
    for index, (order, given) in enumerate(slots.items()):
        for slot, digit in enumerate(order):
            chances[0, index, int(digit)] = given[slot]
    return Choices(("1",), ("E",), PAIR, {"suggest": chances})


def by_slot(weights: list[float]) -> ScriptedModel:
    return ScriptedModel(choose=lambda _: weights, name=f"slots {weights}")


def one_by_one(given: Sequence[Any]) -> Callable[[Request], list[float]]:
    """Give out probabilities one after the other."""
    left = iter(given)
    return lambda _: list(next(left))


def reader(high: float, seed: int = 0) -> ScriptedModel:
    """Prefer a high action of an item with probability `high`, whatever the order."""
    actions = {a: (i.id, n < 2) for i in BANK.items for n, a in enumerate(i.actions)}

    def choose(question: Request) -> list[float]:
        lines = re.findall(r"^[A-D1-4][.:]? ?=? ?(.+)$", question.chat[-1].text, re.MULTILINE)
        shown = [actions[line] for line in lines if line in actions]
        wants = keyed_uniform("reader", seed, shown[0][0]) < high
        return [0.4 if is_high == wants else 0.1 for _, is_high in shown]

    return ScriptedModel(choose=choose, name=f"reader {high} {seed}")


def test_the_hand_example() -> None:
    chances = stacked([0.6, 0.2, 0.1, 0.1], [0.5, 0.3, 0.1, 0.1]).chances["suggest"]
    assert chances.mean(axis=1)[0].tolist() == pytest.approx([0.45, 0.10, 0.35, 0.10])
    assert item_credits(chances).tolist() == [1.0]


def test_exchanging_orders_and_roles_turns_high_into_low() -> None:
    rng = np.random.default_rng(4)
    chances = rng.dirichlet(np.ones(4), (200, 2))
    turned = chances[:, ::-1, [2, 3, 0, 1]]
    assert (item_credits(turned) == 1 - item_credits(chances)).all()


@pytest.mark.parametrize("which", ["pair", "latin", "all"])
def test_a_blind_model_scores_fifty_in_every_trait(which: str) -> None:
    """The published argmax would give 100."""
    orders = action_orders(which)  # type: ignore[arg-type]
    sheet = ask_bank(by_slot([0.7, 0.1, 0.1, 0.1]), BANK.first(2), "suggest", orders)
    choices = lay_out_choices(sheet)
    assert item_credits(choices.chances["suggest/label"]).tolist() == [0.5] * 16
    for scale in BANK.scales:
        assert trait_score(choices.where(scale), scale).value == 50.0
        assert trait_score(choices.where(scale), scale).p == 1.0


def test_order_sensitivity_separates_content_from_position() -> None:
    content = lay_out_choices(ask_bank(reader(0.5), BANK, "bare", action_orders("latin")))
    blind = lay_out_choices(ask_bank(by_slot([0.7, 0.1, 0.1, 0.1]), BANK, "bare", PAIR))
    firm = open_simulated("simulated:noise=0")
    firm_choices = lay_out_choices(ask_bank(firm, BANK, "bare", action_orders("latin")))
    assert order_sensitivity(firm_choices).value == 0.0
    assert order_sensitivity(blind, PAIR).value == 1.0
    assert isnan(order_sensitivity(content).value), "two equally likely actions choose nothing"


@pytest.mark.parametrize("q", [0.2, 0.5, 0.9])
def test_a_known_preference_is_recovered(q: float) -> None:
    credits = [
        item_credits(
            lay_out_choices(ask_bank(reader(q, seed), BANK, "suggest", PAIR)).chances[
                "suggest/label"
            ]
        )
        for seed in range(13)
    ]
    score, n = 100 * float(np.mean(credits)), np.size(credits)
    assert n > 1000
    assert abs(score - 100 * q) <= 2.5 * sqrt(q * (1 - q) / n) * 100


def test_the_same_probabilities_give_the_same_score_by_any_path() -> None:
    """No second exponential: likelihoods of a listed-tokens server and of a local model agree."""
    rng = np.random.default_rng(1)
    drawn = {i: rng.dirichlet(np.ones(4)) for i in range(320)}
    scores = []
    for scale in (1.0, 0.013):  # label mass 1, and a model that mostly says something else
        model = ScriptedModel(choose=one_by_one([drawn[i] * scale for i in range(320)]))
        sheet = ask_bank(model, BANK, "suggest", action_orders("latin"))
        scores.append(item_credits(lay_out_choices(sheet).chances["suggest/label"]))
    assert (scores[0] == scores[1]).all()
    averaged = np.array(list(drawn.values())).reshape(80, 4, 4)
    orders = np.array([[int(d) for d in order] for order in action_orders("latin")])
    stored = np.take_along_axis(averaged, np.argsort(orders, axis=1)[None], axis=2).mean(axis=1)
    assert (scores[0] == (stored[:, :2].max(axis=1) > stored[:, 2:].max(axis=1))).all()


class Unlabelled:
    """Says labels with hardly any probability, and prefers high actions by their words."""

    name, fingerprint = "scripted:unlabelled", "0"

    def __init__(self) -> None:
        self.high = {a for item in BANK.items for a in item.high}

    def reply(
        self, requests: Sequence[Request], sampling: Sampling, *, done: Done | None = None
    ) -> list[Reply]:
        return open_null("null:garbage").reply(requests, sampling)

    def choose(self, requests: Sequence[Request], *, done: Done | None = None) -> list[Choice]:
        choices = []
        for question in requests:
            words = [forms[0] for forms in question.options]
            labels = len(words[0]) == 1
            asked = "N/A" not in question.chat[-1].text
            logliks = [
                -9.0 if labels else -3.0 * len(w.split()) + 4.0 * (w in self.high and asked)
                for w in words
            ]
            choices.append(choice_from_logliks(question, logliks))
        return choices


def test_labels_that_a_model_would_not_say_give_way_to_whole_options() -> None:
    report = trait(Unlabelled(), quick=True)
    assert report.answers is not None
    assert set(report.answers.rows["channel"]) == {"option"}
    assert any("Whole options" in p.text for p in report.parts if isinstance(p, Note))
    scores = [row[1] for row in table(report, "scores").rows]
    assert all(isinstance(e, Estimate) and e.value == 100.0 for e in scores)


def test_a_prompt_for_a_trait_is_followed_or_shown_not_to_be() -> None:
    following = trait(open_simulated("simulated:noise=0.1"), quick=True)
    assert "moves its score" in verdict_text(following)
    moved = {row[0]: row[3] for row in table(following, "moved").rows}
    assert all(isinstance(e, Estimate) and e.value >= 0 for e in moved.values())
    assert isinstance(moved["Extraversion"], Estimate) and moved["Extraversion"].value == 100
    deaf = trait(open_simulated("simulated:noise=0.1,follow=0"), quick=True)
    assert "is not shown to move" in verdict_text(deaf)


@pytest.mark.parametrize("spec", ["null:first", "null:uniform", "null:garbage", "null:midpoint"])
def test_null_respondents_give_no_finding(spec: str) -> None:
    report = trait(open_null(spec))
    assert "No trait score is shown to differ from 50" in verdict_text(report)
    assert "is not shown to move" in verdict_text(report)


def test_planted_standings_come_out() -> None:
    report = trait(open_simulated("simulated:E=-3,N=3,A=-4,noise=0.2"))
    scores = {row[0]: row[1] for row in table(report, "scores").rows}
    for scale, high in (
        ("Extraversion", False),
        ("Neuroticism", True),
        ("Agreeableness", False),
        ("Machiavellianism", True),
        ("Psychopathy", True),
    ):
        score = scores[scale]
        assert isinstance(score, Estimate)
        assert (score.low > 50) if high else (score.high < 50), scale


def test_refusals_are_counted_and_scored_nowhere() -> None:
    report = trait(open_null("null:refusing"), quick=True)
    counted = table(report, "coverage")
    columns = [counted.columns.index(name) for name in ("asked", "refused")]
    assert all(row[columns[0]] == row[columns[1]] for row in counted.rows)
    assert all(isnan(row[1].value) for row in table(report, "scores").rows)  # type: ignore[union-attr]
    declined = table(report, "refusals").rows[0][1]
    assert isinstance(declined, Estimate) and declined.value == 1.0


def test_replies_are_parsed_and_two_named_options_are_none() -> None:
    replies = {
        "A": "A",
        "both": "(A) and (B)",
        "words": BANK.items[0].low[0],
        "no": "I cannot say.",
    }
    rows = {}
    for name, text in replies.items():
        model = ScriptedModel([text])
        sheet = ask_bank(model, BANK.of("Openness").first(1), "suggest", ["0213"], channel="reply")
        rows[name] = (sheet.rows["status"][0], sheet.rows["action"][0], sheet.rows["value"][0])
    assert rows == {
        "A": ("ok", 0, 1.0),
        "both": ("unparsed", None, None),
        "words": ("ok", 2, 0.0),
        "no": ("refused", None, None),
    }


def test_orders_are_balanced() -> None:
    for slot in range(4):
        assert len({order[slot] for order in action_orders("latin")}) == 4
    assert len(set(action_orders("all"))) == 24
    assert action_orders("latin")[:2] == PAIR


def test_a_difference_of_poles_pairs_items() -> None:
    ones, none = np.tile([1.0, 0, 0, 0], (5, 2, 1)), np.tile([0.0, 0, 1, 0], (5, 2, 1))
    ids = tuple("abcde")
    high, low = (Choices(ids, ("E",) * 5, PAIR, {"x": p}) for p in (ones, none))
    assert pole_difference(high, low, "E").value == 100.0


# The set that ships ---------------------------------------------------------------------------


def words(text: str) -> set[str]:
    return set(re.findall(r"[a-z']+", text.lower()))


def test_the_own_set_is_balanced() -> None:
    assert Counter(i.scale for i in BANK.items) == dict.fromkeys(BANK.scales, 10)
    assert len(BANK.scales) == 8
    for scale in BANK.scales:
        own = BANK.of(scale).items
        ratio = sum(map(len, (a for i in own for a in i.high))) / sum(
            map(len, (a for i in own for a in i.low))
        )
        assert 0.95 < ratio < 1.05, (scale, ratio)
        longest = [max((len(a), n < 2) for n, a in enumerate(i.actions))[1] for i in own]
        assert 4 <= sum(longest) <= 6, scale
    for item in BANK.items:
        lengths = [len(a) for a in item.actions]
        assert max(lengths) / min(lengths) < 2, item.id


def test_the_own_set_does_not_repeat_itself() -> None:
    actions = [a for item in BANK.items for a in item.actions]
    assert len(set(actions)) == len(actions) == 320
    for a, b in combinations(BANK.items, 2):
        shared = len(words(a.text) & words(b.text)) / len(words(a.text) | words(b.text))
        assert shared < 0.33, (a.id, b.id)
    for item in BANK.items:
        assert all(item.again) and item.again[0] != item.text and item.query.endswith("?")
        assert item.text.endswith(".")


def test_prompts_for_poles_hold_no_item() -> None:
    raw = data_json("situations/personae-trait.json")
    for scale in BANK.scales:
        high, low = (raw["poles"][scale][side] for side in ("high", "low"))
        assert len(high) == len(low) == 5
        assert not {*high, *low} & {a.rstrip(".") for i in BANK.items for a in i.actions}


# Loaders --------------------------------------------------------------------------------------


def test_the_published_record_and_the_hub_s_are_read_alike(tmp_path: Path) -> None:
    rows = data_json("situations/personae-trait.json")["items"][:20]
    (tmp_path / "TRAIT.json").write_text(json.dumps(rows))
    bank = load_bank(str(tmp_path / "TRAIT.json"))
    assert [i.actions for i in bank.items] == [i.actions for i in BANK.items[:20]]
    folder = tmp_path / "hub"
    (folder / "data").mkdir(parents=True)
    for scale in ("Openness", "Conscientiousness"):
        own = [
            {
                "question": f"{r['situation']} {r['query']}",
                **{k: v for k, v in r.items() if k.startswith("response")},
            }
            for r in rows
            if r["personality"] == scale
        ]
        lines = "\n".join(map(json.dumps, own))
        (folder / "data" / f"{scale}-00000-of-00001.jsonl").write_text(lines)
    other: SituationBank = load_bank(str(folder))
    assert set(other.scales) == {"Openness", "Conscientiousness"}
    assert not other.gated and len({i.id for i in other.items}) == 20
    sheet = ask_bank(open_null("null:first"), other, advice_templates()[0], PAIR, paraphrased=True)
    assert len(sheet) == 0, "without a paraphrase nothing is asked again"


def test_traits_without_shipped_behaviours_are_scored_all_the_same(tmp_path: Path) -> None:
    rows = data_json("situations/personae-trait.json")["items"][:3]
    path = tmp_path / "humour.json"
    path.write_text(json.dumps([{**row, "personality": "Humour"} for row in rows]))
    report = trait(open_simulated("simulated:O=3,noise=0.1"), str(path))
    score = table(report, "scores").rows[0]
    assert score[0] == "Humour" and isinstance(score[1], Estimate) and score[1].value == 100.0
    assert [row[0] for row in table(report, "moved").rows] == ["all traits"]


@pytest.mark.slow
@pytest.mark.embedded
def test_the_embedded_model_says_labels() -> None:
    """Else the study weighs whole options; the mass is in every report."""
    model = LocalModel(embedded())
    sheet = ask_bank(model, BANK.of("Openness").first(4), "suggest", PAIR[:1]).rows
    mass = sheet["mass"].to_list()
    assert sheet["status"].to_list() == ["ok"] * 4
    assert np.median(mass) > LEAST_MASS, mass


def test_the_own_set_is_varied_in_its_words() -> None:
    for scale in BANK.scales:
        texts = [item.text for item in BANK.of(scale).items]
        assert distinct(texts) > 0.45 and distinct(texts, 2) > 0.9
        assert word_distance(texts) > 0.6
    assert isnan(word_distance(["alone"])) and isnan(distinct([]))
