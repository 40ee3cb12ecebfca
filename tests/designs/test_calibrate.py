"""Calibration and the card's comparison: limits kept, nulls honest, held-out pairs held out."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

from personae.card import steering_section
from personae.card.analysis import ChannelScores
from personae.card.card import PLACEBO
from personae.card.section import CardContext
from personae.card.steering_section import steering
from personae.core import (
    Answers,
    Choice,
    Edit,
    Figure,
    Form,
    InputError,
    Note,
    Persona,
    Request,
    Site,
    Table,
    load_inventory,
    requests_of,
    say,
)
from personae.designs import steering_calibration as module
from personae.designs.steering_bench import Bench, repetition, shipped_bench
from personae.designs.steering_calibration import Scan, calibrate, specificity
from personae.induce.registry import find_induction
from personae.induce.steer.directions import orthogonal_to, shuffled_differences
from personae.induce.steer.steer_inductions import SteerInduction
from personae.measure.inventories.administer_arms import administer_arms
from personae.respondents.null import open_null
from tests.support.tiny_networks import tiny_model

GOAL: Mapping[str, float] = {"E": 1.5, "N": -1.0}
SCAN = Scan(blocks=(0, 1), strengths=(0.5, 2.0), damage=0.5, nulls=19)
ADA = Persona(id="ada", text="You are Ada.", traits=GOAL)


def test_many_variants_are_measured_as_each_alone() -> None:
    tiny = tiny_model("llama")
    bench = shipped_bench(["E", "N"], slice(0, 2), texts=2, choices=3)
    push = [Edit(Site(1), np.ones(32), s) for s in (0.0, 0.5)]
    together = bench.measure(tiny, [[push[0]], [push[1]], []])
    for row, edits in enumerate(([], [push[1]], [])):
        with tiny.edited(edits) as edited:
            alone = bench.measure(edited, [()])
        for trait in "EN":
            np.testing.assert_allclose(
                together.contrasts[trait][row], alone.contrasts[trait][0], atol=1e-4
            )
        np.testing.assert_allclose(together.nats[row], alone.nats[0], atol=1e-4)
        np.testing.assert_array_equal(together.right[row], alone.right[0])
    wanted = together.towards({"N": -2.0})
    np.testing.assert_array_equal(wanted, -together.contrasts["N"])
    direct = tiny.choose([Request(chat=(), options=((bench.texts[0],),))])[0]
    assert together.nats[2, 0] == pytest.approx(-direct.loglik[0] / direct.tokens[0], abs=1e-4)


def test_calibration_keeps_its_limits_and_tells_its_nulls() -> None:
    tiny = tiny_model("llama")
    calibration = calibrate(tiny, GOAL, SCAN)
    assert {(p.block, p.strength) for p in calibration.points} == {
        (b, s) for b in (0, 1) for s in (0.5, 2.0)
    }
    allowed = [p for p in calibration.points if p.perplexity <= 1.5 and p.effect > 0]
    assert calibration.chosen == (max(allowed, key=lambda p: p.effect) if allowed else None)
    assert calibration.chosen is not None and len(calibration.nulls) == 19
    assert calibration.effect.p == (1 + (calibration.nulls >= calibration.effect.value).sum()) / 20
    assert set(calibration.traits) == set("OCEAN") and calibration.effect.n == 12
    again = calibrate(tiny_model("llama"), GOAL, SCAN)
    assert again.effect == calibration.effect and again.nulls.tolist() == calibration.nulls.tolist()
    rows = specificity(tiny, calibration.chosen, calibration.vectors)
    assert set(rows) == set(GOAL) and set(rows["E"]) == set("OCEAN")


def test_nothing_is_chosen_where_nothing_is_allowed() -> None:
    calibration = calibrate(
        tiny_model("llama"), GOAL, Scan(blocks=(1,), strengths=(900.0,), damage=0.001)
    )
    assert calibration.chosen is None and calibration.edits == () and len(calibration.nulls) == 0
    assert calibration.effect.value == 0
    with pytest.raises(InputError, match="above or below average"):
        calibrate(tiny_model("llama"), {"E": 0.0, "E:Anger": 1.0})


def test_the_pairs_that_choose_are_not_those_that_judge() -> None:
    tuning = shipped_bench(["E"], module.TUNING).statements["E"]
    held_out = shipped_bench(["E"], module.HELD_OUT).statements["E"]
    assert not {*tuning} & {*held_out} and len(tuning) == len(held_out) == 6


def test_nulls_are_as_long_as_the_real_one_and_orthogonal_to_it() -> None:
    random = np.random.default_rng(0)
    high = random.normal(size=(8, 12)) + 1
    low = random.normal(size=(8, 12))
    site = Site(0)
    real = high.mean(0) - low.mean(0)
    rows = {"E": ({site: high}, {site: low})}
    nulls = module._nulls(rows, {"E": 1.0}, site, real, (100, 3))
    np.testing.assert_allclose(nulls @ real, 0, atol=1e-9)
    np.testing.assert_allclose(np.linalg.norm(nulls, axis=1), np.linalg.norm(real))
    drawn = shuffled_differences(high, low, 100, 3)
    assert len({row.tobytes() for row in drawn.round(9)}) > 20
    np.testing.assert_allclose(
        orthogonal_to(drawn[0], [real]) / np.linalg.norm(orthogonal_to(drawn[0], [real])),
        nulls[0] / np.linalg.norm(nulls[0]),
    )


def test_repetition_is_the_share_of_repeated_runs() -> None:
    from personae.designs.steering_bench import _repeated  # noqa: PLC0415

    assert _repeated("a b c d e") == 0 and np.isnan(_repeated("a b"))
    assert _repeated("a b c a b c") == pytest.approx(1 / 4)
    assert repetition(tiny_model("llama"), [(), ()], tokens=4).shape == (2, 4)
    assert Bench(statements={}, texts=("Tea.",)).measure(tiny_model("llama"), [()]).right.shape == (
        1,
        0,
    )


def test_likelihoods_without_a_chat_see_no_edit() -> None:
    """As with words: the empty chat is the baseline that an induction must leave alone."""
    tiny = tiny_model("llama")
    asked = requests_of(((), say("I like tea.")), (("A",), ("B",)))
    with find_induction("steer:E=4@1")(tiny, ADA) as steered:
        empty, spoken = steered.choose(asked)
        plain = tiny.choose(asked)
        assert empty == plain[0] and spoken != plain[1]
        with steered.edited([Edit(Site(2), np.ones(32))]) as more:
            assert more.choose(asked)[0] == plain[0] != more.choose(asked)[1] != spoken


def setting(answering: Any, persona: Persona = ADA) -> CardContext:
    tool = load_inventory("ipip-neo-120").few(4)
    arms = [find_induction("unchanged"), find_induction("persona_text")]
    forms = [Form(wording=w, channel="statement") for w in ("plain", "mpi", "whois")]
    answers = administer_arms(answering, arms, persona, tool, forms)
    return CardContext(
        model=answering,
        arm=arms[1],
        channel="statement",
        scores=ChannelScores(tool=tool, persona=persona, answers=answers),
        quick=True,
    )


def test_the_card_compares_asking_with_steering(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(steering_section, "Scan", lambda **_: SCAN)
    given = setting(tiny_model("llama"))
    section = steering(given)
    notes = [p for p in section.parts if isinstance(p, Note)]
    assert [n.level for n in notes] == ["verdict"] and "Prompting or steering" in notes[0].text
    tables = {p.name: p for p in section.parts if isinstance(p, Table)}
    assert [row[0] for row in tables["steering"].rows] == ["persona_text", "steering", "both"]
    assert {"refused", "unparsed"} <= set(tables["steering"].columns)
    assert sum(row[-1] is True for row in tables["steering_scan"].rows) == 1
    kinds = [p.kind for p in section.parts if isinstance(p, Figure)]
    assert kinds == ["intervals", "heatmap"]
    assert section.answers is not None
    # the arms' shifts are those of the inductions, measured by hand
    assert isinstance(section.answers, Answers)
    calibration = calibrate(given.model, GOAL, SCAN)  # type: ignore[arg-type]
    by_hand = SteerInduction("hand", lambda *_: calibration.edits)
    forms = [Form(wording=w, channel="statement") for w in ("plain", "mpi")]
    sheet = administer_arms(given.model, [by_hand], ADA, given.tool, forms)
    before = given.scores.answers.rows
    shared = Answers(before.filter(before["form"].is_in(sheet.rows["form"].unique().to_list())))
    scores = ChannelScores(
        tool=given.tool, persona=ADA, answers=Answers.concat([shared, sheet]), seed=0
    )
    cell: Any = tables["steering"].rows[1][1]
    assert scores.aligned("hand").value == pytest.approx(cell.value, abs=1e-4)


def test_a_model_that_can_not_be_opened_is_told() -> None:
    section = steering(setting(open_null("null:uniform")))
    assert "not an open model" in section.parts[1].text  # type: ignore[union-attr]
    section = steering(setting(tiny_model("llama"), PLACEBO))
    assert "requests no Big Five domain" in section.parts[1].text  # type: ignore[union-attr]


class Interrupted:
    """A model that never answers some questions, by their first option."""

    def __init__(self, model: Any, lost: Sequence[str]) -> None:
        self.model, self.lost = model, lost

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def choose(self, requests: Sequence[Request]) -> list[Choice]:
        lost = Choice(status="error", why="interrupted")
        answered = [r for r in requests if r.options[0][0] not in self.lost]
        choices = iter(self.model.choose(answered))
        return [lost if r.options[0][0] in self.lost else next(choices) for r in requests]


def test_what_was_not_answered_is_neither_wrong_nor_an_error() -> None:
    bench = Bench(
        statements={},
        texts=("Tea.", "Milk."),
        choices=(("2 + 2?", "Four.", "Five."), ("3 + 3?", "Six.", "Two.")),
    )
    model: Any = Interrupted(tiny_model("llama"), ("Milk.", "Six."))
    scores = bench.measure(model, [()])
    assert scores.right[0, 0] in (0.0, 1.0) and np.isnan(scores.right[0, 1])
    assert scores.nats[0, 0] > 0 and np.isnan(scores.nats[0, 1])


def test_one_lost_statement_does_not_end_a_calibration() -> None:
    tuning = shipped_bench(["E"], module.TUNING).statements["E"]
    held_out = shipped_bench(["E"], module.HELD_OUT).statements["E"]
    model: Any = Interrupted(tiny_model("llama"), (tuning[0][0], held_out[0][0]))
    calibration = calibrate(model, {"E": 1.0}, SCAN)
    assert calibration.chosen is not None
    assert calibration.effect.n == 5 and not np.isnan(calibration.nulls).any()
