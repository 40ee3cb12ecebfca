"""Data sets from folders, and over the real hub client from a stand-in for the hub."""

import io
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest

from personae.core import BadFile
from personae.datasets.hub import read_dataset
from personae.measure.situations.situation_bank import ask_bank, load_bank
from personae.respondents.null import open_null
from tests.support.hub_server import SHA, hub

QUESTIONS = pl.DataFrame({"question": ["1 + 1?", "2 + 2?"], "answer": ["2", "4"]})
SITUATIONS = pl.DataFrame(
    {
        "question": ["It rains. What should I do?"],
        "response_high1": ["Dance."],
        "response_high2": ["Sing in it."],
        "response_low1": ["Stay in."],
        "response_low2": ["Read."],
    }
)


def parquet(frame: pl.DataFrame) -> bytes:
    stream = io.BytesIO()
    frame.write_parquet(stream)
    return stream.getvalue()


FILES = {
    "owner/maths": {
        "README.md": b"# a card",
        "main/test-00000-of-00001.parquet": parquet(QUESTIONS),
        "main/train-00000-of-00001.parquet": parquet(QUESTIONS.head(1)),
    },
    "owner/trait": {"data/Openness-00000-of-00001.parquet": parquet(SITUATIONS)},
    "owner/broken": {"data.jsonl": b"{nothing"},
}


@pytest.fixture
def endpoint(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    with hub(FILES, gated=("owner/trait",)) as url:
        monkeypatch.setenv("HF_ENDPOINT", url)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        monkeypatch.delenv("HF_TOKEN", raising=False)
        yield url


def test_a_folder_of_any_format_is_read_by_pattern(tmp_path: Path) -> None:
    (tmp_path / "main").mkdir()
    QUESTIONS.write_parquet(tmp_path / "main" / "test-0.parquet")
    QUESTIONS.write_ndjson(tmp_path / "main" / "test-1.jsonl")
    QUESTIONS.write_json(tmp_path / "main" / "test-2.json")
    QUESTIONS.with_columns(pl.lit("x").alias("more")).write_csv(tmp_path / "train.csv")
    found = read_dataset(tmp_path, "main/test-*").rows
    assert found.height == 6
    assert found["file"].unique().sort().to_list()[0] == "main/test-0.parquet"
    whole = read_dataset(tmp_path).rows
    assert whole.filter(pl.col("file") == "train.csv")["more"].to_list() == ["x", "x"]
    assert whole["more"].null_count() == 6
    assert read_dataset(tmp_path / "train.csv").rows.height == 2


@pytest.mark.parametrize(
    ("source", "says"),
    [("nowhere.csv", "no such file"), ("no/such/place", "no such file"), (".", "no table matches")],
)
def test_what_is_not_there_is_named(
    source: str, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadFile, match=says):
        read_dataset(source)


def test_the_hub_gives_the_files_asked_for(endpoint: str) -> None:
    data = read_dataset("owner/maths", "main/test-*.parquet")
    assert data.rows.drop("file").equals(QUESTIONS)
    assert (data.revision, data.gated) == (SHA, False)


def test_a_gated_set_says_what_to_do_and_is_read_with_a_token(
    endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(BadFile, match="gated: accept its terms"):
        read_dataset("owner/trait")
    monkeypatch.setenv("HF_TOKEN", "hf_good")
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    bank = load_bank("owner/trait")
    assert bank.gated and bank.items[0].scale == "Openness"
    assert not list(tmp_path.rglob("*.parquet")), "nothing of a gated set is kept"
    rows = ask_bank(open_null("null:first"), bank, "bare", ["0213"]).rows
    assert rows["raw"].to_list() == ["high1"]


def test_errors_of_the_hub_are_explained(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadFile, match="has no data set"):
        read_dataset("owner/absent")
    with pytest.raises(BadFile, match="can't read"):
        read_dataset("owner/broken")
    with pytest.raises(BadFile, match="no table matches"):
        read_dataset("owner/maths", "*.tsv")
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(BadFile, match="could not be asked"):
        read_dataset("owner/maths")


def test_offline_says_what_to_do() -> None:
    with pytest.raises(BadFile, match="your own copy"):
        read_dataset("owner/maths")
