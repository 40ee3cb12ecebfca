"""Runs beside each other, and in other tools' formats: strings become objects here."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from rich.console import Console

from personae.audit.comparison import MARGINS, Judging
from personae.core import BadValue
from personae.report.files import write_report
from personae.report.text import print_report
from personae.run.comparing import compare_runs, open_run

__all__ = ["compare"]


def compare(
    first: Path,
    second: Path,
    out: Path | None,
    arms: str | None,
    margin: Sequence[str],
    **given: object,
) -> None:
    """Compare two runs and show the report; with `out`, write it too."""
    if out is not None and (out / "manifest.json").exists():
        raise BadValue(f"{out} holds a run; choose another --out for the comparison")
    judging = Judging(
        unit=_unit(given["unit"]), each=bool(given["each"]), margins=_margins(margin),
        seed=int(str(given["seed"])),
    )  # fmt: skip
    report = compare_runs(open_run(first), open_run(second), _arms(arms), judging)
    if out is not None:
        write_report(report, out)
    print_report(report, Console())


def _unit(given: object) -> Literal["item", "respondent"]:
    return "respondent" if given == "respondent" else "item"


def _arms(text: str | None) -> tuple[str, str] | None:
    if text is None:
        return None
    first, comma, second = text.partition(",")
    if not (first.strip() and comma and second.strip()):
        raise BadValue(f"--arms names two arms, A,B, not {text!r}")
    return first.strip(), second.strip()


def _margins(given: Sequence[str]) -> dict[str, float]:
    margins = dict(MARGINS)
    for one in given:
        unit, _, number = one.partition("=")
        try:
            margins[unit.strip()] = float(number)
        except ValueError as error:
            raise BadValue(f"--margin is UNIT=X, such as points=0.2, not {one!r}") from error
    return margins
