"""What a report's methods `show` and `save` do."""

from io import StringIO
from pathlib import Path

from rich.console import Console

from personae.core import Report, save_form, text_form
from personae.report.render.report_files import write_report
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


@save_form.register(Report)
def _report_files(report: Report, folder: Path) -> list[Path]:
    return write_report(report, folder)
