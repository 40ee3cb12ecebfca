"""The card by command on models of narrow precision, and what its report says of them."""

import json
from importlib.util import find_spec
from pathlib import Path

import polars as pl
import pytest

from personae.cli import main
from personae.core import ModelError, Request, say
from personae.models.local.engine import LocalModel
from personae.models.local.loading import load_hf
from personae.models.placement import QUANTIZERS, Placement
from tests.support.extras import needs
from tests.support.tiny_folders import byte_tokenizer, save_model

TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}</s>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
SMALLEST = ["--quick", "--sections", "", "--inductions", "naive"]
SIZES = {
    "hidden_size": 64,
    "intermediate_size": 64,
    "num_hidden_layers": 1,
    "max_position_embeddings": 4096,
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    roles = ("<|system|>", "<|user|>", "<|assistant|>")
    tokenizer = byte_tokenizer("<s>", "</s>", *roles)
    path = tmp_path_factory.mktemp("model")
    return save_model(path, tokenizer, template=TEMPLATE, config=SIZES)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("option", "note"),
    [
        (["--dtype", "bfloat16"], "bfloat16 on cpu"),
        (["--quantize", "8bit"], "8bit by"),
        (["--quantize", "4bit"], "4bit by"),
    ],
)
def test_the_card_is_made(option: list[str], note: str, folder: Path, tmp_path: Path) -> None:
    if option[0] == "--quantize" and not any(find_spec(name) for name in QUANTIZERS[option[1]]):
        pytest.skip("needs torchao or bitsandbytes: the extra `quantize`")
    persona = tmp_path / "ada.json"
    persona.write_text(json.dumps({"id": "ada", "traits": {"E": 1.5, "N": -1}}))
    out = tmp_path / "out"
    asked = ["card", str(persona), "--model", f"hf:{folder}", "--device", "cpu", *option]
    with pytest.raises(SystemExit) as ended:
        main([*asked, *SMALLEST, "--inventory", "saucier-mini-markers", "--out", str(out)])
    assert ended.value.code in (0, None)
    assert set(pl.read_parquet(out / "answers.parquet")["status"]) == {"ok"}
    report = json.loads((out / "report.json").read_text())
    assert any(note in line for line in report["provenance"]["notes"])


@needs("bitsandbytes")
@pytest.mark.filterwarnings("ignore")
def test_layers_that_a_quantiser_cannot_compute_are_refused_in_a_line(tmp_path: Path) -> None:
    sizes = {**SIZES, "intermediate_size": 48}  # its kernels for the CPU have blocks of 32
    folder = save_model(tmp_path, byte_tokenizer("<s>", "</s>"), config=sizes)
    model = LocalModel(load_hf(str(folder), Placement(device="cpu", quantize="4bit")))
    with pytest.raises(
        ModelError, match="LlamaForCausalLM can't be computed as it was opened: N must"
    ):
        model.choose([Request(say("I like tea."), (("A",), ("B",)))])
