"""Model strings: what opens, and what is said where nothing does."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from personae.core import Chooser, Request, Sampling, say
from personae.core.errors import BadFile, BadValue, MissingExtra, UnknownName
from personae.models.opening import MODEL_STRINGS, open_model
from tests.support.embedded import embedded
from tests.support.gguf_files import gguf_bytes, tiny_metadata, tiny_tensors


def test_controls_open_without_torch() -> None:
    code = (
        "from personae.models.opening import open_model; import sys\n"
        "print(open_model('null:uniform').name, open_model('simulated:E=1').name)\n"
        "assert not {'torch', 'transformers', 'tokenizers', 'httpx'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == "null:uniform"


def test_a_folder_is_no_gguf_file(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="a folder, not a file"):
        open_model(f"gguf:{tmp_path}")


def test_gguf_files_open(tmp_path: Path) -> None:
    path = tmp_path / "tiny.gguf"
    path.write_bytes(gguf_bytes(tiny_metadata("qwen2"), tiny_tensors("qwen2")))
    model = open_model(f"gguf:{path}", rows=4)
    assert isinstance(model, Chooser)
    assert model.name == f"gguf:{path}"
    assert model.reply([Request(say("Hi"))], Sampling(max_tokens=4))[0].tokens_out > 0


@pytest.mark.slow
@pytest.mark.embedded
def test_the_embedded_model_opens() -> None:
    embedded()
    model = open_model(" smollm2 ")
    assert isinstance(model, Chooser)
    assert (model.name, model.fingerprint) == ("smollm2", embedded().fingerprint)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("smolm2", "did you mean 'smollm2'"),
        ("SmolLM2", "did you mean 'smollm2'"),
        ("ggfu:model.gguf", "no model is called"),
        ("someone/model", "'hf:someone/model'"),
        ("model.gguf", "'gguf:model.gguf'"),
        ("hf:", "nown: .*hf:NAME-OR-FOLDER"),
        ("https:host", "no model is called"),
        ("", "nown: "),
        ("null:unifrom", "'uniform'"),
        ("x" * 10_000, r"xxx\.\.\.'"),
    ],
)
def test_unknown_strings_fail_at_once_with_near_matches(text: str, match: str) -> None:
    with pytest.raises(UnknownName, match=match):
        open_model(text)


def test_wrong_files_and_options() -> None:
    with pytest.raises(BadFile, match="no such file"):
        open_model("gguf:none.gguf")
    with pytest.raises(UnknownName, match="no option of this model is called 'sed'"):
        open_model("null:uniform", sed=1)
    with pytest.raises((BadValue, UnknownName)):
        open_model("simulated:E=high")


@pytest.mark.parametrize("package", ["torch", "transformers", "llguidance"])
def test_missing_packages_name_the_extra(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec

    def find(name: str, *rest: Any) -> Any:
        return None if name == package else real(name, *rest)

    monkeypatch.setattr("personae.models.opening.find_spec", find)
    with pytest.raises(MissingExtra, match=rf"'{package}'.*pip install 'personae\[local\]'"):
        open_model("smollm2")


def test_every_form_is_told() -> None:
    assert {form.partition(":")[0] for form in MODEL_STRINGS} == {
        "smollm2",
        "hf",
        "vllm",
        "gguf",
        "http",
        "openai",
        "ollama",
        "vllm-server",
        "llama-server",
        "sglang-server",
        "tgi-server",
        "simulated",
        "null",
    }


def test_a_folder_of_a_model_without_its_scheme_says_what_to_write(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(BadValue, match=re.escape(f"folder of a model: write hf:{tmp_path}")):
        open_model(str(tmp_path))
