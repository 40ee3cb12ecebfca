"""Runs the benchmarks and writes their figures to benchmarks/RESULTS.md. `make bench [names]`.

Each benchmark is a module with a `main` that prints Markdown; the file keeps the section of a
benchmark that was not run.
"""

import io
import platform
import re
import sys
from contextlib import redirect_stdout
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

HERE = Path(__file__).parent
RESULTS = HERE / "RESULTS.md"
NAMES = (
    "load",
    "choose",
    "bookkeeping",
    "server",
    "start",
    "coverage",
    "personas",
    "illusion",
    "findings",
    "audits",
    "million",
    "readers",
    "scoring",
    "steering",
    "power",
    "against",
)


def sections(text: str) -> dict[str, str]:
    """Split the results file into its sections by benchmark."""
    parts = re.split(r"^## (\w+)\n", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], (p.strip() for p in parts[1::2]), strict=True))


def main(wanted: list[str]) -> None:
    unknown = sorted(set(wanted) - set(NAMES))
    if unknown:
        raise SystemExit(f"no benchmark is called {', '.join(unknown)}; known: {', '.join(NAMES)}")
    found = sections(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in wanted or NAMES:
        print(f"{name} ...", file=sys.stderr)
        printed = io.StringIO()
        with redirect_stdout(printed):
            import_module(f"benchmarks.{name}").main()
        day = datetime.now(UTC).date().isoformat()
        command = f"`python -m benchmarks {name}`, {day}, {platform.machine()}"
        found[name] = f"{command}\n\n{printed.getvalue().strip()}"
        body = "\n\n".join(f"## {n}\n{found[n]}" for n in NAMES if n in found)
        RESULTS.write_text(f"# Benchmarks\n\nMade by `make bench`.\n\n{body}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
