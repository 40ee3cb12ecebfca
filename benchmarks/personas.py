"""Persona files: rows a second and peak memory of writing, reading, checking and exchanging."""

import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

SIZES = (10_000, 100_000, 1_000_000)
EXCHANGED = 10_000


def people(n: int) -> Iterator[object]:
    """Give n structured personas with ten facts, two traits and a line of text."""
    from personae.core import Persona

    for i in range(n):
        yield Persona(
            id=f"p{i:07d}",
            kind="demographic",
            text=f"You are a nurse of {20 + i % 45} on night shift.",
            facts={f"work/{name}": f"{name} {i % 97}" for name in "abcdefghij"},
            traits={"E": (i % 41) / 10 - 2, "N": (i % 31) / 10 - 1.5},
            provenance={"made by": "benchmark", "licence": "CC0-1.0"},
        )


def stored(n: int, folder: Path) -> None:
    """Print rows of a table: write and read n personas in each format."""
    from personae.personas import read_personas, save_personas

    for suffix in ("parquet", "jsonl"):
        path = folder / f"people.{suffix}"
        begin = perf_counter()
        save_personas(people(n), path)  # type: ignore[arg-type]
        middle = perf_counter()
        count = sum(1 for _ in read_personas(path))
        end = perf_counter()
        assert count == n
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
        size = path.stat().st_size / n
        print(
            f"| {n:,} | {suffix} | {n / (middle - begin):,.0f} | {n / (end - middle):,.0f} "
            f"| {size:.0f} | {peak:,} |"
        )


def exchanged(folder: Path) -> None:
    """Print rows of a table: out to each format and back."""
    from personae.personas.exchange import FORMATS, export_personas, import_personas

    for name in FORMATS:
        single = name in ("card-v2", "card-v3", "tinytroupe")
        suffix = {"nemotron": ".parquet", "edsl": ".json", "sotopia": ".json"}.get(name, ".jsonl")
        path = folder / f"{name}{'' if single else suffix}"
        begin = perf_counter()
        export_personas(people(EXCHANGED), path, name)  # type: ignore[arg-type]
        middle = perf_counter()
        same = all(
            a == b for a, b in zip(import_personas(path, name), people(EXCHANGED), strict=True)
        )
        end = perf_counter()
        out, back = EXCHANGED / (middle - begin), EXCHANGED / (end - middle)
        print(f"| {name} | {out:,.0f} | {back:,.0f} | {'yes' if same else 'NO'} |")


def main() -> None:
    """Print two tables; each size runs in a process of its own, so that memory is its own."""
    print("| personas | file | written/s | read/s | bytes each | peak MB |")
    print("| ---: | --- | ---: | ---: | ---: | ---: |", flush=True)
    for n in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            code = f"from benchmarks.personas import *; stored({n}, Path({folder!r}))"
            done = subprocess.run(
                [sys.executable, "-c", code], check=True, capture_output=True, text=True
            )
            print(done.stdout, end="")
    print(f"\n{EXCHANGED:,} personas to another tool's format and back:\n")
    print("| format | out/s | back/s | equal |")
    print("| --- | ---: | ---: | --- |")
    with tempfile.TemporaryDirectory() as folder:
        exchanged(Path(folder))


if __name__ == "__main__":
    main()
