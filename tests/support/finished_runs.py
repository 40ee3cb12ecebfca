"""A finished run in a folder, with the answers that a test wants in it."""

from pathlib import Path

from rich.console import Console

from personae.core import Answers, Model, Report
from personae.models.opening import open_model
from personae.run.execute import Job, execute


def finished(
    folder: Path,
    answers: Answers,
    *,
    model: str = "null:yes",
    version: str = "1",
    study: str = "asked",
) -> Path:
    def work(model: Model) -> Report:
        return Report(title="Asked", parts=(), answers=answers)

    job = Job(study=study, version=version, options={"seed": 0}, out=folder)
    execute(job, work, {"model": open_model(model)}, Console(quiet=True))
    return folder
