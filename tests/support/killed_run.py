"""A run that a test kills: 600 questions of a slow scripted model, each ask noted in a log."""

import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from personae.core import (
    Answers,
    Choice,
    Chooser,
    Done,
    Note,
    Reply,
    Report,
    Request,
    Sampling,
    content_key,
    say,
)
from personae.run.execute import Job, execute

COUNT = 600


class Slow:
    """Answers one question in two milliseconds and writes its number into a log first."""

    name = "scripted:slow"
    fingerprint = content_key("slow")

    def __init__(self, log: Path) -> None:
        self._log = os.open(log, os.O_APPEND | os.O_CREAT | os.O_WRONLY)

    def reply(
        self, requests: Sequence[Request], sampling: Sampling, *, done: Done | None = None
    ) -> list[Reply]:
        return [Reply(text="no") for _ in requests]

    def choose(self, requests: Sequence[Request], *, done: Done | None = None) -> list[Choice]:
        choices = []
        for index, question in enumerate(requests):
            os.write(self._log, f"{question.chat[0].text}\n".encode())
            time.sleep(0.002)
            tokens = len(question.chat[0].text)
            choice = Choice(
                loglik=(-1.0, -2.0), logp=(-0.3, -1.3), mass=0.5, tokens=(1, 1), tokens_in=tokens
            )
            choices.append(choice)
            if done is not None:
                done(index, choice)
        return choices


def study(model: Chooser) -> Report:
    asked = [Request(chat=say(str(i)), options=(("A",), ("B",))) for i in range(COUNT)]
    rows = [
        {"respondent": "r", "item": str(i), "value": choice.loglik[0]}
        for i, choice in enumerate(model.choose(asked))
    ]
    return Report(title="Killed", parts=(Note("Done."),), answers=Answers.of(rows))


def main(out: str, log: str) -> None:
    job = Job(study="killed", version="1", options={"seed": 0}, out=Path(out))
    execute(job, study, {"model": Slow(Path(log))}, Console(stderr=True))


if __name__ == "__main__":
    main(*sys.argv[1:])
