"""Scoring of many people's answers: CPU seconds and peak memory from the file to the report.

People answer the 120 items of the IPIP-NEO with traits of SD 0.7 and noise of SD 1, in a wide CSV.
`python -m benchmarks.scoring [answers ...]`.
"""

import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from time import process_time

import numpy as np

ANSWERS = (120_000, 1_000_000, 10_000_000)
INVENTORY = "ipip-neo-120"
ROWS = 10_000


def written(path: Path, people: int) -> None:
    """Write the answers of simulated people, ROWS at a time."""
    from personae.core import load_inventory

    inventory = load_inventory(INVENTORY)
    random, codes = np.random.default_rng(0), list(inventory.scales)
    scales = [codes.index(item.scale) for item in inventory.items]
    keys = np.array([item.key for item in inventory.items])
    with path.open("w") as stream:
        stream.write(",".join(f"item_{item.id}" for item in inventory.items) + "\n")
        for start in range(0, people, ROWS):
            traits = random.normal(0, 0.7, (min(ROWS, people - start), len(codes)))
            latent = traits[:, scales] * keys + random.normal(size=(len(traits), keys.size))
            cells = np.clip(np.rint(3 + latent), 1, 5).astype(int)
            stream.writelines(",".join(map(str, row)) + "\n" for row in cells.tolist())


def scored(path: Path, people: int) -> None:
    """Print a row of a table: people, answers, seconds of CPU for reading and scoring, memory."""
    from personae.analyses.score import score_report
    from personae.core import load_inventory
    from personae.datasets.answer_tables import read_answers

    inventory = load_inventory(INVENTORY)
    begin = process_time()
    answers = read_answers(path, inventory)
    middle = process_time()
    score_report(answers, inventory)
    end = process_time()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
    print(
        f"| {people:,} | {len(answers):,} | {middle - begin:.1f} | {end - middle:.1f} | {peak:,} |"
    )


def main(answers: tuple[int, ...] = ANSWERS) -> None:
    """Print a table; each size is scored in a process of its own, so that memory is its own."""
    print("| people | answers | read, CPU s | score, CPU s | peak MB |")
    print("| ---: | ---: | ---: | ---: | ---: |", flush=True)
    for count in answers:
        with tempfile.TemporaryDirectory() as folder:
            path, people = Path(folder) / "answers.csv", -(-count // 120)
            written(path, people)
            code = f"from benchmarks.scoring import *; scored(Path({str(path)!r}), {people})"
            done = subprocess.run(
                [sys.executable, "-c", code], check=True, capture_output=True, text=True
            )
            print(done.stdout, end="", flush=True)


if __name__ == "__main__":
    main(tuple(map(int, sys.argv[1:])) or ANSWERS)
