"""Notices while work goes on: whole lines above a progress bar, that can't move the cursor."""

import sys
import threading

import pytest
from rich.console import Console

from personae.models.notices import notify
from personae.run.progress import Meter


def test_a_notice_is_one_line_beside_a_progress_bar(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(stderr=True, force_terminal=True, width=60)
    with Meter(console, 10, "asked") as meter:
        meter.passed(3)
        thread = threading.Thread(target=notify, args=("the server is busy:\n try \x1b[2J later",))
        thread.start()
        thread.join()
        meter.passed(1)
    lines = capsys.readouterr().err.replace("\r", "\n").splitlines()
    shown = [line for line in lines if "the server is busy" in line]
    assert len(shown) == 1
    assert shown[0].endswith("the server is busy: try \\x1b[2J later")
    assert "asked" not in shown[0]


def test_a_process_without_a_console_goes_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    notify("nobody reads this")
    assert capsys.readouterr() == ("", "")
