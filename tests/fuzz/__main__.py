"""python -m tests.fuzz [COUNT] [SURFACE ...]: damage each format's file COUNT times (20,000)."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.fuzz.harness import faults
from tests.fuzz.surfaces import SURFACES


def main(arguments: list[str]) -> int:
    """Print every fault, and a line a surface; 1 if there was any."""
    count = int(arguments[0]) if arguments else 20_000
    seed = 0
    total = 0
    for surface in SURFACES:
        if arguments[1:] and not any(name in surface.name for name in arguments[1:]):
            continue
        with TemporaryDirectory() as folder:
            number = 0
            for fault in faults(surface, count, seed, Path(folder)):
                number += 1
                sys.stdout.write(f"{fault[:400]}\n")
            sys.stdout.write(f"{surface.name}: {number} faults in {count}\n")
            total += number
    return bool(total)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
