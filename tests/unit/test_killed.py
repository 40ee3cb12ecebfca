"""A run killed at random points and started again asks nothing twice and ends in the same bytes."""

import random
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

SCRIPT = Path(__file__).with_name("killed_run.py")
KILLS, MOST_STARTS = 20, 60
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


def test_killed_twenty_times_and_resumed(tmp_path: Path) -> None:
    whole, log = tmp_path / "whole", tmp_path / "whole.log"
    first = start(whole, log)
    first.communicate(timeout=120)
    assert first.returncode == 0
    out, log = tmp_path / "out", tmp_path / "log"
    chance, kills, lost = random.Random(0), 0, 0
    for _ in range(MOST_STARTS):
        before, noted = journaled(out), len(asked(log))
        process = start(out, log)
        if kills < KILLS:
            try:
                process.wait(chance.uniform(0.3, 1.6))
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                kills += 1
        _, error = process.communicate(timeout=120)
        fresh = len(asked(log)) - noted
        lost += fresh - (journaled(out) - before)
        if process.returncode == 0 and kills >= KILLS:
            break
        assert process.returncode in (0, -signal.SIGKILL), error.decode()
    assert kills >= KILLS
    assert journaled(out) == 300
    assert len(asked(log)) == 300 + lost  # only answers in flight at a kill are asked again
    for name in FILES:
        assert (out / name).read_bytes() == (whole / name).read_bytes(), name
