"""Scores of an inspect_ai log: right or wrong in problems, the keyed value of a trait elsewhere."""

from collections.abc import Mapping
from math import sqrt
from typing import Any

import polars as pl

from personae.core import Answers, Array
from personae.stats.scores.scales import keyed

__all__ = ["log_scores", "sample_scores", "scored_rows"]

REASONS = {"refused": "refusal", "unparsed": "invalid_response_format"}


def scored_rows(answers: Answers) -> pl.DataFrame:
    """Return the answers' rows with `score`, keyed, and `score_name`: the scale's, else the unit's.

    A scale whose answers come in several units, such as points and nats, has a name for each.

    Raises:
        BadValue: reversed items without the range of their options.
    """
    several = pl.col("unit").n_unique().over("scale") > 1
    scale = pl.when(several).then(pl.format("{} ({})", "scale", "unit")).otherwise(pl.col("scale"))
    unit = pl.when(pl.col("unit") == "").then(pl.lit("value")).otherwise(pl.col("unit"))
    plain = (pl.col("unit") == "correct") | (pl.col("scale") == "")
    return keyed(answers).with_columns(
        pl.when(plain).then(unit).otherwise(scale).alias("score_name")
    )


def sample_scores(row: Mapping[str, Any]) -> dict[str, Any]:
    """Score one answer, a row of `scored_rows`; a missing answer has none, except in problems."""
    from inspect_ai.scorer import Score  # noqa: PLC0415

    known, why = row["status"] == "ok", row["why"] or None
    if row["unit"] == "correct":
        letter = ("C" if row["value"] else "I") if known else "N"
        answer = row["raw"] if known else None
        reason = REASONS.get(row["status"])
        return {
            row["score_name"]: Score(value=letter, answer=answer, explanation=why, reason=reason)
        }
    if not known:
        return {}
    details = {"scale": row["scale"], "key": row["key"], "value": row["value"]}
    return {
        row["score_name"]: Score(
            value=row["score"], answer=row["raw"], explanation=why, metadata=details
        )
    }


def log_scores(rows: pl.DataFrame) -> list[Any]:
    """Give means and standard errors over items: accuracy in problems, else keyed means by arm.

    In problems a missing answer counts as wrong; elsewhere it is left out, and counted.
    """
    from inspect_ai.log import EvalMetric, EvalScore  # noqa: PLC0415

    scores = []
    for (name,), part in rows.group_by("score_name", maintain_order=True):
        correct = part["unit"][0] == "correct"
        values = _accuracy(part) if correct else _by_arm(part)
        lost = 0 if correct else int((part["status"] != "ok").sum())
        scores.append(
            EvalScore(
                name=str(name),
                scorer=str(name),
                metrics={k: EvalMetric(name=k, value=v) for k, v in values.items()},
                scored_samples=part.height - lost,
                unscored_samples=lost,
            )
        )
    return scores


def _accuracy(part: pl.DataFrame) -> dict[str, float]:
    return _mean(
        _item_means(part.with_columns(pl.col("value").fill_null(0.0)), "value"), "accuracy"
    )


def _by_arm(part: pl.DataFrame) -> dict[str, float]:
    arms = part["arm"].unique(maintain_order=True).to_list()
    values: dict[str, float] = {}
    for arm in arms:
        of_arm = part.filter((pl.col("arm") == arm) & pl.col("score").is_not_null())
        tag = f" ({arm})" if len(arms) > 1 else ""
        values |= _mean(_item_means(of_arm, "score"), "mean", tag)
    return values


def _item_means(part: pl.DataFrame, column: str) -> Array:
    means = part.group_by("item", maintain_order=True).agg(pl.col(column).mean())
    return means[column].to_numpy()


def _mean(x: Array, name: str, tag: str = "") -> dict[str, float]:
    values = {f"{name}{tag}": float(x.mean())} if x.size else {}
    if x.size > 1:
        values[f"stderr{tag}"] = float(x.std(ddof=1)) / sqrt(x.size)
    return values
