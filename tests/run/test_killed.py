"""A run killed at random points and started again asks nothing twice and ends in the same bytes."""

import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

SCRIPT = Path(__file__).parents[1] / "support" / "killed_run.py"
KILLS = 10
MOST_ASKED = 30
"""Questions until a kill, at most: ten times as many are half of what the run has."""
MOST_LOST = 15
"""Answers of 2 ms lost by a kill, at most: those of the last 20 ms, and one under way."""
FILES = ("report.json", "report.html", "answers.parquet")


def start(out: Path, log: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, str(SCRIPT), str(out), str(log)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def journaled(out: Path) -> int:
    if not (out / "journal.sqlite").exists():
        return 0
    with closing(sqlite3.connect(out / "journal.sqlite")) as base:
        try:
            return int(base.execute("select count(*) from answers").fetchone()[0])
        except sqlite3.OperationalError:
            return 0


def asked(log: Path) -> list[str]:
    return log.read_text().split() if log.exists() else []


def kill_after(process: subprocess.Popen[bytes], log: Path, asks: int, pause: float) -> None:
    """End the process a moment after it has noted so many questions, wherever it then is."""
    ends = time.monotonic() + 60
    while len(asked(log)) < asks and process.poll() is None and time.monotonic() < ends:
        time.sleep(0.001)
    time.sleep(pause)
    process.send_signal(signal.SIGKILL)


def test_killed_ten_times_and_resumed(tmp_path: Path) -> None:
    uninterrupted, log = tmp_path / "whole", tmp_path / "whole.log"
    first = start(uninterrupted, log)
    first.communicate(timeout=120)
    assert first.returncode == 0
    out, log = tmp_path / "out", tmp_path / "log"
    chance, lost = random.Random(0), 0
    for kill in range(KILLS + 1):
        before, noted = journaled(out), len(asked(log))
        process = start(out, log)
        if kill < KILLS:  # the first kills hit the start, before any question
            more = 0 if kill < 3 else chance.randint(1, MOST_ASKED)
            kill_after(process, log, noted + more, chance.uniform(0, 0.15 if kill < 3 else 0.004))
        _, error = process.communicate(timeout=120)
        assert process.returncode == (-signal.SIGKILL if kill < KILLS else 0), error.decode()
        lost += len(asked(log)) - noted - (journaled(out) - before)
    assert journaled(out) == 600
    assert len(asked(log)) == 600 + lost  # only answers in flight at a kill are asked again
    assert lost <= KILLS * MOST_LOST
    for name in FILES:
        assert (out / name).read_bytes() == (uninterrupted / name).read_bytes(), name
