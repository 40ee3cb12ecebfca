"""What stands after `hf:` and is no model: what was given, what is allowed, and near matches."""

from pathlib import Path

import huggingface_hub
import pytest

from personae.core import ModelUnavailable
from personae.models.codec.model_folder import model_folder


@pytest.fixture
def shelf(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the folder of a model in it, a file beside that, and no hub."""
    model = tmp_path / "shelf" / "tiny-llama"
    model.mkdir(parents=True)
    for file in (model / "config.json", model / "model.safetensors", model.parent / "notes.json"):
        file.write_text("{}")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    return model.parent


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            "notes.json",
            "notes.json: a file, not the folder of a model .*; did you mean .*tiny-llama",
        ),
        ("tiny-llama/model.safetensors", "a file, not the folder .* mean hf:[^ ]*/tiny-llama\\?$"),
        (
            "tiny-lama",
            "neither the folder of a model .* OWNER/NAME; did you mean .*/tiny-llama\\?$",
        ),
        ("a/b/c", "neither the folder of a model .* OWNER/NAME$"),
        ("", "no config.json in this folder; did you mean hf:[^ ]*/tiny-llama\\?$"),
    ],
)
def test_files_and_other_folders_are_named_as_such(shelf: Path, given: str, message: str) -> None:
    with pytest.raises(ModelUnavailable, match=message) as caught:
        model_folder(f"{shelf}/{given}".rstrip("/"), "hf")
    assert str(caught.value).startswith(f"hf:{shelf}") and "Error" not in str(caught.value)


def test_a_name_that_the_hub_does_not_give_has_a_reason_in_words(
    shelf: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ModelUnavailable, match="not in the hub's cache, and the hub can't be reac"):
        model_folder("someone/else", "hf")
    monkeypatch.chdir(shelf)
    with pytest.raises(ModelUnavailable, match=r"did you mean hf:tiny-llama\?"):
        model_folder("tiny-lama", "hf")
    assert model_folder("tiny-llama", "hf") == Path("tiny-llama")
