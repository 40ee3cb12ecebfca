"""Opens the folder of a finished run, for comparison and export."""

from pathlib import Path
from typing import TypedDict

from personae.analyses.compare import Run
from personae.core import BadValue, typed
from personae.report.render.report_files import read_report
from personae.run.folder.manifest import read_manifest

__all__ = ["open_run"]


class _RunIdentity(TypedDict):
    """What a run's results depend on; `models` are by role, each with its name and fingerprint."""

    personae: str
    study: str
    study_version: str
    models: dict[str, dict[str, str]]
    options: dict[str, object]


def open_run(folder: Path) -> Run:
    """Open a finished run's folder.

    Raises:
        BadFile: a file of the run isn't there or is broken.
        BadValue: the run isn't finished, or its report rests on no answers.
    """
    record = read_manifest(folder)
    if record["status"] != "done":
        raise BadValue(f"the run in {folder} is {record['status']}, not done: finish it first")
    typed(record["identity"], _RunIdentity, f"the manifest in {folder}")
    report = read_report(folder)
    if report.answers is None or not len(report.answers):
        raise BadValue(f"the run in {folder} holds no answers")
    return Run(
        folder=folder,
        id=record["id"],
        started=record["started"],
        identity=record["identity"],
        report=report,
        answers=report.answers,
    )
