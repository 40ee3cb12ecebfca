"""The command `generate`: preview first, nothing made; the plan of a model's work; refusals."""

from pathlib import Path

import pytest

from personae.cli import main
from personae.cli.generate import _plan
from personae.core import Model
from personae.generate.recipe import Order, Population
from personae.generate.recipes.hachimi import hachimi


def personae(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    return int(left.value.code or 0)


def test_preview_shows_counts_and_makes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "a.parquet"
    assert personae("generate", "population", "-n", "20", "--preview", "--out", str(out)) == 0
    said = capsys.readouterr().out
    assert "Quotas" in said and "vocational" in said
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

    plan = _plan(build, 800)
    assert plan.requests >= 4 * 800 and plan.tokens_in > 100 * plan.requests


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("generate hachimy", "did you mean 'hachimi'"),
        ("generate population --spec adult", "did you mean 'adults'"),
        ("generate population --out a.csv", "ends in"),
        ("generate hachimi --mix 1,2", "one weight for each"),
        ("generate population -n 0", "-n"),
    ],
)
def test_bad_input_is_told(line: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert personae(*line.split()) == 2
    assert said in capsys.readouterr().err
