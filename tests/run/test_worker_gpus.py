"""What a worker for a model reserves of a Ray cluster, without a GPU."""

from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest

from personae.core import BadValue, InputError, model_packages
from personae.run import cluster_model as cluster_models
from personae.run.worker_gpus import worker_gpus
from tests.support.extras import needs

SERVER = "http://localhost:1/v1#m"


@pytest.mark.parametrize(
    ("text", "options", "machines", "reserved"),
    [
        ("hf:me/model", {"device": "cuda"}, [2, 1], (1, 3)),
        ("hf:me/model", {}, [2, 1], (1, 3)),
        ("smollm2", {"device": "auto"}, [1], (1, 1)),
        ("gguf:x.gguf", {"device": "auto"}, [0, 0], (0, 0)),
        ("hf:me/model", {"device": "cpu"}, [4], (0, 0)),
        ("hf:me/model", {"device": "mps"}, [4], (0, 0)),
        ("hf:me/model", {"device_map": "auto"}, [4, 8, 4], (8, 1)),
        ("hf:me/model", {"device_map": "auto"}, [0], (0, 0)),
        ("vllm:me/model", {}, [2], (1, 2)),
        ("vllm:me/model?tensor_parallel_size=2", {}, [3, 3, 1], (2, 2)),
        ("simulated:E=1", {}, [4], (0, 0)),
        (SERVER, {}, [4], (0, 0)),
    ],
)
def test_gpus_follow_from_the_model_and_its_options(
    text: str, options: Any, machines: list[int], reserved: tuple[int, int]
) -> None:
    assert worker_gpus(text, options, machines, sum(machines)) == reserved


def test_what_no_machine_has_is_refused() -> None:
    with pytest.raises(InputError, match="takes a GPU on one machine, and the cluster has none"):
        worker_gpus("hf:me/model", {"device": "cuda"}, [0], 0)
    with pytest.raises(InputError, match=r"takes 4 GPUs on one machine.*more than 2"):
        worker_gpus("vllm:me/model?tensor_parallel_size=4", {}, [2, 2, 2], 6)
    with pytest.raises(BadValue, match="with --ray, cuda, not cuda:1"):
        worker_gpus("hf:me/model", {"device": "cuda:1"}, [2], 2)


def test_only_free_gpus_are_reserved() -> None:
    assert worker_gpus("hf:me/model", {}, [4, 4], 3) == (1, 3)
    assert worker_gpus("vllm:me/model?tensor_parallel_size=2", {}, [4, 4], 5) == (2, 2)
    with pytest.raises(InputError, match=r"takes a GPU, and 0 of the cluster's 8 are free: others"):
        worker_gpus("hf:me/model", {}, [4, 4], 0)


@needs("ray")
@pytest.mark.parametrize(
    ("device", "free", "request_of_ray", "workers"),
    [
        ("cuda", 2.0, {"num_gpus": 1}, 2),
        ("auto", 1.0, {"num_gpus": 1}, 1),
        ("cpu", 0.0, {}, 8),
    ],
)
def test_ray_is_asked_for_the_gpus_of_each_worker(
    device: str,
    free: float,
    request_of_ray: dict[str, int],
    workers: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ray = import_module("ray")
    asked: list[dict[str, int]] = []
    about = SimpleNamespace(remote=lambda: ("hf:me/model", "f", (), {"torch": "2"}, True))
    actors = SimpleNamespace(remote=lambda *_: SimpleNamespace(about=about))

    def remote(*kind: Any, **resources: int) -> Any:
        asked.append(resources)
        return actors if kind else lambda _: actors

    nodes = [
        {"Alive": True, "Resources": {"CPU": 4.0, "GPU": 2.0}},
        {"Alive": True, "Resources": {"CPU": 4.0}},
        {"Alive": False, "Resources": {"CPU": 4.0, "GPU": 8.0}},
    ]
    monkeypatch.setattr(ray, "remote", remote)
    monkeypatch.setattr(ray, "nodes", lambda: nodes)
    monkeypatch.setattr(ray, "cluster_resources", lambda: {"CPU": 8.0, "GPU": 2.0})
    monkeypatch.setattr(ray, "available_resources", lambda: {"GPU": free} if free else {})
    monkeypatch.setattr(ray, "get", lambda value: value)
    model: Any = cluster_models.cluster_model("hf:me/model", {"device": device})
    assert asked == [request_of_ray]
    assert len(model._actors) == workers
    assert model_packages([model]) == {"torch": "2"}


@needs("ray")
@pytest.mark.parametrize("placed", [2, 1, 0])
def test_engines_of_several_gpus_are_as_many_as_find_them_on_one_machine(
    placed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray = import_module("ray")
    waits = iter([True] * placed + [False] * 2)
    bundles: list[Any] = []
    removed: list[Any] = []
    about = SimpleNamespace(remote=lambda: ("vllm:me/model", "f", (), {}, True))
    actor = SimpleNamespace(remote=lambda *_: SimpleNamespace(about=about))

    def placement_group(wanted: list[dict[str, int]], strategy: str) -> Any:
        bundles.append((wanted, strategy))
        return SimpleNamespace(wait=lambda seconds: next(waits))

    nodes = [{"Alive": True, "Resources": {"GPU": 4.0}}] * 2
    monkeypatch.setattr(ray, "remote", lambda **_: lambda _: actor)
    monkeypatch.setattr(ray, "nodes", lambda: nodes)
    monkeypatch.setattr(ray, "available_resources", lambda: {"GPU": 4.0})
    monkeypatch.setattr(ray, "get", lambda value: value)
    monkeypatch.setattr(ray.util, "placement_group", placement_group)
    monkeypatch.setattr(ray.util, "remove_placement_group", removed.append)
    text = "vllm:me/model?tensor_parallel_size=2"
    if placed:
        model: Any = cluster_models.cluster_model(text)
        assert len(model._actors) == placed
    else:
        with pytest.raises(InputError, match="lie on several"):
            cluster_models.cluster_model(text)
    assert bundles == [([{"GPU": 2}], "STRICT_PACK")] * 2
    assert len(removed) == 2  # or they would keep the engines from their GPUs
