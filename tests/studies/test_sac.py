"""Traits at levels: slopes, ladders and side effects on respondents whose answer is known."""

from dataclasses import replace
from math import isnan
from statistics import mean

import numpy as np
import polars as pl
import pytest
from scipy import stats

from personae.core import (
    Answers,
    BadValue,
    Estimate,
    Form,
    Persona,
    Report,
    UnknownName,
    data_json,
    load_inventory,
)
from personae.measure.inventories.administer import administer
from personae.measure.inventories.forms import published_form
from personae.respondents.null import open_null
from personae.respondents.simulated import open_simulated
from personae.stats.effects.contrast import arm_shift
from personae.stats.effects.dose_response import dose_response, level_cells, level_slope
from personae.stats.scores.reliability import alpha
from personae.stats.scores.scales import scale_scores
from personae.studies.sac.intensity_ladders import expected_sign, intensity, intensity_text
from personae.studies.sac.level_arms import LADDERS
from personae.studies.sac.study import sac
from personae.traits.trait_words import read_standings
from tests.support.report_parts import table, verdict_text
from tests.support.tiny_networks import tiny_model

TOOL = load_inventory("ipip-16pf")
FACTORS = tuple(TOOL.scales)
LEVELS = (1, 2, 3, 4, 5)


def estimates(report: Report, name: str) -> list[list[Estimate]]:
    return [[c for c in row if isinstance(c, Estimate)] for row in table(report, name).rows]


def test_the_inventory_and_the_alpha_of_ten_items() -> None:
    assert (len(TOOL.items), len(FACTORS)) == (163, 16)
    sizes = {s: len(TOOL.where(scale=s).items) for s in FACTORS}
    assert sizes == {s: 13 if s == "B" else 10 for s in FACTORS}
    rng = np.random.default_rng(0)
    factor = rng.normal(size=(20_000, 1))
    items = 0.6 * factor + 0.8 * rng.normal(size=(20_000, 10))
    assert alpha(items).value == pytest.approx(0.849, abs=0.006)


def test_a_constant_first_answer_gives_the_key() -> None:
    sheet = administer(open_null("null:first"), TOOL, published_form("mpi"))
    means = dict(scale_scores(sheet).select("scale", "mean").rows())
    expected = {
        **dict.fromkeys(("A", "M", "O", "Q2", "Q4"), 3.8),
        "B": 3.46,
        **dict.fromkeys(("C", "G", "H", "N", "Q1", "Q3"), 3.0),
        **dict.fromkeys(("E", "F", "I", "L"), 3.4),
    }
    assert {s: round(v, 2) for s, v in means.items()} == expected


def test_two_identical_runs_differ_by_nothing() -> None:
    model = open_simulated("simulated:E=1,noise=0.4")
    sheets = [administer(model, TOOL, published_form("mpi")).tag(arm=a) for a in ("one", "two")]
    both = Answers.concat(sheets)
    for scale in FACTORS:
        shift = arm_shift(both.where(scale=scale), ("one", "two"), scale)
        assert (shift.value, shift.low, shift.high) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("level", LEVELS)
def test_a_steady_answer_is_its_own_intensity(level: int) -> None:
    """The threshold reversed gives L, as answered (3 L + 6) / 5; on ladders as they are asked."""
    rows = []
    for name in LADDERS:
        for item in TOOL.where(scale="E").items:
            value = float(level if item.key > 0 else 6 - level)
            rows.append(
                {
                    "item": item.id,
                    "scale": "E",
                    "key": item.key,
                    "low": 1.0,
                    "high": 5.0,
                    "value": value,
                    "inventory": TOOL.tag,
                    "form": name,
                }
            )
    sheet = Answers.of(rows)
    assert scale_scores(sheet, by=("arm",))["mean"].to_list() == [level]
    turned = pl.when(pl.col("form") == "threshold").then(6 - pl.col("value"))
    as_is = Answers(sheet.rows.with_columns(turned.otherwise(pl.col("value")).alias("value")))
    mean_as_is = scale_scores(as_is, by=("arm",))["mean"].to_list()
    assert mean_as_is == pytest.approx([(3 * level + 6) / 5])


def test_the_words_of_the_ladders_carry_their_levels() -> None:
    wordings = data_json("wordings.json")["wordings"]
    for name, ladder in data_json("intensity.json")["ladders"].items():
        options = wordings[f"sac-{name}"]["options"]
        asked = [options[str(v)].lower().split()[0] for v in LEVELS]
        assert asked == [word.split()[0] for word in ladder["words"]]
    threshold = wordings["sac-threshold"]["options"]
    assert (threshold["5"], threshold["1"]) == ("Extremely easy", "Extremely difficult")
    model = open_simulated("simulated:E=2.5,noise=0")
    own = TOOL.where(scale="E")
    for name in LADDERS:
        sheet = administer(model, own, Form(wording=f"sac-{name}", person="second"))
        assert scale_scores(sheet)["mean"][0] > 4, name


def test_the_switch_of_the_threshold_is_recorded_and_turns_it() -> None:
    model = open_simulated("simulated:noise=0")
    reports = {t: sac(model, ("E",), threshold=t, quick=True) for t in ("reversed", "as-is")}
    column = table(reports["reversed"], "ladders").columns.index("threshold")
    for own, other in zip(
        table(reports["reversed"], "ladders").rows,
        table(reports["as-is"], "ladders").rows,
        strict=True,
    ):
        a, b = own[column], other[column]
        assert isinstance(a, Estimate) and isinstance(b, Estimate)
        assert a.value == pytest.approx(6 - b.value)
    assert "as answered" in table(reports["as-is"], "ladders").note


@pytest.mark.parametrize("factor", FACTORS)
def test_levels_make_distinct_texts_that_say_each_ladder_once(factor: str) -> None:
    texts = {level: intensity_text({factor: level}) for level in LEVELS}
    assert len(set(texts.values())) == 5
    for level, text in texts.items():
        lines = text.splitlines()
        for ladder in data_json("intensity.json")["ladders"].values():
            own = [line for line in lines if line.startswith(f"- {ladder['line']}")]
            assert own == [f"- {ladder['line']}: {ladder['words'][level - 1]}."]
    between = intensity_text({factor: 3.4})
    assert "40 % of the way" in between and "  " not in between


@pytest.mark.parametrize("level", [0, 6, -1, float("nan"), float("inf")])
def test_a_level_that_is_none_is_refused(level: float) -> None:
    with pytest.raises(BadValue, match="from 1 to 5"):
        intensity_text({"A": level})


def test_unknown_factors_and_too_many_are_refused() -> None:
    with pytest.raises(UnknownName, match="Q1"):
        intensity_text({"Q5": 3})
    with pytest.raises(BadValue, match="fewer factors"):
        intensity_text(dict.fromkeys(FACTORS, 2.5))
    with pytest.raises(UnknownName, match="factor"):
        sac(open_null("null:yes"), ("Z",), quick=True)
    assert (
        intensity({"A": 2, "E": 5}).text(open_null("null:yes"), Persona(id="x")).count("Your level")
        == 2
    )


def test_anchors_stand_for_their_factor() -> None:
    """What the shipped trait words say of the anchors rises with the level, for all factors."""
    related = data_json("trait_words.json")["related_scales"]
    for factor, title in TOOL.scales.items():
        if title not in related:
            domain, sign = "N", -1
        else:
            domain, sign = related[title]
        read = [read_standings(intensity_text({factor: level}))[domain, ""] for level in LEVELS]
        assert (np.diff([sign * z for z in read]) > 0).all(), factor


def test_order_is_found_in_a_rise_and_not_in_noise() -> None:
    rng = np.random.default_rng(2)
    rise = 1.0 + 0.6 * np.array(LEVELS) + 0.1 * rng.normal(size=(10, 5))
    dose = dose_response(LEVELS, rise)
    assert dose.rho.value > 0.9 and dose.rising.value == 1.0 and dose.step == 1
    assert dose.slope.value == pytest.approx(0.6, abs=0.06)
    assert dose.linear > 0.99 and dose.isotonic == pytest.approx(1.0)
    silent = [dose_response(LEVELS, rng.normal(size=(10, 5)), seed=s) for s in range(40)]
    covered = mean(float(d.rho.low <= 0 <= d.rho.high) for d in silent)
    assert covered >= 0.875, "about 95 % of intervals hold 0"
    assert mean(float(d.slope.p < 0.05) for d in silent) <= 0.15


def test_items_that_lack_a_level_are_left_out_and_levels_must_rise() -> None:
    cells = np.array([[1.0, 2, 3], [2, np.nan, 4], [3, 4, 5]])
    assert level_slope((1, 3, 5), cells).n == 2
    assert isnan(level_slope((1, 2, 3), np.full((2, 3), np.nan)).value)
    for wrong in ((3, 2, 1), (1, 1, 2), (1, 2)):
        with pytest.raises(BadValue):
            level_slope(wrong, cells)


def test_slope_is_that_of_scipy() -> None:
    rng = np.random.default_rng(5)
    cells = rng.normal(size=(6, 4))
    expected = np.mean([stats.linregress((1, 2, 4, 5), row).slope for row in cells])
    assert level_slope((1, 2, 4, 5), cells).value == pytest.approx(expected)


def test_a_known_matrix_of_side_effects_is_recovered() -> None:
    rng = np.random.default_rng(7)
    truth = rng.uniform(-0.2, 0.2, size=(16, 16))
    np.fill_diagonal(truth, 0.6)
    estimates = np.empty((16, 16, 3))
    for i in range(16):
        for j in range(16):
            cells = rng.normal(3, 0.5, (10, 1)) + truth[i, j] * np.array(LEVELS)
            slope = level_slope(LEVELS, cells + 0.3 * rng.normal(size=(10, 5)))
            estimates[i, j] = slope.value, slope.low, slope.high
    held = (estimates[..., 1] <= truth) & (truth <= estimates[..., 2])
    assert 0.9 <= held.mean() <= 0.99
    assert (estimates[..., 0].argmax(axis=1) == np.arange(16)).all()


def test_a_follower_is_found_and_related_factors_move_as_in_people() -> None:
    report = sac(open_simulated("simulated:noise=0.2"), ("E", "H"), quick=True)
    assert "is followed" in verdict_text(report) and "move together" in verdict_text(report)
    rows = estimates(report, "control")
    assert all(row[0].value > 0.1 for row in rows)
    assert all(row[-1].low > 0 for row in rows), "the highest level lies above no persona"
    means = {str(row[1]): row[2] for row in table(report, "consistency").rows}
    ladders = {str(row[1]): row[2] for row in table(report, "ladders").rows}
    for factor in "EH":
        on, off = means[f"toggle:{factor}+"], means[f"toggle:{factor}-"]
        assert isinstance(on, float) and isinstance(off, float) and on > off
        least, most = ladders[f"{factor}@1"], ladders[f"{factor}@5"]
        assert isinstance(least, Estimate) and isinstance(most, Estimate)
        assert most.value > least.value
    assert expected_sign("E", "H") == 1 and expected_sign("H", "Q2") == -1


@pytest.mark.parametrize(
    "spec", ["simulated:follow=0,noise=0.2", "null:first", "null:uniform", "null:garbage"]
)
def test_who_does_not_follow_gives_no_finding(spec: str) -> None:
    model = open_null(spec) if spec.startswith("null") else open_simulated(spec)
    assert "is not shown to be followed" in verdict_text(sac(model, quick=True))


def test_refusals_leave_nothing_known() -> None:
    report = sac(open_null("null:refusing"), quick=True)
    assert "isn't known" in verdict_text(report)
    assert all(isnan(e.value) for row in estimates(report, "entanglement") for e in row)
    counted = table(report, "coverage")
    at = [counted.columns.index(c) for c in ("asked", "refused")]
    assert all(row[at[0]] == row[at[1]] for row in counted.rows)


def test_replies_in_words_are_read_too() -> None:
    report = sac(open_simulated("simulated:noise=0.1"), ("E",), channel="reply", quick=True)
    assert "is followed" in verdict_text(report)
    assert report.answers is not None and set(report.answers.rows["channel"]) == {"reply"}


def test_a_network_s_rise_comes_with_an_interval() -> None:
    """Level 5 less level 1, likelihoods of the five letters; one factor for the sake of time."""
    model = tiny_model()
    form = replace(published_form("mpi"), person="second")
    own, sheets = TOOL.where(scale="E").few(6), []
    for level in (1, 5):
        with intensity({"E": level})(model, Persona(id="x")) as speaker:
            sheets.append(administer(speaker, own, form).tag(level=float(level)))
    cells = level_cells(Answers.concat(sheets), (1, 5))
    slope = level_slope((1, 5), cells, name="E")
    assert slope.n == 6 and slope.low <= slope.value <= slope.high
    assert abs(4 * slope.value) < 4, "a rise over the whole scale would be a wonder"
