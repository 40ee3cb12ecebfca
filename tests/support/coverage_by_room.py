"""Coverage by room, from coverage.py's JSON: `python -m tests.support.coverage_by_room FILE`."""

import json
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path, PurePath
from typing import Any

__all__ = ["by_room", "main"]


def by_room(report: Mapping[str, Any]) -> dict[str, tuple[int, int]]:
    """Give the lines reached and all lines of each room: a folder of the package, or a module."""
    reached, lines = Counter[str](), Counter[str]()
    for file, found in report["files"].items():
        room = PurePath(file).parts[1].removesuffix(".py")
        reached[room] += found["summary"]["covered_lines"]
        lines[room] += found["summary"]["num_statements"]
    return {room: (reached[room], lines[room]) for room in sorted(lines)}


def main(file: str) -> None:
    rooms = by_room(json.loads(Path(file).read_text(encoding="utf-8")))
    rooms["all"] = (sum(r for r, _ in rooms.values()), sum(n for _, n in rooms.values()))
    for room, (reached, lines) in rooms.items():
        sys.stdout.write(
            f"{room:<14}{reached:>7,} of {lines:>7,} lines{reached / (lines or 1):>7.1%}\n"
        )


if __name__ == "__main__":
    main(sys.argv[1])
