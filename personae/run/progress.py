"""Shows how far a run is: a bar with rate and ETA on a terminal, sparse lines elsewhere."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from personae.core import Choice, Reply

__all__ = ["Meter"]


class Meter:
    """Counts answers as they arrive and shows them; `seen` is what a recorded model calls."""

    def __init__(
        self, console: Console, total: int | None, title: str, what: str = "answers"
    ) -> None:
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            TextColumn("ETA"),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._console = console
        self._task = self._bar.add_task(title, total=total, note="")
        self._title, self._total, self._what = title, total, what
        self._recalled = self._failed = self._count = 0
        self._began = self._spoke = time.monotonic()

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def seen(self, answer: Reply | Choice, recalled: bool) -> None:
        """Count one answer; `recalled` ones came from the journal."""
        self._count += 1
        self._recalled += recalled
        self._failed += answer.status == "error"
        if self._total is not None and self._count > self._total:
            self._total = None  # the plan was an estimate; stop promising an end
            self._bar.update(self._task, total=None)
        self._show(1)

    def _show(self, count: int) -> None:
        self._bar.update(self._task, advance=count, note=self._note())
        if not self._console.is_terminal and time.monotonic() - self._spoke > 15:
            self._spoke = time.monotonic()
            self._console.print(self._line(), highlight=False)

    def passed(self, count: int, *, recalled: bool = False) -> None:
        """Count what was made without a model, or is there from before."""
        self._count += count
        self._recalled += count if recalled else 0
        self._show(count)

    def _note(self) -> str:
        parts = [f"{self._recalled} recalled"] if self._recalled else []
        parts += [f"{self._failed} failed"] if self._failed else []
        return ", ".join(parts)

    def _line(self) -> str:
        passed = time.monotonic() - self._began
        fresh = self._count - self._recalled
        left = ""
        if self._total and fresh:
            left = f", ETA {passed / fresh * max(self._total - self._count, 0):.0f} s"
        of = f" of about {self._total:,}" if self._total else ""
        note = f" ({self._note()})" if self._note() else ""
        return f"{self._title}: {self._count:,}{of} {self._what}{note}, {passed:.0f} s{left}"
