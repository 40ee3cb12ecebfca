"""Behavioural tasks: what is asked, what counts as an answer, and what is made of the answers."""

import json
from collections.abc import Callable
from dataclasses import replace
from math import comb, isnan
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from personae.core import (
    Answers,
    BadFile,
    BadValue,
    BehaviourTask,
    Chat,
    Chooser,
    Form,
    InputError,
    Measure,
    Model,
    Option,
    Trial,
    UnknownName,
    behaviour_tasks,
    load_behaviour_task,
    load_inventory,
)
from personae.measure.behaviour.administer_tasks import administer_tasks
from personae.measure.behaviour.behaviour_scores import (
    best_number_of_cards,
    calibration,
    measure_estimate,
    one_sided,
    scores,
    swayed_rate,
)
from personae.measure.inventories.administer import administer, conversation
from personae.models.opening import open_model
from personae.respondents.null import open_null
from personae.respondents.scripted import ScriptedModel
from personae.respondents.simulated import open_simulated
from personae.stats.prediction.confidence_calibration import brier_score, calibration_error

CHANNELS = ("label", "option", "reply")


def once(model: Model, task: BehaviourTask, channel: str, *, before: Chat = ()) -> Answers:
    return administer_tasks(model, [task], channel, orders=["forward"], before=before)


def _says(words: str) -> ScriptedModel:
    return ScriptedModel(lambda chat: words)


def asked_of(model: ScriptedModel) -> list[Chat]:
    return [request.chat for request in model.asked]


@pytest.mark.parametrize("name", behaviour_tasks())
def test_shipped_tasks_are_complete(name: str) -> None:
    task = load_behaviour_task(name)
    assert task.source and task.licence and task.version.isdigit()
    assert all(m.unit and m.signs for m in task.measures)
    assert set().union(*(m.signs for m in task.measures)) <= {"O", "C", "E", "A", "N", "SR"}
    texts = [trial.text for trial in task.trials]
    assert len(set(texts)) == len(texts) and not any("{" in text for text in texts)
    assert task.tag == load_behaviour_task(name).tag


def test_thinning_keeps_every_part_and_every_list() -> None:
    honesty = load_behaviour_task("honesty").every(4)
    assert len(honesty.trials) == 15
    assert {t.part for t in honesty.trials} == {"answer", "confidence", "again"}
    words = load_behaviour_task("associations").every(4)
    assert len({t.group for t in words.trials}) == 8
    assert {(t.group, t.part) for t in words.trials} == {
        (t.group, t.part) for t in load_behaviour_task("associations").trials
    }


@pytest.mark.parametrize("channel", CHANNELS)
@pytest.mark.parametrize("name", behaviour_tasks())
def test_every_trial_is_a_row_in_every_channel(name: str, channel: str) -> None:
    task = load_behaviour_task(name).every(4)
    sheet = once(open_simulated("simulated:noise=0.3"), task, channel)
    assert sheet.rows["item"].to_list() == [t.id for t in task.trials]
    assert set(sheet.rows["status"]) == {"ok"}
    assert (sheet.rows["expected"].null_count() == 0) == (channel != "reply")
    allowed = {t.id: {o.value for o in t.options} for t in task.trials}
    assert all(v in allowed[i] for i, v in sheet.rows.select("item", "value").rows())


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_preference_for_a_position_gives_no_score(channel: str) -> None:
    """Who takes what is shown first, or last, shows no behaviour once both orders are asked."""
    for spec in ("null:first", "null:last"):
        for name in ("opinions", "associations"):
            task = load_behaviour_task(name)
            sheet = administer_tasks(open_null(spec), [task], channel)
            assert set(sheet.rows["order"]) == {"forward", "reverse"}
            found = measure_estimate(task, sheet, task.measures[0])
            assert found.value == pytest.approx(0.0, abs=1e-9), (spec, name)
    sheet = administer_tasks(open_null("null:first"), [load_behaviour_task("cards")], channel)
    found = measure_estimate(
        load_behaviour_task("cards"), sheet, load_behaviour_task("cards").measures[0]
    )
    assert found.value == pytest.approx(16.0, abs=1e-3)


def test_refusals_and_nonsense_have_no_score_and_are_counted() -> None:
    for spec, status in (("null:refusing", "refused"), ("null:garbage", "unparsed")):
        sheet = once(open_null(spec), load_behaviour_task("honesty"), "reply")
        assert set(sheet.rows["status"]) == {status}
        task = load_behaviour_task("honesty")
        for measure in task.measures:
            found = measure_estimate(task, sheet, measure)
            assert isnan(found.value) and found.why_missing
        assert all(isnan(e.value) for e in calibration(task, sheet))


def test_a_missing_answer_displaces_no_other() -> None:
    """In the published code a lost first answer shifts all later pairs by one."""

    def say_nothing_once(chat: Chat) -> str:
        last = chat[-1].text
        if "capital of Australia" in last and "The answer given" not in last:
            return "Hm."
        return "A"

    task = load_behaviour_task("honesty")
    model = ScriptedModel(say_nothing_once)
    rows = once(model, task, "reply").rows
    lost = rows.filter(pl.col("base") == "australia")
    assert lost["status"].to_list() == ["unparsed"] * 3
    assert "not asked" in lost["why"][1] and "not asked" in lost["why"][2]
    assert set(rows.filter(pl.col("base") != "australia")["status"]) == {"ok"}
    quoted = {
        c[-1].text.split("The question was: ")[1]: c[-1].text
        for c in asked_of(model)
        if "The answer given" in c[-1].text
    }
    first = {t.fields["question"]: t.options[0].text for t in task.trials if t.part == "answer"}
    assert len(quoted) == 19
    for question, text in quoted.items():
        assert f"The answer given: {first[question]}\n" in text
    whole = once(ScriptedModel(lambda chat: "A"), task, "reply")
    measure = task.measures[0]
    with_hole = scores(task, Answers(rows), measure)
    without = scores(task, whole, measure)
    assert isnan(with_hole.pop("australia"))
    without.pop("australia")
    assert with_hole == without


def test_negations_and_several_numbers_are_not_read_as_an_answer() -> None:
    """In the published code "10 or 12" became 1012, and "not correct" was read as yes."""
    said = ["8 or 12", "I'd turn over 12.", "10"]
    for words, status in zip(said, ("unparsed", "ok", "unparsed"), strict=True):
        one = load_behaviour_task("cards").every(27)
        row = once(_says(words), one, "reply").rows
        assert row["status"].to_list() == [status], words
    two = load_behaviour_task("opinions").every(16)
    rows = once(ScriptedModel(lambda chat: "No, yes would be wrong"), two, "reply").rows
    assert set(rows["status"]) == {"unparsed"}


def test_a_shared_context_carries_the_answer_as_a_turn() -> None:
    tool = load_inventory("mpi-120").where(scale="E")
    form = Form(context="shared")
    model = open_simulated("simulated:noise=0")
    before = conversation(tool, form, administer(model, tool, form))
    assert len(before) == 2 * len(tool.items) and before[-1].role == "assistant"
    spy = ScriptedModel(lambda chat: "A")
    once(spy, load_behaviour_task("honesty").every(20), "reply", before=before)
    first, *later = asked_of(spy)
    assert first[: len(before)] == before and len(first) == len(before) + 1
    for chat in later:
        assert chat[: len(first)] == first and chat[len(first)].text == "Venus"
        assert "The answer given" not in chat[-1].text
    assert conversation(tool, form, Answers.of([])) == ()


def test_incompatible_channels_are_refused() -> None:
    class ReplyOnly:
        name, fingerprint = "replies", "00"

        def reply(self, requests: Any, sampling: Any, *, done: Any = None) -> Any:
            return []

    with pytest.raises(InputError, match="use the channel label, option"):
        once(open_null("null:yes"), load_behaviour_task("cards"), "statement")
    with pytest.raises(InputError, match="use the channel 'reply'"):
        once(ReplyOnly(), load_behaviour_task("cards"), "label")


def test_a_task_of_the_users_own(tmp_path: Path) -> None:
    raw = {
        "name": "mine",
        "title": "Mine",
        "version": "1",
        "source": "me",
        "licence": "mine",
        "instruction": "Choose.",
        "parts": {"only": {"text": "Take {what}?", "push": "up"}},
        "options": [["Yes", 1], ["No", 0]],
        "measures": {"taking": {"rule": "mean", "unit": "rate", "of": "thing", "signs": {"A": -1}}},
        "trials": [{"id": "x", "what": "{it}"}, {"id": "y", "what": "that"}],
    }
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(raw))
    task = load_behaviour_task(str(path))
    assert task.trials[0].text == "Take {it}?"  # braces in a field stay text
    sheet = once(open_null("null:first"), task, "label")
    assert measure_estimate(task, sheet, task.measures[0]).value == pytest.approx(1.0, abs=1e-4)
    with pytest.raises(UnknownName, match="did you mean 'cards'"):
        load_behaviour_task("card")
    with pytest.raises(BadFile, match="no such task file"):
        load_behaviour_task(str(tmp_path / "none.json"))
    for broken in (
        {**raw, "trials": 3},
        {**raw, "parts": {"only": {"text": "{lost}"}}},
        {k: v for k, v in raw.items() if k != "measures"},
    ):
        path.write_text(json.dumps(broken))
        with pytest.raises(BadFile, match="not a task"):
            load_behaviour_task(str(path))
    bad = {**raw, "parts": {"only": {"text": "a", "after": "b"}}}
    path.write_text(json.dumps(bad))
    with pytest.raises(BadValue, match="don't exist"):
        load_behaviour_task(str(path))
    path.write_text(
        json.dumps(
            {
                **raw,
                "measures": {
                    "m": {
                        **raw["measures"]["taking"],  # type: ignore[index]
                        "rule": "meen",
                    }
                },
            }
        )
    )
    mine = load_behaviour_task(str(path))
    with pytest.raises(UnknownName, match="did you mean 'mean'"):
        scores(mine, sheet, mine.measures[0])


# What is made of the answers -----------------------------------------------------------------


def mean_gain(turned: int, bad: int, gain: float, loss: float) -> float:
    """Points of turning so many of 32 cards, averaged over the places of the first bad card."""
    deck = 32
    ways = comb(deck, bad)
    first = [comb(deck - 1 - k, bad - 1) / ways for k in range(deck)]
    return sum(p * (k * gain - loss if k < turned else turned * gain) for k, p in enumerate(first))


def test_the_best_number_of_cards() -> None:
    """Gains are kept until the bad card; the published formula throws them away.

    In four rounds two numbers are equally good; the mean of 3.04 takes the larger in three.
    """
    named = {
        (1, 10, 250): 7,
        (1, 20, 250): 19,
        (1, 30, 250): 23,
        (1, 20, 500): 7,
        (1, 30, 500): 15,
        (1, 30, 750): 6,
        (3, 30, 250): 5,
    }
    rounds = [
        tuple(int(t.fields[k]) for k in ("bad", "gain", "loss"))
        for t in load_behaviour_task("cards").trials
    ]
    assert len(set(rounds)) == 27
    equal = 0
    for bad, gain, loss in rounds:
        found, expected = best_number_of_cards(bad, gain, loss), named.get((bad, gain, loss), 0)
        one, two = (mean_gain(k, bad, gain, loss) for k in (found, expected))
        assert one == pytest.approx(two, abs=1e-9)
        equal += found != expected
    assert equal == 3
    assert sum(named.values()) / 27 == pytest.approx(3.04, abs=0.005)


@pytest.mark.parametrize(
    ("first", "second", "bias"),
    [(8, 0, 1.0), (0, 8, -1.0), (6, 2, 0.5), (8, 8, -0.5), (0, 0, -0.5)],
)
def test_the_association_formula(first: int, second: int, bias: float) -> None:
    """8/0/0/8 gives 1, 0/8/8/0 gives -1, 6/2/2/6 gives .5, one group only gives -.5."""
    options = (Option("a", 1), Option("b", 0))
    trials = [
        Trial(
            id=f"{part}{k}",
            base=f"{part}{k}",
            group="list",
            part=part,
            text=f"{k < count}?",
            options=options,
        )
        for part, count in (("first", first), ("second", second))
        for k in range(8)
    ]
    rule = Measure(name="bias", rule="association", unit="share", of="list", signs={})
    task = replace(load_behaviour_task("associations"), trials=tuple(trials), measures=(rule,))
    model = ScriptedModel(lambda chat: "A" if chat[-1].text.endswith("True?") else "B")
    answers = once(model, task, "reply")
    assert scores(task, answers, rule) == {"list": pytest.approx(bias)}
    lost = Answers(answers.rows.filter(pl.col("item") != "first0"))
    assert isnan(scores(task, lost, rule)["list"])


def test_a_group_that_is_never_named_is_flagged() -> None:
    """It must be flagged; with both orders asked it is no bias of -.5 either."""
    task = load_behaviour_task("associations")
    men = administer_tasks(_saying(task, lambda options: options[0]), [task], "reply")
    assert len(one_sided(task, men)) == 8
    assert set(scores(task, men, task.measures[0]).values()) == {-0.5}
    fair = administer_tasks(open_simulated("simulated:noise=0.3"), [task], "label")
    assert len(one_sided(task, fair)) < 8


def _saying(task: BehaviourTask, pick: Callable[[list[str]], str]) -> ScriptedModel:
    options = {t.text: [o.text for o in t.options] for t in task.trials}
    return ScriptedModel(lambda chat: pick(options[chat[-1].text.split("\n\n")[-1]]))


def test_a_stereotyped_respondent_has_a_bias_of_one() -> None:
    task = load_behaviour_task("associations")
    part = {t.text: t.part for t in task.trials}
    options = {t.text: [o.text for o in t.options] for t in task.trials}

    def stereotyped(chat: Chat) -> str:
        text = chat[-1].text.split("\n\n")[-1]
        return options[text][0 if part[text] == "first" else 1]

    sheet = administer_tasks(ScriptedModel(stereotyped), [task], "reply")
    assert measure_estimate(task, sheet, task.measures[0]).value == 1.0
    assert one_sided(task, sheet) == []


def test_calibration_figures() -> None:
    """The error is .22 with the first bin closed, Brier .186; nothing falls out of the bins."""
    confidence, correct = (1.0, 0.8, 0.8, 0.0, 0.5), (1, 1, 0, 0, 1)
    assert calibration_error(confidence, correct).value == pytest.approx(0.22)
    assert brier_score(confidence, correct).value == pytest.approx(0.186)
    assert calibration_error((0.0, 0.0), (1, 1)).value == 1.0  # a 0 that is wrong counts
    with pytest.raises(BadValue, match="none missing"):
        calibration_error((-1.0,), (1,))  # an invalid confidence of -1 entered Brier
    assert isnan(calibration_error((), ()).value)


def test_calibration_of_a_quiz() -> None:
    """All confident and always choosing the first option: error = share of wrong answers."""
    task = load_behaviour_task("honesty")

    def sure(chat: Chat) -> str:
        return "100" if "percent" in chat[-1].text.split("\n\n")[-1] else "A"

    sheet = once(ScriptedModel(sure), task, "reply")
    right = [t.options[0].value for t in task.trials if t.part == "answer"]
    wrong = 1 - sum(right) / len(right)
    error, brier = calibration(task, sheet)
    assert error.value == pytest.approx(wrong) and brier.value == pytest.approx(wrong)
    over, wavering = (measure_estimate(task, sheet, m) for m in task.measures)
    assert over.value == pytest.approx(wrong) and wavering.value == 0
    places = [[o.value for o in t.options].index(1) for t in task.trials if t.part == "answer"]
    assert {places.count(place) for place in range(3)} <= {5, 6} and places.count(3) == 4


def test_sycophancy_has_a_floor_of_zero_and_the_published_rate_has_not() -> None:
    task = load_behaviour_task("opinions")

    def flatterer(chat: Chat) -> str:
        return "No" if "answer is no" in chat[-1].text else "Yes"

    sheet = once(ScriptedModel(flatterer), task, "reply")
    assert measure_estimate(task, sheet, task.measures[0]).value == 1.0
    assert swayed_rate(task, sheet).value == 1.0
    steady = once(ScriptedModel(lambda chat: "Yes"), task, "reply")
    assert measure_estimate(task, steady, task.measures[0]).value == 0.0
    assert swayed_rate(task, steady).value == 0.0
    sways, rates = [], []
    for seed in range(20):
        model = open_model(f"null:uniform,seed={seed}")
        noise = once(model, task, "reply")
        sways.append(measure_estimate(task, noise, task.measures[0]).value)
        rates.append(swayed_rate(task, noise).value)
    assert abs(sum(sways) / 20) < 0.1 and 0.4 < sum(rates) / 20 < 0.6


@pytest.mark.parametrize("name", behaviour_tasks())
def test_a_simulated_respondent_acts_by_its_traits(name: str) -> None:
    task = load_behaviour_task(name)
    for measure in task.measures:
        for trait, sign in measure.signs.items():
            letter = "C" if trait == "SR" else trait
            high, low = (
                measure_estimate(
                    task,
                    administer_tasks(open_simulated(f"simulated:{letter}={z}"), [task], "label"),
                    measure,
                ).value
                for z in (1.5, -1.5)
            )
            assert sign * (high - low) > 0, (measure.name, trait)


def test_with_a_full_gap_traits_do_not_reach_behaviour() -> None:
    task = load_behaviour_task("cards")
    means = [
        measure_estimate(
            task,
            administer_tasks(open_simulated(f"simulated:A={z},gap=1,noise=0"), [task], "label"),
            task.measures[0],
        ).value
        for z in (2, -2)
    ]
    assert means[0] == pytest.approx(means[1], abs=1e-6)


def test_it_is_a_chooser_all_the_same() -> None:
    assert isinstance(open_simulated("simulated:gap=0.5"), Chooser)
    with pytest.raises(BadValue, match="from 0 to 1"):
        open_simulated("simulated:gap=2")
