"""A report as one HTML page that works offline: no script, no font, nothing loaded.

The page is one template over plain data, which escapes all text. It is a function of the report's
JSON, so that a report rendered again from its file gives the same bytes.
"""

import base64
import hashlib
from dataclasses import replace
from functools import cache
from importlib.resources import files
from itertools import groupby

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from personae.core import Estimate, Figure, Note, Part, Report, Table
from personae.report.render.figure_data import RowPlot, figure_table, legend_of, read_figure
from personae.report.render.outline import outline
from personae.report.render.plots import drawings
from personae.report.render.report_json import report_from_json, report_json
from personae.report.render.svg import dot, swatch
from personae.report.render.values import (
    DisplayedCell,
    caption,
    displayed,
    displayed_rows,
    visible,
)

__all__ = ["report_html"]

LONG_TABLE = 40


def report_html(report: Report) -> str:
    """Render a report as one self-contained page; equal reports give equal pages.

    Raises:
        BadValue: a figure's data has the wrong shape.

    >>> "<h1>Empty</h1>" in report_html(Report(title="Empty", parts=()))
    True
    """
    report = replace(report_from_json(report_json(report)), answers=report.answers)
    style = _file("report.css")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    page = outline(report)
    return _template().render(
        page=page,
        style=Markup(style),
        style_hash=digest,
        sections=[(s.title, _blocks(s.parts)) for s in page.sections],
        provenance=report.provenance,
        counts=page.counts and (page.counts[0], _table(page.counts[1])),
    )


def _file(name: str) -> str:
    return (files("personae.report.render") / name).read_text(encoding="utf-8")


@cache
def _template() -> Template:
    """Make the template; every value it prints passes `visible`, then autoescape."""
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=lambda v: visible(v) if isinstance(v, str) and not isinstance(v, Markup) else v,
    )
    return environment.from_string(_file("template.html.j2"))


def _blocks(parts: tuple[Part, ...]) -> list[dict[str, object]]:
    blocks: list[dict[str, object]] = []
    for kind, group in groupby(parts, key=type):
        if kind is Estimate:
            tiles = [(e.name, displayed(e), e.unit) for e in group if isinstance(e, Estimate)]
            blocks.append({"kind": "estimates", "tiles": tiles})
        else:
            blocks += [_block(part) for part in group]
    return blocks


def _block(part: Part) -> dict[str, object]:
    if isinstance(part, Table):
        return {"kind": "table", **_table(part)}
    if isinstance(part, Figure):
        plot = read_figure(part)
        bars = isinstance(plot, RowPlot) and plot.kind == "bars"
        legend = [
            (s.name, swatch(i, s.style) if bars else dot(s.style))
            for i, s in enumerate(legend_of(plot))
        ]
        numbers = _table(figure_table(part))
        pictures = drawings(part)
        return {
            "kind": "figure",
            "figure": part,
            "pictures": pictures,
            "legend": legend,
            "numbers": numbers,
        }
    assert isinstance(part, Note)
    return {"kind": "note", "text": part.text, "level": part.level}


def _table(table: Table) -> dict[str, object]:
    rows = displayed_rows(table)
    numeric = [_is_numeric([row[j] for row in rows]) for j in range(len(table.columns))]
    return {
        "title": table.title,
        "heads": list(zip(table.columns, numeric, strict=True)),
        "rows": rows,
        "row_heads": not numeric[0] if numeric else False,
        "caption": caption(table),
        "long": len(rows) > LONG_TABLE,
    }


def _is_numeric(column: list[DisplayedCell]) -> bool:
    return bool(column) and all(cell.kind != "text" for cell in column)
