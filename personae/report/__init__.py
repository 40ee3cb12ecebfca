"""A report as JSON, a page, a picture, a terminal screen, and in a notebook."""

from personae.report.render import notebook as notebook
