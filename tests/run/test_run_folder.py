"""A run's folder: one process at a time, nothing lost by starting over, odd records refused."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from personae.core import (
    Answers,
    BadFile,
    BadValue,
    Done,
    Model,
    Note,
    NoUsableAnswers,
    PersonaeError,
    Reply,
    Report,
    Request,
    Sampling,
    requests_of,
    say,
)
from personae.core.files.atomic_path import atomic_path
from personae.report.render.report_files import read_report, write_report
from personae.run.execute import Job, execute
from personae.run.export.finished_run import open_run
from personae.run.folder.folder_lock import folder_lock

SCRIPT = Path(__file__).parents[1] / "support" / "killed_run.py"
QUIET = Console(quiet=True)


class Server:
    """Answers a question by its number; the numbers in `failing` end in a given error."""

    name = "scripted:server"
    fingerprint = "f"

    def __init__(self, failing: Callable[[int], str] = lambda _: "") -> None:
        self.failing = failing
        self.asked: list[str] = []

    def reply(
        self, requests: Sequence[Request], sampling: Sampling, *, done: Done | None = None
    ) -> list[Reply]:
        return [self._answer(request.chat[0].text) for request in requests]

    def _answer(self, text: str) -> Reply:
        self.asked.append(text)
        kind = self.failing(int(text))
        if kind:
            return Reply(text="", status="error", why=kind, temporary=kind == "busy")
        return Reply(text="yes", tokens_in=1)


def study(model: Model) -> Report:
    replies = model.reply(requests_of(say(str(i)) for i in range(40)), Sampling())
    rows = [{"respondent": "r", "item": str(i), "value": 1.0} for i, _ in enumerate(replies)]
    if not any(reply.status == "ok" for reply in replies):
        raise BadValue("no answers to analyse")
    return Report(title="Run", parts=(Note("Done."),), answers=Answers.of(rows))


def run(out: Path, model: Model, console: Console = QUIET, **options: Any) -> Report:
    job = Job(study="s", version="1", options={"seed": 0}, out=out, **options)
    return execute(job, study, {"model": model}, console)


def test_the_manifest_names_the_packages_that_decide_the_numbers(tmp_path: Path) -> None:
    server: Any = Server()
    server.packages = {"peft": "1.2", "torch": "of the worker"}
    run(tmp_path, server)
    packages = json.loads((tmp_path / "manifest.json").read_text())["machine"]["packages"]
    assert packages["peft"] == "1.2" and packages["torch"] == "of the worker"
    assert {"numpy", "polars", "scipy"} <= set(packages)
    run(tmp_path / "other", Server())
    packages = json.loads((tmp_path / "other" / "manifest.json").read_text())["machine"]["packages"]
    assert "peft" not in packages


def status(out: Path) -> str:
    return str(json.loads((out / "manifest.json").read_text())["status"])


def test_a_finished_run_started_again_makes_no_call(tmp_path: Path) -> None:
    server = Server(lambda i: "busy" if i == 3 else "400: no" if i == 4 else "")
    run(tmp_path, server)
    report = (tmp_path / "report.json").read_bytes()
    run(tmp_path, server)
    assert len(server.asked) == 40
    assert (tmp_path / "report.json").read_bytes() == report
    run(tmp_path, server, retry_errors=True)
    assert server.asked[40:] == ["3", "4"]


def test_a_stopped_run_asks_again_only_what_may_succeed_now(tmp_path: Path) -> None:
    class Stopping(Server):
        def reply(
            self, requests: Sequence[Request], sampling: Sampling, *, done: Done | None = None
        ) -> list[Reply]:
            assert done is not None
            for index, request in enumerate(requests):
                if self.failing is not fine and len(self.asked) == 30:
                    raise KeyboardInterrupt
                done(index, self._answer(request.chat[0].text))
            return []

    def fine(_: int) -> str:
        return ""

    server = Stopping(lambda i: "busy" if i == 3 else "400: no" if i == 4 else "")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, server)
    assert status(tmp_path) == "stopped"
    server.failing = fine
    run(tmp_path, server)
    assert server.asked[30:] == ["3", *map(str, range(30, 40))]


@pytest.mark.parametrize("few", [False, True])
def test_nothing_is_concluded_where_nothing_was_answered(few: bool, tmp_path: Path) -> None:
    def short(model: Model) -> Report:
        model.reply(requests_of([say("1"), say("2")]), Sampling())
        return Report(title="Nothing", parts=(Note("No shift."),))

    server = Server(lambda _: "400: temperature is refused")
    job = Job(study="s", version="1", options={}, out=tmp_path)
    with pytest.raises(NoUsableAnswers, match="temperature is refused"):
        execute(job, short if few else study, {"model": server}, QUIET)
    assert len(server.asked) == (2 if few else 40)  # 40 came as one batch
    assert status(tmp_path) == "stopped"
    assert (tmp_path / "journal.sqlite").exists() and not (tmp_path / "report.json").exists()


def test_starting_over_keeps_the_earlier_run(tmp_path: Path) -> None:
    heard = Console(file=(tmp_path / "log").open("w"), width=300)
    out = tmp_path / "out"
    server = Server()
    for _ in range(3):
        run(out, server, heard, fresh=True)
    assert len(server.asked) == 120
    assert sorted(p.name for p in out.glob("earlier-*")) == ["earlier-1", "earlier-2"]
    assert open_run(out / "earlier-2").report.title == "Run"
    heard.file.close()
    assert str(out / "earlier-2") in (tmp_path / "log").read_text()
    assert not (out / ".lock").exists()


def wait_for_questions(log: Path, process: subprocess.Popen[bytes]) -> None:
    ends = time.monotonic() + 60
    while (
        not (log.exists() and log.stat().st_size)
        and process.poll() is None
        and time.monotonic() < ends
    ):
        time.sleep(0.005)


def test_a_second_process_is_told_the_firsts_number_and_touches_nothing(tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [sys.executable, str(SCRIPT), str(out), str(tmp_path / "log")]
    first = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        wait_for_questions(tmp_path / "log", first)
        first.send_signal(signal.SIGSTOP)
        before = (out / "manifest.json").read_bytes()
        for fresh in (False, True):
            with pytest.raises(BadFile, match=f"process {first.pid} is working"):
                run(out, Server(), fresh=fresh)
        assert (out / "manifest.json").read_bytes() == before
        assert not list(out.glob("earlier-*"))
    finally:
        first.kill()
        first.wait()
    with folder_lock(out):
        assert (out / ".lock").read_text() == str(os.getpid())


def test_a_lock_leaves_a_new_folder_only_if_it_is_used(tmp_path: Path) -> None:
    with folder_lock(tmp_path / "a" / "b"):
        pass
    assert not (tmp_path / "a" / "b").exists()
    with folder_lock(tmp_path / "c"):
        (tmp_path / "c" / "file").touch()
    assert [p.name for p in (tmp_path / "c").iterdir()] == ["file"]
    with pytest.raises(BadFile, match="can't use"), folder_lock(tmp_path / "c" / "file"):
        pass


def odd_values() -> list[object]:
    return [None, 7, [{}], {"a": 1}, "\ud800"]


def test_an_odd_manifest_is_one_line_everywhere(tmp_path: Path) -> None:
    """Each member is replaced and removed in turn: refused, or read as what it says."""
    run(tmp_path, Server())
    body = json.loads((tmp_path / "manifest.json").read_text())
    bodies: list[object] = [*odd_values(), {k: v for k, v in body.items() if k != "identity"}]
    bodies += [{**body, name: value} for name in body for value in odd_values()]
    identity = body["identity"]
    bodies += [
        {**body, "identity": {**identity, name: value}}
        for name in identity
        for value in odd_values()
    ]
    refused = 0
    for odd in bodies:
        (tmp_path / "manifest.json").write_text(json.dumps(odd))
        for use in (open_run, lambda folder: run(folder, Server())):
            try:
                use(tmp_path)
            except PersonaeError as error:
                refused += 1
                assert "\n" not in str(error)
            (tmp_path / "manifest.json").write_text(json.dumps(odd))
    assert refused > len(bodies) / 2


def test_a_full_disk_is_one_line_and_leaves_no_half_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(tmp_path, Server())
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir() if "journal" not in p.name}

    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(BadFile, match="No space left on device") as stopped:
        run(tmp_path, Server())
    assert "\n" not in str(stopped.value)
    monkeypatch.undo()
    after = {p.name: p.read_bytes() for p in tmp_path.iterdir() if "journal" not in p.name}
    assert after == before
    for is_folder in (False, True):
        with pytest.raises(BadFile, match="No space"), atomic_path(tmp_path / "new.json") as part:
            if is_folder:
                part.mkdir()
            (part / "inside.txt" if is_folder else part).write_text("half")
            full()
    assert {p.name for p in tmp_path.iterdir() if "journal" not in p.name} == set(before)


def test_odd_provenance_is_one_line(tmp_path: Path) -> None:
    """Each member of a report's provenance is replaced in turn: refused, or rendered."""
    run(tmp_path, Server())
    body = json.loads((tmp_path / "report.json").read_text())
    provenance = body["provenance"]
    odd = [{**provenance, name: value} for name in provenance for value in odd_values()]
    usage = provenance["usage"]
    odd += [
        {**provenance, "usage": {**usage, name: value}} for name in usage for value in odd_values()
    ]
    refused = 0
    for changed in [*odd_values()[1:], *odd]:
        (tmp_path / "report.json").write_text(json.dumps({**body, "provenance": changed}))
        try:
            write_report(read_report(tmp_path), tmp_path / "again")
        except PersonaeError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > len(odd) / 2
