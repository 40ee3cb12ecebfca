"""A report as one HTML page that works offline: no script, no font, nothing loaded.

The page is one template over plain data; all text is escaped there. It is a function of the
report's JSON, so a report rendered again from its file gives the same bytes.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files
from itertools import groupby

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from personae.core import (
    Answers,
    Estimate,
    Figure,
    Heading,
    Note,
    Part,
    Provenance,
    Report,
    Table,
    is_control,
)
from personae.report.figures import figure_table, legend_of, read_figure
from personae.report.plain import report_from_json, report_json
from personae.report.plots import drawings
from personae.report.svg import dot
from personae.report.values import Shown, counted, footnote, number, shown, visible

__all__ = ["report_html"]

ORDER = (Note, Figure, Estimate, Table)  # within a section: what it says, shows, and rests on
LONG_TABLE = 40


@dataclass(frozen=True, slots=True)
class _Section:
    title: str
    blocks: list[dict[str, object]]


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
    sections = _sections(p for p in report.parts if not _is_verdict(p))
    return _template().render(
        title=report.title,
        style=Markup(style),
        style_hash=digest,
        verdicts=[p.text for p in report.parts if isinstance(p, Note) and p.level == "verdict"],
        sections=sections,
        banners=_banners(report.provenance),
        provenance=report.provenance,
        facts=_facts(report.provenance),
        costs=_costs(report.provenance),
        answers=_answers(report.answers),
    )


def _file(name: str) -> str:
    return (files("personae.report") / name).read_text(encoding="utf-8")


@cache
def _template() -> Template:
    """Make the template; every value it prints passes `visible`, then autoescape."""
    house = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        finalize=lambda v: visible(v) if isinstance(v, str) and not isinstance(v, Markup) else v,
    )
    return house.from_string(_file("template.html.j2"))


def _is_verdict(part: Part) -> bool:
    return isinstance(part, Note) and part.level == "verdict"


def _sections(parts: Iterable[Part]) -> list[_Section]:
    """Cut at headings; what precedes the first heading is a section without a title."""
    sections: list[tuple[str, list[Part]]] = [("", [])]
    for part in parts:
        if isinstance(part, Heading):
            sections.append((part.text, []))
        else:
            sections[-1][1].append(part)
    return [_Section(title, _blocks(inner)) for title, inner in sections if title or inner]


def _blocks(parts: list[Part]) -> list[dict[str, object]]:
    ranked = sorted(parts, key=lambda part: ORDER.index(type(part)))
    blocks: list[dict[str, object]] = []
    for kind, group in groupby(ranked, key=type):
        if kind is Estimate:
            tiles = [(e.name, shown(e), e.unit) for e in group if isinstance(e, Estimate)]
            blocks.append({"kind": "estimates", "tiles": tiles})
        else:
            blocks += [_block(part) for part in group]
    return blocks


def _block(part: Part) -> dict[str, object]:
    if isinstance(part, Table):
        return {"kind": "table", **_table(part)}
    if isinstance(part, Figure):
        legend = [(s.name, dot(s.style)) for s in legend_of(read_figure(part))]
        numbers = _table(figure_table(part))
        pictures = drawings(part)
        return {
            "kind": "figure", "figure": part, "pictures": pictures, "legend": legend,
            "numbers": numbers,
        }  # fmt: skip
    assert isinstance(part, Note)
    return {"kind": "note", "text": part.text, "level": part.level}


def _table(table: Table) -> dict[str, object]:
    rows = [[shown(cell) for cell in row] for row in table.rows]
    numeric = [_is_numeric([row[j] for row in rows]) for j in range(len(table.columns))]
    return {
        "title": table.title,
        "heads": list(zip(table.columns, numeric, strict=True)),
        "rows": rows,
        "row_heads": not numeric[0] if numeric else False,
        "note": table.note,
        "footnote": footnote(table),
        "long": len(rows) > LONG_TABLE,
    }


def _is_numeric(column: list[Shown]) -> bool:
    return bool(column) and all(cell.kind != "text" for cell in column)


def _banners(source: Provenance | None) -> list[tuple[str, str]]:
    if source is None:
        return []
    found = []
    if is_control(source.model):
        found.append((
            "A control, not a language model.",
            f"The answers come from {source.model}, a respondent that Personae simulates to check "
            "its instruments. Nothing here describes a language model.",
        ))  # fmt: skip
    if source.options.get("quick") is True:
        found.append((
            "A quick run.",
            "It asks less than the full study, so intervals are wider; run it without --quick "
            "before you rest a conclusion on it.",
        ))  # fmt: skip
    return found


def _facts(source: Provenance | None) -> list[tuple[str, list[str]]]:
    """List where a report comes from: names and their lines."""
    if source is None:
        return []
    options = [f"{name} = {_words(value)}" for name, value in source.options.items()]
    facts = [
        ("Model", [source.model]),
        ("Fingerprint", [source.fingerprint]),
        ("Study", [f"{source.study}, version {source.study_version}"]),
        ("Instruments", list(source.instruments)),
        ("Options", options),
        ("Seed", [str(source.seed)]),
        ("Date", [source.date]),
        ("Personae", [source.version]),
        ("Notes", list(source.notes)),
    ]
    return [(name, lines) for name, lines in facts if any(lines)]


def _words(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _costs(source: Provenance | None) -> list[tuple[str, str]]:
    if source is None:
        return []
    cost = source.usage
    return [
        ("requests", number(cost.requests)),
        ("tokens read", number(cost.tokens_in)),
        ("tokens written", number(cost.tokens_out)),
        ("money", f"{number(cost.money, 2)} {cost.currency}" if cost.money else "none"),
    ]


def _answers(answers: Answers | None) -> Mapping[str, object] | None:
    """Count the answers by status, in all and by arm and form."""
    if answers is None or not len(answers):
        return None
    counts = answers.missing()
    total = {s: int(counts[s].sum()) for s in counts.columns[2:]}
    said = [f"{n:,} {status}" for status, n in total.items() if n and status != "asked"]
    table = Table(
        name="answers", title="Answers by arm, form and status",
        columns=tuple(counts.columns), rows=tuple(counts.iter_rows()),
    )  # fmt: skip
    return {"line": f"{counted(total['asked'], 'answer')}: {', '.join(said)}.", **_table(table)}
