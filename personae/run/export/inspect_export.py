"""Exports a finished run to inspect_ai's format, with the texts of its items."""

from pathlib import Path

from personae.analyses.compare import Run
from personae.models.journal.prompts import read_prompts
from personae.run.export.asked_items import asked_items
from personae.run.export.inspect_log import Asked, RunOrigin, write_inspect_log

__all__ = ["export_inspect"]


def export_inspect(run: Run, path: Path) -> None:
    """Write a run as an inspect_ai log, .eval or .json, with the messages as they were sent.

    Raises:
        MissingExtra: inspect_ai is not installed.
        BadValue: the file has another ending, or reversed items lack the range of their options.
    """
    provenance = run.report.provenance
    origin = RunOrigin(
        id=run.id,
        study=str(run.identity.get("study")),
        version=str(run.identity.get("study_version")),
        model=run.model,
        created=run.started,
        options=provenance.options if provenance else {},
        **({"usage": provenance.usage} if provenance else {}),
    )
    asked = Asked(items=asked_items(run.answers), prompts=read_prompts(run.folder))
    write_inspect_log(run.answers, origin, asked, path)
