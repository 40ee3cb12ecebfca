"""Opens the folder of a finished run or of scored answers, for comparison and export."""

from pathlib import Path
from typing import TypedDict

from personae.analyses.compare import Run
from personae.core import BadFile, BadValue, Report, typed
from personae.report.render.report_files import DATA, read_report
from personae.run.folder.manifest import NAME, read_manifest

__all__ = ["open_results", "open_run", "report_run"]


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
    if (folder / DATA).exists() and not (folder / NAME).exists():
        raise BadFile(
            f"{str(folder)!r} holds a report, as score and compare write it, but no run; give the "
            "folder of a finished run"
        )
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


def open_results(folder: Path) -> Run:
    """Open the folder of a finished run, or of scored answers, whose report is their identity.

    Raises:
        BadFile: the folder holds neither, or a file of it is broken.
        BadValue: the run isn't finished, or the report rests on no answers.
    """
    if (folder / NAME).exists():
        return open_run(folder)
    if not (folder / DATA).exists():
        raise BadFile(
            f"{str(folder)!r} holds no results; compare takes two folders, each of a finished run "
            "(personae run or card) or of scored answers (personae score FILE --out FOLDER)"
        )
    return report_run(read_report(folder), folder)


def report_run(report: Report, folder: Path) -> Run:
    """Take a report's answers as a run; its provenance, if it has any, is the run's identity.

    Raises:
        BadValue: the report holds no answers.
    """
    if report.answers is None or not len(report.answers):
        raise BadValue(f"the report {report.title!r} ({folder}) holds no answers to compare")
    origin = report.provenance
    identity: dict[str, object] = {
        "report": report.title,
        "answers": report.answers.rows.hash_rows().sum(),
    }
    if origin is not None:
        identity |= {
            "study": origin.study,
            "study_version": origin.study_version,
            "models": {"model": {"name": origin.model, "fingerprint": origin.fingerprint}},
            "options": dict(origin.options),
        }
    return Run(
        folder=folder,
        id="",
        started=origin.date if origin else "",
        identity=identity,
        report=report,
        answers=report.answers,
    )
