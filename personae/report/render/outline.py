"""The order in which every rendering presents a report: first the verdicts, then the sections.

A section presents its conclusions first, then its figures, then the tables behind them. Sentences
get the minus sign that numbers in tables have.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace

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
    counted,
    is_control,
)
from personae.report.render.values import number, with_minus

__all__ = ["Outline", "ReportSection", "outline"]

ORDER = (Note, Figure, Estimate, Table)


@dataclass(frozen=True, slots=True)
class ReportSection:
    """A heading, empty for the parts before the first one, and its parts in reading order."""

    title: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outline:
    """A report in reading order; `counts` are the answers by status, in words and as a table."""

    title: str
    banners: tuple[tuple[str, str], ...]
    verdicts: tuple[str, ...]
    sections: tuple[ReportSection, ...]
    counts: tuple[str, Table] | None
    costs: tuple[tuple[str, str], ...]
    facts: tuple[tuple[str, tuple[str, ...]], ...]


def outline(report: Report) -> Outline:
    """Arrange a report in reading order.

    >>> outline(Report(title="T", parts=(Note("So it is.", "verdict"),))).verdicts
    ('So it is.',)
    """
    source = report.provenance
    return Outline(
        title=report.title,
        banners=_banners(source) if source else (),
        verdicts=tuple(
            with_minus(p.text) for p in report.parts if isinstance(p, Note) and _is_verdict(p)
        ),
        sections=tuple(_sections(_with_minus(p) for p in report.parts if not _is_verdict(p))),
        counts=_counts(report.answers),
        costs=_costs(source) if source else (),
        facts=_facts(source) if source else (),
    )


def _with_minus(part: Part) -> Part:
    """Return a part whose sentences write negative numbers with a real minus sign.

    >>> _with_minus(Note("It fell by -0.2."))
    Note(text='It fell by −0.2.', level='info')
    """
    match part:
        case Note() | Heading():
            return replace(part, text=with_minus(part.text))
        case Table():
            return replace(part, title=with_minus(part.title))
        case Figure():
            return replace(part, title=with_minus(part.title), alt=with_minus(part.alt))
        case _:
            return part


def _is_verdict(part: Part) -> bool:
    return isinstance(part, Note) and part.level == "verdict"


def _sections(parts: Iterable[Part]) -> list[ReportSection]:
    sections: list[tuple[str, list[Part]]] = [("", [])]
    for part in parts:
        if isinstance(part, Heading):
            sections.append((part.text, []))
        else:
            sections[-1][1].append(part)
    return [
        ReportSection(title, tuple(sorted(members, key=_rank)))
        for title, members in sections
        if title or members
    ]


def _rank(part: Part) -> int:
    return next(rank for rank, kind in enumerate(ORDER) if isinstance(part, kind))


def _banners(source: Provenance) -> tuple[tuple[str, str], ...]:
    banners = []
    if is_control(source.model):
        banners.append(
            (
                "A control, not a language model.",
                f"The answers come from {source.model}, a respondent that Personae simulates to "
                "check its instruments. Nothing here describes a language model.",
            )
        )
    if source.options.get("quick") is True:
        banners.append(
            (
                "A quick run.",
                "It asks less than the full study, so that intervals are wider; run it without "
                "--quick before you base a conclusion on it.",
            )
        )
    return tuple(banners)


def _facts(source: Provenance) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """List a report's provenance: names and their lines."""
    options = [f"{name} = {_option_text(value)}" for name, value in source.options.items()]
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
    return tuple((name, tuple(lines)) for name, lines in facts if any(lines))


def _option_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _costs(source: Provenance) -> tuple[tuple[str, str], ...]:
    usage = source.usage
    return (
        ("requests", number(usage.requests)),
        ("tokens read", number(usage.tokens_in)),
        ("tokens written", number(usage.tokens_out)),
        ("money", f"{number(usage.money, 2)} {usage.currency}" if usage.money else "none"),
    )


def _counts(answers: Answers | None) -> tuple[str, Table] | None:
    """Count the answers by status, in all and by arm and form."""
    if answers is None or not len(answers):
        return None
    counts = answers.missing()
    total = {s: int(counts[s].sum()) for s in counts.columns[2:]}
    statuses = [f"{n:,} {status}" for status, n in total.items() if n and status != "asked"]
    table = Table(
        name="answers",
        title="Answers by arm, form and status",
        columns=tuple(counts.columns),
        rows=tuple(counts.iter_rows()),
    )
    return f"{counted(total['asked'], 'answer')}: {', '.join(statuses)}.", table
