"""The commands on files of personas; their rooms are imported only when one is called."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from personae.cli.framework.command_group import (
    ALIKE,
    Commands,
    report_page,
    show_report,
    takes_full,
)

if TYPE_CHECKING:
    from personae.core import InputError, Persona, Report

__all__ = ["personas"]

_FILE = click.Path(path_type=Path)
_FROM = click.option(
    "--from", "form", default="", help="Format of the file; by default detected from its content."
)
_STRICT = click.option(
    "--strict", is_flag=True, help="Refuse a file or folder if any persona can't be read."
)
_OUT = click.option("--out", type=_FILE, help="Folder for the report.")


@click.group(cls=Commands, context_settings=ALIKE)
def personas() -> None:
    """Check, describe, convert and compare files of personas."""


@personas.command("check")
@click.argument("file", type=_FILE)
@_FROM
@click.option("--rules", type=_FILE, help="Your own rules (JSON) instead of the shipped ones.")
@click.option("--strict", is_flag=True, help="Treat warnings as errors.")
@_OUT
@takes_full
def _check(
    file: Path, form: str, rules: Path | None, strict: bool, out: Path | None, full: bool
) -> None:
    """Report format errors, with their rows, and risks, with reasons.

    Exits with code 2 if there are errors (with --strict: or warnings).
    """
    from personae.core import BadFile, counted
    from personae.personas.inspecting import check_report
    from personae.personas.risks import load_risk_rules

    checked = check_report(_rows(file, form), load_risk_rules(rules))
    if not checked.count:
        raise BadFile(f"{file}: no persona in it, so there is nothing to check")
    _show(checked.report, out, full)
    faulty = checked.errors + (checked.warnings if strict else 0)
    if faulty:
        needs = "needs" if faulty == 1 else "need"
        raise BadFile(f"{file}: {counted(faulty, 'persona')} {needs} work")


def _rows(file: Path, form: str) -> "Iterator[tuple[str, Persona | InputError]]":
    """Read a file or folder, a file as our own format if no row of it shows another one."""
    from personae.core import InputError
    from personae.personas.exchange import NATIVE, detect, import_rows

    if not form and file.suffix in (".json", ".jsonl", ".parquet") and file.is_file():
        try:
            form = detect(file)
        except InputError:
            form = NATIVE
    yield from import_rows(file, form)


@personas.command("describe")
@click.argument("file", type=_FILE)
@_FROM
@_STRICT
@_OUT
@takes_full
def _describe(file: Path, form: str, strict: bool, out: Path | None, full: bool) -> None:
    """Show counts, filled fields, distributions of facts, and requested traits."""
    from personae.cli.readable_personas import readable_personas
    from personae.generate.quality.describing import describe_report

    skipped: list[InputError] = []
    personas = readable_personas(file, form, strict=strict, skipped=skipped)
    _show(describe_report(personas, skipped), out, full)


@personas.command("diff")
@click.argument("old", type=_FILE)
@click.argument("new", type=_FILE)
@_STRICT
@_OUT
@takes_full
def _diff(old: Path, new: Path, strict: bool, out: Path | None, full: bool) -> None:
    """Compare two files of personas by id: added, removed, changed and how."""
    from personae.cli.readable_personas import readable_personas
    from personae.personas.inspecting import diff_report

    before, after = (readable_personas(file, strict=strict) for file in (old, new))
    _show(diff_report(before, after), out, full)


@personas.command("convert")
@click.argument("source", type=_FILE)
@click.argument("target", type=_FILE)
@_FROM
@_STRICT
@click.option("--to", "target_form", default="personae", show_default=True, help="Format to write.")
@click.option("--public", is_flag=True, help="Leave out layers that belong to an individual.")
@click.option(
    "--note",
    "notes",
    multiple=True,
    metavar="NAME=TEXT",
    help="Add to everyone's provenance, such as licence=MIT; may be repeated.",
)
def _convert(
    source: Path,
    target: Path,
    target_form: str,
    public: bool,
    notes: tuple[str, ...],
    **reading: Any,  # noqa: ANN401  (form and strict)
) -> None:
    """Convert a file of personas to another format, without loss in either direction.

    Our own format (personae) is .json, .jsonl or .parquet by suffix. `personae personas formats`
    lists the others. A format of one persona a file takes a new folder for several.
    """
    from personae.cli.readable_personas import readable_personas
    from personae.core import BadValue, counted
    from personae.personas.exchange import export_personas

    if source.resolve() == target.resolve():
        raise BadValue(f"{target} is the file that is read; name another")
    skipped: list[InputError] = []
    added = dict(_note(text) for text in notes)
    people = (
        replace(persona, provenance={**persona.provenance, **added}) if added else persona
        for persona in readable_personas(source, skipped=skipped, **reading)
    )
    dropped: list[str] = []
    count = export_personas(people, target, target_form, public=public, dropped=dropped)
    for line in dropped:
        click.echo(f"left out: {line}", err=True)
    left_out = f"; left out: {counted(len(skipped), 'entry')}" if skipped else ""
    click.echo(f"{counted(count, 'persona')} written to {target}{left_out}")


def _note(text: str) -> tuple[str, str]:
    from personae.core import BadValue

    name, equals, value = text.partition("=")
    if not (name.strip() and equals and value.strip()):
        raise BadValue(f"a note is NAME=TEXT, such as licence=MIT, not {text!r}")
    return name.strip(), value.strip()


@personas.command("formats")
def _formats() -> None:
    """List the formats that convert, check and describe read and write."""
    from personae.personas.exchange import FORMATS

    click.echo(f"  {'personae':<12} our own (JSON, JSON lines, Parquet)")
    for name, form in FORMATS.items():
        click.echo(f"  {name:<12} {form.title}")


def _show(report: "Report", out: Path | None, full: bool) -> None:
    from personae.report.render.report_files import write_report

    if out:
        write_report(report, out)
    show_report(report, full=full, page=report_page(out))
