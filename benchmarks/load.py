"""What opening the embedded model costs, beside the library's own way. Prints Markdown rows.

Each row is a process of its own, one thread, medians of three. CPU seconds count after imports:
torch and transformers are imported first, and what they cost has its own row. The library's way
is `from_pretrained(gguf_file=...)`, which needs the packages gguf and accelerate; it is left out
where they are absent. `python -m benchmarks.load`
"""

import os
import statistics
import subprocess
import sys

READY = """
import resource, sys, time
import torch
torch.set_num_threads(1)
from personae.models import loading
path = loading._embedded_path() if {find} else None
"""
MEASURE = """
def spent():
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime, time.perf_counter()
before = spent()
{work}
after = spent()
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(after[0] - before[0], after[1] - before[1], peak)
"""
LIBRARY_TOKENIZER = "from transformers import AutoTokenizer"
LIBRARY_MODEL = "from transformers import AutoModelForCausalLM"
FILE = "path.parent, gguf_file=path.name"

# name: (preparation after the imports, what is measured); None: nothing is imported before
ROWS: dict[str, tuple[str | None, str]] = {
    "imports of torch and transformers": (None, "import personae.models.local.loading"),
    "first load": ("", "loading.load_embedded()"),
    "second load": ("loading.load_embedded()", "loading.load_embedded()"),
    "– file hash": ("", "loading.file_sha256(str(path))"),
    "– header and vocabulary": ("", "loading.read_gguf(path)"),
    "– decode all tensors": (
        "file = loading.read_gguf(path)",
        "kept = [file.load(name) for name in file.tensors]",
    ),
    "– tokenizer": (
        "file = loading.read_gguf(path)",
        "loading.codec_from_gguf('', file.metadata)",
    ),
    "fidelity check, 82 tokens": (
        "from personae.models.local.fidelity import network_fidelity\n"
        "made = loading.load_embedded()",
        "network_fidelity(made)",
    ),
    "library: tokenizer": (LIBRARY_TOKENIZER, f"AutoTokenizer.from_pretrained({FILE})"),
    "library: model": (
        LIBRARY_MODEL,
        f"AutoModelForCausalLM.from_pretrained({FILE}, dtype=torch.float32)",
    ),
}
OURS, THEIRS = "first load", ("library: tokenizer", "library: model")


def measure(prepare: str | None, work: str, repeats: int = 3) -> list[float] | None:
    """Median CPU seconds, wall seconds and peak memory in MB of a piece of code; None if absent."""
    if prepare is None:
        code = "import resource, time\n"
    else:
        code = READY.format(find="path" in prepare + work) + prepare
    code += MEASURE.format(work=work)
    runs = []
    for _ in range(repeats):
        done = subprocess.run(
            [sys.executable, "-c", code],
            check=False,
            capture_output=True,
            text=True,
            env=os.environ | {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
        )
        if done.returncode:
            return None
        runs.append([float(value) for value in done.stdout.split()[-3:]])
    return [statistics.median(column) for column in zip(*runs, strict=True)]


def main() -> None:
    print("| embedded model, one thread | CPU s | wall s | peak MB |")
    print("|---|---|---|---|")
    found = {}
    for name, (prepare, work) in ROWS.items():
        found[name] = measure(prepare, work)
        if (row := found[name]) is None:
            print(f"| {name} | not run: packages gguf and accelerate are needed | | |")
        else:
            print(f"| {name} | {row[0]:.2f} | {row[1]:.2f} | {row[2]:.0f} |", flush=True)
    ours, theirs = found[OURS], [found[name] for name in THEIRS]
    if ours is not None and all(theirs):
        sums = [sum(row[i] for row in theirs if row is not None) for i in (0, 1)]
        cpu, wall = sums[0] / ours[0], sums[1] / ours[1]
        print(f"| library : first load | {cpu:.1f} : 1 | {wall:.1f} : 1 | |")


if __name__ == "__main__":
    main()
