"""Wherever a report is made, it says what could not be asked, and what was hardly answered."""

from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console

import personae as p
from personae.core import Answers, Chooser, Note, NoUsableAnswers, Persona, Report, Request, say
from personae.models.server.client import open_server
from personae.respondents.scripted import ScriptedModel
from personae.run.execute import Job, execute
from personae.run.study_registry import studies
from personae.run.verbs import model_verbs
from tests.support.strict_servers import HostedServer

ADA = Persona(id="ada", text="You are Ada.")


def half(model: Chooser, seed: int = 0, quick: bool = False) -> Report:
    """Ask a question that a hosted server can answer, and one that it can't."""
    options = (("A",), ("B",)), (("Very Accurate",), ("Neither",))
    model.choose([Request(say("Tea?"), forms) for forms in options])
    return Report(title="Half", parts=(Note("They like tea."),))


def half_card(model: Chooser, persona: Persona, seed: int = 0, quick: bool = False) -> Report:
    return half(model)


def through_a_folder(model: Chooser, folder: Path) -> Report:
    job = Job(study="half", version="1", options={}, out=folder)
    return execute(job, half, {"model": model}, Console(quiet=True))


WAYS: dict[str, Callable[[Chooser, Path], Report]] = {
    "a folder": through_a_folder,
    "run": lambda model, _: p.run("sac", model),
    "card": lambda model, _: p.card(ADA, model),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_report_says_what_could_not_be_asked(
    way: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_verbs, "persona_card", half_card)
    monkeypatch.setattr(type(studies), "load", lambda *header: half)
    with HostedServer() as server:
        report = WAYS[way](open_server(server.address), tmp_path / "out")
        assert server.paid == 1
    first, *rest = report.parts
    assert isinstance(first, Note) and first.level == "warning"
    assert "1 question can't be put to" in first.text and "'Very Accurate'" in first.text
    assert rest == [Note("They like tea.")]


def hopeless(model: Chooser, seed: int = 0, quick: bool = False) -> Report:
    """Ask a hosted server what it can't answer, and conclude something all the same."""
    model.choose([Request(say("Tea?"), (("Very Accurate",), ("Neither",)))])
    return Report(title="Hopeless", parts=(Note("They like tea."),))


def test_there_is_no_report_where_nothing_could_be_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(type(studies), "load", lambda *header: hopeless)
    with HostedServer() as server:
        with pytest.raises(NoUsableAnswers, match="nothing was asked: 1 question can't be put to"):
            p.run("sac", open_server(server.address))
        assert server.paid == 0


@pytest.mark.parametrize(("mass", "by_label"), [(0.02, 8), (0.3, 8), (0.02, 4)])
def test_a_report_says_if_labels_were_hardly_named(
    mass: float, by_label: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where most answers are by label, and their labels have next to no probability."""

    def by_remainder(model: Chooser, seed: int = 0, quick: bool = False) -> Report:
        model.choose([Request(say("Tea?"), (("A",), ("B",)))])
        answer = {"respondent": "r", "scale": "E", "key": 1, "value": 2.0, "mass": mass}
        channels = ["label" if k < by_label else "option" for k in range(8)]
        rows = [answer | {"item": str(k), "channel": c} for k, c in enumerate(channels)]
        return Report(title="Tea", parts=(Note("Tea."),), answers=Answers.of(rows))

    monkeypatch.setattr(type(studies), "load", lambda *header: by_remainder)
    report = p.run("sac", ScriptedModel(lambda chat: "A"))
    warned = [part.text for part in report.parts if isinstance(part, Note) and "label" in part.text]
    assert len(warned) == (mass < 0.1 and by_label > 4)
    assert all("all labels together have a probability of 0.02 or less" in w for w in warned)
