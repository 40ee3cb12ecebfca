"""What an item costs besides the model: render, key, look up, write, score, store.

A stub answers at once, so that all the CPU time is bookkeeping. IPIP-NEO-120 is given to as many
personas as make up the items; cold (everything asked and journaled), then warm (everything
recalled). Beside it inspect_ai's mock model on multiple-choice samples of the same form, in an
environment of its own that this script makes (or finds: PERSONAE_BENCH_INSPECT names its python).
Each row is a process of its own. `python -m benchmarks.bookkeeping`
"""

import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Sequence
from pathlib import Path

from personae.core import (
    Answers,
    Choice,
    Chooser,
    Done,
    Form,
    Persona,
    Reply,
    Request,
    Sampling,
    load_inventory,
)
from personae.induce.prompt.prompt_inductions import persona_text
from personae.measure.inventories.administer import administer
from personae.models.journal.journal import Journal
from personae.models.journal.recorded import recorded
from personae.stats.scores.scales import scale_scores

__all__ = ["main"]

ITEMS = 120
PROSE = "You are a careful bookkeeper who lives by the sea and rarely speaks in company. " * 8
CHOICE = Choice(
    loglik=(-2.345678901, -1.234567891, -1.734567891, -2.934567891, -4.134567891),
    logp=(-2.045678901, -0.934567891, -1.434567891, -2.634567891, -3.834567891),
    mass=0.8765432198765432,
    tokens=(1, 1, 1, 1, 1),
    tokens_in=180,
)

INSPECT = """
import json, resource, sys, tempfile, time
from inspect_ai import Task, eval
from inspect_ai.dataset import MemoryDataset, Sample
from inspect_ai.model import ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import choice
from inspect_ai.solver import multiple_choice, system_message
count, prose = int(sys.argv[1]), sys.argv[2]
def output():
    made = ModelOutput.from_content("mockllm/model", "ANSWER: B")
    made.usage = ModelUsage(input_tokens=180, output_tokens=3, total_tokens=183)
    return made
samples = [
    Sample(input=f"Item {i}: how well does this describe you?", target="B", choices=[
        "Very Inaccurate", "Moderately Inaccurate", "Neither", "Moderately Accurate",
        "Very Accurate"]) for i in range(count)
]
task = Task(dataset=MemoryDataset(samples), scorer=choice(),
            solver=[system_message(prose), multiple_choice()])
model = get_model("mockllm/model", custom_outputs=[output() for _ in range(count)])
began = time.process_time()
with tempfile.TemporaryDirectory() as logs:
    log, = eval(task, model=model, log_dir=logs, display="none", log_realtime=False,
                max_connections=100, max_samples=100)
spent = time.process_time() - began
assert log.status == "success", log.error
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"items": count, "cpu": spent, "peak": peak}))
"""


class Stub:
    """A chooser that always says the same, at once."""

    name = "scripted:bookkeeping"
    fingerprint = "0" * 64

    def reply(
        self, requests: Sequence[object], sampling: Sampling, *, done: Done | None = None
    ) -> list[Reply]:
        return [Reply(text="B") for _ in requests]

    def choose(self, requests: Sequence[Request], *, done: Done | None = None) -> list[Choice]:
        for place in range(len(requests)):
            if done is not None:
                done(place, CHOICE)
        return [CHOICE] * len(requests)


def once(respondents: int, folder: Path) -> dict[str, float]:
    """Administer, score and store; CPU seconds of the whole and of its parts, peak memory in MB."""
    inventory, form = load_inventory("ipip-neo-120"), Form()
    people = [Persona(id=f"p{i}", text=f"You are number {i}. {PROSE}") for i in range(respondents)]
    began = time.process_time()
    with Journal(folder / "journal.sqlite") as journal:
        model: Chooser = recorded(Stub(), journal)
        sheets = []
        for person in people:
            with persona_text(model, person) as carrier:
                sheets.append(administer(carrier, inventory, form).tag(respondent=person.id))
        kept = len(journal)
    asked = time.process_time()
    answers = Answers.concat(sheets)
    scores = scale_scores(answers)
    answers.rows.write_parquet(folder / "answers.parquet")
    ended = time.process_time()
    assert kept == len(answers) == respondents * ITEMS
    assert scores.height == respondents * 5
    return {
        "items": len(answers),
        "cpu": ended - began,
        "asking": asked - began,
        "scoring": ended - asked,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "bytes": sum(p.stat().st_size for p in folder.iterdir()),
    }


def run(command: Sequence[str]) -> dict[str, float]:
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def ours(respondents: int, folder: str) -> dict[str, float]:
    return run([sys.executable, "-m", "benchmarks.bookkeeping", str(respondents), folder])


def inspect_python(folder: str) -> str:
    """Find inspect_ai's interpreter, or make an environment for it."""
    if given := os.environ.get("PERSONAE_BENCH_INSPECT"):
        return given
    venv.create(folder, with_pip=True)
    python = str(Path(folder) / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "-q", "inspect_ai"], check=True)
    return python


def row(name: str, found: dict[str, float], ratio_to: float | None = None) -> None:
    each = found["cpu"] / found["items"] * 1000
    ratio = f"{each / ratio_to:.0f}×" if ratio_to else ""
    print(
        f"| {name} | {found['items']:,.0f} | {found['cpu']:.2f} | {each:.3f} | {ratio} "
        f"| {found['peak']:.0f} |",
        flush=True,
    )


def main() -> None:
    print("| bookkeeping | items | CPU, s | CPU, ms an item | ratio | peak memory, MB |")
    print("| --- | --: | --: | --: | --: | --: |")
    with tempfile.TemporaryDirectory() as folder:
        cold = ours(84, folder)
        row("cold: render, key, journal, score, store", cold)
        row("– asking alone", {**cold, "cpu": cold["asking"]})
        row("warm: everything recalled", ours(84, folder))
    with tempfile.TemporaryDirectory() as folder:
        row("cold, ten times the items", ours(834, folder))
    with tempfile.TemporaryDirectory() as folder:
        python = inspect_python(folder)
        theirs = run([python, "-c", INSPECT, "2000", PROSE])
        row("inspect_ai, mock model", theirs, cold["cpu"] / cold["items"] * 1000)


if __name__ == "__main__":
    if sys.argv[1:]:
        print(json.dumps(once(int(sys.argv[1]), Path(sys.argv[2]))))
    else:
        main()
