"""Helpers of the tests are no tests: collecting them would import them a second time."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_helpers_are_not_collected() -> None:
    command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
    paths = ["tests/support/sailing_instrument.py", "tests/support/report_parts.py"]
    done = subprocess.run([*command, *paths], cwd=ROOT, capture_output=True, text=True, check=False)
    assert "no tests collected" in done.stdout, done.stdout
