"""How a command ends: its exit code, one line for an error, signals, closed pipes, warnings."""

import os
import signal
import sys
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import click

__all__ = ["exit_code"]

WRONG_INPUT = 2
CLOSED_PIPE = 1
"""As click and rich end where nobody reads the output any more."""


def exit_code(work: Callable[[], object]) -> int:
    """Do a command's work and return the exit code: 0 done, 2 input, 3 model, 4 budget.

    An interrupt gives 130, a request to terminate 143, output that nobody reads any more 1.
    """
    received: list[int] = []
    _open_closed_streams()
    try:
        with _terminable(received), _one_line_warnings():
            work()
            sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("personae: stopped; the same command resumes", err=True)
        return 128 + (received[0] if received else signal.SIGINT)
    except BrokenPipeError:
        _drop_output()
        return CLOSED_PIPE
    except OSError as error:  # a path too long, a full disk: the machine's own reason is the best
        about = f": {error.filename}"[:200] if error.filename else ""
        click.echo(f"personae: {error.strerror or error}{about}", err=True)
        return WRONG_INPUT
    except Exception as error:
        from personae.core import PersonaeError  # only now: `--help` needs no numpy

        if not isinstance(error, PersonaeError):
            raise
        click.echo(f"personae: {error}", err=True)
        return error.exit_code
    return 0


def _open_closed_streams() -> None:
    """Let streams that the caller closed lead nowhere, so that no file of ours takes their place.

    Python has None for them, and the next file that is opened would get their number.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode))


@contextmanager
def _terminable(received: list[int]) -> Iterator[None]:
    """Turn a request to terminate into an interrupt, so that what runs can note where it stopped.

    A second request ends the process at once.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        received.append(number)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        yield  # only the main thread may set handlers
        return
    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@contextmanager
def _one_line_warnings() -> Iterator[None]:
    """Show a warning as a line for people, without the place in the code that gave it."""

    def show(message: Warning | str, *_: object, **__: object) -> None:
        click.echo(f"personae: note: {message}", err=True)

    with warnings.catch_warnings():
        warnings.showwarning = show
        yield


def _drop_output() -> None:
    """Send what is still to be written nowhere, so that the interpreter ends without a word."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):
            os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
