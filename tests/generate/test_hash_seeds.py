"""A population's report doesn't depend on the seed of Python's hashes."""

import os
import subprocess
import sys
from pathlib import Path

from personae.core import Persona, Report
from personae.generate.quality.associations import stereotypes
from personae.personas.persona_store import persona_frame
from personae.report.render.report_json import report_json

WORDS = {"female": "plum birch heron slate cedar wren", "male": "oak finch basalt pear lark elm"}


def associations() -> str:
    people = [
        Persona(id=str(i), text=f"{WORDS[sex]} by the sea", facts={"sex": sex, "town": str(i % 3)})
        for i, sex in enumerate(["female", "male"] * 60)
    ]
    parts = stereotypes(persona_frame(people))
    return report_json(Report(title="Associations", parts=tuple(parts)))


def test_words_that_mark_a_group_equally_are_in_alphabetical_order() -> None:
    """Here, under this process's seed, and in a process with a seed of its own."""
    first = associations()
    assert "birch (100%), cedar (100%), heron (100%)" in first
    environment = {**os.environ, "PYTHONHASHSEED": "2", "PYTHONPATH": os.pathsep.join(sys.path)}
    script = f"import sys; from {__name__} import associations; sys.stdout.write(associations())"
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=environment,
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == first
