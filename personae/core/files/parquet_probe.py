"""Decodes the Parquet files that standard input names, a request a line, and says how it went.

It runs as a program of its own, which a damaged file may end, and imports nothing of Personae.
"""

import json
import sys
from contextlib import suppress

import polars as pl
from polars.exceptions import PanicException, PolarsError

if sys.platform != "win32":
    import resource

__all__ = ["main"]


def main() -> None:
    """Answer each request, {"path", "limit", "memory"}, by {"size"} or {"error"}.

    `size` counts the bytes that the table takes, at least as far as the limit was passed.
    """
    if sys.platform != "win32":
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for line in sys.stdin:
        request = json.loads(line)
        _bound_memory(request["memory"])
        sys.stdout.write(json.dumps(_answer(request["path"], request["limit"])) + "\n")
        sys.stdout.flush()


def _bound_memory(size: int) -> None:
    if sys.platform != "win32":
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        soft = size if hard == resource.RLIM_INFINITY else min(size, hard)
        with suppress(OSError, ValueError):  # a system without such a limit
            resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _answer(path: str, limit: int) -> dict[str, object]:
    rows = size = 0
    try:
        table = pl.scan_parquet(path, glob=False)
        height = table.select(pl.len()).collect().item()
        for frame in table.collect_batches(chunk_size=4096):
            rows += frame.height
            size += int(frame.estimated_size())
            if size > limit:
                return {"size": size}
    except (OSError, PolarsError, PanicException, ValueError, MemoryError) as error:
        reason = (str(error).strip() or "no memory").splitlines()[0]
        return {"error": "damaged data" if _is_internal(reason) else reason[:300]}
    # The batches end without an error where a thread of the library panicked.
    return {"size": size} if rows == height else {"error": "damaged data"}


def _is_internal(message: str) -> bool:
    """Tell whether a message speaks of the library's code instead of the file."""
    return "unwrap()" in message or "{" in message or message.startswith("assertion")


if __name__ == "__main__":
    main()
