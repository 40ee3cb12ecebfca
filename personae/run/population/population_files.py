"""The files of a population: where a job writes, and what is there already.

A job works in FILE.work, whose manifest says what FILE is going to be; FILE.manifest.json says what
FILE is. So a job that was killed at any point goes on, and nothing else is replaced unasked.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NotRequired, TypedDict

from personae import __version__
from personae.core import (
    BadFile,
    BadValue,
    InputError,
    Report,
    canonical_json,
    file_sha256,
    plain,
    read_record,
    usable_path,
    write_atomically,
)
from personae.generate.recipe import Population
from personae.models.journal.journal import Journal
from personae.report.render.html import report_html
from personae.report.render.report_json import report_from_json, report_json
from personae.run.folder.manifest import NAME as MANIFEST
from personae.run.folder.manifest import REMEDY, Manifest, ManifestRecord, open_manifest

__all__ = [
    "JOURNAL",
    "WRITING",
    "Commission",
    "answers_kept",
    "begin",
    "finished_report",
    "is_made",
    "refuse_place",
    "write_record",
]

JOURNAL = "journal.sqlite"
WRITING = "writing"
"""Status of a work folder once FILE may be replaced by what was made there."""


class _PopulationRecord(TypedDict):
    """FILE.manifest.json; `report` is the report's JSON text, `machine` with package versions."""

    identity: dict[str, object]
    sha256: str
    date: str
    report: str
    machine: NotRequired[dict[str, object]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Commission:
    """A population to generate: a recipe, its version, its options as plain values, a file.

    `fresh` allows to replace a file that holds something else; `retry_errors` asks again what ended
    in an error. `total` is the plan's count of requests to a model, for the progress bar alone.
    """

    recipe: str
    version: str
    options: Mapping[str, object]
    out: Path
    fresh: bool = False
    retry_errors: bool = False
    total: int | None = None

    def identity(self, population: Population) -> Mapping[str, object]:
        """Everything that the file depends on."""
        order, model = population.order, population.order.model
        return {
            "personae": __version__,
            "recipe": self.recipe,
            "recipe_version": self.version,
            "n": order.n,
            "seed": order.seed,
            "model": model and {"name": model.name, "fingerprint": model.fingerprint},
            "options": plain(self.options),
            "data": population.fingerprint,
        }

    def sibling(self, ending: str) -> Path:
        """Return the path of a file beside the result."""
        return self.out.with_name(f"{self.out.name}.{ending}")


def refuse_place(out: Path) -> None:
    """Refuse, before any work, a path where no file of personas can be written.

    Raises:
        BadValue: another ending, or a folder.
        BadFile: its folder can't be made.
    """
    if usable_path(out).suffix not in (".parquet", ".jsonl", ".json"):
        raise BadValue(f"{out}: a file of personas ends in .json, .jsonl or .parquet")
    if out.is_dir():
        raise BadValue(f"{out} is a folder; name a file")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadFile(f"can't write to {out}: {error.strerror or error}") from error


def finished_report(job: Commission, identity: Mapping[str, object]) -> Report | None:
    """Return the report of a file that is this population already; None if it has to be made.

    Raises:
        BadValue: the file is something else, or was changed, and `fresh` isn't set.
        BadFile: its record can't be read.
    """
    if job.fresh or not job.out.exists():
        return None
    remedy = "choose another --out, or replace it with --fresh"
    record = read_record(job.sibling("manifest.json"), _PopulationRecord, remedy)
    if record and canonical_json(record["identity"]) == canonical_json(identity):
        if file_sha256(str(job.out)) != record["sha256"]:
            raise BadValue(f"{job.out} was changed since it was generated; {remedy}")
        return report_from_json(record["report"])
    work = read_record(job.sibling("work") / MANIFEST, ManifestRecord, REMEDY)
    if work and work["status"] == WRITING:
        if canonical_json(work["identity"]) == canonical_json(identity):
            return None
    raise BadValue(f"{job.out} exists and is not this population; {remedy}")


def is_made(job: Commission, population: Population) -> bool:
    """Whether the job's file is this population already; raises as `finished_report` does."""
    return job.out.is_file() and finished_report(job, job.identity(population)) is not None


def begin(
    folder: Path, identity: Mapping[str, object], packages: Mapping[str, str] | None = None
) -> Manifest:
    """Open the work folder; the parts of another population are removed, a model's answers stay.

    `packages` are versions by which a model computes, as in `open_manifest`.

    Raises:
        BadFile: the folder can't be written.
    """
    try:
        return open_manifest(folder, identity, packages)[0]
    except InputError:  # of another population, or broken
        pass
    try:
        for pattern in ("shard-*", "round-*", MANIFEST):
            for path in folder.glob(pattern):
                path.unlink()
    except OSError as error:
        raise BadFile(f"can't clear {folder}: {error.strerror or error}") from error
    return open_manifest(folder, identity, packages)[0]


def answers_kept(folder: Path) -> int:
    """Count a model's answers in a work folder."""
    if not (folder / JOURNAL).exists():
        return 0
    with Journal(folder / JOURNAL) as journal:
        return len(journal)


def write_record(job: Commission, manifest: Manifest, report: Report) -> None:
    """Write FILE.report.html and, last, FILE.manifest.json."""
    write_atomically(job.sibling("report.html"), report_html(report).encode())
    identity = plain(manifest.identity)
    assert isinstance(identity, dict)
    record: _PopulationRecord = {
        "identity": identity,
        "sha256": file_sha256(str(job.out)),
        "date": manifest.date,
        "report": report_json(report),
        "machine": dict(manifest.machine),
    }
    write_atomically(job.sibling("manifest.json"), (json.dumps(record, indent=1) + "\n").encode())
