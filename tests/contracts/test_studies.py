"""The contract of a study: a header, a report on controls, same bytes, missing answers counted.

A study that looks inside a model runs on a tiny random network, in which there is nothing to find;
controls have no inside, and it refuses them.
"""

import inspect
import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from personae.core import (
    Figure,
    InputError,
    ModelUnavailable,
    Note,
    OpenModel,
    Persona,
    Report,
    Table,
)
from personae.core.files.headers import Header
from personae.report.render.html import report_html
from personae.report.render.report_json import report_from_json, report_json
from personae.respondents.null import open_null
from personae.respondents.simulated import open_simulated
from personae.run.parameters import parameters
from personae.run.study_registry import studies
from tests.support.tiny_networks import tiny_model

STUDIES = {study.name: study for study in studies.headers()}
INSIDE = [
    name
    for name, study in STUDIES.items()
    if any(p.kind is OpenModel for p in parameters(studies.load(study)))
]
ADA = Persona(id="ada", text="You are very talkative.", traits={"E": 1.5, "N": -1.0})
GOLDEN = Path(__file__).parents[1] / "golden" / "studies"
GOLDEN_SPEC = "simulated:follow=1,noise=0.2"
READ = "activation"
"""The channel of what is read out of a network: nobody was asked, so nobody could refuse."""


def run(study: Header, spec: str) -> Report:
    function: Callable[..., Report] = studies.load(study)
    model: Any = open_null(spec) if spec.startswith("null:") else open_simulated(spec)
    if study.name in INSIDE and spec == GOLDEN_SPEC:
        model = tiny_model()
    persona = {"persona": ADA} if "persona" in inspect.signature(function).parameters else {}
    try:
        return function(model, **persona, quick=True)
    except ModelUnavailable as error:  # the respondent is here, so it is the readers' encoder
        pytest.skip(str(error))


@cache
def simulated(name: str) -> Report:
    return run(STUDIES[name], GOLDEN_SPEC)


@pytest.mark.parametrize("name", STUDIES)
def test_its_signature_is_a_command_line(name: str) -> None:
    function = studies.load(STUDIES[name])
    assert {"model", "seed", "quick"} <= {p.name for p in parameters(function)}
    assert len(inspect.signature(function).parameters) <= 6
    assert STUDIES[name].version.isdigit()


@pytest.mark.parametrize("name", STUDIES)
def test_a_verdict_a_picture_and_the_missing_answers(name: str) -> None:
    report = simulated(name)
    assert any(isinstance(p, Note) and p.level == "verdict" for p in report.parts)
    assert any(isinstance(p, Figure) for p in report.parts)
    assert report.answers is not None
    assert len(report.answers) > 0
    owed = (
        {"unparsed"} if set(report.answers.rows["channel"]) == {READ} else {"unparsed", "refused"}
    )
    assert any(owed <= set(p.columns) for p in report.parts if isinstance(p, Table))


@pytest.mark.parametrize("name", STUDIES)
def test_same_inputs_same_bytes(name: str) -> None:
    again = run(STUDIES[name], GOLDEN_SPEC)
    assert report_json(again) == report_json(simulated(name))


@pytest.mark.parametrize("name", STUDIES)
def test_its_report_is_plain_data_and_a_page(name: str) -> None:
    text = report_json(simulated(name))
    assert report_json(report_from_json(text)) == text
    assert "<svg" in report_html(simulated(name))


@pytest.mark.parametrize("name", STUDIES)
@pytest.mark.parametrize("spec", ["null:refusing", "null:garbage", "null:midpoint"])
def test_it_finishes_when_no_answer_is_usable(name: str, spec: str) -> None:
    if name in INSIDE:
        with pytest.raises(InputError, match=f"{spec} is not one"):
            run(STUDIES[name], spec)
        return
    report = run(STUDIES[name], spec)
    assert any(isinstance(p, Note) for p in report.parts)
    report_html(report)


def numbers(node: Any) -> list[float]:
    """All numbers of a report in order, also those inside its texts."""
    if isinstance(node, dict):
        return [n for key in sorted(node) for n in numbers(node[key])]
    if isinstance(node, list):
        return [n for part in node for n in numbers(part)]
    if isinstance(node, str):
        return [float(n) for n in re.findall(r"-?\d+(?:\.\d+)?", node)]
    return [float(node)] if isinstance(node, int | float) else []


def words(node: Any) -> str:
    """A report without its numbers."""
    return re.sub(r"[-+]?\d+(?:\.\d+)?(?:e[-+]?\d+)?", "#", json.dumps(node, sort_keys=True))


@pytest.mark.parametrize("name", STUDIES)
def test_its_golden_report(name: str) -> None:
    """Change it by `python -m tests.golden NAME`; when numbers change, the study's version too."""
    path = GOLDEN / f"{name}.json"
    assert path.exists(), f"every study has a golden report: python -m tests.golden {name}"
    golden = json.loads(path.read_text(encoding="utf-8"))
    report = json.loads(report_json(simulated(name)))
    assert words(report) == words(golden)
    assert numbers(report) == pytest.approx(numbers(golden), abs=2e-3, rel=1e-6)


def test_every_golden_report_has_its_study() -> None:
    assert {path.stem for path in GOLDEN.glob("*.json")} <= set(STUDIES)
