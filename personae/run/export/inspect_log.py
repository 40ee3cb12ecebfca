"""Writes a run's answers as an inspect_ai log, which `inspect view` opens: one sample an answer.

It is written with inspect_ai's own models, so that its readers, viewer and data frames accept it.
A sample's input is the messages as they were sent, persona included, where the run kept them; else
the item's text if the instrument is known.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from math import isfinite
from pathlib import Path
from typing import Any

import polars as pl

from personae.core import Answers, BadValue, Chat, MissingExtra, Usage, atomic_path, say
from personae.run.export.asked_items import AskedItem
from personae.run.export.inspect_scores import log_scores, sample_scores, scored_rows

__all__ = ["Asked", "RunOrigin", "write_inspect_log"]

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

DERIVED = ("raw", "score", "score_name")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was asked: items by (inventory tag, id), and the messages sent by request id."""

    items: Mapping[tuple[str, str], AskedItem] = field(default_factory=dict)
    prompts: Mapping[str, Chat] = field(default_factory=dict)


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


def write_inspect_log(answers: Answers, origin: RunOrigin, asked: Asked, path: Path) -> None:
    """Write a log to a file that ends in .eval or .json, whole or not at all.

    A right answer scores "C", a wrong one "I" and a missing one "N". Other answers score their
    scale, with the keyed value (reversed for items keyed -1; the score's metadata has the value as
    chosen), and have no score if it is missing.

    Raises:
        MissingExtra: inspect_ai is not installed.
        BadValue: the file has another ending, or reversed items lack the range of their options.
    """
    if path.suffix not in SUFFIXES:
        raise BadValue(f"an inspect_ai log ends in {' or '.join(SUFFIXES)}, not {path.name!r}")
    if find_spec("inspect_ai") is None:
        raise MissingExtra("inspect_ai", "inspect", "writing inspect_ai logs")
    from inspect_ai.log import write_eval_log  # noqa: PLC0415

    with atomic_path(path) as part:
        write_eval_log(_log(answers, origin, asked), str(part))


def _log(answers: Answers, origin: RunOrigin, asked: Asked) -> Any:  # noqa: ANN401
    from inspect_ai import log  # noqa: PLC0415
    from inspect_ai.model import ModelUsage  # noqa: PLC0415

    rows = scored_rows(answers)
    names = _names(rows)
    samples = [
        _sample(name, row, asked, origin.model)
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
            total_samples=len(samples), completed_samples=len(samples), scores=log_scores(rows)
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


def _sample(name: str, row: Mapping[str, Any], asked: Asked, model: str) -> Any:  # noqa: ANN401
    from inspect_ai.log import EvalSample  # noqa: PLC0415
    from inspect_ai.model import (  # noqa: PLC0415
        ChatCompletionChoice,
        ChatMessageAssistant,
        ModelOutput,
        ModelUsage,
    )

    item = asked.items.get((row["inventory"], row["item"]))
    chat = asked.prompts.get(row.get("request") or "")
    if chat is None:
        chat = say(item.text if item else row["item"])
    sent = _messages(chat, name)
    usage = ModelUsage(
        input_tokens=row["tokens_in"],
        output_tokens=row["tokens_out"],
        total_tokens=row["tokens_in"] + row["tokens_out"],
    )
    message = ChatMessageAssistant(content=row["raw"], id=f"{name} | said", model=model)
    output = ModelOutput(model=model, choices=[ChatCompletionChoice(message=message)], usage=usage)
    metadata = {key: row[key] for key in CARRIED} | {
        key: value for key, value in row.items() if key not in (*CARRIED, *DERIVED)
    }
    return EvalSample(
        id=name,
        epoch=row["repeat"] + 1,
        input=sent,
        target=item.target if item else "",
        choices=list(item.options) if item and item.options else None,
        messages=[*sent, message],
        output=output,
        scores=sample_scores(row),
        metadata={k: _plain(v) for k, v in metadata.items()},
        model_usage={model: usage},
    )


def _messages(chat: Chat, name: str) -> list[Any]:
    """Give messages in inspect_ai's form, with ids of their own so that a log is reproducible."""
    from inspect_ai.model import (  # noqa: PLC0415
        ChatMessageAssistant,
        ChatMessageSystem,
        ChatMessageUser,
    )

    forms = {
        "system": ChatMessageSystem,
        "user": ChatMessageUser,
        "assistant": ChatMessageAssistant,
    }
    return [forms[m.role](content=m.text, id=f"{name} | asked {i}") for i, m in enumerate(chat, 1)]


def _plain(value: Any) -> Any:  # noqa: ANN401
    """Convert a value to one that JSON has: infinities and NaN become text."""
    if isinstance(value, float) and not isfinite(value):
        return str(value)
    return [_plain(v) for v in value] if isinstance(value, list) else value
