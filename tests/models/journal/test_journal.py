"""The journal file: what is written stays, whoever kills the process; foreign files are refused."""

import random
import signal
import sqlite3
import time
from pathlib import Path

import pytest

from personae.core import BadFile, BadValue, Sampling
from personae.core.keys import reply_keys
from personae.models.journal.journal import BATCH, Journal
from personae.respondents.scripted import ScriptedModel
from tests.support import killed_journal
from tests.support.forks import Forks
from tests.support.killed_journal import COUNT, REQUESTS


def test_answers_come_back_after_closing(tmp_path: Path) -> None:
    path = tmp_path / "j.sqlite"
    rows = {f"k{i}": f"payload {i} é \U0001f600" for i in range(3 * BATCH + 7)}
    with Journal(path) as journal:
        for key, payload in rows.items():
            journal.write(key, "reply", payload)
    with Journal(path) as journal:
        assert journal.find([*rows, "absent"]) == rows
        assert len(journal) == len(rows)


def test_a_kept_answer_is_never_changed(tmp_path: Path) -> None:
    with Journal(tmp_path / "j.sqlite") as journal:
        journal.write("k", "reply", "first")
        journal.flush()
        journal.write("k", "reply", "second")
        assert journal.find(["k"]) == {"k": "first"}


def test_a_lone_answer_is_written_without_another_call(tmp_path: Path) -> None:
    path = tmp_path / "j.sqlite"
    with Journal(path) as journal:
        journal.write("k", "reply", "payload")
        until = time.monotonic() + 30
        while journal._pending and time.monotonic() < until:
            time.sleep(0.02)
        assert not journal._pending


def test_one_process_at_a_time(tmp_path: Path) -> None:
    path = tmp_path / "j.sqlite"
    with Journal(path), pytest.raises(BadFile, match="in use"):
        Journal(path)
    Journal(path).close()


def test_a_closed_journal_says_so(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j.sqlite")
    journal.close()
    journal.close()
    with pytest.raises(BadValue, match="closed"):
        journal.write("k", "reply", "x")


def test_files_that_are_no_journal(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("Dear diary, " * 1000)
    with pytest.raises(BadFile, match="damaged or no journal"):
        Journal(text)
    assert text.read_text().startswith("Dear diary")

    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as base:
        base.execute("CREATE TABLE t(x)")
    base.close()
    before = other.read_bytes()
    with pytest.raises(BadFile, match="another program"):
        Journal(other)
    assert other.read_bytes() == before

    with pytest.raises(BadFile, match="can't use"):
        Journal(tmp_path / "absent" / "j.sqlite")


def test_a_newer_journal_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "j.sqlite"
    Journal(path).close()
    base = sqlite3.connect(path)
    base.execute("PRAGMA user_version = 99")
    base.close()
    with pytest.raises(BadFile, match="version 99"):
        Journal(path)


def test_a_damaged_journal_is_refused_not_read(tmp_path: Path) -> None:
    path = tmp_path / "j.sqlite"
    with Journal(path) as journal:
        for i in range(2000):
            journal.write(f"k{i}", "reply", "payload" * 20)
    data = bytearray(path.read_bytes())
    data[4096 * 2 :] = b"\xff" * (len(data) - 4096 * 2)
    path.write_bytes(data)
    with pytest.raises(BadFile, match="damaged"), Journal(path) as journal:
        journal.find([f"k{i}" for i in range(2000)])


def wait_for_lines(log: Path, count: int) -> None:
    ends = time.monotonic() + 60
    while count and time.monotonic() < ends:
        if log.exists() and log.read_text().count("\n") >= count:
            return
        time.sleep(0.001)


def test_killed_at_any_time_it_goes_on_where_it_stood(tmp_path: Path) -> None:
    """Ten kills; what was in the file is never asked again, and the end is the same."""
    path, log = tmp_path / "j.sqlite", tmp_path / "log"
    ends = [tmp_path / f"end{i}" for i in range(3)]
    rng = random.Random(7)
    keys = dict(
        zip(
            reply_keys(ScriptedModel().fingerprint, REQUESTS, Sampling()),
            map(str, range(COUNT)),
            strict=True,
        )
    )
    stored: set[str] = set()
    with Forks(killed_journal.__name__) as forks:
        for _ in range(10):
            log.unlink(missing_ok=True)
            worker = forks.start(path, log, ends[0])
            wait_for_lines(log, rng.randrange(COUNT // 15))
            time.sleep(rng.uniform(0, 0.02))
            assert worker.kill() == -signal.SIGKILL
            asked = log.read_text().splitlines() if log.exists() else []
            assert not stored & set(asked)
            assert len(asked) == len(set(asked))
            with Journal(path) as journal:
                now = {keys[k] for k in journal.find(list(keys))}
            assert stored <= now <= stored | set(asked)
            stored = now
        assert 0 < len(stored) < COUNT
        for file, end in zip((path, path, tmp_path / "fresh.sqlite"), ends, strict=True):
            assert forks.start(file, log, end).wait() == 0
    texts = [end.read_text() for end in ends]
    assert texts[0] == texts[1] == texts[2]
    assert f"{COUNT:,} requests" in texts[0]
