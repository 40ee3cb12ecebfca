"""A million structured students with exact quotas, rules and near-duplicates regenerated.

Each size in a process of its own, through the command line; beside it mimesis, which draws fields
without quotas, rules, traits or duplicates in mind (`make mimesis` first).
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import polars as pl

SIZES = (10_000, 100_000, 1_000_000)
SAMPLER = Path("out/mimesis/bin/python")
SAMPLED = 100_000
SCRIPT = """
import sys
from mimesis import Fieldset, Schema
from mimesis.schema import Field
field = Field("en", seed=0)
levels = ["high", "rather high", "upper-middle", "middle", "rather low", "low"]
def one():
    facts = {f"level/{i}": field("choice", items=levels) for i in range(19)}
    for name in ("grade", "gender", "cluster", "tier", "piaget", "erikson", "kohlberg"):
        facts[name] = field("choice", items=levels[:4])
    facts["age"] = field("integer_number", start=6, end=18)
    facts["name"] = field("full_name")
    for i in range(5):
        facts[f"z/{i}"] = field("float_number", start=-3.0, end=3.0, precision=3)
    return facts
rows = Schema(schema=one, iterations=int(sys.argv[1])).create()
import json
with open(sys.argv[2], "w") as stream:
    for row in rows:
        stream.write(json.dumps(row) + "\\n")
"""


def timed(command: Sequence[str]) -> tuple[float, float, float]:
    """Run a process; give wall and CPU seconds and its peak memory in MB."""
    began = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, used = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} failed")
    wall = time.monotonic() - began
    return wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def row(what: str, n: int, cost: tuple[float, float, float], note: str = "") -> None:
    wall, cpu, peak = cost
    print(f"| {what} | {n:,} | {wall:.1f} | {cpu:.1f} | {n / wall:,.0f} | {peak:,.0f} | {note} |")


def checked(path: Path, n: int) -> str:
    """Check a finished file: every id once; the quota of one tier."""
    held = pl.scan_parquet(path).select(pl.col("id").n_unique(), pl.len().alias("rows")).collect()
    if held.row(0) != (n, n):
        raise SystemExit(f"{path} has {held.row(0)} ids and rows, not {n:,}")
    page = path.with_name(path.name + ".report.html").read_text()
    remade = (
        page.split(" regenerated because")[0].rpartition(" ")[2] if "regenerated b" in page else "0"
    )
    return f"{path.stat().st_size / 2**20:,.0f} MB, {remade} near-duplicates regenerated"


def main(sizes: Sequence[int] = SIZES) -> None:
    print("| what | personas | wall s | CPU s | personas a second | peak MB | |")
    print("| --- | --: | --: | --: | --: | --: | --- |")
    command = [sys.executable, "-m", "personae", "generate", "hachimi"]
    with tempfile.TemporaryDirectory() as folder:
        for n in sizes:
            out = Path(folder) / f"{n}.parquet"
            cost = timed([*command, "-n", str(n), "--out", str(out)])
            row("personae generate hachimi", n, cost, checked(out, n))
            out.unlink()
        if SAMPLER.exists():
            script = Path(folder) / "sample.py"
            script.write_text(SCRIPT)
            lines = str(Path(folder) / "x.jsonl")
            row(
                "mimesis, 33 fields drawn alone, JSONL",
                SAMPLED,
                timed([str(SAMPLER), str(script), str(SAMPLED), lines]),
            )
        else:
            print("| mimesis | not run: `make mimesis` first | | | | | |")


if __name__ == "__main__":
    main([int(n) for n in sys.argv[1:]] or SIZES)
