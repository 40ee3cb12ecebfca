"""The verbs on answers and results: score and compare."""

from pathlib import Path

from personae.analyses.compare import Run, compare_runs
from personae.analyses.run_differences import ComparisonRules
from personae.analyses.score import score_report
from personae.core import (
    Answers,
    Inventory,
    Report,
    checks_types,
    load_inventory,
    usable_path,
)
from personae.datasets.answer_tables import read_answer_file
from personae.run.export.finished_run import open_results, report_run

__all__ = ["compare", "score"]


@checks_types
def score(
    answers: Answers | str | Path,
    inventory: Inventory | str,
    *,
    norms: str | None = None,
    seed: int = 0,
) -> Report:
    """Score answers collected anywhere, from people or models.

    Args:
        answers: answers, or a file with one row a respondent or one row an answer.
        inventory: an inventory, or the name or JSON file of one.
        norms: the norm group to compare with, such as "sex-neutral 21-40".
        seed: seed of the resampling.

    Raises:
        UnknownName: no such inventory or norm group.
        BadFile: the file of answers can't be read.
        BadValue: no answers.
    """
    tool = inventory if isinstance(inventory, Inventory) else load_inventory(inventory)
    if isinstance(answers, Answers):
        return score_report(answers, tool, norms_group=norms, seed=seed)
    file = read_answer_file(answers, tool)
    return score_report(file.answers, tool, norms_group=norms, seed=seed, reading=file.reading)


@checks_types
def compare(
    first: Run | Report | str | Path,
    second: Run | Report | str | Path,
    *,
    arms: tuple[str, str] | None = None,
    judging: ComparisonRules | None = None,
) -> Report:
    """Compare two runs or reports, answer by answer paired.

    Args:
        first: the folder of a finished run or of scored answers, or a report with its answers.
        second: what is compared with it; shifts are second minus first.
        arms: an arm of the first and the arm of the second to set against it.
        judging: what is sampled, margins of equivalence, seed.

    Raises:
        BadValue: a report without answers; versions that aren't comparable; nothing to pair.
        BadFile: a folder holds no results.
    """
    runs = _run(first, "first"), _run(second, "second")
    return compare_runs(*runs, arms, judging)


def _run(source: Run | Report | str | Path, label: str) -> Run:
    if isinstance(source, Run):
        return source
    if isinstance(source, Report):
        return report_run(source, Path(label))
    return open_results(usable_path(source))
