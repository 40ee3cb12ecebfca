"""An event loop whose clock jumps to the next event: hours of waiting take no time."""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any


class _Jumping(selectors.DefaultSelector):
    """A selector that never waits, but moves the clock on by what it was to wait."""

    now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        self.now += max(timeout or 0.0, 0.0)
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop in virtual time; `monotonic` is its clock."""

    def __init__(self) -> None:
        self.jumping = _Jumping()
        super().__init__(self.jumping)

    def time(self) -> float:
        return self.jumping.now

    monotonic = time

    def run(self, work: Coroutine[Any, Any, None]) -> float:
        """Run to the end; return the seconds that passed in it."""
        try:
            self.run_until_complete(work)
            return self.jumping.now
        finally:
            self.close()
