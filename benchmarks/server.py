"""Throughput of the server client: answers per second as a share of what a server allows.

Three servers on loopback, in a process of their own: one with so many places (429 without a word
on when to come back), one with a rate (429 with Retry-After), one that fails a tenth of the
requests. Beside it the loop that scripts usually hold: one request after the other.
"""

import asyncio
import contextlib
import json
import multiprocessing
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection

import httpx

from personae.core import Sampling, requests_of, say
from personae.models.server.client import open_server

__all__ = ["main"]

BODY = json.dumps(
    {
        "model": "stub",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "C"}, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": 200, "completion_tokens": 1},
    }
)


@dataclass(frozen=True)
class Terms:
    """What a server allows: places at once, seconds an answer takes, answers a second, faults."""

    name: str
    places: int
    seconds: float
    rate: float = float("inf")
    faults: float = 0.0

    @property
    def capacity(self) -> float:
        """Good answers per second, at most."""
        return min(self.places / self.seconds, self.rate) * (1 - self.faults)


SERVERS = (
    Terms("32 places, 100 ms", 32, 0.1),
    Terms("6 places, 50 ms", 6, 0.05),
    Terms("100 a second, 50 ms", 1000, 0.05, rate=100),
    Terms("32 places, 100 ms, 10 % faults", 32, 0.1, faults=0.1),
)


class Stub:
    """A server that keeps to its terms."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.busy = 0
        self.count = 0
        self.allowed = 0.0
        self.filled = time.monotonic()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                size = next(
                    int(state.split(b":")[1])
                    for state in head.split(b"\r\n")
                    if state.lower().startswith(b"content-length")
                )
                await reader.readexactly(size)
                status, extra, body = await self.answer()
                writer.write(
                    f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\n{extra}"
                    f"content-length: {len(body)}\r\n\r\n{body}".encode()
                )
                await writer.drain()
        writer.close()

    async def answer(self) -> tuple[str, str, str]:
        now = time.monotonic()
        rate = self.terms.rate
        if rate != float("inf"):
            self.allowed = min(self.allowed + (now - self.filled) * rate, rate / 10)
            self.filled = now
            if self.allowed < 1:
                wait = (1 - self.allowed) / rate
                return "429 Too Many Requests", f"retry-after: {wait:.3f}\r\n", "{}"
            self.allowed -= 1
        if self.busy >= self.terms.places:
            return "429 Too Many Requests", "", "{}"
        self.busy += 1
        await asyncio.sleep(self.terms.seconds)
        self.busy -= 1
        self.count += 1
        if self.terms.faults and self.count % round(1 / self.terms.faults) == 0:
            return "500 Internal Server Error", "", "{}"
        return "200 OK", "", BODY


def _run(terms: Terms, tell: Connection) -> None:
    async def serve() -> None:
        server = await asyncio.start_server(Stub(terms).serve, "127.0.0.1", 0)
        tell.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(serve())


@contextlib.contextmanager
def serving(terms: Terms) -> Iterator[str]:
    """Run a stub server in another process; yield its address."""
    context = multiprocessing.get_context("spawn")
    mine, theirs = context.Pipe()
    process = context.Process(target=_run, args=(terms, theirs), daemon=True)
    process.start()
    try:
        yield f"http://127.0.0.1:{mine.recv()}/v1"
    finally:
        process.terminate()
        process.join()


def by_personae(url: str, count: int) -> None:
    replies = open_server(f"{url}#stub").reply(
        requests_of(say(f"Item {i}") for i in range(count)), Sampling(max_tokens=1)
    )
    assert all(reply.status == "ok" for reply in replies)


def one_by_one(url: str, count: int) -> None:
    with httpx.Client() as client:
        for i in range(count):
            body = {"model": "stub", "messages": [{"role": "user", "content": f"Item {i}"}]}
            while client.post(f"{url}/chat/completions", json=body).status_code != 200:
                time.sleep(0.05)


def rate_of(terms: Terms, client: Callable[[str, int], None], count: int) -> tuple[float, float]:
    """Answers per second, and milliseconds of CPU an answer takes on our side."""
    with serving(terms) as url:
        client(url, 1)
        began, cpu = time.perf_counter(), time.process_time()
        client(url, count)
        took, worked = time.perf_counter() - began, time.process_time() - cpu
    return count / took, worked / count * 1000


def main() -> None:
    print("| server | it allows, answers/s | Personae | share | one by one | CPU, ms an answer |")
    print("| --- | --: | --: | --: | --: | --: |")
    for terms in SERVERS:
        rate, cpu = rate_of(terms, by_personae, round(terms.capacity * 15))
        single, _ = rate_of(terms, one_by_one, 40)
        print(
            f"| {terms.name} | {terms.capacity:.0f} | {rate:.0f} | {rate / terms.capacity:.0%} "
            f"| {single:.0f} | {cpu:.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
