"""Edits inside vLLM by stand-ins of its steering layers, against the local engine."""

import subprocess
import sys
from math import inf
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from personae.core import (
    BadValue,
    Edit,
    EditGate,
    InputError,
    ModelError,
    OpenModel,
    Persona,
    Request,
    Sampling,
    Site,
    When,
    model_packages,
    requests_of,
    say,
)
from personae.induce.registry import find_induction
from personae.induce.steer.steering_vector import SteeringVector, VectorOrigin
from personae.induce.steer.vector_files import load_vector, save_vector
from personae.models.opening import open_model
from personae.models.vllm.capping import register
from tests.support import vllm_stand_in as stand_in
from tests.support.easysteer_stand_in import ALGORITHM_REGISTRY

CHATS = (
    say("I am calm."),
    say("I worry.", system="You are Ada."),
    say("Hm", system="You are Bo. " * 9, lead="I say "),
)
OPTIONS = (("A", " A"), ("B",), ("Very accurate", "Very"))
REQUESTS = requests_of(CHATS, OPTIONS)
LAYERS = {"EasySteer": stand_in.EASY_STEER, "vLLM-Hook": stand_in.VLLM_HOOK}
ADA = Persona(id="a", text="A.")
ONES = np.ones(32, np.float32)


@pytest.fixture(name="vectors", scope="module")
def saved_vector(tmp_path_factory: pytest.TempPathFactory, local: Any) -> tuple[Path, list[float]]:
    """A file of directions at both blocks, and the mean projection on each of what is asked."""
    random = np.random.default_rng(0)
    sites = (Site(0), Site(1))
    vector = SteeringVector(
        {site: random.normal(size=32).astype("f4") for site in sites}, VectorOrigin(name="x")
    )
    path = tmp_path_factory.mktemp("vectors") / "x.safetensors"
    save_vector(vector, path)
    states = local.record(CHATS, sites, "mean")
    axes = {site: vector.by_site[site] / np.linalg.norm(vector.by_site[site]) for site in sites}
    return path, [float(np.mean(states[site] @ axes[site])) for site in sites]


def assert_alike(ours: Any, theirs: Any, requests: Any = REQUESTS) -> None:
    for one, two in zip(ours.choose(requests), theirs.choose(requests), strict=True):
        assert one.status == "ok"
        np.testing.assert_allclose(one.loglik, two.loglik, atol=1e-4)
    sampling = Sampling(max_tokens=6)
    texts = [[reply.text for reply in m.reply(requests, sampling)] for m in (ours, theirs)]
    assert texts[0] == texts[1]


def test_without_a_steering_layer_steering_is_refused(vllm: Any) -> None:
    with pytest.raises(InputError, match="vllm: with a steering layer"):
        with find_induction("steer:E=+4@1")(vllm, ADA):
            pass
    edit = Edit(Site(1), ONES)
    with pytest.raises(InputError, match="not an open model"):
        vllm.choose([Request(CHATS[0], OPTIONS, (edit,))])


@pytest.mark.parametrize("layer", LAYERS)
def test_steering_by_a_file_is_that_of_the_local_engine(
    layer: str, folder: Path, local: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in.install(tmp_path, monkeypatch, LAYERS[layer])
    model: Any = open_model(f"vllm:{folder}")
    assert (model.engine.layer.name, isinstance(model, OpenModel)) == (layer, True)
    assert model.anatomy == local.anatomy
    assert {"torch", "vllm", layer} <= set(model_packages([model]))
    random = np.random.default_rng(0)
    vector = SteeringVector({Site(1): random.normal(size=32).astype("f4")}, VectorOrigin(name="x"))
    save_vector(vector, tmp_path / "x.safetensors")
    induction = find_induction(f"steer:{tmp_path / 'x.safetensors'}*2@1")
    with induction(model, ADA) as ours, induction(local, ADA) as theirs:
        assert ours.fingerprint not in (model.fingerprint, theirs.fingerprint)
        assert_alike(ours, theirs)
        for one, plain in zip(ours.choose(REQUESTS), model.choose(REQUESTS), strict=True):
            assert abs(one.loglik[0] - plain.loglik[0]) > 0.01
    assert_alike(model, local)  # nothing is left behind
    sweep = [Request(CHATS[0], OPTIONS, (vector.edits(s))) for s in (-2.0, 0.0, 2.0)]
    assert_alike(model, local, sweep)


@pytest.mark.parametrize("side", [">=", "<="])
def test_capping_by_a_file_is_that_of_the_local_engine(
    side: str, vectors: Any, folder: Path, local: Any, tmp_path: Path, monkeypatch: Any
) -> None:
    stand_in.install(tmp_path, monkeypatch, stand_in.EASY_STEER)
    model: Any = open_model(f"vllm:{folder}")
    file, means = vectors
    induction = find_induction(f"cap:{file}{side}{means[1]:.4f}@1")
    with induction(model, ADA) as ours, induction(local, ADA) as theirs:
        assert ours.fingerprint not in (model.fingerprint, theirs.fingerprint)
        assert_alike(ours, theirs)
        for one, plain in zip(ours.choose(REQUESTS), model.choose(REQUESTS), strict=True):
            assert np.abs(np.subtract(one.loglik, plain.loglik)).max() > 1e-3
    assert_alike(model, local)


def test_caps_and_vectors_work_in_the_order_given(
    vectors: Any, folder: Path, local: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in.install(tmp_path, monkeypatch, stand_in.EASY_STEER)
    model: Any = open_model(f"vllm:{folder}")
    vector, means = load_vector(vectors[0]), vectors[1]
    axes = [vector.by_site[Site(block)] for block in (0, 1)]
    low = [Edit(Site(b), axes[b], op="cap", bounds=(means[b] + 1, inf)) for b in (0, 1)]
    narrow = Edit(Site(1), -3 * axes[1], 0.5, "cap", (-means[1] - 0.1, -means[1] + 0.1))
    shift = Edit(Site(1), axes[1], -2.0)
    orders = [(shift, low[1]), (low[1], shift), (*low, narrow), (narrow, shift, shift, low[0])]
    requests = [Request(chat, OPTIONS, order) for chat in CHATS[:2] for order in orders]
    assert_alike(model, local, requests)
    values = [choice.loglik[0] for choice in model.choose(requests[:4])]
    assert len({round(value, 3) for value in values}) == 4
    with model.edited([shift]) as ours, local.edited([shift]) as theirs:
        assert_alike(ours, theirs, requests[:4])


UNKNOWN_CAPS: dict[str, dict[str, Any]] = {
    "only where Personae is installed": {"plugins": ""},
    "VLLM_PLUGINS=lora,other leaves out": {"allowed": "lora,other"},
    "no register of algorithms": {"files": {f"{stand_in.STEERING}/capabilities.py": ""}},
}


@pytest.mark.parametrize("message", UNKNOWN_CAPS)
def test_caps_that_workers_would_not_know_are_refused(
    message: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = UNKNOWN_CAPS[message]
    if "allowed" in case:
        monkeypatch.setenv("VLLM_PLUGINS", case["allowed"])
    files = {**stand_in.EASY_STEER, **case.get("files", {})}
    stand_in.install(tmp_path, monkeypatch, files, plugins=case.get("plugins"))
    model: Any = open_model(f"vllm:{folder}")
    assert model.engine.llm.steer_algorithms == ["direct"]
    with pytest.raises(BadValue, match=f"{message}.*take hf:NAME-OR-FOLDER"):
        with model.edited([Edit(Site(1), ONES, op="cap", bounds=(0.0, 1.0))]):
            pass
    assert model.choose([Request(CHATS[0], OPTIONS, (Edit(Site(1), ONES),))])[0].status == "ok"


def test_the_plugin_brings_little_into_the_processes_of_vllm() -> None:
    code = "import sys; from personae.models.vllm.capping import register; register(); "
    code += "print(sorted({'polars', 'scipy', 'torch', 'transformers'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("layer", [stand_in.EASY_STEER, {}])
def test_the_plugin_does_nothing_twice_and_nothing_without_easysteer(
    layer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in.install(tmp_path, monkeypatch, layer)
    register()
    register()
    assert set(ALGORITHM_REGISTRY) == {"direct", *(["personae_cap"] if layer else [])}


@pytest.mark.parametrize("layer", LAYERS)
def test_what_a_steering_layer_cannot_do_is_refused(
    layer: str, folder: Path, local: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in.install(tmp_path, monkeypatch, LAYERS[layer])
    model: Any = open_model(f"vllm:{folder}")
    refused = {
        Edit(
            Site(1, "mlp"), ONES
        ): f"{layer} edits the outputs of whole blocks, not 'mlp' of block 1",
        Edit(Site(1), ONES, when=When("prompt")): "every token alike, and this edit of block 1 has",
        Edit(Site(1), ONES, gate=EditGate(ONES)): "has conditions: take hf:",
        Edit(Site(1), ONES, op="ablate"): f"{layer} can't make an edit 'ablate', only add",
        Edit(Site(7), ONES): "doesn't fit",
        Edit(Site(1), np.ones(5)): "a direction of 5 numbers at block 1 doesn't fit",
    }
    if layer == "vLLM-Hook":
        cap = Edit(Site(1), ONES, op="cap", bounds=(0.0, 1.0))
        refused[cap] = "bounds none, so it can't cap: install EasySteer, or take hf:"
    for edit, message in refused.items():
        with pytest.raises(BadValue, match=message):
            with model.edited([edit]):
                pass
    with pytest.raises(InputError, match="gives no activations"):
        with find_induction("steer:E=+4@1")(model, ADA):
            pass
    two = [Request(CHATS[0], OPTIONS, (Edit(Site(0), ONES), Edit(Site(1), 2 * ONES)))]
    if layer == "vLLM-Hook":
        with pytest.raises(BadValue, match="one direction a request"):
            model.choose(two)
        two = [Request(CHATS[0], OPTIONS, (Edit(Site(0), ONES), Edit(Site(1), ONES)))]
    ours, theirs = (m.choose(two)[0].loglik for m in (model, local))
    np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_an_older_interface_of_a_layer_is_refused(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_in.install(tmp_path, monkeypatch, stand_in.OLD_EASY_STEER)
    with pytest.raises(ModelError, match="this EasySteer has no ApplySpec, SteeringSpec"):
        open_model(f"vllm:{folder}")
