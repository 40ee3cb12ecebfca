"""The folder of a model: a local one, or the hub's snapshot of it."""

from pathlib import Path

from huggingface_hub import errors, snapshot_download

from personae.core.errors import ModelUnavailable
from personae.core.files.usable_path import usable_path

__all__ = ["model_folder"]

KINDS = ["*.json", "*.safetensors", "*.jinja", "*.txt", "*.model"]
"""The files that are fetched: weights without code, configuration, tokenizer, templates."""


def model_folder(name: str, scheme: str) -> Path:
    """Return the folder of a model; `scheme` is that of its model string, for messages.

    Raises:
        ModelUnavailable: neither a folder nor a name on the hub (or in its cache), or a GGUF file.
    """
    if usable_path(name).is_dir():
        return Path(name)
    if name.endswith(".gguf"):
        raise ModelUnavailable(f"{scheme}:{name}: a GGUF file, not a folder: open gguf:{name}")
    try:
        return Path(snapshot_download(name, allow_patterns=KINDS))
    except errors.HFValidationError as error:
        raise ModelUnavailable(
            f"{scheme}:{name}: neither a folder on this machine nor a hub name (OWNER/NAME)"
        ) from error
    except (errors.HfHubHTTPError, errors.LocalEntryNotFoundError, OSError) as error:
        raise ModelUnavailable(
            f"{scheme}:{name}: not a folder on this machine, and the hub doesn't give it: "
            f"{type(error).__name__}: {str(error).splitlines()[0]}"
        ) from error
