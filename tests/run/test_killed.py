"""A run killed at random points and started again asks nothing twice and ends in the same bytes."""

import random
import signal
import sqlite3
import time
from contextlib import closing
from pathlib import Path

from tests.support import killed_run
from tests.support.forks import Forked, Forks

KILLS = 10
MOST_ASKED = 60
"""Questions until a kill, at most: all kills together leave the run unfinished."""
MOST_LOST = 15
"""Answers of 2 ms lost by a kill, at most: those of the last 20 ms, and one under way."""
FILES = ("report.json", "report.html", "answers.parquet")


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


def kill_after(process: Forked, log: Path, asks: int, pause: float) -> int:
    """End the process a moment after it has noted so many questions, wherever it then is."""
    ends = time.monotonic() + 60
    while len(asked(log)) < asks and time.monotonic() < ends:
        time.sleep(0.001)
    time.sleep(pause)
    return process.kill()


def test_killed_ten_times_and_resumed(tmp_path: Path) -> None:
    uninterrupted, out, log = tmp_path / "whole", tmp_path / "out", tmp_path / "log"
    chance, lost = random.Random(0), 0
    with Forks(killed_run.__name__) as forks:
        assert forks.start(uninterrupted, tmp_path / "whole.log").wait() == 0
        for kill in range(KILLS):
            before, noted = journaled(out), len(asked(log))
            process = forks.start(out, log)  # the first kills hit the start, before any question
            more = 0 if kill < 3 else chance.randint(1, MOST_ASKED)
            pause = chance.uniform(0, 0.02 if kill < 3 else 0.004)
            assert kill_after(process, log, noted + more, pause) == -signal.SIGKILL
            lost += len(asked(log)) - noted - (journaled(out) - before)
        assert forks.start(out, log).wait() == 0
    assert journaled(out) == 600
    assert len(asked(log)) == 600 + lost  # only answers in flight at a kill are asked again
    assert lost <= KILLS * MOST_LOST
    for name in FILES:
        assert (out / name).read_bytes() == (uninterrupted / name).read_bytes(), name
