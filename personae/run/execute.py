"""Runs a study in a folder: manifest first, every answer journaled, results written at the end.

A run that was killed and is started again asks nothing twice and ends in the same bytes.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from rich.console import Console

from personae import __version__
from personae.core import (
    Model,
    PersonaeError,
    Provenance,
    Report,
    Usage,
    file_sha256,
    model_notes,
    model_packages,
    plain,
    usable_folder,
)
from personae.models.journal.journal import Journal
from personae.models.journal.prompts import PROMPTS, Prompts
from personae.models.journal.recorded import recorded
from personae.report.render.report_files import write_report
from personae.run.conclusion import concluding, with_doubts
from personae.run.eta import Eta
from personae.run.folder.earlier_run import set_aside
from personae.run.folder.folder_lock import folder_lock
from personae.run.folder.manifest import NAME as MANIFEST
from personae.run.folder.manifest import Manifest, ManifestRecord, open_manifest
from personae.run.plan import CostEstimate
from personae.run.progress import Meter

__all__ = ["Job", "asked_before", "execute", "is_finished"]

JOURNAL = "journal.sqlite"
FILES = (f"{JOURNAL}*", MANIFEST, PROMPTS, "report.html", "report.json", "answers.parquet")


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A run to execute: the study's name and version, its options as plain values, its folder.

    `options`, with seed and quick, are part of the run's identity; `plan`, its estimated work, is
    for the progress bar only. `fresh` moves an earlier run in the folder aside; `retry_errors` asks
    again what ended in an error.
    """

    study: str
    version: str
    options: Mapping[str, object]
    out: Path
    fresh: bool = False
    retry_errors: bool = False
    plan: CostEstimate | None = None
    title: str = field(default="")

    def identity(self, models: Mapping[str, Model]) -> Mapping[str, object]:
        """Everything on which the results depend."""
        return {
            "personae": __version__,
            "study": self.study,
            "study_version": self.version,
            "models": {
                k: {"name": m.name, "fingerprint": m.fingerprint} for k, m in models.items()
            },
            "options": plain(self.options),
        }


def is_finished(job: Job, earlier: ManifestRecord) -> bool:
    """Whether a run that is in the job's folder has ended, so that it asks nothing again."""
    has_answers = (job.out / JOURNAL).exists()
    return earlier["status"] == "done" and has_answers and not job.retry_errors


def asked_before(earlier: ManifestRecord) -> int:
    """Count the requests of a run that has ended; -1 where its record doesn't say."""
    usage = earlier["results"].get("usage")
    requests = usage.get("requests") if isinstance(usage, dict) else None
    return requests if isinstance(requests, int) else -1


def execute(
    job: Job,
    study: Callable[..., Report],
    models: Mapping[str, Model],
    console: Console,
) -> Report:
    """Run `study(**models)` in the job's folder and write its report there.

    Results: report.json, report.html, answers.parquet, prompts.json, manifest.json, journal.sqlite.

    Raises:
        BadValue: the folder holds another run.
        BadFile: another process is working in the folder, or it can't be written.
        NoUsableAnswers: a model gave nothing usable; no report is written.
        BudgetSpent: a limit was reached; the answers so far are kept, and another run resumes.
    """
    with folder_lock(usable_folder(job.out)):
        if job.fresh and (aside := set_aside(job.out, FILES, job.out / "earlier")):
            console.print(f"The earlier run is kept in {aside}", highlight=False)
        return _execute(job, study, models, console)


def _execute(
    job: Job, study: Callable[..., Report], models: Mapping[str, Model], console: Console
) -> Report:
    path = job.out / JOURNAL
    is_new_run = not any(p.exists() for p in (job.out / MANIFEST, path))
    manifest, was_done = open_manifest(
        job.out, job.identity(models), model_packages(models.values())
    )
    began = time.monotonic()
    ended, has_answers = manifest.ended("stopped"), True
    try:
        if path.exists():
            _forget_errors(path, every=job.retry_errors, was_done=was_done)
        prompts = Prompts()
        report, usage, notes = _ask(job, study, models, console, prompts)
        provenance = _provenance(job, models, manifest, report, usage)
        report = replace(report, provenance=replace(provenance, notes=provenance.notes + notes))
        paths = [*write_report(report, job.out), *_write_prompts(prompts, report, job.out)]
        ended = manifest.ended(
            "done",
            results={"usage": plain(usage), **{p.name: file_sha256(str(p)) for p in paths}},
        )
    except PersonaeError:
        has_answers = not is_new_run or _answers(path) > 0
        raise
    finally:
        if has_answers:
            replace(ended, seconds=round(time.monotonic() - began, 3)).write(job.out)
        else:
            for file in (job.out / MANIFEST, *job.out.glob(f"{JOURNAL}*")):
                file.unlink(missing_ok=True)
    return report


def _forget_errors(path: Path, *, every: bool, was_done: bool) -> None:
    """Ask again what may succeed now: a run that had ended is only repeated as it was."""
    if every or not was_done:
        with Journal(path) as journal:
            journal.forget_errors(temporary=not every)


def _answers(path: Path) -> int:
    with Journal(path) as journal:
        return len(journal)


def _ask(
    job: Job,
    study: Callable[..., Report],
    models: Mapping[str, Model],
    console: Console,
    prompts: Prompts,
) -> tuple[Report, Usage, tuple[str, ...]]:
    total = job.plan.requests if job.plan else None
    eta = Eta(job.plan) if job.plan else None
    meter = Meter(console, total, job.title or job.study, eta=eta)
    with Journal(job.out / JOURNAL) as journal, meter:
        wrapped = {
            k: recorded(m, journal, seen=meter.seen, prompts=prompts) for k, m in models.items()
        }
        with concluding(wrapped.values(), meter):
            report = with_doubts(study(**wrapped), wrapped.values())
        usage = _total([w.usage for w in wrapped.values()])
        return report, usage, model_notes(wrapped.values())


def _write_prompts(prompts: Prompts, report: Report, folder: Path) -> list[Path]:
    """Write what the report's answers were asked, if they name it; return the file written."""
    path = folder / PROMPTS
    if report.answers is None or "request" not in report.answers.rows.columns:
        path.unlink(missing_ok=True)
        return []
    prompts.write(path, report.answers.rows["request"].drop_nulls().unique().to_list())
    return [path]


def _total(parts: list[Usage]) -> Usage:
    return Usage(
        requests=sum(u.requests for u in parts),
        tokens_in=sum(u.tokens_in for u in parts),
        tokens_out=sum(u.tokens_out for u in parts),
        money=sum(u.money for u in parts),
        currency=parts[0].currency if parts else Usage().currency,
    )


def _provenance(
    job: Job, models: Mapping[str, Model], manifest: Manifest, report: Report, usage: Usage
) -> Provenance:
    first = next(iter(models.values()))
    instruments: list[str] = []
    if report.answers is not None:
        instruments = sorted(t for t in report.answers.rows["inventory"].unique().to_list() if t)
    others = tuple(
        f"{role}: {m.name} ({m.fingerprint[:16]})" for role, m in list(models.items())[1:]
    )
    return Provenance(
        version=__version__,
        study=job.study,
        study_version=job.version,
        model=first.name,
        fingerprint=first.fingerprint,
        instruments=tuple(instruments),
        seed=int(str(job.options.get("seed", 0))),
        date=manifest.date,
        options=job.options,
        usage=usage,
        notes=others,
    )
