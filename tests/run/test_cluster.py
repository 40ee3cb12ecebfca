"""Two workers of a local cluster give the same bytes as one process."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from personae.cli import main
from personae.core import (
    BadValue,
    Chooser,
    InputError,
    Model,
    Request,
    Sampling,
    UnknownName,
    model_notes,
    say,
)
from personae.models.opening import open_model
from personae.run import cluster as clusters
from personae.run import cluster_model as cluster_models
from personae.run.population import population_run
from tests.support.extras import needs
from tests.support.sailing_instrument import PROMPT
from tests.support.tiny_folders import byte_tokenizer, save_model

pytestmark = needs("ray")
RUN = ["run", "self_assessment", "--quick", "--model", "simulated:E=1,noise=0.3"]
SPEC = "simulated:C=4,noise=0"
MADE = ["generate", "hachimi", "-n", "60", "--seed", "3"]


def personae(*arguments: str) -> int:
    with pytest.raises(SystemExit) as exit_info:
        main(arguments)
    return int(exit_info.value.code or 0)


@pytest.fixture(scope="module", autouse=True)
def two_workers() -> Iterator[None]:
    """One cluster for all tests; each command joins it."""
    with clusters.cluster(clusters.LOCAL):
        yield


@pytest.fixture(scope="module")
def remote() -> Model:
    """A respondent on both workers; opened once, since a worker starts in seconds."""
    return cluster_models.cluster_model(SPEC)


def test_a_population_has_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(population_run, "STRUCTURE", 25)
    assert personae(*MADE, "--out", str(tmp_path / "one.parquet")) == 0
    assert personae(*MADE, "--out", str(tmp_path / "two.parquet"), "--ray") == 0
    for ending in ("parquet", "parquet.report.html"):
        assert (tmp_path / f"one.{ending}").read_bytes() == (
            tmp_path / f"two.{ending}"
        ).read_bytes()


def test_a_study_has_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_models, "CHUNK", 8)
    assert personae(*RUN, "--out", str(tmp_path / "one")) == 0
    assert personae(*RUN, "--out", str(tmp_path / "two"), "--ray") == 0
    for name in ("answers.parquet", "report.json", "report.html"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), (
            name
        )


def test_a_model_is_what_it_is_in_one_process(remote: Model) -> None:
    local = open_model(SPEC)
    assert (remote.name, remote.fingerprint) == (local.name, local.fingerprint)
    assert isinstance(remote, Chooser)


def test_errors_of_workers_arrive_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_models, "worker_count", lambda: 1)
    with pytest.raises(UnknownName, match="smollm2"):
        cluster_models.cluster_model("smollm3")


def test_a_model_for_gpus_needs_a_cluster_that_has_them() -> None:
    with pytest.raises(
        InputError, match=r"takes 4 GPUs on one machine, and (no machine|the cluster)"
    ):
        cluster_models.cluster_model(
            "vllm:me/model?tensor_parallel_size=2&pipeline_parallel_size=2"
        )
    with pytest.raises(BadValue, match="whole numbers from 1 on"):
        cluster_models.cluster_model("vllm:me/model?tensor_parallel_size=0")


def test_what_a_model_says_of_itself_comes_from_its_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster_models, "worker_count", lambda: 1)
    template = "{% for m in messages if m.role != 'system' %}{{ m.content }}{% endfor %}"
    save_model(tmp_path, byte_tokenizer("<s>", "</s>"), template=template)
    assert (
        "no place for a system turn"
        in model_notes([cluster_models.cluster_model(f"hf:{tmp_path}")])[0]
    )


def test_workers_understand_an_instrument_that_is_registered_here(remote: Model) -> None:
    for model in (open_model(SPEC), remote):
        assert model.reply([Request(say(PROMPT))], Sampling())[0].text == "- storm"


def test_an_instrument_that_workers_cannot_import_is_refused(
    remote: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, message in (("nowhere_at_all", "can't import"), ("__main__", "script itself")):
        monkeypatch.setattr(cluster_models, "outside_modules", lambda module=module: (module,))
        with pytest.raises(InputError, match=message):
            remote.reply([Request(say("Hello"))], Sampling())


def test_chunks_depend_on_the_requests_alone() -> None:
    heads = [say("x", system=str(i // 20))[:1] for i in range(90)]
    cuts = cluster_models._cuts(heads)
    assert cuts == [(0, 40), (40, 80), (80, 90)]
    assert cluster_models._cuts([]) == []
    alike = cluster_models._cuts([say("x")[:1]] * 200)
    assert alike == [(0, 64), (64, 128), (128, 192), (192, 200)]


def test_limits_and_a_cluster_are_refused_together(tmp_path: Path) -> None:
    assert personae(*RUN, "--ray", "--max-calls", "3", "--out", str(tmp_path / "x")) == 2
    assert issubclass(BadValue, InputError)


def test_texts_of_a_model_have_the_same_bytes(tmp_path: Path) -> None:
    arguments = [
        "generate",
        "hachimi",
        "-n",
        "3",
        "--model",
        "simulated:noise=0.3",
        "--alike",
        "allowed",
    ]
    assert personae(*arguments, "--out", str(tmp_path / "one.jsonl")) == 0
    assert personae(*arguments, "--out", str(tmp_path / "two.jsonl"), "--ray") == 0
    assert (tmp_path / "one.jsonl").read_bytes() == (tmp_path / "two.jsonl").read_bytes()
