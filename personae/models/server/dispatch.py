"""Sends many requests side by side and sees each to its end.

One event loop in a thread of its own holds all state, so that nothing needs a lock and a caller
with a loop of its own (a notebook) can call as well. A request that fails waits and goes again;
the limit on requests under way follows the server (`rate_limit`), that of all the budget.
"""

import asyncio
import heapq
import time
from collections import deque
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from queue import SimpleQueue
from threading import Thread
from typing import Generic, Protocol, TypeVar

from personae.core import BudgetSpent, ModelError, ModelUnavailable, PersonaeError
from personae.models.server.budget import Spending
from personae.models.server.rate_limit import RateLimit

__all__ = ["Call", "CallResult", "Dispatcher", "Retry", "ServerState", "in_background"]

TRIES = 6
"""Most failures of one request that may be the request's own fault."""
VAGUE = 20
"""Most times that one request is told "too busy" without a time to wait."""
SILENT = 8
"""Requests given up in a row, without any answer, after which the server counts as gone."""


@dataclass(frozen=True, slots=True)
class Call:
    """One request: its index in the batch, and the most tokens it may read and write."""

    index: int
    read: int
    written: int


class Retry(Exception):
    """A try that failed for a reason that may be temporary.

    `wait`: the seconds that the server asks for; `busy`: it says that it is overloaded; `answered`:
    it answered at all; `reached`: a connection stood, so that the prompt may have been charged.
    """

    def __init__(
        self,
        why: str,
        *,
        wait: float | None = None,
        busy: bool = False,
        answered: bool = True,
        reached: bool = True,
    ) -> None:
        super().__init__(why)
        self.why = why
        self.wait = wait
        self.busy = busy
        self.answered = answered
        self.reached = reached


class CallResult(Protocol):
    """The end of a request: an answer, or a record of why there is none."""

    @property
    def tokens_in(self) -> int:
        """Tokens read."""
        ...

    @property
    def tokens_out(self) -> int:
        """Tokens written."""
        ...


T = TypeVar("T", bound=CallResult)


@dataclass(slots=True)
class ServerState:
    """State of a server, kept between batches.

    `patience` is the most seconds that a request is tried for, waits included. `reached`: a
    connection has stood; until then one request goes alone, so that a wrong address or name costs
    one.
    """

    rate_limit: RateLimit
    spending: Spending
    patience: float = 600.0
    reached: bool = False
    silent: int = 0


@dataclass(slots=True)
class _Job:
    call: Call
    first: float | None = None
    sent: float = 0.0
    failures: int = 0
    vague: int = 0


@dataclass(slots=True)
class Dispatcher(Generic[T]):
    """Runs one batch. `attempt` sends a call once; it raises Retry where that may help.

    `give_up` makes the record of a call that failed for good, from the last reason.
    """

    state: ServerState
    attempt: Callable[[Call], Awaitable[T]]
    give_up: Callable[[str], T]
    _fresh: deque[_Job] = field(default_factory=deque)
    _later: list[tuple[float, int, _Job]] = field(default_factory=list)
    _running: dict[asyncio.Task[T], _Job] = field(default_factory=dict)
    _stop: PersonaeError | None = None

    async def run(self, calls: Sequence[Call], deliver: Callable[[int, T], None]) -> None:
        """See every call to its end; `deliver(index, answer)` is called as each ends.

        Raises:
            BudgetSpent: a limit is reached; calls under way have ended and were delivered.
            ModelError: the server refuses all calls, can't be reached, or went away.
        """
        self._fresh.extend(_Job(call) for call in calls)
        try:
            while self._fresh or self._later or self._running:
                pause = self._fill()
                if not self._running:
                    await asyncio.sleep(pause or 0)
                    continue
                ended, _ = await asyncio.wait(
                    self._running, timeout=pause, return_when=asyncio.FIRST_COMPLETED
                )
                for task in ended:
                    self._finish(task, deliver)
        finally:
            for task, job in self._running.items():
                task.cancel()
                self.state.spending.settle((job.call.read, job.call.written), (job.call.read, 0))
            await asyncio.gather(*self._running, return_exceptions=True)
        if self._stop is not None:
            raise self._stop

    def _fill(self) -> float | None:
        """Start allowed calls; return seconds until the next, None if a call has to end first."""
        rate_limit = self.state.rate_limit
        while self._fresh or self._later:
            if len(self._running) >= (rate_limit.limit if self.state.reached else 1):
                return None
            now = time.monotonic()
            if now < rate_limit.resume_at:
                return rate_limit.resume_at - now
            is_due = bool(self._later) and self._later[0][0] <= now
            if not is_due and not self._fresh:
                return self._later[0][0] - now
            job = self._later[0][2] if is_due else self._fresh[0]
            try:
                if not self.state.spending.reserve(job.call.read, job.call.written):
                    return None
            except BudgetSpent as spent:
                self._end(spent)
                return None
            if is_due:
                heapq.heappop(self._later)
            else:
                self._fresh.popleft()
            self._start(job, now)
        return None

    def _start(self, job: _Job, now: float) -> None:
        job.first = now if job.first is None else job.first
        job.sent = now
        task = asyncio.ensure_future(self.attempt(job.call))
        self._running[task] = job

    def _finish(self, task: asyncio.Task[T], deliver: Callable[[int, T], None]) -> None:
        job = self._running.pop(task)
        reserved = (job.call.read, job.call.written)
        try:
            answer = task.result()
        except Retry as failed:
            charged = (job.call.read, 0) if failed.reached and not failed.answered else (0, 0)
            self.state.spending.settle(reserved, charged)
            self._retry(job, failed, deliver)
            return
        except ModelError as refusal:
            self.state.spending.settle(reserved, (0, 0))
            self._end(refusal)
            return
        self.state.spending.settle(reserved, (answer.tokens_in, answer.tokens_out))
        self.state.reached, self.state.silent = True, 0
        self.state.rate_limit.answered()
        deliver(job.call.index, answer)

    def _retry(self, job: _Job, failed: Retry, deliver: Callable[[int, T], None]) -> None:
        state, now = self.state, time.monotonic()
        state.reached = state.reached or failed.reached
        if failed.answered:
            state.silent = 0
        if failed.busy:
            state.rate_limit.refused(began=job.sent, now=now, wait=failed.wait)
        if self._stop is not None:
            return
        if failed.wait is not None and failed.wait > state.patience:
            self._end(ModelUnavailable(f"{failed.why}; it asks to wait {failed.wait:.0f} s"))
            return
        ready = now + self._pause(job, failed)
        waited = ready - (job.first or now)
        if job.failures < TRIES and job.vague < VAGUE and waited <= state.patience:
            heapq.heappush(self._later, (ready, job.call.index, job))
        elif not state.reached:
            self._end(ModelUnavailable(failed.why))
        else:
            state.silent += not failed.answered
            if state.silent >= SILENT:
                self._end(ModelUnavailable(f"the server stopped answering: {failed.why}"))
            tries = job.failures + job.vague
            deliver(job.call.index, self.give_up(f"{failed.why} (given up after {tries} tries)"))

    def _pause(self, job: _Job, failed: Retry) -> float:
        """Count the failed try, unless a wait was requested; return seconds until the next."""
        if failed.wait is not None:
            return failed.wait
        if failed.busy:
            job.vague += 1
            return self.state.rate_limit.backoff(job.vague)
        job.failures += 1
        return self.state.rate_limit.backoff(job.failures)

    def _end(self, reason: PersonaeError) -> None:
        self._stop = self._stop or reason
        self._fresh.clear()
        self._later.clear()


def in_background(
    work: Callable[[Callable[[int, T], None]], Awaitable[None]],
) -> Generator[tuple[int, T], None, None]:
    """Run `work(deliver)` on an event loop in a thread of its own; yield what it delivers.

    What `work` raises is raised here at the end. Closing the generator early, or an interrupt,
    cancels the work and waits for its connections to close.
    """
    results: SimpleQueue[tuple[int, T] | None] = SimpleQueue()
    errors: list[BaseException] = []
    loop = asyncio.new_event_loop()

    async def main() -> None:
        await work(lambda index, answer: results.put((index, answer)))

    task = loop.create_task(main())

    def body() -> None:
        try:
            loop.run_until_complete(task)
        except BaseException as error:  # raised again in the caller's thread
            errors.append(error)
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()
            results.put(None)

    thread = Thread(target=body, name="personae-server", daemon=True)
    thread.start()
    try:
        while (result := results.get()) is not None:
            yield result
    except BaseException:
        with suppress(RuntimeError):  # the loop has closed already
            loop.call_soon_threadsafe(task.cancel)
        raise
    finally:
        thread.join()
    if errors:
        raise errors[0]
