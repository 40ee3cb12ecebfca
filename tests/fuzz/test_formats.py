"""Every format: 200 damaged files are each read soundly, or refused in one clear line.

`python -m tests.fuzz` damages each format's file 20,000 times.
"""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from personae.core import BadFile
from tests.fuzz.harness import faults
from tests.fuzz.surfaces import SURFACES, Surface

COUNT = 200


@pytest.mark.parametrize("surface", SURFACES, ids=lambda surface: surface.name)
def test_damaged_files_are_refused_in_one_line_or_read_soundly(
    surface: Surface, tmp_path: Path
) -> None:
    assert list(faults(surface, COUNT, 1, tmp_path)) == []


def _lenient(path: Path) -> object:
    """Read a name, and put another where there is none: the fault that no traceback shows."""
    try:
        name = json.loads(path.read_bytes())[0]["id"]
    except (ValueError, RecursionError, LookupError, TypeError):
        raise BadFile("not a persona") from None
    return name if isinstance(name, str) and name.isprintable() else "ada"


@pytest.mark.parametrize(
    ("reader", "fault"),
    [
        (lambda path: hash(path.read_bytes()) and "read", ""),
        (lambda path: path.read_text(encoding="utf-8"), "UnicodeDecodeError"),
        (_lenient, "replaced without a word"),
    ],
)
def test_the_harness_finds_tracebacks_and_replaced_values(
    reader: Callable[[Path], object], fault: str, tmp_path: Path
) -> None:
    persona = next(s for s in SURFACES if s.name == "personae.json")
    probe = Surface("probe", persona.make, reader, text=False, keeps_odd=True)
    found = list(faults(probe, 300, 0, tmp_path))
    assert any(fault in line for line in found) if fault else not found
