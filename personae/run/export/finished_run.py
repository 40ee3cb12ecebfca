"""Opens the folder of a finished run, for comparison and export."""

from pathlib import Path

from personae.analyses.compare import Run
from personae.core import BadFile, BadValue
from personae.report.render.report_files import read_report
from personae.run.manifest import read_manifest

__all__ = ["open_run"]


def open_run(folder: Path) -> Run:
    """Open a finished run's folder.

    Raises:
        BadFile: a file of the run isn't there or is broken.
        BadValue: the run isn't finished, or its report rests on no answers.
    """
    body = read_manifest(folder)
    status, identity = body.get("status"), body.get("identity")
    if status != "done":
        raise BadValue(f"the run in {folder} is {status}, not done: finish it first")
    if not isinstance(identity, dict):
        raise BadFile(f"the manifest in {folder} has no identity; run again with --fresh")
    report = read_report(folder)
    if report.answers is None or not len(report.answers):
        raise BadValue(f"the run in {folder} holds no answers")
    return Run(
        folder=folder,
        id=str(body.get("id", "")),
        started=str(body.get("started", "")),
        identity=identity,
        report=report,
        answers=report.answers,
    )
