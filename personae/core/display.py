"""Results on a terminal, in a notebook, in a folder, as data frames and as charts.

`personae.report` registers how each type is displayed and saved; without it, a value is shown as
plain text.
"""

from abc import ABC, abstractmethod
from functools import singledispatch
from html import escape
from pathlib import Path
from typing import Any

import polars as pl

from personae.core.errors import InputError, MissingExtra

__all__ = ["FrameResult", "brief", "chart_form", "html_form", "save_form", "text_form"]

LONGEST_NAME, LONGEST = 60, 200


@singledispatch
def html_form(value: object) -> str:
    """Return a value as HTML with its text escaped.

    >>> html_form("a < b")
    '<pre>a &lt; b</pre>'
    """
    return f"<pre>{escape(str(value))}</pre>"


@singledispatch
def text_form(value: object, *, full: bool) -> str:
    """Return a value as text for a terminal, a report in 40 lines unless `full`."""
    return f"{value}\n"


@singledispatch
def save_form(value: object, folder: Path) -> list[Path]:
    """Write a value into a folder and return the paths written."""
    raise InputError("only a report can be saved; import personae.report first")


@singledispatch
def chart_form(value: object) -> Any:  # noqa: ANN401  (altair is no dependency)
    """Return a value as an altair chart."""
    raise InputError("only a figure is a chart; import personae.report first")


def brief(value: object, name: str, *facts: str) -> str:
    """Write a value in at most 200 characters: its type, its name, and how big it is.

    >>> brief(Path(), "a" * 99, "3 rows", "")[-15:]
    "aaaa…': 3 rows>"
    """
    title = name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1] + "…"
    lead = f"{type(value).__name__} {title!r}" if title else type(value).__name__
    contents = ", ".join(fact for fact in facts if fact)
    text = f"{lead}: {contents}" if contents else lead
    return f"<{text if len(text) <= LONGEST - 2 else text[: LONGEST - 3] + '…'}>"


class FrameResult(ABC):
    """A result that is also a data frame, and that a notebook shows as HTML."""

    __slots__ = ()

    @abstractmethod
    def frame(self) -> pl.DataFrame:
        """Return the result as a polars frame."""

    def to_pandas(self) -> Any:  # noqa: ANN401  (pandas is no dependency)
        """Return the result as a pandas frame.

        Raises:
            MissingExtra: pandas or pyarrow isn't installed.
        """
        try:
            return self.frame().to_pandas()
        except ModuleNotFoundError as error:
            raise MissingExtra(error.name or "pandas", "pandas", "a pandas frame") from error

    def _repr_html_(self) -> str:
        return html_form(self)
