"""Writes a run's answers as an inspect_ai log, which `inspect view` opens: one sample an answer.

It is written with inspect_ai's own models, so that its readers, viewer and data frames accept it.
Answers don't hold the exact prompt; a sample's input is the item's text if the instrument is known.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from math import isfinite, sqrt
from pathlib import Path
from typing import Any

import polars as pl

from personae.core import Answers, BadValue, MissingExtra, Usage

__all__ = ["LoggedItem", "RunOrigin", "write_inspect_log"]

SUFFIXES = (".eval", ".json")

CARRIED = (
    "respondent",
    "arm",
    "inventory",
    "item",
    "scale",
    "facet",
    "key",
    "form",
    "channel",
    "order",
    "repeat",
    "value",
    "expected",
    "status",
    "why",
    "slot",
    "logp",
    "mass",
)

REASONS = {"refused": "refusal", "unparsed": "invalid_response_format"}


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedItem:
    """An item's text, its options in their own order, and the right one if there is one."""

    text: str
    options: tuple[str, ...] = ()
    target: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOrigin:
    """A log's description of the run: id, study and version, model, time (ISO), options, cost."""

    id: str
    study: str
    version: str
    model: str
    created: str
    options: Mapping[str, object] = field(default_factory=dict)
    usage: Usage = field(default_factory=Usage)


def write_inspect_log(
    answers: Answers, origin: RunOrigin, items: Mapping[tuple[str, str], LoggedItem], path: Path
) -> None:
    """Write a log to a file that ends in .eval or .json, whole or not at all.

    `items` gives items by (inventory tag, id). A right answer scores "C", a wrong one "I" and a
    missing one "N"; other answers score their value as chosen, not reversed for items keyed -1 (the
    metadata has the key), and have no score if it is missing. The score is named after the unit.

    Raises:
        MissingExtra: inspect_ai is not installed.
        BadValue: the file has another ending.
    """
    if path.suffix not in SUFFIXES:
        raise BadValue(f"an inspect_ai log ends in {' or '.join(SUFFIXES)}, not {path.name!r}")
    if find_spec("inspect_ai") is None:
        raise MissingExtra("inspect_ai", "inspect", "writing inspect_ai logs")
    from inspect_ai.log import write_eval_log  # noqa: PLC0415

    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.stem}.partial{path.suffix}")
    try:
        write_eval_log(_log(answers, origin, items), str(partial))
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def _log(answers: Answers, origin: RunOrigin, items: Mapping[tuple[str, str], LoggedItem]) -> Any:  # noqa: ANN401
    from inspect_ai import log  # noqa: PLC0415
    from inspect_ai.model import ModelUsage  # noqa: PLC0415

    rows = answers.rows
    names = _names(rows)
    samples = [
        _sample(name, row, items.get((row["inventory"], row["item"])), origin.model)
        for name, row in zip(names, rows.to_dicts(), strict=True)
    ]
    tags = [tag or "unnamed" for tag in rows["inventory"].unique(maintain_order=True)]
    epochs = int(rows["repeat"].max() or 0) + 1  # type: ignore[arg-type]
    spent = origin.usage
    spec = log.EvalSpec(
        eval_id=origin.id,
        run_id=origin.id,
        task_id=origin.id,
        created=origin.created,
        task=origin.study,
        task_version=origin.version,
        task_args=dict(origin.options),
        model=origin.model,
        config=log.EvalConfig(epochs=epochs),
        dataset=log.EvalDataset(
            name=", ".join(tags), samples=len(set(names)), sample_ids=list(dict.fromkeys(names))
        ),
    )
    usage = ModelUsage(
        input_tokens=spent.tokens_in,
        output_tokens=spent.tokens_out,
        total_tokens=spent.tokens_in + spent.tokens_out,
    )
    return log.EvalLog(
        status="success",
        eval=spec,
        samples=samples,
        results=log.EvalResults(
            total_samples=len(samples), completed_samples=len(samples), scores=_scores(rows)
        ),
        stats=log.EvalStats(
            started_at=origin.created,
            completed_at=origin.created,
            model_usage={origin.model: usage},
        ),
    )


def _names(rows: pl.DataFrame) -> list[str]:
    """Name each sample by everything that identifies its question; repeats are its epochs."""
    parts = ["item", "respondent", "arm", "form", "channel", "order"]
    keyed_rows = rows.select(
        pl.concat_str(parts, separator=" | ").alias("name"), "repeat", "inventory"
    )
    numbered = keyed_rows.with_columns(
        pl.int_range(pl.len()).over("name", "repeat").alias("draw")
    ).select("name", "draw")
    return [name if not draw else f"{name} | {draw + 1}" for name, draw in numbered.rows()]


def _sample(name: str, row: Mapping[str, Any], item: LoggedItem | None, model: str) -> Any:  # noqa: ANN401
    from inspect_ai.log import EvalSample  # noqa: PLC0415
    from inspect_ai.model import (  # noqa: PLC0415
        ChatCompletionChoice,
        ChatMessageAssistant,
        ChatMessageUser,
        ModelOutput,
        ModelUsage,
    )

    text = item.text if item else row["item"]
    usage = ModelUsage(
        input_tokens=row["tokens_in"],
        output_tokens=row["tokens_out"],
        total_tokens=row["tokens_in"] + row["tokens_out"],
    )
    message = ChatMessageAssistant(content=row["raw"], id=f"{name} | said", model=model)
    output = ModelOutput(model=model, choices=[ChatCompletionChoice(message=message)], usage=usage)
    metadata = {key: row[key] for key in CARRIED} | {
        key: value for key, value in row.items() if key not in CARRIED and key != "raw"
    }
    return EvalSample(
        id=name,
        epoch=row["repeat"] + 1,
        input=text,
        target=item.target if item else "",
        choices=list(item.options) if item and item.options else None,
        messages=[ChatMessageUser(content=text, id=f"{name} | asked"), message],
        output=output,
        scores=_score(row),
        metadata={k: _plain(v) for k, v in metadata.items()},
        model_usage={model: usage},
    )


def _score(row: Mapping[str, Any]) -> dict[str, Any]:
    from inspect_ai.scorer import Score  # noqa: PLC0415

    known, unit = row["status"] == "ok", row["unit"] or "value"
    why = row["why"] or None
    if unit == "correct":
        letter = ("C" if row["value"] else "I") if known else "N"
        score = Score(
            value=letter,
            answer=row["raw"] if known else None,
            explanation=why,
            reason=REASONS.get(row["status"]),
        )
        return {unit: score}
    if not known:
        return {}
    return {unit: Score(value=row["value"], answer=row["raw"], explanation=why)}


def _plain(value: Any) -> Any:  # noqa: ANN401
    """Convert a value to one that JSON has: infinities and NaN become text."""
    if isinstance(value, float) and not isfinite(value):
        return str(value)
    return [_plain(v) for v in value] if isinstance(value, list) else value


def _scores(rows: pl.DataFrame) -> list[Any]:
    """Compute accuracy and its standard error over questions; a missing answer counts as wrong.

    Other units get no mean: the run's own report scores them by scale, with reversed items.
    """
    from inspect_ai.log import EvalMetric, EvalScore  # noqa: PLC0415

    scores = []
    for (unit,), part in rows.group_by("unit", maintain_order=True):
        values: dict[str, float] = {}
        if unit == "correct":
            answers = part.with_columns(pl.col("value").fill_null(0.0))
            means = answers.group_by("item", maintain_order=True).agg(pl.col("value").mean())
            x = means["value"].to_numpy()
            values["accuracy"] = float(x.mean())
            if x.size > 1:
                values["stderr"] = float(x.std(ddof=1)) / sqrt(x.size)
        metrics = {name: EvalMetric(name=name, value=value) for name, value in values.items()}
        lost = 0 if unit == "correct" else int((part["status"] != "ok").sum())
        name = str(unit) or "value"
        scores.append(
            EvalScore(
                name=name,
                scorer=name,
                metrics=metrics,
                scored_samples=part.height - lost,
                unscored_samples=lost,
            )
        )
    return scores
