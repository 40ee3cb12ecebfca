"""Published raw answers re-scored: Gupta et al. (2023), without and with the key.

The published scorer reads keys as text and never reverses an item; its figures are the mean raw
agreement. The same answers with the key give the second table.
"""

from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from personae.core import Answers, load_inventory
from personae.stats.scores.scales import item_matrix, scale_scores

NEO = load_inventory("ipip-neo-300")
CHOICES = "self-assessment-unreliable/ipip300_parsed_choices.csv"
ORDER = "self-assessment-unreliable/ocean_300_corrected.csv"  # its rows number the choices' items
FORMS = {"P1": "mpi-gpt35", "P2": "chatgpt-an-enfj", "P3": "whoisgpt"}
UNKEYED = """
gpt-3.5-turbo P1 forward 4.48/4.35/4.57/3.72/4.27
gpt-3.5-turbo P1 reverse 4.03/4.05/4.02/3.93/4.02
gpt-3.5-turbo P2 forward 2.57/2.53/2.47/2.68/2.52
gpt-3.5-turbo P2 reverse 3.60/3.53/3.60/3.22/3.55
gpt-3.5-turbo P3 forward 3.32/3.30/3.22/3.08/3.20
gpt-3.5-turbo P3 reverse 3.68/3.62/3.72/3.35/3.75
Llama-2-7b P1 forward 3.55/3.64/3.71/3.54/3.83
Llama-2-7b P1 reverse 3.07/3.08/2.93/3.16/2.58
Llama-2-7b P2 forward 3.07/2.12/2.37/3.15/2.43
Llama-2-7b P2 reverse 4.31/4.29/4.70/3.91/4.55
Llama-2-7b P3 forward 2.85/2.90/2.87/3.06/2.80
Llama-2-7b P3 reverse 2.87/3.16/3.02/3.08/3.12
Llama-2-70b P1 forward 4.22/3.98/4.22/3.45/4.17
Llama-2-70b P1 reverse 4.28/4.11/4.17/3.94/4.25
Llama-2-70b P2 forward 3.90/4.07/4.09/3.69/3.95
Llama-2-70b P2 reverse 3.37/3.81/3.63/3.00/3.32
"""
KEYED = """
gpt-3.5-turbo P1 forward 3.32/3.55/3.47/3.48/3.03
gpt-3.5-turbo P1 reverse 2.97/3.08/3.22/2.93/3.12
gpt-3.5-turbo P2 forward 2.63/2.60/2.80/2.68/3.28
gpt-3.5-turbo P2 reverse 3.40/3.47/3.20/3.62/2.75
"""


def rows(text: str) -> list[tuple[str, str, str, list[float]]]:
    split = (line.split() for line in text.strip().splitlines())
    return [(m, p, o, [float(v) for v in values.split("/")]) for m, p, o, values in split]


@pytest.fixture(scope="module")
def answers(test_data: Callable[[str], Path]) -> Answers:
    table = pl.read_csv(test_data(CHOICES), schema_overrides={"item": pl.String})
    order = pl.read_csv(test_data(ORDER), schema_overrides={"Full#": pl.String})["Full#"]
    numbers = {str(row): number for row, number in enumerate(order, 1)}
    keys = {item.id: (item.scale, item.key) for item in NEO.items}
    for row, domain, key in table.select("item", "domain", "key").unique().rows():
        assert keys[numbers[row]] == (domain, int(key))
    blank = Answers.of([]).rows
    value = pl.col("agreement_1to5").cast(pl.Float64)
    filled = table.select(
        respondent="model",
        form="prompt",
        order="option_order",
        value=value,
        item=pl.col("item").replace_strict(numbers),
        scale="domain",
        key=pl.col("key").cast(pl.Int64),
        low=pl.lit(float(NEO.low)),
        high=pl.lit(float(NEO.high)),
        raw=pl.col("raw_choice").cast(pl.String),
        inventory=pl.lit(NEO.tag),
        arm=pl.lit("unchanged"),
        unit=pl.lit("points"),
        status=pl.when(value.is_null()).then(pl.lit("unparsed")).otherwise(pl.lit("ok")),
    )
    return Answers(pl.concat([blank, filled], how="diagonal"))


def test_missing_answers_are_counted(answers: Answers) -> None:
    """gpt-3.5 loses 0 or 1 of 300; Llama-2 loses 5 to 48."""
    lost = answers.missing(by=("respondent", "form", "order"))
    counts = {r[:3]: r[3] for r in lost.select("respondent", "form", "order", "unparsed").rows()}
    assert set(lost["asked"]) == {300}
    assert counts["gpt-3.5-turbo", FORMS["P3"], "forward"] == 1
    assert counts[llama(answers, "7b"), FORMS["P3"], "forward"] == 48
    assert all(n <= 1 for (model, _, _), n in counts.items() if model == "gpt-3.5-turbo")


def llama(answers: Answers, size: str) -> str:
    names: list[str] = answers.rows["respondent"].unique().to_list()
    return next(name for name in names if name.lower().startswith(f"llama-2-{size}"))


def named(answers: Answers, model: str) -> str:
    return llama(answers, model.rsplit("-", 1)[1]) if model.startswith("Llama") else model


@pytest.mark.parametrize(("model", "prompt", "order", "means"), rows(UNKEYED))
def test_mean_raw_agreement(
    answers: Answers, model: str, prompt: str, order: str, means: list[float]
) -> None:
    own = answers.where(respondent=named(answers, model), form=FORMS[prompt], order=order)
    for scale, published in zip("OCEAN", means, strict=True):
        matrix, _, _ = item_matrix(own.where(scale=scale), raw=True)
        answered = matrix[matrix == matrix]  # noqa: PLR0124  (drops NaN)
        assert answered.mean() == pytest.approx(published, abs=0.0051)


@pytest.mark.parametrize(("model", "prompt", "order", "means"), rows(KEYED))
def test_keyed_means(
    answers: Answers, model: str, prompt: str, order: str, means: list[float]
) -> None:
    """Neuroticism of gpt-3.5 is 3.03 with the key, 4.27 as published."""
    own = answers.where(respondent=model, form=FORMS[prompt], order=order)
    scores = dict(scale_scores(own).select("scale", "mean").rows())
    for scale, published in zip("OCEAN", means, strict=True):
        assert scores[scale] == pytest.approx(published, abs=0.0051)
