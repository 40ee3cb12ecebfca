"""Results in a notebook and as data frames.

`personae.report` registers how a type is displayed; without it, a value is shown as plain text.
"""

from abc import ABC, abstractmethod
from functools import singledispatch
from html import escape
from typing import Any

import polars as pl

from personae.core.errors import MissingExtra

__all__ = ["FrameResult", "html_form"]


@singledispatch
def html_form(value: object) -> str:
    """Return a value as HTML with its text escaped.

    >>> html_form("a < b")
    '<pre>a &lt; b</pre>'
    """
    return f"<pre>{escape(str(value))}</pre>"


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
