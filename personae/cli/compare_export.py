"""The commands `compare` and `export`: two runs compared, or one in another tool's format."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from personae.analyses.compare import Run, compare_runs
from personae.analyses.run_differences import MARGINS, ComparisonRules
from personae.cli.framework.command_group import report_page, show_report
from personae.core import BadValue
from personae.measure.situations.situation_bank import load_bank
from personae.measure.tasks.problems import load_problems
from personae.report.render.report_files import write_report
from personae.run.export.finished_run import open_results, open_run
from personae.run.export.harness_tasks import export_bank, export_problems
from personae.run.export.inspect_export import export_inspect
from personae.run.export.preference_pairs import preference_pairs, write_pairs
from personae.run.folder.manifest import NAME

__all__ = ["compare", "export"]


def compare(
    first: Path,
    second: Path,
    out: Path | None,
    arms: str | None,
    margin: Sequence[str],
    **settings: object,
) -> None:
    """Compare two runs and print the report; with `out`, write it too."""
    if out is not None and ((out / NAME).exists() or out in (first, second)):
        raise BadValue(f"{out} holds what is compared, or a run; choose another --out")
    judging = ComparisonRules(
        unit=_unit(settings["unit"]),
        each=bool(settings["each"]),
        margins=_margins(margin),
        seed=int(str(settings["seed"])),
    )
    runs = open_results(first), open_results(second)
    report = compare_runs(*runs, None if arms is None else _arms(arms, *runs), judging)
    if out is not None:
        write_report(report, out)
    show_report(report, full=bool(settings["full"]), page=report_page(out))


def export(run: Path | None, to: str, out: Path, **settings: str | None) -> str:
    """Export a run as an inspect_ai log or preference pairs, or problems or situations as tasks.

    Returns:
        What was written, and the other tool's command that reads it.

    Raises:
        BadValue: the source doesn't fit the format.
    """
    known = {"lm-eval": ("problems", "bank"), "dpo": ("pairs", "arms")}.get(to, ())
    for name, value in settings.items():
        if value is not None and name not in known:
            raise BadValue(f"--{name} is no option of --to {to}")
    if to == "lm-eval":
        return _export_tasks(run, settings["problems"], settings["bank"], out)
    if run is None:
        raise BadValue(f"{to} takes a finished run: personae export RUN --to {to} --out {out}")
    opened = open_run(run)
    if to == "dpo":
        arms = settings["arms"]
        pair = None if arms is None else _arms(arms, opened, opened)
        return write_pairs(*preference_pairs(opened, settings["pairs"], pair), out)
    export_inspect(opened, out)
    return f"Written: {out}; see it with: inspect view --log-dir {out.parent}"


def _export_tasks(run: Path | None, problems: str | None, bank: str | None, out: Path) -> str:
    if run is not None or bool(problems) == bool(bank):
        raise BadValue("lm-eval takes a set of problems or a bank: --problems or --bank NAME")
    if problems:
        names = export_problems(load_problems(problems), out)
    else:
        names = export_bank(load_bank(str(bank)), out)
    tasks = ",".join(names)
    return f"Written to {out}; run them with: lm_eval --include_path {out} --tasks {tasks}"


def _unit(unit: object) -> Literal["item", "respondent"]:
    return "respondent" if unit == "respondent" else "item"


def _arms(text: str, first: Run, second: Run) -> tuple[str, str]:
    """Split A,B at the comma that leaves an arm of each run, since names may hold commas too."""
    parts = text.split(",")
    splits = [
        (",".join(parts[:i]).strip(), ",".join(parts[i:]).strip()) for i in range(1, len(parts))
    ]
    arms = [set(run.answers.rows["arm"].unique()) for run in (first, second)]
    known = [split for split in splits if split[0] in arms[0] and split[1] in arms[1]]
    if not splits or not all(splits[0]):
        raise BadValue(f"--arms names two arms, A,B, not {text!r}")
    return (known or splits)[0]


def _margins(texts: Sequence[str]) -> dict[str, float]:
    margins = dict(MARGINS)
    for text in texts:
        unit, _, number = text.partition("=")
        try:
            margins[unit.strip()] = float(number)
        except ValueError as error:
            raise BadValue(f"--margin is UNIT=X, such as points=0.2, not {text!r}") from error
    return margins
