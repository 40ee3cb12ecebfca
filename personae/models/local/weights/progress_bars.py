"""Progress bars of `transformers`: in a terminal, and not in logs."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from transformers.utils import logging

__all__ = ["bars_in_terminals"]


@contextmanager
def bars_in_terminals() -> Iterator[None]:
    """Leave progress bars out where messages go to a file or a pipe."""
    if not logging.is_progress_bar_enabled() or (sys.stderr and sys.stderr.isatty()):
        yield
        return
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.enable_progress_bar()
