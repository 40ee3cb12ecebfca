"""The display of reports and their parts in a notebook.

Reports and figures are pages in frames of their own, so that no style affects another page.
"""

from html import escape
from re import findall

from personae.core import Estimate, Figure, Report, Table, html_form
from personae.report.render.html import report_html
from personae.report.render.values import caption, displayed, displayed_rows, visible

__all__: list[str] = []

HEIGHT = 640
"""The most pixels of a frame; a longer page is scrolled in it."""
SURROUNDINGS = 230
"""The pixels above and below a figure on its page."""


@html_form.register(Report)
def _report_form(report: Report) -> str:
    return _framed(report_html(report), HEIGHT)


@html_form.register(Figure)
def _figure_form(figure: Figure) -> str:
    page = report_html(Report(title="", parts=(figure,)))
    drawn = [int(height) for height in findall(r'<svg [^>]*width="720" height="(\d+)"', page)]
    return _framed(page, min(HEIGHT, max(drawn, default=HEIGHT) + SURROUNDINGS))


def _framed(page: str, height: int) -> str:
    return (
        f'<iframe sandbox style="width: 100%; height: {height}px; border: 0" '
        f'srcdoc="{escape(page)}"></iframe>'
    )


@html_form.register(Table)
def _table_form(table: Table) -> str:
    heads = "".join(f"<th>{_text(name)}</th>" for name in table.columns)
    rows = (
        "".join(f"<td>{_text(str(cell))}</td>" for cell in row) for row in displayed_rows(table)
    )
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return (
        f"<table><caption>{_text(table.title)}</caption><thead><tr>{heads}</tr></thead>"
        f"<tbody>{body}</tbody></table><p><small>{_text(caption(table))}</small></p>"
    )


@html_form.register(Estimate)
def _estimate_form(estimate: Estimate) -> str:
    words = displayed(estimate)
    unit = f" {estimate.unit}" if estimate.unit and words.kind == "number" else ""
    value = _text(f"{words}{unit}")
    return f"<p><b>{_text(estimate.name)}</b>: {value} <small>{_text(words.detail)}</small></p>"


def _text(text: str) -> str:
    return escape(visible(text))
