"""What a report's methods `show` and `save` do."""

from io import StringIO
from pathlib import Path

from rich.console import Console

from personae.core import Report, save_form, text_form, usable_path, write_together
from personae.report.render.html import report_html
from personae.report.render.report_files import write_report
from personae.report.render.report_json import report_json
from personae.report.render.terminal import print_report, print_summary

__all__: list[str] = []


@text_form.register(Report)
def _report_text(report: Report, *, full: bool) -> str:
    stream = StringIO()
    console = Console(file=stream, width=Console().width)
    if full:
        print_report(report, console)
    else:
        print_summary(report, console, "report.show(full=True), or report.save(FOLDER)")
    return stream.getvalue()


FORMS = {".html": report_html, ".json": report_json}
"""Ending of a file -> the form of a report that is saved there."""


@save_form.register(Report)
def _report_files(report: Report, path: Path) -> list[Path]:
    if path.suffix.lower() not in FORMS or path.is_dir():
        return write_report(report, path)
    content = FORMS[path.suffix.lower()](report).encode()
    write_together(usable_path(path).parent, {path.name: content})
    return [path]
