"""Notices: what a user is told while work goes on, on one line of standard error."""

import sys

from personae.core.errors import printable_line

__all__ = ["notify"]


def notify(text: str) -> None:
    """Tell the user something, without an end of the work.

    While a progress bar is shown, its library stands in for `sys.stderr` and prints lines above the
    bar; so `sys.stderr` is looked up for each notice. Quoted text of others can't move the cursor.
    """
    if sys.stderr is not None:  # a process without a console has none
        sys.stderr.write(f"{printable_line(text)}\n")
