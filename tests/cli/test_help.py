"""Help: on one screen, examples first; the options that all runs share are explained on request."""

from collections.abc import Iterator

import click
import pytest

from personae.cli import main
from personae.cli.commands import _personae
from personae.cli.framework.lazy_commands import recipe_command, study_command
from personae.cli.perform import COMMON, TOPICS
from personae.core import counted

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def eighty_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")


def commands(command: click.Command, words: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield words
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            member = command.get_command(context, name)
            assert member is not None
            yield from commands(member, (*words, name))


def help_of(capsys: Capture, *words: str) -> list[str]:
    with pytest.raises(SystemExit) as ended:
        main([*words])
    assert ended.value.code == 0
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("columns", [80, 100])
def test_the_help_of_every_command_is_one_screen(
    columns: int, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", str(columns))
    longest = 0
    for words in commands(_personae):
        lines = help_of(capsys, *words, "--help")
        command = " ".join(("personae", *words))
        assert len(lines) <= 40, f"{command} --help: {counted(len(lines), 'line')}"
        assert max(map(len, lines)) <= columns, command
        longest = max(longest, len(lines))
    assert longest > 30


@pytest.mark.parametrize("words", [("card",), ("run", "sac"), ("generate", "population")])
def test_shared_options_are_named_in_short_help_and_explained_in_full(
    words: tuple[str, ...], capsys: Capture
) -> None:
    shared = [option.opts[0] for options in TOPICS.values() for option in options]
    own = [option.opts[0] for option in COMMON if option.opts[0] not in shared]
    short = help_of(capsys, *words, "--help")
    assert any(line.endswith(f"personae {' '.join(words)} --help --full:") for line in short)
    for order in (["--help", "--full"], ["--full", "--help"], ["-h", "--full"]):
        full = help_of(capsys, *words, *order)
        for flag in (*shared, *own):
            assert sum(line.startswith(f"  {flag} ") for line in full) == 1, flag
    for flag in shared:
        named = [line for line in short if flag in line.replace(",", " ").split()]
        assert len(named) == 1 or flag == "--fresh", flag
    assert all(any(line.startswith(f"  {flag} ") for line in short) for flag in own)
    assert not any(line.startswith(f"  {topic}:") for line in full for topic in TOPICS)


@pytest.mark.parametrize(
    ("words", "command"),
    [(("run", "trait"), study_command("trait")), (("generate", "type_bank"), None)],
)
def test_every_option_of_a_command_is_in_its_help(
    words: tuple[str, ...], command: click.Command | None, capsys: Capture
) -> None:
    made = command or recipe_command(words[-1])
    for order in (["--help"], ["--help", "--full"]):
        text = " ".join(help_of(capsys, *words, *order)).replace(",", " ").split()
        assert [p.opts[0] for p in made.params if p.opts[0] not in text] == []


def test_help_gives_examples_before_options(capsys: Capture) -> None:
    for words in (("card",), ("run", "mpi"), ("generate", "profiles")):
        lines = help_of(capsys, *words, "--help")
        examples = [line for line in lines if line.startswith(f"  personae {' '.join(words)} ")]
        assert examples and lines.index(examples[0]) < lines.index("Options:")
    assert "--conversations FILE" in examples[0]
