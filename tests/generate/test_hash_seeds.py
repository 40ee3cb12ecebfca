"""A population's report doesn't depend on the seed of Python's hashes."""

import os
import subprocess
import sys

SCRIPT = """
from personae.core import Persona, Report
from personae.generate.quality.associations import stereotypes
from personae.personas.persona_store import persona_frame
from personae.report.render.report_json import report_json

words = {"female": "plum birch heron slate cedar wren", "male": "oak finch basalt pear lark elm"}
people = [
    Persona(id=str(i), text=f"{words[sex]} by the sea", facts={"sex": sex, "town": str(i % 3)})
    for i, sex in enumerate(["female", "male"] * 60)
]
parts = stereotypes(persona_frame(people))
print(report_json(Report(title="Associations", parts=tuple(parts))))
"""


def printed(seed: int) -> bytes:
    environment = {**os.environ, "PYTHONHASHSEED": str(seed)}
    command = [sys.executable, "-c", SCRIPT]
    return subprocess.run(command, env=environment, capture_output=True, check=True).stdout


def test_words_that_mark_a_group_equally_are_in_alphabetical_order() -> None:
    first = printed(1)
    assert b"birch (100%), cedar (100%), heron (100%)" in first
    assert printed(2) == first
