"""A population's files: a killed job goes on unpaid, a failed one blocks nothing."""

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from personae.core import (
    BadFile,
    BadValue,
    Chat,
    Done,
    Model,
    NoUsableAnswers,
    Reply,
    Request,
    Sampling,
    say,
)
from personae.generate.recipe import Order, PersonaBatch, Population
from personae.generate.recipes.population import population
from personae.generate.slots import Slots
from personae.models.journal.journal import Journal
from personae.respondents.scripted import ScriptedModel
from personae.run.folder.folder_lock import folder_lock
from personae.run.population import population_files
from personae.run.population.population_files import JOURNAL, Commission
from personae.run.population.population_run import generate
from personae.run.population.shards import Shard, read_shard, write_shard

QUIET = Console(quiet=True)


def written(n: int = 6, seed: int = 5) -> Callable[[Model | None], Population]:
    """A population whose texts a model writes, one question each."""

    def build(model: Model | None) -> Population:
        inner = population(Order(n=n, seed=seed))

        def make(slots: Slots) -> PersonaBatch:
            assert model is not None
            batch = inner.make(slots)
            chats = [say(f"Introduce {name}.") for name in batch.rows["id"].to_list()]
            replies = model.reply([Request(chat) for chat in chats], Sampling())
            failed = {
                int(slot): reply.why
                for slot, reply in zip(slots.indices, replies, strict=True)
                if reply.status == "error"
            }
            kept = pl.Series([reply.status != "error" for reply in replies])
            texts = pl.Series("text", [reply.text for reply in replies])
            return PersonaBatch(rows=batch.rows.with_columns(texts).filter(kept), failed=failed)

        order = Order(n=n, seed=seed, model=model)
        return replace(inner, order=order, make=make, fingerprint="f")

    return build


def writer() -> ScriptedModel:
    def introduce(chat: Chat) -> str:
        return f"I am {chat[-1].text}"

    return ScriptedModel(introduce)


def job(out: Path, **changes: bool) -> Commission:
    return Commission(recipe="population", version="1", options={}, out=out, **changes)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("replacing", [False, True])
@pytest.mark.parametrize("where", ["refuse", "before the page", "before the record"])
def test_killed_between_the_file_and_its_record_it_goes_on_without_a_call(
    replacing: bool, where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, model = tmp_path / "a.jsonl", writer()
    generate(job(tmp_path / "whole.jsonl"), written(), writer(), QUIET)
    if replacing:
        generate(job(out), written(seed=9), writer(), QUIET)
    writes = iter([where == "before the page", where == "before the record"])

    def killed(path: Path, data: bytes) -> None:
        if where == "refuse" or next(writes):
            raise KeyboardInterrupt
        path.write_bytes(data)

    monkeypatch.setattr(population_files, "write_atomically", killed)
    with pytest.raises(KeyboardInterrupt):
        generate(job(out, fresh=replacing), written(), model, QUIET)
    monkeypatch.undo()
    assert out.exists() and len(model.asked) == 6
    generate(job(out), written(), model, QUIET)
    assert len(model.asked) == 6
    for ending in ("", ".report.html"):
        whole = (tmp_path / f"whole.jsonl{ending}").read_bytes()
        assert (tmp_path / f"a.jsonl{ending}").read_bytes() == whole
    assert not (tmp_path / "a.jsonl.work").exists()


def test_a_finished_file_is_left_as_it_is_and_a_changed_one_is_refused(tmp_path: Path) -> None:
    out, model = tmp_path / "a.jsonl", writer()
    first = generate(job(out), written(), model, QUIET)
    again = generate(job(out), written(), model, QUIET)
    assert len(model.asked) == 6
    assert again.title == first.title and len(again.parts) == len(first.parts)
    out.write_text(out.read_text().replace("I am", "You are"))
    with pytest.raises(BadValue, match="was changed since it was generated"):
        generate(job(out), written(), model, QUIET)
    generate(job(out, fresh=True), written(), model, QUIET)
    assert "You are" not in out.read_text()


def test_a_failed_job_blocks_no_corrected_one_which_uses_its_answers(tmp_path: Path) -> None:
    out = tmp_path / "a.jsonl"

    class Stopping(ScriptedModel):
        def reply(
            self, requests: Sequence[Request], sampling: Sampling, *, done: Done | None = None
        ) -> list[Reply]:
            super().reply(requests[:4], sampling, done=done)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        generate(job(out), written(8), Stopping(writer()._script), QUIET)
    model = writer()
    generate(job(out), written(6), model, QUIET)  # corrected: six, not eight
    assert len(model.asked) == 2
    assert names(tmp_path) == ["a.jsonl", "a.jsonl.manifest.json", "a.jsonl.report.html"]

    def refused(model: Model | None) -> Population:
        raise BadValue("no such field")

    def failing(model: Model | None) -> Population:
        inner = written()(model)

        def make(slots: Slots) -> PersonaBatch:
            raise BadValue("no such field")

        return replace(inner, make=make)

    for build in (refused, failing):
        with pytest.raises(BadValue, match="no such field"):
            generate(job(tmp_path / "b.jsonl"), build, model, QUIET)
    assert len(names(tmp_path)) == 3


def test_where_the_model_answers_nothing_there_is_no_file(tmp_path: Path) -> None:
    out = tmp_path / "a.jsonl"
    model = ScriptedModel(lambda chat: "fine", faults={"busy": 1.0})
    with pytest.raises(NoUsableAnswers, match="429: too many requests"):
        generate(job(out), written(), model, QUIET)
    assert names(tmp_path) == ["a.jsonl.work"]
    generate(job(out), written(), writer(), QUIET)
    assert out.exists()


def test_two_jobs_on_one_file_do_not_meet(tmp_path: Path) -> None:
    out = tmp_path / "a.jsonl"
    with folder_lock(tmp_path / "a.jsonl.work"):
        for fresh in (False, True):
            with pytest.raises(BadFile, match="is working in"):
                generate(job(out, fresh=fresh), written(), writer(), QUIET)
    assert names(tmp_path) == []


def parts(tmp_path: Path) -> tuple[Path, Shard]:
    rows = pl.DataFrame({"id": ["a", "b"]})
    stem = tmp_path / "shard-0"
    signs = np.zeros((2, 4), dtype=np.uint32)
    shard = Shard(np.array([0, 1], dtype=np.int64), rows, signs, {}, {"drawn": 2})
    write_shard(shard, stem)
    return stem, shard


ODD_BODIES: list[object] = [
    None,
    [],
    {},
    {"asked": 1, "failed": {}, "signed": True, "counts": {}},
    {"asked": ["x"], "failed": {}, "signed": True, "counts": {}},
    {"asked": [10**30], "failed": {}, "signed": True, "counts": {}},
    {"asked": [0, 1], "failed": [], "signed": True, "counts": {}},
    {"asked": [0, 1], "failed": {"x": "why"}, "signed": True, "counts": {}},
    {"asked": [0, 1], "failed": {}, "signed": True, "counts": {"a": None}},
    {"asked": [0, 1, 2], "failed": {}, "signed": True, "counts": {}},
    {"asked": [0, 1], "failed": {}, "signed": 1, "counts": {}},
    {"asked": [0, 1], "failed": {"0": "why"}, "signed": True, "counts": {}},
]


@pytest.mark.parametrize("body", ODD_BODIES, ids=str)
def test_an_odd_part_is_one_line(body: object, tmp_path: Path) -> None:
    stem, shard = parts(tmp_path)
    read = read_shard(stem)
    assert read is not None and read.rows.equals(shard.rows)
    stem.with_suffix(".json").write_text(json.dumps(body))
    with pytest.raises(BadFile, match="remove the files of this part") as refused:
        read_shard(stem)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("ending", [".parquet", ".npy"])
@pytest.mark.parametrize("damage", ["cut", "emptied", "text", "object", "flat", "missing"])
def test_a_damaged_part_is_one_line(
    ending: str, damage: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    stem, _ = parts(tmp_path)
    path = stem.with_suffix(ending)
    whole = path.read_bytes()
    if damage == "missing":
        path.unlink()
    elif damage == "object":
        np.save(path.with_suffix(".npy"), np.array([None, {}]), allow_pickle=True)
    elif damage == "flat":
        np.save(path.with_suffix(".npy"), np.zeros(2, dtype=np.uint32))
    else:
        path.write_bytes({"cut": whole[:-9], "emptied": b"", "text": b"not a table"}[damage])
    with pytest.raises(BadFile) as refused:
        read_shard(stem)
    assert "\n" not in str(refused.value)
    assert "panicked" not in capfd.readouterr().err


def test_a_broken_journal_of_a_job_is_named(tmp_path: Path) -> None:
    work = tmp_path / "a.jsonl.work"
    work.mkdir()
    (work / JOURNAL).write_bytes(b"no database" * 500)
    with pytest.raises(BadFile, match="damaged or no journal"):
        generate(job(tmp_path / "a.jsonl"), written(), writer(), QUIET)
    (work / JOURNAL).unlink()
    Journal(work / JOURNAL).close()
    (work / "manifest.json").write_text("[")
    generate(job(tmp_path / "a.jsonl"), written(), writer(), QUIET)


def test_the_record_names_the_packages_by_which_texts_were_made(tmp_path: Path) -> None:
    """As a run's manifest does, the model's too; a record without them is read as before."""
    model: Any = writer()
    model.packages = {"peft": "1.2"}
    generate(job(tmp_path / "a.jsonl"), written(3), model, QUIET)
    generate(job(tmp_path / "b.jsonl"), written(3), writer(), QUIET)
    records = [json.loads((tmp_path / f"{n}.jsonl.manifest.json").read_text()) for n in "ab"]
    packages = [record["machine"]["packages"] for record in records]
    assert packages[0].pop("peft") == "1.2" and packages[0] == packages[1]
    assert {"numpy", "polars"} <= set(packages[0]) and "python" in records[0]["machine"]
    del records[1]["machine"]
    (tmp_path / "b.jsonl.manifest.json").write_text(json.dumps(records[1]))
    asked = writer()
    generate(job(tmp_path / "b.jsonl"), written(3), asked, QUIET)
    assert not asked.asked
