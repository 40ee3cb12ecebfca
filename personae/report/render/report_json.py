"""A report as JSON and back: stable bytes, so that equal reports make equal files.

Floats keep ten significant digits, NaN is null, infinities are the strings "inf" and "-inf". What
fits on a line is written on one, so that a diff is readable. The answers are in a file of their
own, `answers.parquet`.
"""

import json
from collections.abc import Mapping
from dataclasses import fields
from math import isfinite, isnan, nan
from typing import Any

import numpy as np

from personae.core import (
    BadFile,
    BadValue,
    Estimate,
    Figure,
    Heading,
    Note,
    Part,
    Provenance,
    Report,
    Table,
    Usage,
    parse_json,
    typed,
)
from personae.report.render.figure_json import figure_data, figure_from_data

__all__ = ["report_from_json", "report_json"]

SCHEMA_VERSION = "personae-report/1"
WIDTH = 100
KINDS: Mapping[str, type[Part]] = {
    "heading": Heading,
    "note": Note,
    "table": Table,
    "figure": Figure,
    "estimate": Estimate,
}
NAMES = {kind: name for name, kind in KINDS.items()}
ESTIMATE_FIELDS = tuple(f.name for f in fields(Estimate))
NUMBERS = ("value", "low", "high", "level", "p")


def report_json(report: Report) -> str:
    """Write a report, without its answers, as JSON text that ends in a newline.

    Raises:
        BadValue: a part holds something that has no plain form.

    >>> print(report_json(Report(title="Empty", parts=())), end="")
    {"schema": "personae-report/1", "title": "Empty", "parts": [], "provenance": null}
    """
    data = {
        "schema": SCHEMA_VERSION,
        "title": report.title,
        "parts": [_part(part) for part in report.parts],
        "provenance": None if report.provenance is None else _fields(report.provenance),
    }
    return _layout(_plain(data), 0) + "\n"


def report_from_json(text: str) -> Report:
    """Read what `report_json` wrote; the report has no answers.

    Raises:
        BadFile: the text is not a report of this schema.

    >>> report_from_json(report_json(Report(title="Empty", parts=()))).title
    'Empty'
    """
    data = parse_json(text, "the report")
    schema = data.get("schema") if isinstance(data, dict) else None
    if not isinstance(data, dict) or schema != SCHEMA_VERSION:
        raise BadFile(
            f'a report must say "schema": {SCHEMA_VERSION!r}, not {str(schema)[:40]!r}; '
            "make it again with this version of Personae"
        )
    try:
        return Report(
            title=_text(data["title"]),
            parts=tuple(_read_part(part) for part in data["parts"]),
            provenance=_read_provenance(data["provenance"]),
        )
    except KeyError as error:
        raise BadFile(f"the report lacks {error}; it was cut or edited") from error
    except (TypeError, ValueError, AttributeError, BadValue) as error:
        raise BadFile(f"the report has a part of the wrong shape: {error}") from error


def _part(part: Part) -> dict[str, object]:
    if isinstance(part, Figure):
        return {
            "part": "figure",
            "name": part.name,
            "title": part.title,
            "kind": part.kind,
            "data": figure_data(part),
            "alt": part.alt,
        }
    return {"part": NAMES[type(part)], **_fields(part)}


def _fields(value: Part | Provenance | Usage) -> dict[str, object]:
    return {f.name: getattr(value, f.name) for f in fields(value)}


def _plain(value: object) -> object:
    if isinstance(value, np.generic | np.ndarray):
        value = value.tolist()
    if isinstance(value, float):
        return _float(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return value.encode("utf-8", "surrogatepass").decode("utf-8", "replace")
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    mapping = _fields(value) if isinstance(value, Estimate | Usage) else value
    if isinstance(mapping, Mapping):
        return {str(_plain(str(k))): _plain(v) for k, v in mapping.items()}
    raise BadValue(f"a report can't hold a {type(value).__name__}; give plain values or Estimates")


def _float(value: float) -> float | str | None:
    if isfinite(value):
        rounded = float(f"{value:.10g}")
        return (rounded if isfinite(rounded) else value) + 0.0  # + 0.0 turns minus zero into zero
    return None if isnan(value) else str(float(value))


def _layout(value: object, indent: int) -> str:
    flat = json.dumps(value, ensure_ascii=False, allow_nan=False)
    if len(flat) + indent <= WIDTH or not isinstance(value, dict | list) or not value:
        return flat
    pad = " " * (indent + 1)
    if isinstance(value, dict):
        inner = [
            f"{json.dumps(k, ensure_ascii=False)}: {_layout(v, indent + 1)}"
            for k, v in value.items()
        ]
        return "{\n" + ",\n".join(pad + line for line in inner) + "\n" + " " * indent + "}"
    inner = [_layout(v, indent + 1) for v in value]
    return "[\n" + ",\n".join(pad + line for line in inner) + "\n" + " " * indent + "]"


def _read_part(data: dict[str, Any]) -> Part:
    part_fields = {k: v for k, v in data.items() if k != "part"}
    match data["part"]:
        case "heading":
            return Heading(text=_text(part_fields["text"]))
        case "note":
            if part_fields["level"] not in ("verdict", "warning", "info"):
                raise BadFile(f"a note has the unknown level {part_fields['level']!r}")
            return Note(text=_text(part_fields["text"]), level=part_fields["level"])
        case "table":
            rows = tuple(tuple(_read_cell(c) for c in row) for row in part_fields["rows"])
            return Table(**{**part_fields, "columns": tuple(part_fields["columns"]), "rows": rows})
        case "figure":
            return figure_from_data(**{**part_fields, "data": _revive(part_fields["data"])})
        case "estimate":
            return _read_estimate(part_fields)
        case kind:
            raise BadFile(f"a report has no part {str(kind)[:40]!r}; known: {', '.join(KINDS)}")


def _read_cell(cell: object) -> Any:  # noqa: ANN401  (a Cell, checked here)
    if isinstance(cell, dict):
        return _read_estimate(cell)
    if cell is None or isinstance(cell, str | int | float | bool):
        return cell
    raise BadFile(f"a table cell can't be a {type(cell).__name__}")


def _read_estimate(data: dict[str, Any]) -> Estimate:
    numbers = {k: nan if data[k] is None else float(data[k]) for k in NUMBERS}
    return Estimate(**{**data, **numbers})


def _revive(value: Any) -> Any:  # noqa: ANN401  (any JSON)
    if isinstance(value, dict):
        if tuple(value) == ESTIMATE_FIELDS:
            return _read_estimate(value)
        return {k: _revive(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_revive(v) for v in value]
    return value


def _read_provenance(data: object) -> Provenance | None:
    return None if data is None else typed(data, Provenance, "the report's provenance")


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise BadFile(f"a report has a {type(value).__name__} where text belongs")
    return value
