"""PEFT adapters: the numbers of PEFT itself, and one clear line for what is broken."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from personae.core import BadFile, Edit, ModelError, Request, Sampling, Site, say
from personae.models.local.engine import LocalModel
from personae.models.local.loading import load_hf
from personae.models.placement import Placement
from tests.support.tiny_folders import byte_tokenizer, save_model

pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing:FutureWarning")
peft = pytest.importorskip("peft", reason="needs the extra `adapters`")
QUESTION = Request(say("I like tea.", system="You are Ada."), (("A",), ("B",), ("Calm",)))


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A tiny model and a LoRA adapter on it that changes its answers."""
    root = tmp_path_factory.mktemp("adapters")
    base = save_model(root / "base", byte_tokenizer("<s>", "</s>"))
    network = transformers.AutoModelForCausalLM.from_pretrained(base)
    adapted = peft.get_peft_model(
        network, peft.LoraConfig(r=2, target_modules=["q_proj", "o_proj"], task_type="CAUSAL_LM")
    )
    torch.manual_seed(1)
    for name, weights in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weights, std=0.3)
    adapted.save_pretrained(root / "adapter")
    return base, root / "adapter"


def logliks(name: str, placement: Placement | None = None) -> np.ndarray[Any, Any]:
    loaded = load_hf(name, placement or Placement(device="cpu"))
    return np.array(LocalModel(loaded).choose([QUESTION])[0].loglik)


def test_an_adapter_gives_pefts_own_numbers(folders: tuple[Path, Path]) -> None:
    base, adapter = folders
    measured = logliks(f"{base}+{adapter}")
    loaded = load_hf(str(base))
    reference = peft.PeftModel.from_pretrained(loaded.network, str(adapter))
    prompt = loaded.codec.encode(loaded.codec.render(QUESTION.chat))
    for value, (form,) in zip(measured, QUESTION.options, strict=True):
        option = loaded.codec.encode(form, special=False)
        with torch.no_grad():
            logp = reference(torch.tensor([prompt + option])).logits[0].log_softmax(-1)
        rows = range(len(prompt) - 1, len(prompt) + len(option) - 1)
        expected = sum(float(logp[row, token]) for row, token in zip(rows, option, strict=True))
        assert value == pytest.approx(expected, abs=1e-4)
    assert np.abs(measured - logliks(str(base))).max() > 0.1


def test_the_folder_alone_finds_its_base(folders: tuple[Path, Path]) -> None:
    base, adapter = folders
    np.testing.assert_array_equal(logliks(str(adapter)), logliks(f"{base}+{adapter}"))
    alone, joined = load_hf(str(adapter)), load_hf(f"{base}+{adapter}")
    assert alone.fingerprint == joined.fingerprint != load_hf(str(base)).fingerprint
    assert any(f"LORA adapter made for {base}" in note for note in alone.runtime.notes)
    assert LocalModel(alone).packages["peft"] == peft.__version__


def test_the_fingerprint_follows_the_adapter(folders: tuple[Path, Path], tmp_path: Path) -> None:
    base, adapter = folders
    other = Path(shutil.copytree(adapter, tmp_path / "other"))
    weights = load_file(other / "adapter_model.safetensors")
    save_file({n: w * 2 for n, w in weights.items()}, other / "adapter_model.safetensors")
    first = load_hf(f"{base}+{adapter}").fingerprint
    assert load_hf(f"{base}+{other}").fingerprint != first


def test_edits_recording_and_replies_work_on_an_adapted_module(
    folders: tuple[Path, Path],
) -> None:
    model = LocalModel(load_hf(str(folders[1])))
    vector = np.ones(32, dtype=np.float32)
    for part in ("block", "heads", "mlp"):
        site = Site(0, part)
        with model.edited([Edit(site, vector, 2.0)]) as steered:
            assert steered.choose([QUESTION])[0].loglik != model.choose([QUESTION])[0].loglik
            shift = steered.record([QUESTION.chat], [site], "all")[site]
        shift = shift - model.record([QUESTION.chat], [site], "all")[site]
        if part == "block":
            np.testing.assert_allclose(shift, 2.0, atol=1e-4)
    assert model.reply([Request(QUESTION.chat)], Sampling(max_tokens=3))[0].tokens_out > 0


def test_a_narrow_base_takes_an_adapter(folders: tuple[Path, Path]) -> None:
    narrow = logliks(str(folders[1]), Placement(device="cpu", dtype="bfloat16"))
    assert np.abs(narrow - logliks(str(folders[1]))).max() < 0.5


def change(folder: Path, **values: object) -> None:
    path = folder / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def cut(folder: Path) -> None:
    path = folder / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:200])


def drop(folder: Path, *, extra: bool = False) -> None:
    path = folder / "adapter_model.safetensors"
    weights = load_file(path)
    name = sorted(weights)[0]
    values = weights.pop(name)
    if extra:
        weights |= {name: values, name.replace("layers.0", "layers.7"): values.clone()}
    save_file(weights, path)


BROKEN: dict[str, tuple[Any, type[Exception], str]] = {
    "no weights": (
        lambda f: (f / "adapter_model.safetensors").rename(f / "adapter_model.bin"),
        ModelError,
        "can run code",
    ),
    "cut": (cut, ModelError, "doesn't fit"),
    "a tensor is missing": (drop, ModelError, "1 are missing, first base_model"),
    "a tensor too many": (lambda f: drop(f, extra=True), ModelError, "1 of its tensors have no"),
    "another width": (lambda f: change(f, r=3), ModelError, "doesn't fit the model"),
    "other modules": (
        lambda f: change(f, target_modules=["no_such"]),
        ModelError,
        "doesn't fit the model",
    ),
    "another kind": (lambda f: change(f, peft_type="NEW"), ModelError, "doesn't fit the model"),
    "virtual tokens": (
        lambda f: (f / "adapter_config.json").write_text(
            '{"peft_type": "PROMPT_TUNING", "task_type": "CAUSAL_LM", "num_virtual_tokens": 4}'
        ),
        ModelError,
        "virtual tokens",
    ),
    "not JSON": (
        lambda f: (f / "adapter_config.json").write_text("{"),
        BadFile,
        "adapter_config.json: not JSON",
    ),
    "no kind": (
        lambda f: (f / "adapter_config.json").write_text("[]"),
        BadFile,
        "names no peft_type",
    ),
}


@pytest.mark.parametrize("fault", BROKEN)
def test_broken_adapters_are_one_line(
    folders: tuple[Path, Path], tmp_path: Path, fault: str
) -> None:
    base, adapter = folders
    broken = Path(shutil.copytree(adapter, tmp_path / "broken"))
    spoil, kind, says = BROKEN[fault]
    spoil(broken)
    with pytest.raises(kind, match=says) as caught:
        load_hf(f"{base}+{broken}")
    assert "\n" not in str(caught.value)


def test_an_adapter_without_a_base_asks_for_one(folders: tuple[Path, Path], tmp_path: Path) -> None:
    base, adapter = folders
    lost = Path(shutil.copytree(adapter, tmp_path / "lost"))
    change(lost, base_model_name_or_path=None)
    with pytest.raises(ModelError, match=r"names no base model; give it as hf:BASE\+ADAPTER"):
        load_hf(str(lost))
    with pytest.raises(ModelError, match="holds no adapter"):
        load_hf(f"{base}+{base}")
