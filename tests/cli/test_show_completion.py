"""The commands `show`, `list` and `completion`."""

import subprocess
import sys
from importlib.resources import files
from pathlib import Path

import pytest
from click.shell_completion import BashComplete, CompletionItem

from personae.cli import commands, main
from personae.cli.show_command import known_names
from personae.core import Answers, Persona
from personae.personas import save_personas
from personae.respondents.latent import SETTINGS
from personae.respondents.null import NULLS
from tests.support.finished_runs import finished

Capture = pytest.CaptureFixture[str]
VARIABLE = "_PERSONAE_COMPLETE"


def printed(capsys: Capture, *arguments: str) -> str:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 0
    return capsys.readouterr().out


@pytest.mark.parametrize("name", known_names())
def test_everything_that_is_listed_is_shown_in_forty_lines(name: str, capsys: Capture) -> None:
    shown = printed(capsys, "show", name)
    assert 2 <= len(shown.splitlines()) <= 40 * (1 + known_names()[name].count(","))


def test_a_name_is_shown_once(capsys: Capture) -> None:
    assert printed(capsys, "show", "hf:").count("Likelihoods:") == 1


def test_the_list_names_everything_in_forty_lines(capsys: Capture) -> None:
    listed = printed(capsys, "list")
    assert len(listed.splitlines()) <= 40
    assert [name for name in known_names() if name not in listed] == []


def test_each_kind_shows_what_it_is(capsys: Capture) -> None:
    mpi = printed(capsys, "show", "mpi-120")
    assert "Licence: public domain" in mpi and "arXiv 2206.07550" in mpi
    sac = printed(capsys, "show", "sac").splitlines()
    assert sac[0].startswith("SAC: does a trait follow") and max(map(len, sac)) <= 100
    assert printed(capsys, "show", "population").startswith("A population by quotas")
    assert "0 to 9,007,199,254,740,992\n" in printed(capsys, "show", "simulated")
    assert "Conscientiousness" in mpi and "… 115 more rows" in mpi
    assert "without thinking" in printed(capsys, "show", "ipip-neo-120", "--full")
    assert "with --items" in printed(capsys, "show", "sd3")
    steer = printed(capsys, "show", "steer")
    assert "an open model" in steer and "steer:E=+4@15" in steer
    assert "a persona with domains" in printed(capsys, "show", "naive")
    assert "White box: yes" in printed(capsys, "show", "hf:some/model")
    assert "--dtype" in printed(capsys, "show", "gguf")
    assert "White box: no" in printed(capsys, "show", "https")
    tgi = printed(capsys, "show", "tgi-server")
    assert "--enable-prefill-logprobs" in tgi and max(map(len, tgi.splitlines())) <= 100
    assert "of first tokens where" in printed(capsys, "show", "ollama")
    assert "as base models are" in printed(capsys, "show", "gguf")
    assert "A control" in printed(capsys, "show", "null:yes")
    assert all(f" {kind} " in printed(capsys, "show", "null") for kind in NULLS)
    assert all(f" {name} " in printed(capsys, "show", "simulated") for name in SETTINGS)
    assert "hf:MODEL+ADAPTER: " in printed(capsys, "show", "hf")
    assert "Options: --dtype\n" in printed(capsys, "show", "vllm")
    group = printed(capsys, "show", "universal_persona")
    assert "personae run universal_persona" in group
    assert "personae generate universal_persona" in group


@pytest.mark.parametrize(
    ("given", "near"),
    [("mpi-12", "mpi-120"), ("populaton", "population"), ("persona_txt", "persona_text")],
)
def test_an_unknown_name_is_answered_from_all_kinds(given: str, near: str, capsys: Capture) -> None:
    with pytest.raises(SystemExit) as left:
        main(["show", given])
    assert left.value.code == 2
    assert f"'{near}'" in capsys.readouterr().err


def completed(*words: str) -> list[str]:
    """What bash would offer for the last word."""
    group = commands._personae
    shell = BashComplete(group, {}, "personae", VARIABLE)
    items: list[CompletionItem] = shell.get_completions(list(words[:-1]), words[-1])
    return [item.value for item in items]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("sh",), {"show"}),
        (("run", "mp"), {"mpi"}),
        (("generate", "pop"), {"population"}),
        (("generate", "population", "--prev"), {"--preview"}),
        (("card", "--model", "sm"), {"smollm2"}),
        (("run", "mpi", "--model", "null:m"), {"null:midpoint"}),
        (("vector", "--model", "sm"), {"smollm2"}),
        (("score", "--inventory", "mpi"), {"mpi-120", "mpi-1k"}),
        (("run", "mpi", "--inventory", "mpi-1k"), {"mpi-1k"}),
        (("card", "--inductions", "words,na"), {"words,naive"}),
        (("card", "--inductions", "words & na"), {"words & naive"}),
        (("card", "--sections", "behaviour,st"), {"behaviour,steering"}),
        (("show", "persona_"), {"persona_paradox", "persona_text"}),
        (("compare", "--unit", "r"), {"respondent"}),
        (("completion", "z"), {"zsh"}),
        (("card", "--dtype", "b"), {"bfloat16"}),
        (("run", "mpi", "--device", "c"), {"cpu", "cuda"}),
        (("card", "--quantize", ""), {"8bit", "4bit"}),
        (("personas", "convert", "a", "b", "--to", "card"), {"card-v1", "card-v2", "card-v3"}),
    ],
)
def test_names_are_completed(words: tuple[str, ...], expected: set[str]) -> None:
    assert set(completed(*words)) == expected


def test_no_name_is_offered_twice() -> None:
    offered = completed("card", "--model", "")
    assert "hf:" in offered and len(set(offered)) == len(offered)


def test_files_of_models_are_completed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "small.gguf").touch()
    (tmp_path / "notes.txt").touch()
    (tmp_path / "smol").mkdir()
    assert completed("card", "--model", "gguf:sm") == ["gguf:smol/", "gguf:small.gguf"]
    assert completed("card", "--model", "hf:") == ["hf:smol/"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_gets_its_script(shell: str, capsys: Capture) -> None:
    script = printed(capsys, "completion", shell)
    assert VARIABLE in script and f"{shell}_complete" in script


@pytest.mark.parametrize(
    ("words", "absent"),
    [
        ([""], {"polars", "numpy"}),
        (["run", "sac", "--model", "smol"], {"scipy.special", "scipy.optimize", "torch"}),
        (["generate", "population", "--s"], {"scipy.special", "scipy.stats", "torch"}),
    ],
    ids=lambda value: "_".join(value) if isinstance(value, list) else "",
)
def test_completion_waits_for_no_heavy_library(words: list[str], absent: set[str]) -> None:
    code = (
        "import sys\n"
        "from personae.cli.commands import _personae\n"
        "from click.shell_completion import BashComplete\n"
        f"shell = BashComplete(_personae, {{}}, 'personae', '{VARIABLE}')\n"
        f"assert shell.get_completions({words[:-1]}, {words[-1]!r})\n"
        f"print(*{absent} & set(sys.modules))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert loaded.stdout.strip() == ""


def test_completion_loads_no_engine() -> None:
    code = (
        "import sys\n"
        "from personae.cli.commands import _personae\n"
        "from click.shell_completion import BashComplete\n"
        f"shell = BashComplete(_personae, {{}}, 'personae', '{VARIABLE}')\n"
        "assert shell.get_completions(['card', '--model'], 'smol')\n"
        "assert shell.get_completions(['card', '--inductions'], 'wo')\n"
        "print(*sorted({module.split('.')[0] for module in sys.modules}))"
    )
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()
    assert not set(loaded) & {"torch", "transformers", "ray", "sklearn"}


def test_a_file_or_folder_is_shown(tmp_path: Path, capsys: Capture) -> None:
    """A persona, one of several, all of them, an inventory, a run's report; else one line."""
    people = tmp_path / "people.jsonl"
    ada = Persona(id="ada", text="You are Ada.", traits={"E": 1.5}, facts={"home/town": "Ulm"})
    save_personas([ada], people)
    shown = printed(capsys, "show", str(people))
    assert shown.startswith("Persona: ada") and "You are Ada." in shown and "+1.5" in shown
    save_personas([ada, Persona(id="ben", text="You are Ben.")], people)
    assert "You are Ben." in printed(capsys, "show", f"{people}#ben")
    words = " ".join(printed(capsys, "show", str(people)).split())
    content = "1 character with the content of a demographic persona"
    assert f"2 personas: {content}, 1 character." in words
    own = tmp_path / "own.json"
    own.write_text(Path(str(files("personae") / "data" / "inventories" / "sd3.json")).read_text())
    assert "27 items" in printed(capsys, "show", str(own))
    run = finished(tmp_path / "run", Answers.of([{"item": "1", "value": 2.0}]))
    for path in (run, run / "report.json", run / "manifest.json"):
        assert printed(capsys, "show", str(path)).startswith("Asked")


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("none.jsonl", "none.jsonl: no such file or folder; show takes a name (personae list)"),
        ("empty.json", "empty.json"),
        ("answers.csv", "personae score FILE --inventory NAME"),
        ("people.jsonl#bob", "no persona in"),
        ("nothing like it", "is called 'nothing like it'; all names: personae list"),
    ],
)
def test_what_cannot_be_shown_is_one_line_without_forty_names(
    given: str, message: str, tmp_path: Path, capsys: Capture
) -> None:
    save_personas([Persona(id="ada")], tmp_path / "people.jsonl")
    (tmp_path / "empty.json").write_text("[]")
    (tmp_path / "answers.csv").write_text("who,item_1\na,3\n")
    path = given if given.startswith("nothing") else str(tmp_path / given)
    with pytest.raises(SystemExit) as left:
        main(["show", path])
    told = capsys.readouterr().err
    assert left.value.code == 2 and message in told and told.count("\n") == 1
    assert "ipip-neo" not in told and "Traceback" not in told
