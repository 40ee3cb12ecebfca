"""Shows a run's progress: a bar with remaining time on a terminal, sparse lines elsewhere."""

import time
from typing import Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
)

from personae.core import Choice, Reply
from personae.run.eta import Eta

__all__ = ["Meter"]

LEAST = 10
"""Answers after which the remaining time is estimated; the first ones include starting up."""


class Meter:
    """Counts answers as they arrive and shows them; `seen` is what a recorded model calls."""

    def __init__(
        self,
        console: Console,
        total: int | None,
        title: str,
        noun: str = "answers",
        eta: Eta | None = None,
    ) -> None:
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            console=console,
            disable=not console.is_terminal,
            transient=True,
        )
        self._console = console
        self._task = self._bar.add_task(title, total=total, note="", left="")
        self._title, self._total, self._noun, self._eta = title, total, noun, eta
        self._recalled = self._failed = self._count = 0
        self._began = self._last_line = self._last_answer = time.monotonic()

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._bar.stop()

    def seen(self, answer: Reply | Choice, bound: int, recalled: bool) -> None:
        """Count one answer of at most `bound` written tokens; `recalled`: from the journal."""
        now = time.monotonic()
        if self._eta is not None:
            self._eta.saw(answer, bound, None if recalled else now - self._last_answer)
        self._last_answer = now
        self._count += 1
        self._recalled += recalled
        self._failed += answer.status == "error"
        if self._total is not None and self._count > self._total:
            self._total = None  # the plan was an estimate; stop promising an end
            self._bar.update(self._task, total=None)
        self._show(1)

    def _show(self, count: int) -> None:
        self._bar.update(self._task, advance=count, note=self._note(), left=self._left())
        if not self._console.is_terminal and time.monotonic() - self._last_line > 15:
            self._last_line = time.monotonic()
            self._console.print(self._line(), highlight=False)

    def passed(self, count: int, *, recalled: bool = False) -> None:
        """Count items that were made without a model, or are recalled from an earlier run."""
        self._count += count
        self._recalled += count if recalled else 0
        self._show(count)

    @property
    def progress(self) -> str:
        """How much is there, and of how much."""
        total = f" of about {self._total:,}" if self._total else ""
        return f"{self._count:,}{total} {self._noun}"

    def _note(self) -> str:
        parts = [f"{self._recalled} recalled"] if self._recalled else []
        parts += [f"{self._failed} failed"] if self._failed else []
        return ", ".join(parts)

    def _left(self) -> str:
        """Estimate the remaining time, by tokens if there is a plan, else by count."""
        fresh = self._count - self._recalled
        if not self._total or fresh < LEAST:
            return ""
        seconds = (time.monotonic() - self._began) / fresh * max(self._total - self._count, 0)
        if self._eta is not None:
            by_tokens = self._eta.seconds
            if by_tokens is None:
                return ""
            seconds = by_tokens
        return f"about {_spell(seconds)} left"

    def _line(self) -> str:
        elapsed = time.monotonic() - self._began
        note = f" ({self._note()})" if self._note() else ""
        remaining = f", {self._left()}" if self._left() else ""
        return f"{self._title}: {self.progress}{note}, {elapsed:.0f} s{remaining}"


def _spell(seconds: float) -> str:
    """Write a duration as precisely as it is known."""
    if seconds < 100:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 100 else f"{minutes / 60:.0f} h"
