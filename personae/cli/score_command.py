"""The command `score`: answers from a file to scores in a report."""

from typing import Any

from personae.analyses.score import score_report
from personae.cli.framework.command_group import report_page, show_report
from personae.core import load_inventory
from personae.datasets.answer_cells import CellRules
from personae.datasets.answer_tables import read_answer_file
from personae.report.render.report_files import write_report

__all__ = ["score"]


def score(**settings: Any) -> None:  # noqa: ANN401
    """Score a file of answers, write the report if a folder was given, and print it."""
    inventory = load_inventory(settings["inventory"], settings["items"])
    rules = CellRules(settings["shift"], settings["missing"], settings["by_scale"])
    file = read_answer_file(settings["answers"], inventory, rules)
    report = score_report(
        file.answers,
        inventory,
        norms_group=settings["norms"],
        seed=settings["seed"],
        reading=file.reading,
    )
    if settings["out"]:
        write_report(report, settings["out"])
    show_report(report, full=settings["full"], page=report_page(settings["out"]))
