"""A report's folder: `answers.parquet`, `report.html`, `report.json`, each complete or absent.

All files are written under temporary names and then moved, `report.json` last, so that a folder
with a new `report.json` has all of the new report. Equal reports give equal bytes.
"""

from dataclasses import replace
from io import BytesIO
from pathlib import Path

from personae.core import Answers, BadFile, BadValue, Report, usable_folder, write_together
from personae.core.files.parquet_file import read_parquet, trust_parquet
from personae.report.render.html import report_html
from personae.report.render.report_json import report_from_json, report_json

__all__ = ["DATA", "read_report", "write_report"]

ANSWERS, PAGE, DATA = "answers.parquet", "report.html", "report.json"
ROW_GROUP = 1 << 16


def write_report(report: Report, folder: str | Path) -> list[Path]:
    """Write a report into a folder, made if necessary, and return the paths written.

    Files of an earlier report are replaced; other files there are left alone. A report without
    answers removes an earlier `answers.parquet`, which would belong to another report.

    Raises:
        BadValue: the report holds what can't be written; nothing was touched.
        BadFile: the folder can't be written, or its name ends as a file's does.
    """
    root = usable_folder(folder)
    contents = {PAGE: report_html(report).encode(), DATA: report_json(report).encode()}
    if report.answers is not None:
        contents = {ANSWERS: _parquet(report.answers), **contents}
    write_together(root, contents)
    if report.answers is None:
        (root / ANSWERS).unlink(missing_ok=True)
    else:
        trust_parquet(root / ANSWERS)
    return [root / name for name in contents]


def read_report(folder: str | Path) -> Report:
    """Read a report that `write_report` wrote, with its answers.

    Raises:
        BadFile: the folder has no report, or a file of it is broken.
    """
    root = Path(folder)
    try:
        text = (root / DATA).read_text(encoding="utf-8")
    except OSError as error:
        raise BadFile(
            f"{str(root)!r} has no {DATA} that can be read; give the folder of a finished run"
        ) from error
    except UnicodeDecodeError as error:
        raise BadFile(f"{str(root / DATA)!r} is not UTF-8 text: {error.reason}") from error
    report = report_from_json(text)
    if not (root / ANSWERS).exists():
        return report
    try:
        return replace(report, answers=Answers(read_parquet(root / ANSWERS)))
    except BadValue as error:
        raise BadFile(f"{str(root / ANSWERS)!r} does not hold answers: {error}") from error


def _parquet(answers: Answers) -> bytes:
    stream = BytesIO()
    answers.rows.write_parquet(
        stream, compression="zstd", compression_level=3, statistics=True, row_group_size=ROW_GROUP
    )
    return stream.getvalue()
