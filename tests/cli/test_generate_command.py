"""The command `generate`: preview first, nothing made; the plan of a model's work; refusals."""

import json
from pathlib import Path

import pytest

from personae.cli import main
from personae.cli.generate_command import _plan
from personae.core import Model
from personae.generate.recipe import Order, Population
from personae.generate.recipes.hachimi.recipe import hachimi
from personae.models.opening import open_model
from personae.personas import load_personas


def personae(*arguments: str) -> int:
    with pytest.raises(SystemExit) as exit_info:
        main(arguments)
    return int(exit_info.value.code or 0)


def test_preview_shows_counts_and_makes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "a.parquet"
    assert personae("generate", "population", "-n", "20", "--preview", "--out", str(out)) == 0
    printed = capsys.readouterr().out
    assert "Quotas" in printed and "vocational" in printed
    assert not list(tmp_path.iterdir())


def test_file_report_and_manifest_stand_side_by_side(tmp_path: Path) -> None:
    out = tmp_path / "new" / "a.jsonl"
    assert personae("generate", "hachimi", "-n", "30", "--out", str(out)) == 0
    names = {path.name for path in out.parent.iterdir()}
    assert names == {"a.jsonl", "a.jsonl.report.html", "a.jsonl.manifest.json"}
    page = (out.parent / "a.jsonl.report.html").read_text()
    assert "<svg" in page and "Diversity" in page and "Stereotypes" in page


def test_a_models_work_is_estimated_from_a_few_and_scaled() -> None:
    def build(model: Model | None, n: int) -> Population:
        return hachimi(Order(n=n, model=model))

    plan = _plan(build, 800, open_model("simulated:E=1"))
    assert plan.requests >= 4 * 800 and plan.tokens_in > 100 * plan.requests


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("generate hachimy", "did you mean 'hachimi'"),
        ("generate population --spec adult", "did you mean 'adults'"),
        ("generate population --out a.csv", "ends in"),
        ("generate hachimi --mix 1,2", "one weight for each"),
        ("generate population -n 0", "-n"),
        ("generate deeppersona --depth 0", "1 attribute or more"),
        ("generate hachimi --rounds -1", "--rounds"),
        ("generate hachimi --mix 1e308,1e308,1e308,1e308", "weights of a mix"),
    ],
)
def test_bad_input_is_told(line: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert personae(*line.split()) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("path", ["file/a.jsonl", "folder.jsonl"])
def test_a_place_where_no_file_can_stand_is_told_before_any_work(
    path: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder.jsonl").mkdir()
    before = sorted(tmp_path.rglob("*"))
    arguments = ("generate", "population", "-n", "2", "--fresh", "--out", str(tmp_path / path))
    assert personae(*arguments) == 2
    assert path in capsys.readouterr().err.replace("\n", "")
    assert sorted(tmp_path.rglob("*")) == before


def test_a_spec_names_its_licence_and_an_allowed_kind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    spec, out = tmp_path / "a.json", tmp_path / "a.jsonl"
    body = {"licence": "CC0-1.0", "variables": {"sex": {"shares": {"female": 1, "male": 1}}}}
    spec.write_text(json.dumps(body))
    arguments = ("generate", "population", "-n", "2", "--spec", str(spec), "--out", str(out))
    assert personae(*arguments) == 0
    assert load_personas(out)[0].provenance["licence"] == "CC0-1.0"
    assert personae("personas", "check", str(out), "--strict") == 0
    spec.write_text(json.dumps({**body, "kind": "demografic"}))
    capsys.readouterr()
    assert personae(*arguments, "--fresh") == 2
    assert "did you mean 'demographic'" in capsys.readouterr().err


def test_where_every_slot_fails_the_reasons_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "a.jsonl"
    assert (
        personae("generate", "hachimi", "-n", "2", "--model", "null:refusing", "--out", str(out))
        == 2
    )
    printed = " ".join(capsys.readouterr().err.split())
    assert "none of 2 personas could be made: at fault after all rounds: unusable" in printed
    assert not out.exists()


SEX = {"sex": {"shares": {"female": 1, "male": 1}}}
RULE = {"code": "A", "says": "x", "holds": {"of": "sexx", "is": "male"}}


@pytest.mark.parametrize("line", ["population --spec", "hachimi --schema"])
@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({}, "has variables"),
        ({"variables": {" ": {"shares": {"a": 1}}}}, "printable"),
        ({"variables": SEX, "rules": [RULE]}, "did you mean 'sex'"),
    ],
)
def test_bad_descriptions_are_told(
    line: str, body: object, message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A rule over a fact that nobody has would be obeyed by all, unseen."""
    spec = tmp_path / "a.json"
    spec.write_text(json.dumps(body))
    assert personae("generate", *line.split(), str(spec), "-n", "2") == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    "owner",
    [
        {"name": "x", "fields": 5},
        {"name": "x", "fields": ["a"]},
        {"name": "x", "fields": [{"path": "a", "text": [1]}]},
        {"name": "x", "fields": [{"path": "sex"}], "temperature": "hot"},
    ],
)
def test_bad_owners_are_told(owner: object, tmp_path: Path) -> None:
    spec = tmp_path / "a.json"
    spec.write_text(json.dumps({"variables": SEX, "owners": [owner]}))
    assert personae("generate", "hachimi", "--schema", str(spec), "-n", "2") == 2
    out = tmp_path / "a.jsonl"  # a population has no use for owners
    assert (
        personae("generate", "population", "--spec", str(spec), "-n", "2", "--out", str(out)) == 0
    )


def test_rules_of_a_schema_with_owners_serve_a_population_too(tmp_path: Path) -> None:
    arguments = ("population", "--spec", "students", "-n", "2", "--out", str(tmp_path / "a.jsonl"))
    assert personae("generate", *arguments) == 0


def test_a_schema_without_a_text_lists_the_facts(tmp_path: Path) -> None:
    spec, out = tmp_path / "a.json", tmp_path / "a.jsonl"
    spec.write_text(json.dumps({"variables": SEX}))
    arguments = (
        "hachimi",
        "--schema",
        str(spec),
        "--alike",
        "allowed",
        "-n",
        "2",
        "--out",
        str(out),
    )
    assert personae("generate", *arguments) == 0
    assert load_personas(out)[0].text.startswith("Facts about you: sex: ")
