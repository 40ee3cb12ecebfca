"""Finds the parts of a report by name."""

from typing import Protocol

from personae.core import Estimate, Note, Part, Report, Table


class HasParts(Protocol):
    """A report, or a section of one."""

    @property
    def parts(self) -> tuple[Part, ...]: ...


def table(report: HasParts, name: str) -> Table:
    """Give the table of that name."""
    return next(p for p in report.parts if isinstance(p, Table) and p.name == name)


def row_estimates(report: Report, name: str, first: str) -> list[Estimate]:
    """Give the estimates of the row that starts with `first`, in the table of that name."""
    row = next(r for r in table(report, name).rows if r[0] == first)
    return [cell for cell in row if isinstance(cell, Estimate)]


def verdict_text(report: Report) -> str:
    """Give the verdicts, one a line."""
    return "\n".join(p.text for p in report.parts if isinstance(p, Note) and p.level == "verdict")
