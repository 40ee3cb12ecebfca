"""A study's signature becomes its command line, and what is typed becomes objects."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import click
import pytest

from personae.cli.signature import convert, options_of, take
from personae.core import BadFile, BadValue, Chooser, Model, Persona, Report, UnknownName
from personae.personas import save_personas
from personae.personas.exchange import export_personas
from personae.run.parameters import parameters


def study(
    model: Chooser,
    persona: Persona,
    *,
    personas: Sequence[Persona] = (),
    judge: Model | None = None,
    forms: tuple[str, ...] = ("plain", "mpi"),
    depth: Literal["short", "long"] = "short",
    count: int = 3,
    quick: bool = False,
) -> Report:
    """Do nothing.

    Args:
        forms: wordings to use,
            in order.
        count: how many.

    Raises:
        BadValue: never.
    """
    raise NotImplementedError


PARAMETERS = {p.name: p for p in parameters(study)}


def parse(arguments: list[str]) -> dict[str, object]:
    flags = [o for p in parameters(study) if p.name != "model" for o in options_of(p)]
    settings: dict[str, object] = {}
    command = click.Command("study", params=flags, callback=settings.update)
    command.main(arguments, standalone_mode=False)
    return settings


def test_defaults_and_help_come_from_the_function() -> None:
    settings = parse([])
    assert (settings["count"], settings["quick"], settings["depth"]) == (3, False, "short")
    assert convert(PARAMETERS["forms"], settings) == (("plain", "mpi"), ["plain", "mpi"])
    assert PARAMETERS["forms"].help == "wordings to use, in order."
    assert PARAMETERS["judge"].is_model
    assert not PARAMETERS["count"].is_model


def test_typed_values_win() -> None:
    settings = parse(["--count", "5", "--quick", "--forms", "mpi, enfj", "--judge", "null:yes"])
    assert settings["count"] == 5
    assert settings["quick"] is True
    assert settings["judge"] == "null:yes"
    assert convert(PARAMETERS["forms"], settings)[0] == ("mpi", "enfj")


@pytest.mark.parametrize("arguments", [["--count", "many"], ["--depth", "middle"], ["--nothing"]])
def test_values_of_the_wrong_kind_are_usage_errors(arguments: list[str]) -> None:
    with pytest.raises(click.UsageError):
        parse(arguments)


def test_a_persona_from_a_file_with_traits_added(tmp_path: Path) -> None:
    path = tmp_path / "ada.json"
    path.write_text(json.dumps({"id": "ada", "text": "You are Ada.", "traits": {"E": 1}}))
    settings = parse([str(path), "--trait", "neuroticism=-1", "--trait", "E=2"])
    persona, record = convert(PARAMETERS["persona"], settings)
    assert isinstance(persona, Persona)
    assert persona.traits == {"E": 2.0, "N": -1.0}
    assert isinstance(record, dict)
    assert record["id"] == "ada"


def test_a_persona_from_traits_alone() -> None:
    persona, _ = convert(PARAMETERS["persona"], parse(["--trait", "E:Assertiveness=1.5"]))
    assert isinstance(persona, Persona)
    assert persona.traits == {"E:Assertiveness": 1.5}


@pytest.mark.parametrize(
    ("trait", "error"),
    [
        ("E", BadValue),
        ("E=high", BadValue),
        ("E=nan", BadValue),
        ("extravers=1", UnknownName),
        ("E=99", BadValue),
    ],
)
def test_bad_traits_say_what_is_allowed(trait: str, error: type[Exception]) -> None:
    with pytest.raises(error):
        convert(PARAMETERS["persona"], parse(["--trait", trait]))


def test_no_persona_at_all_is_an_error_that_helps() -> None:
    with pytest.raises(BadValue, match="--trait"):
        convert(PARAMETERS["persona"], parse([]))


@pytest.mark.parametrize(
    ("content", "error"),
    [
        ("{", BadFile),
        ("[]", BadFile),
        ('{"text": "no id"}', BadValue),
        ('{"id": "a", "traits": {"E": "high"}}', BadValue),
        ('{"id": "a", "traits": {"E": NaN}}', BadFile),
        ('{"id": "a", "text": "bell \\u0007"}', BadValue),
        ('{"id": "a", "kind": "robot"}', BadValue),
        ('"just a text"', BadFile),
    ],
)
def test_bad_persona_files(tmp_path: Path, content: str, error: type[Exception]) -> None:
    path = tmp_path / "persona.json"
    path.write_text(content)
    with pytest.raises(error):
        convert(PARAMETERS["persona"], parse([str(path)]))


def test_an_id_that_occurs_twice_is_said_or_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "persona.json"
    path.write_text('[{"id": "a"}, {"id": "a"}]')
    _, record = convert(PARAMETERS["persona"], parse([str(path)]))
    assert isinstance(record, dict) and record["left out"] == 1
    assert "the id 'a' occurs twice" in capsys.readouterr().err
    with pytest.raises(BadFile, match="leave out --strict"):
        convert(PARAMETERS["persona"], {**parse([str(path)]), "strict": True})


def test_one_of_many_and_of_any_format(tmp_path: Path) -> None:
    many = tmp_path / "many.parquet"
    save_personas([Persona(id=f"p#{i}", text=f"You are {i}.") for i in range(3)], many)
    taken, _ = convert(PARAMETERS["persona"], parse([f"{many}#p#1"]))
    assert taken == Persona(id="p#1", text="You are 1.")
    with pytest.raises(BadValue, match=r"several personas; name one: .*#p#0"):
        convert(PARAMETERS["persona"], parse([str(many)]))
    with pytest.raises(UnknownName, match="did you mean 'p#1'"):
        convert(PARAMETERS["persona"], parse([f"{many}#p1"]))
    card = tmp_path / "card#1.png"
    export_personas([Persona(id="mira", text="You keep bees.")], card, "card-v3")
    mira, _ = convert(PARAMETERS["persona"], parse([str(card)]))
    assert mira == Persona(id="mira", text="You keep bees.")


def test_a_persona_of_fifty_megabytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "huge.json"
    path.write_text(json.dumps({"id": "huge", "text": "x" * (50 << 20)}))
    with pytest.raises(BadValue, match="at most"):
        convert(PARAMETERS["persona"], parse([str(path)]))


@dataclass(frozen=True)
class Size:
    """How much.

    Args:
        rows: how many rows.
    """

    rows: int = 2
    names: tuple[str, ...] = ("a",)


def sized(model: Chooser, size: Size = Size(), seed: int = 0) -> Report:
    raise NotImplementedError


def test_a_dataclass_is_an_option_a_field_and_comes_back_whole() -> None:
    listed = {p.name: p for p in parameters(sized)}
    assert list(listed) == ["model", "rows", "names", "seed"]
    assert listed["rows"].help == "how many rows."
    arguments, record = take(sized, {"rows": 5, "names": "b,c", "seed": 1})
    assert arguments == {"size": Size(rows=5, names=("b", "c")), "seed": 1}
    assert record == {"rows": 5, "names": ["b", "c"], "seed": 1}
