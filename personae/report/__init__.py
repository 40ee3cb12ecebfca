"""A report as JSON, a page, a picture, a terminal screen, and in a notebook."""

from personae.core import Report as Report
from personae.report.render import altair_chart as altair_chart
from personae.report.render import notebook as notebook
from personae.report.render import report_methods as report_methods
