"""The keying alarm: right keys are silent, wrong ones are named."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from personae.core import Answers, Inventory, Item, KeyingAlarm, Option
from personae.stats.scores.keying import keying_alarm
from personae.stats.scores.reliability import alpha
from personae.stats.scores.scales import item_matrix

REVERSED = {"A1", "C4", "C5", "E1", "E2", "O2", "O5"}
BFI = Inventory(
    name="psych-bfi",
    title="25 items",
    version="1",
    source="R psych",
    licence="test data",
    kind="statement",
    scales={d: d for d in "ACENO"},
    options=tuple(Option(str(v), v) for v in range(1, 7)),
    items=tuple(
        Item(id=f"{d}{k}", text=f"{d}{k}", scale=d, key=-1 if f"{d}{k}" in REVERSED else 1)
        for d in "ACENO"
        for k in range(1, 6)
    ),
)


@pytest.fixture(scope="module")
def people(test_data: Callable[[str], Path]) -> pl.DataFrame:
    table = pl.read_csv(test_data("instruments/psych_bfi_2800x28.csv"), null_values="NA")
    ids = [item.id for item in BFI.items]
    long = table.rename({"": "who"}).unpivot(ids, index="who", variable_name="item")
    return long.with_columns(
        pl.col("value").cast(pl.Float64), respondent=pl.col("who").cast(pl.String)
    )


def answers(people: pl.DataFrame, keys: dict[str, int]) -> Answers:
    blank = Answers.of([{"inventory": BFI.tag, "value": 0.0, "low": 1.0, "high": 6.0}]).rows.drop(
        "item", "value"
    )
    rows = people.select("respondent", "item", "value").join(
        blank.drop("respondent", "scale", "key", "status"), how="cross"
    )
    return Answers(
        rows.with_columns(
            scale=pl.col("item").str.head(1),
            key=pl.col("item").replace_strict(keys, return_dtype=pl.Int64),
            status=pl.when(pl.col("value").is_null())
            .then(pl.lit("unparsed"))
            .otherwise(pl.lit("ok")),
        ).select(Answers.of([]).rows.columns)
    )


RIGHT = {item.id: item.key for item in BFI.items}


def test_right_keys_are_silent_on_real_people(people: pl.DataFrame) -> None:
    assert keying_alarm(answers(people, RIGHT)) == ()


def test_keys_matter_for_alpha_as_published(people: pl.DataFrame) -> None:
    scale = answers(people, RIGHT).where(scale="C")
    keyed, _, _ = item_matrix(scale)
    raw, _, _ = item_matrix(scale, raw=True)
    assert round(alpha(keyed).value, 4) == 0.7293
    assert round(alpha(raw).value, 3) == -0.289


def test_negative_items_never_reversed_raise(people: pl.DataFrame) -> None:
    """The published fault: keys read as text, no item ever reversed."""
    unreversed = answers(people, dict.fromkeys(RIGHT, 1)).where(scale="C")
    with pytest.raises(KeyingAlarm, match="contradict the scoring key"):
        keying_alarm(unreversed, strict=True)
    doubts = keying_alarm(unreversed)
    assert {"C4", "C5"} <= {doubt.item for doubt in doubts}


def test_reversing_twice_is_named_by_scale_and_item(people: pl.DataFrame) -> None:
    negative, value = pl.col("item").is_in(list(REVERSED)), pl.col("value")
    reversed_already = people.with_columns(value=pl.when(negative).then(7 - value).otherwise(value))
    doubts = keying_alarm(answers(reversed_already, RIGHT).where(scale="E"))
    assert doubts[0].item == "" and "without" in doubts[0].text
    assert {"E1", "E2"} <= {doubt.item for doubt in doubts}
    assert all(doubt.scale == "E" for doubt in doubts)


def test_one_wrong_key_is_found(people: pl.DataFrame) -> None:
    doubts = keying_alarm(answers(people, {**RIGHT, "N3": -1}))
    assert {doubt.item for doubt in doubts if doubt.item} == {"N3"}


def test_pure_agreement_is_doubted_too() -> None:
    """Yes-sayers of different strength: keyed totals are all alike, unkeyed ones are not."""
    rows = [
        {
            "inventory": BFI.tag,
            "item": f"C{k}",
            "low": 1.0,
            "high": 6.0,
            "scale": "C",
            "key": 1 if k < 3 else -1,
            "value": float(v),
            "respondent": f"r{v}",
        }
        for v in range(1, 7)
        for k in range(1, 5)
    ]
    doubts = keying_alarm(Answers.of(rows))
    assert "undefined with the key" in doubts[0].text


def test_too_few_or_equal_respondents_tell_nothing() -> None:
    rng = np.random.default_rng(0)
    rows = [
        {
            "inventory": BFI.tag,
            "item": f"C{k}",
            "low": 1.0,
            "high": 6.0,
            "scale": "C",
            "key": RIGHT[f"C{k}"],
            "value": float(rng.integers(1, 7)),
            "respondent": f"r{r}",
        }
        for r in range(2)
        for k in range(1, 6)
    ]
    assert keying_alarm(Answers.of(rows), strict=True) == ()
    same = Answers.of(
        [
            {**row, "value": 3.0, "respondent": f"{row['respondent']}{n}"}
            for row in rows
            for n in range(3)
        ]
    )
    assert keying_alarm(same, strict=True) == ()
