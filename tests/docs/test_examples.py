"""The scripts in examples/ run: on their controls, or on a tiny network instead of a model."""

import contextlib
import io
from pathlib import Path
from typing import Any

import pytest

from tests.support.tiny_networks import tiny_model

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(name: str, names: dict[str, Any], source: str) -> str:
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(source, name, "exec"), names)
    return printed.getvalue()


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.py")), ids=lambda path: path.stem)
def test_an_example_has_ten_lines_at_most(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()[1:]
    assert sum(bool(line.strip()) for line in lines) <= 10


def test_two_models_are_compared_with_a_picture() -> None:
    source = (EXAMPLES / "two_models.py").read_text(encoding="utf-8")
    text = run("two_models", {}, source)
    assert text.startswith("Two models") and text.count("type-7-000000") == 6
    assert "●" in text and text.count("[") == 6
    assert "simulated:follow=0.3,noise=0.3" in text, "the models' names are whole"


def test_a_steered_model_is_talked_to() -> None:
    source = (EXAMPLES / "steer_and_chat.py").read_text(encoding="utf-8")
    source = source.replace('"smollm2", "E=+2@15"', 'model, "E=+2@1"')
    lines = iter(["Hello", "And then?", ""])
    names: dict[str, Any] = {"model": tiny_model(), "input": lambda prompt: next(lines)}
    assert run("steer_and_chat", names, source).count("Model: ") == 2
    assert [message.text for message in names["chat"][::2]] == ["Hello", "And then?"]
    assert [message.role for message in names["chat"]] == ["user", "assistant"] * 2


def test_a_population_goes_to_tinytroupe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    source = (EXAMPLES / "population_to_tinytroupe.py").read_text(encoding="utf-8")
    assert run("population_to_tinytroupe", {}, source) == "200 agents in agents/\n"
    assert len(list((tmp_path / "agents").iterdir())) == 200
