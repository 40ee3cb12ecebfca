"""Figures of Han et al. 2025 (arXiv 2509.03730) from their released tables.

The authors' spelling of the columns is kept. Three of the released conditions are used: 162 rows of
base models, 324 of instruct models, 324 for each way of injecting a persona.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from personae.core import Array
from personae.stats.effects.effect_sizes import cliffs_delta
from personae.stats.multiplicity import holm
from personae.studies.personality_illusion.dispersion import (
    brown_forsythe,
    median_absolute_deviation,
)
from personae.studies.personality_illusion.mixed_model import random_intercept
from personae.studies.personality_illusion.regression import logit, slopes, standardize

Find = Callable[[str], Path]
FOLDER = "personality-illusion"
TRAITS = (
    "openeness",
    "consciencienes",
    "extraversion",
    "agreeableness",
    "neuroticism",
    "self_regulation",
)
LETTERS = ("O", "C", "E", "A", "N", "SR")
PAIRED = "Llama-3-8B|Llama-3.2-3B|Qwen2.5-1.5B|Qwen2.5-7B|OLMo|Mistral"
"""The six families of which both the base and the instruct model were asked."""
FEW = 50  # draws: only p-values are looked at


def rows(find: Find, name: str) -> pl.DataFrame:
    return pl.read_csv(find(f"{FOLDER}/data_{name}.csv"))


@pytest.fixture(scope="module")
def base(test_data: Find) -> pl.DataFrame:
    return rows(test_data, "baseline_responses_base_models_selfreport")


@pytest.fixture(scope="module")
def instruct(test_data: Find) -> pl.DataFrame:
    report = rows(test_data, "baseline_responses_instruct_models_selfreport")
    tasks = rows(test_data, "baseline_responses_instruct_models_behavioral_tasks")
    keys = ["Model", "persona_index", "temp", "run"]
    whole = report.join(tasks.drop("type", "Persona", "Persona_Content"), on=keys)
    assert whole.height == 324
    return whole


def column(table: pl.DataFrame, name: str) -> Array:
    return table[name].to_numpy().astype(np.float64)


def item_mean(table: pl.DataFrame, trait: str) -> Array:
    return column(table, trait) / (63 if trait == "self_regulation" else 1)


def paired(instruct: pl.DataFrame) -> pl.DataFrame:
    return instruct.filter(pl.col("Model").str.contains(PAIRED))


def test_means_of_the_helpful_assistant(base: pl.DataFrame, instruct: pl.DataFrame) -> None:
    published = {
        "base": (3.31, 3.49, 3.24, 3.31, 2.99, 3.27),
        "instruct": (3.60, 3.50, 3.24, 3.52, 2.81, 3.42),
    }
    for phase, table in (("base", base), ("instruct", paired(instruct))):
        asked = table.filter(pl.col("persona_index") == 2)
        ours = [float(item_mean(asked, trait).mean()) for trait in TRAITS]
        assert ours == pytest.approx(published[phase], abs=0.0055), phase


def test_spread_of_base_and_instruct(base: pl.DataFrame, instruct: pl.DataFrame) -> None:
    """MAD, and Brown-Forsythe to two significant digits."""
    published = {
        "base": (0.30, 0.33, 0.25, 0.28, 0.31, 0.13),
        "instruct": (0.20, 0.22, 0.13, 0.22, 0.13, 0.10),
    }
    tuned = paired(instruct)
    assert base.height == tuned.height == 162
    for phase, table in (("base", base), ("instruct", tuned)):
        ours = [median_absolute_deviation(item_mean(table, t)) for t in TRAITS]
        assert ours == pytest.approx(published[phase], abs=0.0055), phase
    p = [brown_forsythe([item_mean(base, t), item_mean(tuned, t)], draws=FEW).p for t in TRAITS]
    assert p == pytest.approx((0.0104, 0.0059, 4.4e-7, 0.54, 4.1e-5, 5.5e-4), rel=0.012)


def test_self_regulation_on_traits_within_and_between(instruct: pl.DataFrame) -> None:
    """RQ1-c pools models: most of the published slope is between models, not within one."""
    table = paired(instruct)
    found = [
        slopes(column(table, "self_regulation"), column(table, trait), table["Model"].to_list())
        for trait in TRAITS[:5]
    ]
    temperature, one = column(table, "temp"), ["all"] * table.height
    pooled = [
        random_intercept(
            column(table, "self_regulation"),
            np.column_stack([column(table, trait), temperature]),
            one,
            [trait, "temperature"],
        )
        .slopes[0]
        .value
        for trait in TRAITS[:5]
    ]
    assert pooled == pytest.approx((15.4, 12.4, 23.3, 11.4, -16.4), abs=0.05)
    within = [s.within.value for s in found]
    assert within == pytest.approx((3.1, 1.0, 3.3, 6.2, -1.7), abs=0.05)
    assert all(s.between.n == 6 for s in found)


TASKS = ("CCT_cold_avg", "IAT_Overall", "Consistency", "Calibaration", "sycophancy_rate")
SIGNIFICANT = {  # Table of RQ2: (task, trait) -> (beta, p)
    ("IAT_Overall", "O"): (-0.134, 0.005),
    ("IAT_Overall", "SR"): (0.151, 0.011),
    ("Consistency", "A"): (-0.209, 0.0001),
    ("Consistency", "N"): (-0.109, 0.009),
    ("Calibaration", "C"): (0.094, 0.012),
    ("Calibaration", "SR"): (-0.124, 0.002),
    ("sycophancy_rate", "O"): (-0.124, 0.023),
    ("sycophancy_rate", "C"): (-0.177, 0.005),
    ("sycophancy_rate", "N"): (-0.095, 0.010),
}


def fitted(instruct: pl.DataFrame) -> dict[tuple[str, str], tuple[float, float]]:
    predictors = np.column_stack([standardize(column(instruct, t)) for t in TRAITS])
    models = instruct["Model"].to_list()
    found = {}
    for task in TASKS:
        outcome = standardize(column(instruct, task))
        for slope in random_intercept(outcome, predictors, models, LETTERS).slopes:
            found[task, slope.name] = (slope.value, slope.p)
    return found


def test_mixed_models_give_the_published_set(instruct: pl.DataFrame) -> None:
    """The same coefficients are significant, within .01; p is from t, published from z."""
    found = fitted(instruct)
    assert {cell for cell, (_, p) in found.items() if p < 0.05} == set(SIGNIFICANT)
    for cell, (beta, p) in SIGNIFICANT.items():
        assert found[cell][0] == pytest.approx(beta, abs=0.001), cell
        assert found[cell][1] == pytest.approx(p, abs=0.0015), cell
    assert min(found["CCT_cold_avg", t][1] for t in LETTERS) > 0.1


def test_after_holm_one_cell_of_thirty_is_left(instruct: pl.DataFrame) -> None:
    found = fitted(instruct)
    adjusted = dict(zip(found, holm([p for _, p in found.values()]), strict=True))
    assert {cell for cell, p in adjusted.items() if p < 0.05} == {("Consistency", "A")}


INJECTED = {  # (trait, strategy) -> behaviour, published beta and p
    ("agreeableness", 1): ("sycophancy_rate", -0.049, 0.53),
    ("agreeableness", 2): ("sycophancy_rate", 0.299, 0.0002),
    ("self_regulation", 1): ("CCT_cold_avg", -0.128, 0.104),
    ("self_regulation", 2): ("CCT_cold_avg", -0.022, 0.78),
}


@pytest.mark.parametrize(("trait", "strategy"), INJECTED)
def test_persona_against_behaviour(
    trait: str, strategy: int, instruct: pl.DataFrame, test_data: Find
) -> None:
    """Log odds of persona against default for one SD of the behaviour."""
    injected = rows(test_data, f"persona_injection_{trait}_prompt_strategy_{strategy}")
    task, beta, p = INJECTED[trait, strategy]
    behaviour = np.concatenate([column(instruct, task), column(injected, task)])
    persona = np.repeat([0.0, 1.0], [instruct.height, injected.height])
    found = logit(persona, standardize(behaviour), of="run")
    assert found.value == pytest.approx(beta, abs=0.001)
    assert found.p == pytest.approx(p, abs=0.006)


def test_the_report_moves_far_and_the_behaviour_does_not(
    instruct: pl.DataFrame, test_data: Find
) -> None:
    """RQ3: agreeableness 3.63 to 4.54, d about 2; sycophancy 48.9 to 47.9, delta about 0."""
    injected = rows(test_data, "persona_injection_agreeableness_prompt_strategy_1")
    report = [column(t, "agreeableness") for t in (injected, instruct)]
    assert [r.mean() for r in report] == pytest.approx([4.54, 3.63], abs=0.006)
    pooled = np.sqrt((report[0].var(ddof=1) + report[1].var(ddof=1)) / 2)
    assert 1.6 < (report[0].mean() - report[1].mean()) / pooled < 2.1
    rate = [column(t, "sycophancy_rate") for t in (injected, instruct)]
    assert [r.mean() for r in rate] == pytest.approx([47.9, 48.9], abs=0.06)
    assert cliffs_delta(*report, draws=FEW).value == pytest.approx(0.747, abs=0.001)
    assert abs(cliffs_delta(*rate, draws=FEW).value) < 0.05
