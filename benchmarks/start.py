"""What starting costs: `import personae`, `personae --help`, `personae list`. Prints Markdown.

Wall seconds of whole processes, medians of nine, beside a bare interpreter.
`python -m benchmarks.start`
"""

import statistics
import subprocess
import sys
import time

ORDERS = {
    "bare interpreter": ["-c", "pass"],
    "import personae": ["-c", "import personae"],
    "personae --help": ["-m", "personae", "--help"],
    "personae list": ["-m", "personae", "list"],
}


def seconds(order: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, *order], check=True, capture_output=True)
    return time.perf_counter() - began


def main() -> None:
    print("| process | wall ms, median of 9 | above the interpreter, ms |")
    print("| --- | --- | --- |")
    bare = 0.0
    for name, order in ORDERS.items():
        took = 1000 * statistics.median(seconds(order) for _ in range(9))
        bare = bare or took
        print(f"| {name} | {took:.0f} | {took - bare:.0f} |")


if __name__ == "__main__":
    main()
