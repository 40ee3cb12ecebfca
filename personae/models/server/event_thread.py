"""Runs work on an event loop in a thread of its own, beside whatever loop the caller has."""

import asyncio
from collections.abc import Awaitable, Callable, Generator
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from typing import TypeVar

__all__ = ["in_background"]

T = TypeVar("T")


def in_background(
    work: Callable[[Callable[[int, T], None]], Awaitable[None]], taken: Callable[[], None]
) -> Generator[tuple[int, T], None, None]:
    """Run `work(deliver)` on an event loop in a thread of its own; yield what it delivers.

    `taken` runs on that loop whenever the caller comes for the next result. What `work` raises is
    raised here at the end. Closing the generator early, or an interrupt, cancels the work and waits
    for its connections to close.
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
        except (Exception, asyncio.CancelledError) as error:
            errors.append(error)  # of any kind: the caller's thread raises it again
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()
            results.put(None)

    thread = Thread(target=body, name="personae-server", daemon=True)
    thread.start()
    has_ended = False
    try:
        while (result := results.get()) is not None:
            yield result
            with suppress(RuntimeError):  # the loop has closed already
                loop.call_soon_threadsafe(taken)
        has_ended = True
    finally:
        if not has_ended:
            with suppress(RuntimeError):  # the loop has closed already
                loop.call_soon_threadsafe(task.cancel)
        thread.join()
    if errors:
        raise errors[0]
