"""Generates a population into a file: shards, regeneration of near-duplicates, merge, report.

Each shard and each round of regeneration is written atomically, so that a killed run resumes where
it stopped, asks nothing twice, and ends in the same bytes. Only the plan and all signatures are
held in memory.
"""

import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from rich.console import Console

from personae import __version__
from personae.core import (
    BadValue,
    Model,
    PersonaeError,
    Provenance,
    Report,
    Usage,
    model_notes,
    model_packages,
)
from personae.generate.quality.outcome import SAMPLE, Outcome, Tally, population_report
from personae.generate.recipe import Population
from personae.models.journal.journal import Journal
from personae.models.journal.recorded import recorded
from personae.personas import save_frames
from personae.run.conclusion import concluding
from personae.run.folder.folder_lock import folder_lock
from personae.run.folder.manifest import Manifest, today
from personae.run.population.population_files import (
    JOURNAL,
    WRITING,
    Commission,
    answers_kept,
    begin,
    finished_report,
    refuse_place,
    write_record,
)
from personae.run.population.regeneration import alike_left, regenerate
from personae.run.population.shards import Shard, read_shard, shard_of, write_shard
from personae.run.progress import Meter

__all__ = ["Build", "Span", "Workers", "generate", "make_span"]

STRUCTURE, WITH_MODEL = 50_000, 256
"""Personas in a shard, without a model and with one."""
Span = tuple[int, int]
Build = Callable[[Model | None], Population]
Workers = Callable[[Sequence[Span]], Iterator[tuple[Span, Shard]]]


def make_span(population: Population, span: Span) -> Shard:
    """Make the slots start..stop-1 of a population."""
    slots = population.slots(*span)
    return shard_of(slots, population.make(slots), population.duplicate_criterion)


def generate(
    job: Commission,
    build: Build,
    model: Model | None,
    console: Console,
    workers: Workers | None = None,
) -> Report:
    """Write a population to the job's file, with FILE.report.html and FILE.manifest.json.

    `build` makes the population for a model. `workers` make spans elsewhere, in any order. A file
    that is this population already is left as it is.

    Raises:
        BadValue: the file holds something else and `fresh` isn't set; the suffix is unknown; no
            persona could be made.
        BadFile: another process is writing the file; the path can't be written; the record of the
            file that is there can't be read.
        NoUsableAnswers: the model gave nothing usable.
        BudgetSpent: a limit was reached; the answers so far are kept.
    """
    refuse_place(job.out)
    identity = job.identity(build(model))
    folder = job.sibling("work")
    with folder_lock(folder):
        report = finished_report(job, identity)
        if report is None:
            try:
                manifest = begin(folder, identity, model_packages([model] if model else []))
                report = _make(job, build, model, console, workers, manifest)
            except PersonaeError:
                if not answers_kept(folder):
                    shutil.rmtree(folder)
                raise
        shutil.rmtree(folder)
    return report


def _make(
    job: Commission,
    build: Build,
    model: Model | None,
    console: Console,
    workers: Workers | None,
    manifest: Manifest,
) -> Report:
    folder = job.sibling("work")
    population = build(model)
    total, noun = (job.total, "answers") if model else (population.order.n, "personas")
    with (
        Journal(folder / JOURNAL) as journal,
        Meter(console, total, "generate", noun) as meter,
    ):
        journal.forget_errors(temporary=not job.retry_errors)
        recorder = None if model is None else recorded(model, journal, seen=meter.seen)
        population = build(recorder)
        with concluding([recorder] if recorder else [], meter):
            stems = _shards(population, folder, workers, meter)
            rounds = regenerate(population, stems, folder)
    manifest.ended(WRITING).write(folder)
    outcome = _merge(job, population, stems, rounds)
    report = population_report(population, outcome)
    report = _stamped(
        report, job, population, manifest.date, recorder.usage if recorder else Usage()
    )
    write_record(job, manifest, report)
    return report


def _shards(
    population: Population, folder: Path, workers: Workers | None, meter: Meter
) -> list[Path]:
    """Make all missing shards; return their paths without suffix, in order.

    A model's are all made again, from the answers in the journal, so that totals cover them all.
    """
    n = population.order.n
    is_structure_alone = population.order.model is None
    size = STRUCTURE if is_structure_alone else WITH_MODEL
    spans = [(start, min(start + size, n)) for start in range(0, n, size)]
    stems = {span: folder / f"shard-{span[0]:09d}" for span in spans}
    missing = [
        span
        for span in spans
        if not is_structure_alone or read_shard(stems[span], rows=False) is None
    ]
    finished_shards = (
        workers(missing) if workers else ((s, make_span(population, s)) for s in missing)
    )
    if is_structure_alone:  # a model's answers are counted as they arrive
        meter.passed(sum(stop - start for start, stop in set(spans) - set(missing)), recalled=True)
    for span, shard in finished_shards:
        write_shard(shard, stems[span])
        if is_structure_alone:
            meter.passed(span[1] - span[0])
    return list(stems.values())


def _merge(
    job: Commission, population: Population, stems: Sequence[Path], rounds: Sequence[Path]
) -> Outcome:
    """Write the file, shard by shard with the rounds' rows in place, and count its content."""
    tally, failed, counts = Tally(), dict[int, str](), Counter[str]()
    overlay: dict[int, tuple[Shard, int]] = {}
    regenerated = 0
    for stem in rounds:
        shard = read_shard(stem)
        assert shard is not None
        counts.update(shard.counts)
        failed.update(shard.failed)
        regenerated += len(shard.asked)
        overlay.update({int(slot): (shard, i) for i, slot in enumerate(shard.slots)})

    step = -(-population.order.n // SAMPLE)
    sample: list[pl.DataFrame] = []

    def frames() -> Iterator[pl.DataFrame]:
        for stem in stems:
            shard = read_shard(stem)
            assert shard is not None
            counts.update(shard.counts)
            failed.update(shard.failed)
            frame = _replaced(shard, overlay, failed)
            sample.append(frame.gather_every(step, offset=-tally.rows % step))
            tally.add(frame)
            yield frame

    try:
        size = save_frames(frames(), job.out)
    except BadValue as error:
        if tally.rows:
            raise
        raise BadValue(_none_made(population.order.n, failed)) from error
    duplicates = len(alike_left(population.duplicate_criterion, stems, rounds))
    return Outcome(
        made=size,
        sample=pl.concat(sample),
        failed=failed,
        counts=counts,
        regenerated=regenerated,
        duplicates_left=duplicates,
        tally=tally,
    )


def _none_made(n: int, failed: Mapping[int, str]) -> str:
    reasons = Counter(failed.values()).most_common(3)
    listed = "; ".join(f"{why} ({count:,})" for why, count in reasons)
    return f"none of {n:,} personas could be made: {listed}; try another model, or structure alone"


def _replaced(
    shard: Shard, overlay: Mapping[int, tuple[Shard, int]], failed: Mapping[int, str]
) -> pl.DataFrame:
    """Put regenerated rows into a shard's; drop the slots that failed in a round."""
    slots = shard.slots
    frame = shard.rows.filter(pl.Series(~np.isin(slots, list(failed))))
    slots = slots[~np.isin(slots, list(failed))]
    replaced_positions = [i for i, slot in enumerate(slots.tolist()) if slot in overlay]
    if not replaced_positions:
        return frame
    replacements = [overlay[int(slots[i])] for i in replaced_positions]
    rows = pl.concat([source.rows[row : row + 1] for source, row in replacements])
    order = np.arange(len(slots))
    order[replaced_positions] = len(slots) + np.arange(len(replaced_positions))
    return pl.concat([frame, rows])[order]


def _stamped(
    report: Report, job: Commission, population: Population, date: str, usage: Usage
) -> Report:
    model = population.order.model
    return Report(
        title=report.title,
        parts=report.parts,
        provenance=Provenance(
            version=__version__,
            study=f"generate {job.recipe}",
            study_version=job.version,
            model="none (structure alone)" if model is None else model.name,
            fingerprint="" if model is None else model.fingerprint,
            instruments=(),
            seed=population.order.seed,
            date=date or today(),
            options=job.options,
            usage=usage,
            notes=() if model is None else model_notes([model]),
        ),
    )
