"""Is this tree as fast as another revision? `python -m benchmarks.against [REVISION] [rounds]`.

Each command runs as a process of its own in both trees by turns, after one run that doesn't count,
and the order of the two changes from round to round, so that a busy machine slows both. Prints
Markdown: the CPU seconds of each tree, and the median of the rounds' ratios. Only commands that
both revisions know can be compared.
"""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
CARD = "card examples/ada.json --model simulated:follow=1,noise=0.2"
STUDY = "run self_assessment --quick --model smollm2"
COMMANDS = {
    "list": "list",
    "card of a simulated respondent": f"{CARD} --fresh --out {{out}}/card",
    "study on the embedded model": f"{STUDY} --fresh --out {{out}}/study",
    "the same, all from the journal": f"{STUDY} --out {{out}}/study",
    "population of 5,000": "generate population -n 5000 --seed 7 --out {out}/people.parquet",
}


def cpu_seconds(tree: Path, command: str, out: Path) -> float:
    """Run a command of the package in `tree`; CPU seconds of it and its children.

    Compiled modules are kept beside the output, as an installed package keeps them.
    """
    out.mkdir(parents=True, exist_ok=True)
    (out / "people.parquet").unlink(missing_ok=True)
    settings = {
        "PYTHONPATH": str(tree),
        "PYTHONPYCACHEPREFIX": str(out / "compiled"),
        "PYTHONDONTWRITEBYTECODE": "",
        "OMP_NUM_THREADS": "1",
    }
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "personae", *command.format(out=out).split()],
        check=False,
        capture_output=True,
        text=True,
        cwd=tree,
        env=os.environ | settings,
    )
    if done.returncode:
        raise SystemExit(f"{tree}: {command}\n{done.stderr}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def compare(trees: dict[str, Path], rounds: int, scratch: Path) -> None:
    """Print a row for each command: seconds of both trees and the ratio, ours to the other's."""
    other, ours = trees
    print(f"| command | {other}, CPU s | {ours}, CPU s | ratio, median of {rounds} | range |")
    print("| --- | --: | --: | --: | --: |")
    for name, command in COMMANDS.items():
        seconds: dict[str, list[float]] = {other: [], ours: []}
        for turn in range(rounds + 1):
            for revision in (other, ours) if turn % 2 == 0 else (ours, other):
                out = scratch / revision.replace(" ", "-")
                taken = cpu_seconds(trees[revision], command, out)
                if turn > 0:
                    seconds[revision].append(taken)
        ratios = [mine / theirs for theirs, mine in zip(*seconds.values(), strict=True)]
        medians = " | ".join(f"{statistics.median(values):.2f}" for values in seconds.values())
        ratio = f"{statistics.median(ratios):.2f} | {min(ratios):.2f} to {max(ratios):.2f}"
        print(f"| {name} | {medians} | {ratio} |", flush=True)


def main(revision: str = "HEAD^", rounds: int = 3) -> None:
    """Compare this tree with a revision, checked out beside it for the time of the run."""
    with tempfile.TemporaryDirectory() as folder:
        there = Path(folder) / "tree"
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "-q", "--detach", str(there), revision], check=True)
        try:
            compare({revision: there, "this tree": ROOT}, rounds, Path(folder))
        finally:
            subprocess.run([*git, "remove", "--force", str(there)], check=True)


if __name__ == "__main__":
    other, times = [*sys.argv[1:], *("HEAD^", "3")[len(sys.argv) - 1 :]]
    main(other, int(times))
