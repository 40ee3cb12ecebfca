"""Bad input at the command line: a clear message, the right exit code, nothing half-written."""

import json
from pathlib import Path

import click
import pytest

from personae.cli import main
from personae.cli.commands import _personae
from personae.core import load_inventory
from tests.support.eight_items import eight_items

NEO = load_inventory("ipip-neo-120")


def leave(arguments: list[str]) -> int:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    code = ended.value.code
    return code if isinstance(code, int) else 0


def persona(folder: Path, **fields: object) -> str:
    path = folder / "persona.json"
    path.write_text(json.dumps({"id": "x", "text": "You are X.", "traits": {"E": 1}, **fields}))
    return str(path)


def test_help_shows_every_command_with_its_whole_sentence(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for group in ([], ["run"], ["generate"], ["personas"]):
        assert leave([*group, "--help"]) == 0
        text = capsys.readouterr().out
        commands = commands_of(group)
        assert len(commands) > 3
        for name in commands:
            assert f"  {name} " in text
        assert "..." not in text.replace("COMMAND [ARGS]...", "")


def commands_of(group: list[str]) -> list[str]:
    command: click.Command = _personae
    context = click.Context(command)
    for name in group:
        assert isinstance(command, click.Group)
        child = command.get_command(context, name)
        assert child is not None
        command = child
    assert isinstance(command, click.Group)
    return command.list_commands(context)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["cart"], "did you mean 'card'"),
        (["run", "mpy"], "no study is called"),
        (["card", "nowhere.json", "--model", "null:yes"], "can't read nowhere.json"),
        (["card", "--model", "null:yes"], "--trait"),
        (["card", "--trait", "E=1", "--model", "smolm2"], "did you mean"),
        (["card", "--trait", "E=1", "--model", "gguf:/nowhere.gguf"], "nowhere.gguf"),
        (["card", "--trait", "E=1", "--model", "simulated:X=1"], "X"),
        (["card", "--trait", "E=1", "--model", "null:yes", "--inventory", "bfi"], "no inventory"),
        (["card", "--trait", "E=1", "--model", "null:yes", "--inventory", "sd3"], "item file"),
        (["card", "--trait", "E=1", "--model", "null:yes", "--inductions", "p3"], "p3"),
        (["score", "nowhere.csv", "--inventory", "mpi-120"], "nowhere.csv"),
        (["report", "nowhere"], "nowhere"),
    ],
)
def test_errors_say_what_and_exit_with_two(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert leave(arguments) in (2, 3)
    printed = capsys.readouterr()
    assert message in printed.err
    assert "Traceback" not in printed.err + printed.out
    assert not list(tmp_path.rglob("report.*"))


@pytest.mark.parametrize(
    "fields",
    [{"text": "a\u0000b"}, {"text": "x" * 300_000}, {"traits": {"E": 1e9}}, {"id": ""}],
)
def test_bad_personas_exit_with_two(
    fields: dict[str, object], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = persona(tmp_path, **fields)
    out = tmp_path / "out"
    assert leave(["card", file, "--model", "null:yes", "--out", str(out)]) == 2
    assert "Traceback" not in capsys.readouterr().err
    assert not out.exists()


def test_a_card_from_the_command_line_and_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    order = [
        "card",
        persona(tmp_path),
        "--model",
        "simulated:noise=0.2",
        "--quick",
        "--sections",
        "",
        "--inventory",
        eight_items(tmp_path),
        "--out",
        str(out),
    ]
    assert leave(order) == 0
    first = {p.name: p.read_bytes() for p in out.iterdir() if p.name[0] in "ra"}
    assert set(first) == {"report.json", "report.html", "answers.parquet"}
    assert leave(order) == 0
    assert {p.name: p.read_bytes() for p in out.iterdir() if p.name[0] in "ra"} == first
    assert leave(["report", str(out)]) == 0
    assert (out / "report.html").read_bytes() == first["report.html"]
    capsys.readouterr()
    assert leave([*order, "--trait", "E=-1"]) == 2
    assert "holds another run" in capsys.readouterr().err
    assert leave([*order, "--trait", "E=-1", "--fresh"]) == 0
    assert json.loads((out / "manifest.json").read_text())["status"] == "done"


def test_scores_of_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "answers.csv"
    ids = [item.id for item in NEO.items]
    rows = [",".join([f"r{r}", *(str(1 + (r * i) % 5) for i in range(120))]) for r in range(4)]
    path.write_text("\n".join([",".join(["respondent", *ids]), *rows]))
    order = ["score", str(path), "--inventory", "ipip-neo-120"]
    assert leave([*order, "--full"]) == 0
    assert "r3" in capsys.readouterr().out
    assert leave(order) == 0
    summary = capsys.readouterr().out
    assert len(summary.splitlines()) <= 40 and "All: --full, or --out FOLDER" in summary


def test_what_a_file_of_answers_cannot_say_is_an_option(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "answers.csv"
    rows = [",".join(str((r + i) % 5) for i in range(120)) for r in range(2)]
    path.write_text("\r".join([",".join(f"Q{item.id}" for item in NEO.items), *rows]))
    order = ["score", str(path), "--inventory", "ipip-neo-120"]
    assert leave(order) == 2
    assert "give --shift 1" in capsys.readouterr().err
    assert leave([*order, "--shift", "1"]) == 0
    summary = " ".join(capsys.readouterr().out.split())
    assert "line ends CR" in summary and "+1 added to each number" in summary
    assert leave([*order, "--missing", "0"]) == 0
    assert "192 of 240 answers" in capsys.readouterr().out
    assert leave([*order, "--by-scale"]) == 2
    assert "no column is an item" in capsys.readouterr().err


def test_help_teaches(capsys: pytest.CaptureFixture[str]) -> None:
    for order in (["--help"], ["card", "--help"], ["run", "--help"], ["list"], ["show", "card"]):
        assert leave(order) == 0
    assert "persona" in capsys.readouterr().out


def test_a_run_that_ends_before_its_first_answer_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file of problems with a broken row is named by its line; nothing is half-written."""
    problems, out = tmp_path / "own.jsonl", tmp_path / "out"
    problems.write_text('{"text": "1 + 1?", "answer": "2", "wrong": ["3"]}\n{"text": \n')
    order = ["run", "bias_runs_deep", "--model", "null:first", "--quick", "--out", str(out)]
    assert leave([*order, "--problems", str(problems)]) == 2
    assert "line 2" in capsys.readouterr().err
    assert not out.exists()
    out.mkdir()
    (out / "mine.txt").write_text("kept")
    assert leave([*order, "--problems", str(problems)]) == 2
    assert [p.name for p in out.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("value", ["-1", "99999999999999999999", "x"])
def test_a_seed_is_a_number_that_every_generator_takes(
    value: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert leave(["run", "mpi", "--model", "null:yes", "--seed", value]) == 2
    assert leave(["score", "a.csv", "--inventory", "mpi-120", "--seed", value]) == 2
    assert "Traceback" not in capsys.readouterr().err
