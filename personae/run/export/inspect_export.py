"""Exports a finished run to inspect_ai's format, with the texts of its items."""

from collections.abc import Iterator
from pathlib import Path

from personae.analyses.compare import Run
from personae.core import Answers, Inventory, inventories, load_inventory
from personae.measure.tasks.problems import load_problems, problem_sets
from personae.run.export.inspect_log import LoggedItem, RunOrigin, write_inspect_log

__all__ = ["export_inspect"]


def export_inspect(run: Run, path: Path) -> None:
    """Write a run as an inspect_ai log, .eval or .json.

    Raises:
        MissingExtra: inspect_ai is not installed.
        BadValue: the file has another ending.
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
    write_inspect_log(run.answers, origin, dict(_asked(run.answers)), path)


def _asked(answers: Answers) -> Iterator[tuple[tuple[str, str], LoggedItem]]:
    """Give the texts of items of shipped instruments, at the version that was asked."""
    for tag in answers.rows["inventory"].unique(maintain_order=True):
        name, _, version_text = tag.partition("@")
        version = version_text.partition("+")[0]
        if name in problem_sets():
            problems = load_problems(name)
            if problems.version == version:
                for p in problems.problems:
                    yield (tag, p.id), LoggedItem(text=p.text, options=p.options, target=p.answer)
        elif name in inventories():
            tool = load_inventory(name)
            if tool.version == version and tool.has_text:
                yield from _items(tag, tool)


def _items(tag: str, tool: Inventory) -> Iterator[tuple[tuple[str, str], LoggedItem]]:
    for item in tool.items:
        yield (
            (tag, item.id),
            LoggedItem(text=item.text, options=tuple(o.text for o in tool.options)),
        )
