"""Sends many requests side by side and sees each to its end.

One event loop in a thread of its own holds all state, so that nothing needs a lock and a caller
with a loop of its own (a notebook) can call as well. A request that fails waits and goes again;
the limit on requests under way follows the server (`rate_limit`), that of all the budget.
"""

import asyncio
import heapq
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from math import inf
from typing import Generic, TypeVar

from personae.core import BudgetSpent, ModelError, ModelUnavailable, PersonaeError
from personae.models.notices import notify
from personae.models.server.budget import Spending
from personae.models.server.calls import Call, CallResult, Retry
from personae.models.server.rate_limit import RateLimit

__all__ = ["Dispatcher", "ServerState"]

TRIES = 6
"""Most failures of one request that may be the request's own fault."""
AT_ONCE = 20
"""Most times that one request goes again at once: more than it has parts that may be refused."""
VAGUE = 20
"""Most times that one request is told "too busy" without a time to wait."""
TOLD_AFTER = 15.0
"""Seconds of "too busy" alone after which the user is told."""
FAILED = 20
"""Tries answered with an error, before any is with success, after which a server is given up."""
SILENT = 8
"""Requests given up in a row without any answer, or tries within `silence` seconds, after which the
server counts as gone."""
GLANCE = 0.002
"""Seconds between two looks whether the caller has taken answers."""

T = TypeVar("T", bound=CallResult)


@dataclass(slots=True)
class ServerState:
    """State of a server, kept between batches.

    `patience` is the most seconds that a request is tried for, waits included; `first_answer`, that
    the server's first answer is waited for, retries included; until it is there, one request goes
    alone, so that a wrong address or name costs one. `silence` is the most seconds that a server
    may accept several requests without answering any. `reached`: a connection has stood; `failed`:
    tries that the server answered with an error before the first that `succeeded`. `untaken`:
    answers that the caller hasn't dealt with yet; until then they count as under way, so that a
    caller who stops at an answer stops the sending as well.
    """

    rate_limit: RateLimit
    spending: Spending
    patience: float = 600.0
    first_answer: float = 60.0
    silence: float = 240.0
    reached: bool = False
    silent: int = 0
    failed: int = 0
    succeeded: bool = False
    unanswered: int = 0
    first_sent: float | None = None
    answered_at: float | None = None
    busy_since: float | None = None
    untaken: int = 0

    def taken(self) -> None:
        """Note that the caller has dealt with an answer and goes on."""
        self.untaken -= 1
        self.rate_limit.answered()


@dataclass(slots=True)
class _Job:
    call: Call
    first: float | None = None
    sent: float = 0.0
    failures: int = 0
    vague: int = 0
    at_once: int = 0
    reserved: tuple[int, int] = (0, 0)


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
    _began: float = 0.0
    _is_gone: bool = False

    async def run(self, calls: Sequence[Call], deliver: Callable[[int, T], None]) -> None:
        """See every call to its end; `deliver(index, answer)` is called as each ends.

        The caller says with `state.taken()`, on the loop, that it has dealt with one.

        Raises:
            BudgetSpent: a limit is reached; calls under way have ended and were delivered.
            ModelError: the server refuses all calls, can't be reached, or went away.
        """
        self._began = time.monotonic()
        self.state.untaken = 0
        self._fresh.extend(_Job(call) for call in calls)
        try:
            while self._fresh or self._later or (self._running and not self._is_gone):
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
                self.state.spending.settle(job.reserved, (job.call.read, 0))
            await asyncio.gather(*self._running, return_exceptions=True)
        if isinstance(self._stop, BudgetSpent):
            raise self.state.spending.ended()
        if self._stop is not None:
            raise self._stop

    def _fill(self) -> float | None:
        """Start allowed calls; return seconds until the next, None if a call has to end first."""
        rate_limit = self.state.rate_limit
        while self._fresh or self._later:
            limit = rate_limit.limit if self.state.answered_at is not None else 1
            if len(self._running) + self.state.untaken >= limit:
                return GLANCE if self.state.untaken else None
            now = time.monotonic()
            if now < rate_limit.resume_at:
                return rate_limit.resume_at - now
            is_due = bool(self._later) and self._later[0][0] <= now
            if not is_due and not self._fresh:
                return self._later[0][0] - now
            job = self._later[0][2] if is_due else self._fresh[0]
            try:
                reserved = self.state.spending.reserve(job.call.read, job.call.written)
            except BudgetSpent as spent:
                self._end(spent)
                return None
            if reserved is None:
                return None
            job.reserved = reserved
            if is_due:
                heapq.heappop(self._later)
            else:
                self._fresh.popleft()
            self._start(job, now)
        return None

    def _start(self, job: _Job, now: float) -> None:
        job.first = now if job.first is None else job.first
        job.sent = now
        if self.state.first_sent is None:
            self.state.first_sent = now
        is_first = self.state.answered_at is None
        attempt = self._first_attempt(job.call) if is_first else self.attempt(job.call)
        self._running[asyncio.ensure_future(attempt)] = job

    async def _first_attempt(self, call: Call) -> T:
        """Attempt a call of a server that hasn't answered yet, for what is left of its time."""
        state = self.state
        left = (state.first_sent or 0.0) + state.first_answer - time.monotonic()
        try:
            async with asyncio.timeout(left):
                return await self.attempt(call)
        except TimeoutError as error:
            raise ModelUnavailable(
                f"the server gave no answer within {state.first_answer:g} s; if it is still "
                "loading the model, wait for that, or allow more with --first-answer SECONDS"
            ) from error

    def _finish(self, task: asyncio.Task[T], deliver: Callable[[int, T], None]) -> None:
        job = self._running.pop(task)
        try:
            answer = task.result()
        except Retry as failed:
            is_lost = failed.reached and not failed.answered
            charged = (job.call.read, 0) if is_lost else failed.tokens
            self.state.spending.settle(job.reserved, charged)
            self._retry(job, failed, deliver)
            return
        except ModelError as refusal:
            self.state.spending.settle(job.reserved, (0, 0))
            self._end(refusal)
            return
        used = (answer.tokens_in, answer.tokens_out)
        estimate = (job.call.read, job.call.written) if any(used) else None
        self.state.spending.settle(job.reserved, used, estimate)
        self.state.reached = self.state.succeeded = True
        self.state.busy_since = None
        self._heard(time.monotonic())
        self._deliver(job, answer, deliver)

    def _retry(self, job: _Job, failed: Retry, deliver: Callable[[int, T], None]) -> None:
        state, now = self.state, time.monotonic()
        state.reached = state.reached or failed.reached
        if failed.answered:
            self._heard(now)
        else:
            state.unanswered += failed.reached
        if failed.busy:
            state.rate_limit.refused(began=job.sent, now=now, wait=failed.wait)
            self._tell_if_busy(failed.why, now)
        if self._stop is not None:
            return
        state.failed += failed.answered and failed.wait is None and not failed.busy
        if state.failed >= FAILED and not state.succeeded:
            self._end(ModelUnavailable(f"the server answered {FAILED} times, always: {failed.why}"))
            return
        if failed.wait is not None and failed.wait > state.patience:
            self._end(ModelUnavailable(f"{failed.why}; it asks to wait {failed.wait:.0f} s"))
            return
        quiet_since = max(state.answered_at or now, self._began)
        if state.unanswered >= SILENT and now - quiet_since >= state.silence:
            self._is_gone = True
            self._end(ModelUnavailable(f"the server stopped answering: {failed.why}"))
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
            lost = self.give_up(f"{failed.why} (given up after {tries} tries)")
            self._deliver(job, lost, deliver)

    def _deliver(self, job: _Job, answer: T, deliver: Callable[[int, T], None]) -> None:
        self.state.untaken += 1
        deliver(job.call.index, answer)

    def _tell_if_busy(self, why: str, now: float) -> None:
        """Say once that a server only tells that it is busy: it is waited for long."""
        if self.state.busy_since is None:
            self.state.busy_since = now
        if now - self.state.busy_since >= TOLD_AFTER:
            self.state.busy_since = inf
            patience = f"{self.state.patience:.0f} s"
            notify(f"the server is busy; each request is tried for {patience}: {why}")

    def _heard(self, now: float) -> None:
        self.state.silent = self.state.unanswered = 0
        self.state.answered_at = now

    def _pause(self, job: _Job, failed: Retry) -> float:
        """Count the failed try, unless a wait was requested; return seconds until the next."""
        if failed.wait:
            return failed.wait
        if failed.busy:
            job.vague += 1
            return self.state.rate_limit.backoff(job.vague)
        if failed.wait is not None:
            job.at_once += 1
            job.failures += job.at_once if job.at_once >= AT_ONCE else 0
            return 0.0
        job.failures += 1
        return self.state.rate_limit.backoff(job.failures)

    def _end(self, reason: PersonaeError) -> None:
        self._stop = self._stop or reason
        self._fresh.clear()
        self._later.clear()
