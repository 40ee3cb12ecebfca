"""Devices, precisions and quantisation: what is refused, and what a model says about itself."""

import json
from importlib.util import find_spec
from pathlib import Path

import pytest
import torch

from personae.cli import main
from personae.cli.model_options import LOCAL_OPTIONS, model_options
from personae.core import BadValue, InputError, UnknownName
from personae.models.local.weights.quantising import PACKAGES
from personae.models.local.weights.runtime import Runtime
from personae.models.opening import open_model
from personae.models.placement import (
    ATTENTIONS,
    DEVICE_MAPS,
    DEVICES,
    DTYPES,
    QUANTIZATIONS,
    Placement,
)
from tests.support.gguf_files import gguf_bytes, tiny_metadata, tiny_tensors
from tests.support.tiny_folders import byte_tokenizer, save_model


@pytest.fixture
def tiny(tmp_path: Path) -> str:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(gguf_bytes(tiny_metadata("qwen2"), tiny_tensors("qwen2")))
    return f"gguf:{path}"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"dtype": "bf16"}, "no dtype is called 'bf16'; did you mean 'bfloat16'"),
        ({"dtype": "float64"}, "Known: auto, bfloat16, float16, float32"),
        ({"device": "gpu"}, "no device is called 'gpu'"),
        ({"device": "cuda:N"}, "no device is called"),
        ({"device": "cuda:x"}, "did you mean 'cuda:N'"),
        ({"quantize": "8-bit"}, "did you mean '8bit'"),
        ({"attention": "flash_attention"}, "did you mean 'flash_attention_2'"),
        ({"device_map": "balance"}, "did you mean 'balanced'"),
        ({"device_map": "auto", "device": "cpu"}, "a device or a device map, not both"),
        ({"dtypes": "float32"}, "did you mean 'dtype'"),
    ],
)
def test_wrong_options_name_near_matches(tiny: str, options: dict[str, str], says: str) -> None:
    with pytest.raises(InputError, match=says):
        open_model(tiny, **options)


@pytest.mark.parametrize("device", ["mps", "cuda:99"])
def test_a_device_that_is_not_here_is_refused(tiny: str, device: str) -> None:
    with pytest.raises(BadValue, match=f"the device '{device}' isn't here; PyTorch .* sees .*cpu"):
        open_model(tiny, device=device)


def test_the_command_line_names_every_choice() -> None:
    by_name = {option.name: str(option.help) for option in LOCAL_OPTIONS}
    choices = {
        "device": DEVICES,
        "dtype": DTYPES,
        "quantize": QUANTIZATIONS,
        "device_map": DEVICE_MAPS,
        "attention": ATTENTIONS,
    }
    assert by_name.keys() == choices.keys() == set(Placement.__dataclass_fields__)
    for name, values in choices.items():
        assert [v for v in values if v not in by_name[name]] == []


def test_options_go_to_the_models_of_their_kind() -> None:
    settings = {"dtype": "bfloat16", "device": None}
    given = model_options(["smollm2", "http://localhost/v1#judge"], settings)
    assert given == {"smollm2": {"dtype": "bfloat16"}, "http://localhost/v1#judge": {}}
    with pytest.raises(InputError, match="--dtype is for a local model, and null:yes is none"):
        model_options(["null:yes"], settings)


def test_the_usual_way_leaves_fingerprint_and_provenance_as_they_were() -> None:
    assert Runtime().identity == {"dtype": "float32"}
    assert Runtime().notes == ()


def test_what_was_resolved_is_in_fingerprint_and_notes(tiny: str) -> None:
    plain = open_model(tiny, device="cpu")
    narrow = open_model(tiny, device="cpu", dtype="bfloat16")
    half = open_model(tiny, device="cpu", dtype="float16")
    assert len({m.fingerprint for m in (plain, narrow, half)}) == 3
    assert open_model(tiny, device="cpu", dtype="float32").fingerprint == plain.fingerprint
    assert narrow.notes == ("bfloat16 on cpu",)  # type: ignore[attr-defined]
    assert "overflows above 65,504" in half.notes[1]  # type: ignore[attr-defined]
    network = narrow.loaded.network  # type: ignore[attr-defined]
    assert {p.dtype for p in network.parameters()} == {torch.bfloat16}


def test_a_device_counts_by_its_kind() -> None:
    first, second = Runtime(device="cuda:0"), Runtime(device="cuda:1")
    assert first.identity == second.identity != Runtime().identity
    assert first.notes != second.notes


def test_unknown_values_are_refused_before_anything_is_opened() -> None:
    with pytest.raises(UnknownName, match="no dtype"):
        open_model("hf:no-such-folder", dtype="fp16")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("bits", ["8bit", "4bit"])
def test_a_quantised_model_runs_the_card(bits: str, tmp_path: Path) -> None:
    """On the CPU, by whichever package is installed."""
    if not any(find_spec(package) for package in PACKAGES[bits]):
        pytest.skip("needs torchao or bitsandbytes: the extra `quantize`")
    folder = save_model(tmp_path / "tiny", byte_tokenizer("<s>", "</s>"))
    assert card(folder, tmp_path, "--quantize", bits) == f"{bits} by"


def test_a_bfloat16_model_runs_the_card(tmp_path: Path) -> None:
    folder = save_model(tmp_path / "tiny", byte_tokenizer("<s>", "</s>"))
    assert card(folder, tmp_path, "--dtype", "bfloat16") == "bfloat16 on cpu"


def card(folder: Path, out: Path, *options: str) -> str:
    """Run the quick card of a tiny model; return what its provenance says of how it ran."""
    trait = ("card", "--trait", "E=1", "--quick", "--model", f"hf:{folder}", "--device", "cpu")
    with pytest.raises(SystemExit) as ended:
        main([*trait, *options, "--out", str(out / "card")])
    assert ended.value.code in (0, None)
    report = json.loads((out / "card" / "report.json").read_text())
    (note,) = (n for n in report["provenance"]["notes"] if "cpu" in n)
    return "bfloat16 on cpu" if "bfloat16" in note else note.partition("; ")[2][:7]
