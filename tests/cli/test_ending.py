"""How commands end: signals, closed pipes, interrupts while modules load, warnings in one line."""

import json
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import pytest

from personae.cli.framework.ending import exit_code

SLOW = """
import sys, time
from pathlib import Path
from personae.cli import main
from personae.respondents import simulated

ask = simulated.SimulatedRespondent.choose
def slowly(self, requests, *, done=None):
    Path(sys.argv[1]).touch()
    time.sleep(60)
simulated.SimulatedRespondent.choose = slowly
main(["run", "expert_personas", "--quick", "--model", "simulated:E=1", "--out", sys.argv[2]])
"""


def wait_for(path: Path, process: subprocess.Popen[bytes]) -> None:
    ends = time.monotonic() + 60
    while not path.exists() and process.poll() is None and time.monotonic() < ends:
        time.sleep(0.01)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_run_that_is_told_to_end_says_so_and_is_noted_as_stopped(
    number: signal.Signals, code: int, tmp_path: Path
) -> None:
    began, out = tmp_path / "began", tmp_path / "out"
    command = [sys.executable, "-c", SLOW, str(began), str(out)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE)
    wait_for(began, process)
    process.send_signal(number)
    _, error = process.communicate(timeout=60)
    assert process.returncode == code
    assert error.decode().splitlines()[-1] == "personae: stopped; the same command resumes"
    assert "Traceback" not in error.decode()
    assert json.loads((out / "manifest.json").read_text())["status"] == "stopped"
    assert not (out / ".lock").exists()


def test_next_to_nothing_is_loaded_before_an_interrupt_is_caught() -> None:
    """What is imported before the command can catch an interrupt takes next to no time."""
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); before = set(sys.modules); "
        "import personae.__main__; print(*sorted(set(sys.modules) - before))"
    )
    root = str(Path(__file__).parents[2])
    order = [sys.executable, "-I", "-S", "-c", code, root]
    loaded = subprocess.run(order, capture_output=True, text=True, check=True).stdout.split()
    assert "personae" in loaded
    assert not {"typing", "re", "enum", "personae.cli"} & set(loaded)


def test_an_interrupt_while_modules_load_leaves_no_traceback(tmp_path: Path) -> None:
    """The first module that the command line imports is one that interrupts."""
    (tmp_path / "click.py").write_text("import os, signal\nos.kill(os.getpid(), signal.SIGINT)\n")
    paths = os.pathsep.join([str(tmp_path), *sys.path])
    process = subprocess.run(
        [sys.executable, "-m", "personae", "list"],
        check=False,
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
    )
    assert (process.returncode, process.stderr, process.stdout) == (130, b"", b"")


@pytest.mark.parametrize("command", [["list"], ["show", "card"], ["--help"]])
def test_output_that_nobody_reads_ends_quietly(command: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    process = subprocess.run(
        [sys.executable, "-m", "personae", *command],
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
    )
    os.close(writer)
    assert process.stderr == b""
    assert process.returncode == 1


@pytest.mark.parametrize(("closed", "code"), [(">&-", 0), (">&- 2>&-", 2)])
def test_closed_streams_lead_nowhere(closed: str, code: int) -> None:
    words = "show nothing" if code else "list"
    process = subprocess.run(
        ["sh", "-c", f'exec "$0" -m personae {words} {closed}', sys.executable],
        capture_output=True,
        check=False,
    )
    assert (process.returncode, process.stderr) == (code, b"")


def test_a_warning_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        assert exit_code(lambda: warnings.warn("3 answers were changed", stacklevel=1)) == 0
    assert capsys.readouterr().err == "personae: note: 3 answers were changed\n"


def test_a_fault_of_the_program_itself_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        exit_code(lambda: 1 // 0)
    before = signal.getsignal(signal.SIGTERM)
    assert exit_code(lambda: None) == 0
    assert signal.getsignal(signal.SIGTERM) == before
