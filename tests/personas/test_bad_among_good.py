"""One bad file or row never stops the others: it is named with its reason, and counted."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from personae.cli import main
from personae.core import BadValue, InputError, Persona
from personae.personas import load_personas, save_personas
from personae.personas.exchange import export_personas, import_personas, load_persona
from tests.support.json_files import put

IDA = {"type": "TinyPerson", "persona": {"name": "Ida", "age": 38, "style": "Speaks plainly."}}
OLA = {"type": "TinyPerson", "persona": {"name": "Ola", "style": "Mends children\x19s toys."}}


@pytest.fixture
def agents(tmp_path: Path) -> Path:
    folder = tmp_path / "agents"
    folder.mkdir()
    put(folder / "bad.json", OLA)
    put(folder / "good.json", IDA)
    (folder / "cut.json").write_text('{"type": ')
    (folder / "notes.txt").write_text("not a persona")
    export_personas([Persona(id="Card")], folder / "other.png", "card-v2")
    save_personas([Persona(id="own", text="You are.")], folder / "own.jsonl")
    return folder


class Result(NamedTuple):
    exit_code: int
    output: str


@pytest.fixture
def command(capsys: pytest.CaptureFixture[str]) -> Callable[..., Result]:
    def run(*arguments: object) -> Result:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["personas", *map(str, arguments)])
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return Result(int(ended.value.code or 0), " ".join((printed.out + printed.err).split()))

    return run


Command = Callable[..., Result]


def test_two_personas_of_one_id_are_refused_with_their_places(tmp_path: Path) -> None:
    """In two files of a folder, in one file of another tool, and in one of our own."""
    folder = tmp_path / "people"
    folder.mkdir()
    for name in ("first", "second"):
        save_personas(
            [Persona(id="ada", text=f"The {name}."), Persona(id=name)], folder / f"{name}.json"
        )
    with pytest.raises(
        BadValue, match=r"2 personas with the id 'ada': .*first.json, .*second.json"
    ):
        load_persona(f"{folder}#ada")
    assert load_persona(f"{folder}#second").id == "second"
    assert load_persona(f"{folder / 'second.json'}#ada").text == "The second."
    assert load_persona(f"{folder}#ada-2").text == "The second."  # as import_personas numbers them
    twice = tmp_path / "twice.jsonl"
    twice.write_text('{"id": "ada"}\n{"id": "ben"}\n{"id": "ada", "text": "Another."}\n')
    kept: list[InputError] = []
    for skipped in (None, kept):
        with pytest.raises(BadValue, match="2 personas with the id 'ada'"):
            load_persona(f"{twice}#ada", skipped=skipped)
    assert load_persona(f"{twice}#ben").id == "ben"


def test_a_folder_of_mixed_formats_is_read_file_by_file(agents: Path) -> None:
    skipped: list[InputError] = []
    assert [p.id for p in import_personas(agents, skipped=skipped)] == ["Ida", "Card", "own"]
    assert "bad.json: persona.style, character 15: holds the control character U+0019" in str(
        skipped[0]
    )
    assert "cut.json: not valid JSON" in str(skipped[1]) and len(skipped) == 2
    with pytest.raises(InputError, match=r"bad\.json"):
        list(import_personas(agents))


def test_check_lists_the_bad_and_counts_the_good(agents: Path, command: Command) -> None:
    result = command("check", agents)
    assert result.exit_code == 2
    assert "5 personas: 2 with errors" in result.output
    assert "persona.style, character 15" in result.output


def test_describe_diff_and_convert_go_on(agents: Path, tmp_path: Path, command: Command) -> None:
    out = tmp_path / "out.jsonl"
    result = command("convert", agents, out)
    assert result.exit_code == 0, result.output
    assert "3 personas written" in result.output and "left out: 2 entries" in result.output
    assert "bad.json" in result.output and len(load_personas(out)) == 3
    described = command("describe", agents, "--out", tmp_path / "report")
    assert (
        described.exit_code == 0 and "Left out, as it can't be read: 2 entries" in described.output
    )
    assert command("diff", agents, out).exit_code == 0


@pytest.mark.parametrize("name", ["convert", "describe", "diff"])
def test_strict_refuses_and_writes_nothing(
    name: str, agents: Path, tmp_path: Path, command: Command
) -> None:
    target = [tmp_path / "out.jsonl"] if name != "describe" else []
    if name == "diff":
        save_personas([Persona(id="a")], target[0])
        before = target[0].read_bytes()
    result = command(name, agents, *target, "--strict")
    assert result.exit_code == 2 and "2 entries can't be read" in result.output
    assert name == "describe" or not target[0].exists() or target[0].read_bytes() == before


def test_a_study_takes_the_others(agents: Path, tmp_path: Path) -> None:
    from personae.cli.signature import convert  # noqa: PLC0415
    from personae.run.parameters import parameters  # noqa: PLC0415

    def study(personas: tuple[Persona, ...]) -> None:
        """Take personas.

        Args:
            personas: who takes part.
        """

    (parameter,) = parameters(study)
    personas, record = convert(parameter, {"personas": str(agents)})
    assert isinstance(personas, tuple) and isinstance(record, dict)
    assert len(personas) == 3 and record["left out"] == 2
    with pytest.raises(InputError, match="leave out --strict"):
        convert(parameter, {"personas": str(agents), "strict": True})


def test_rows_of_a_file_and_a_persona_by_its_id(tmp_path: Path) -> None:
    path = tmp_path / "people.jsonl"
    rows = ['{"id": "a", "text": "You are."}', "{", '{"id": "a"}', '{"id": "b", "text": "You."}']
    path.write_text("\n".join(rows))
    skipped: list[InputError] = []
    assert [p.id for p in import_personas(path, skipped=skipped)] == ["a", "b"]
    assert len(skipped) == 2
    assert load_persona(f"{path}#b").text == "You."
    with pytest.raises(InputError, match="2 entries can't be read"):
        load_persona(f"{path}#c")


@pytest.mark.parametrize("content", ["", "\n\n", "{\n[]\n"])
@pytest.mark.parametrize("name", ["check", "describe", "convert"])
def test_nothing_to_read_is_an_error(
    name: str, content: str, tmp_path: Path, command: Command
) -> None:
    path = tmp_path / "empty.jsonl"
    path.write_text(content)
    target = [tmp_path / "out.jsonl"] if name == "convert" else []
    result = command(name, path, *target)
    assert result.exit_code == 2 and not (tmp_path / "out.jsonl").exists()


def test_check_names_macros_and_traits_that_were_not_read(tmp_path: Path, command: Command) -> None:
    profile = {"first_name": "A", "last_name": "B", "big_five": "not neurotic", "secret": ""}
    card = {"name": "Al", "description": "{{random:a,b}} {{char}}", "personality": "calm"}
    put(tmp_path / "a.json", [profile])
    (tmp_path / "b.json").write_text(json.dumps(card))
    result = command("check", tmp_path, "--full")
    assert "unread-traits" in result.output and "unfilled-macro" in result.output
    assert "{{random:a,b}}" in result.output


def test_one_persona_of_a_folder_is_taken_past_the_bad_ones(
    agents: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from personae.cli.signature import convert  # noqa: PLC0415
    from personae.run.parameters import parameters  # noqa: PLC0415

    def study(persona: Persona) -> None:
        """Take a persona.

        Args:
            persona: who takes part.
        """

    (parameter,) = parameters(study)
    persona, record = convert(parameter, {"persona": f"{agents}#own"})
    assert isinstance(persona, Persona) and persona.id == "own"
    assert isinstance(record, dict) and record["left out"] == 2
    said = capsys.readouterr().err
    assert "left out" in said and "bad.json" in said and "cut.json" in said
    with pytest.raises(InputError, match=r"holds several personas; name one: .*agents#Ida"):
        convert(parameter, {"persona": str(agents)})
    with pytest.raises(InputError, match="leave out --strict"):
        convert(parameter, {"persona": f"{agents}#own", "strict": True})
    for name in ("other.png", "own.jsonl"):
        (agents / name).unlink()
    persona, _ = convert(parameter, {"persona": str(agents)})
    assert isinstance(persona, Persona) and persona.id == "Ida"
    assert load_persona(f"{agents}#Ida").id == "Ida"
    with pytest.raises(InputError, match=r"bad\.json"):
        load_persona(agents)
