"""One folder of a small model, opened by the local engine and by the stand-in of vLLM's."""

from pathlib import Path
from typing import Any

import pytest

from personae.models.opening import open_model
from tests.support import vllm_stand_in as stand_in
from tests.support.tiny_folders import byte_tokenizer, save_model

TEMPLATE = (
    "{{ bos_token }}{% for m in messages %}<{{ m.role }}>{{ m.content }}</s>{% endfor %}"
    "{% if add_generation_prompt %}<assistant>{% endif %}"
)


@pytest.fixture(name="folder", scope="package")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tokenizer = byte_tokenizer("<s>", "</s>")
    return save_model(tmp_path_factory.mktemp("model"), tokenizer, template=TEMPLATE)


@pytest.fixture(name="vllm")
def opened(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    stand_in.install(tmp_path, monkeypatch)
    return open_model(f"vllm:{folder}")


@pytest.fixture(name="local", scope="package")
def local_engine(folder: Path) -> Any:
    return open_model(f"hf:{folder}")
