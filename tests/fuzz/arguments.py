"""Odd values for options and arguments of commands: python -m tests.fuzz.arguments [COUNT].

Each command line is one that works, but for one value. It runs in this process, in a folder of its
own; 0, 2, 3 and 4 are the exit codes of a sound answer, and an error is one line.
"""

import contextlib
import io
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import click

from personae.cli.commands import _personae, main
from personae.cli.framework.lazy_commands import LazyCommand
from tests.fuzz.surfaces import WIDE, finished_run, saved_personas

__all__ = ["argument_faults"]

ODD = (
    *("", " ", "nan", "inf", "-1", "0", "1.5", "1e999", "9" * 400, "x" * 300, "\udcff"),
    *(
        "é",
        "{}",
        "[]",
        '{"a": 1}',
        "=",
        "E=",
        "E=nan",
        "E=9" * 40,
        ",",
        ",,a",
        "a,a",
        "-",
        "--",
        ".",
    ),
    *("missing/file", "x" * 300 + ".json", "simulated:", "null:", "null:x", "hf:", "hf:a/b/c"),
    *("gguf:x", "http://", "http://[::1/v1#m", "http://127.0.0.1:99999/v1#m", "http://h/v1?k=s#m"),
)
LEFT_OUT = {"ray", "help", "version", "yes"}
"""Options that reach out, or that say nothing of their own."""
COMMANDS_LEFT_OUT = {"new", "doctor"}
"""Commands that write into the repository, or only look at this machine."""
QUIET = {0, 2, 3, 4}


@dataclass(frozen=True)
class CommandLine:
    """A command line that works, and its options and arguments."""

    words: tuple[str, ...]
    parameters: tuple[click.Parameter, ...]


def argument_faults(count: int, seed: int) -> Iterator[str]:
    """Run `count` command lines with one odd value each, and yield a description of each fault."""
    with _files() as lines:
        for number in range(count):
            random = Random(f"{seed}/{number}")
            line = random.choice(lines)
            words = _with_odd_value(line, random)
            if fault := run_fault(words):
                yield f"number {number}: personae {' '.join(map(ascii, words))[:300]}: {fault}"


def run_fault(words: Sequence[str]) -> str:
    """Run a command line, and say what is wrong with how it ended."""
    out, err = io.StringIO(), io.StringIO()
    code = 0
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            main(list(words))
    except SystemExit as ending:
        code = int(ending.code or 0)
    except Exception as error:  # a traceback is the fault that is looked for
        return f"{type(error).__name__}: {error!s:.200}"
    messages = [line for line in err.getvalue().splitlines() if line.startswith("personae:")]
    if code not in QUIET:
        return f"exit code {code}"
    if code == 2 and not messages and "Error:" not in err.getvalue():
        return f"exit code {code} without a message"
    return ""


def _with_odd_value(line: CommandLine, random: Random) -> list[str]:
    parameter = random.choice(line.parameters)
    value = random.choice(ODD)
    words = list(line.words)
    if isinstance(parameter, click.Argument):
        return [*words, value] if value.startswith("-") is False else [*words, "--", value]
    name = parameter.opts[0]
    if isinstance(parameter, click.Option) and parameter.is_flag:
        return [*words, name]
    if name in words:
        words[words.index(name) + 1] = value
        return words
    return [*words, f"{name}={value}" if name.startswith("--") else name]


@contextlib.contextmanager
def _files() -> Iterator[list[CommandLine]]:
    """Make what the command lines need in a folder, which is the current one meanwhile."""
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            Path("answers.csv").write_text(WIDE)
            saved_personas(Path("people.jsonl"))
            finished_run(Path("run"))
            yield list(_command_lines())
        finally:
            os.chdir(here)


def _command_lines() -> Iterator[CommandLine]:
    root = click.Context(_personae, info_name="personae")
    for words, command in _commands(_personae, root, ()):
        parameters = tuple(p for p in command.params if p.name not in LEFT_OUT)
        if words[0] not in COMMANDS_LEFT_OUT and parameters:
            yield CommandLine((*words, *_working(words)), parameters)


def _commands(
    group: click.Group, context: click.Context, words: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        if isinstance(command, click.Group):
            yield from _commands(command, click.Context(command, parent=context), (*words, name))
        else:
            made = command._make(name) if isinstance(command, LazyCommand) else command
            yield (*words, name), made


def _working(words: tuple[str, ...]) -> tuple[str, ...]:
    """Complete a command's words to a command line that works, with controls for models."""
    asked = ("--model", "null:uniform", "--quick", "--out", "out")
    known: dict[tuple[str, ...], tuple[str, ...]] = {
        ("card",): (*asked, "--sections", "", "--trait", "E=1"),
        ("score",): ("answers.csv", "--inventory", "sd3"),
        ("report",): ("run",),
        ("compare",): ("run", "run"),
        ("export",): ("run", "--to", "inspect", "--out", "log.json"),
        ("vector",): ("E", "--model", "null:uniform", "--out", "v.safetensors"),
        ("taxonomy",): ("people.jsonl", "--model", "null:uniform"),
        ("show",): ("sac",),
    }
    first = words[0]
    if first == "run":
        return asked
    if first == "generate":
        return ("-n", "2", "--out", "made.jsonl")
    if first == "personas":
        return ("people.jsonl", *(("made.jsonl",) if words[-1] == "convert" else ()))
    return known.get(words, ())


if __name__ == "__main__":
    total = 0
    for text in argument_faults(int(sys.argv[1]) if sys.argv[1:] else 2000, seed=0):
        total += 1
        sys.stdout.write(f"{text}\n")
    sys.stdout.write(f"{total} faults\n")
    sys.exit(bool(total))
