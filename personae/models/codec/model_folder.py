"""The folder of a model: a local one, or the hub's snapshot of it."""

from difflib import get_close_matches
from pathlib import Path

from huggingface_hub import errors, snapshot_download

from personae.core.errors import ModelUnavailable
from personae.core.files.usable_path import usable_path

__all__ = ["model_folder"]

KINDS = ["*.json", "*.safetensors", "*.jinja", "*.txt", "*.model"]
"""The files that are fetched: weights without code, configuration, tokenizer, templates."""
CONFIGURATIONS = ("config.json", "adapter_config.json")
"""One of them makes a folder that of a model or an adapter."""
WANTED = (
    "the folder of a model (config.json and .safetensors files) or a name on the hub, OWNER/NAME"
)
REASONS: tuple[tuple[type[Exception], str], ...] = (
    (errors.GatedRepoError, "its owner gives it on request alone: ask there, then `hf auth login`"),
    (errors.RepositoryNotFoundError, "the hub has none of this name, or keeps it private"),
    (errors.LocalEntryNotFoundError, "it is not in the hub's cache, and the hub can't be reached"),
)
"""Why the hub doesn't give a model, the narrower errors first."""


def model_folder(name: str, scheme: str) -> Path:
    """Return the folder of a model; `scheme` is that of its model string, for messages.

    Raises:
        ModelUnavailable: neither the folder of a model nor a name on the hub (or in its cache), or
            a file; names near folders.
    """
    path = usable_path(name)
    if path.is_dir():
        if not _is_model(path) and (near := _models_in(path)):
            raise ModelUnavailable(
                f"{scheme}:{name}: no config.json in this folder{_hint(scheme, near)}"
            )
        return path
    if name.endswith(".gguf"):
        raise ModelUnavailable(f"{scheme}:{name}: a GGUF file, not a folder: open gguf:{name}")
    if path.is_file():
        near = [path.parent] if _is_model(path.parent) else _models_in(path.parent)
        raise ModelUnavailable(f"{scheme}:{name}: a file, not {WANTED}{_hint(scheme, near)}")
    try:
        return Path(snapshot_download(name, allow_patterns=KINDS))
    except errors.HFValidationError as error:
        raise ModelUnavailable(
            f"{scheme}:{name}: neither {WANTED}{_hint(scheme, _alike(path))}"
        ) from error
    except (errors.HfHubHTTPError, errors.LocalEntryNotFoundError, OSError) as error:
        raise ModelUnavailable(
            f"{scheme}:{name}: not a folder on this machine, and the hub doesn't give it: "
            f"{_reason(error)}{_hint(scheme, _alike(path))}"
        ) from error


def _reason(error: Exception) -> str:
    for kind, words in REASONS:
        if isinstance(error, kind):
            return words
    return f"{type(error).__name__}: {next(iter(str(error).splitlines()), 'no reason given')}"


def _is_model(folder: Path) -> bool:
    return any((folder / name).is_file() for name in CONFIGURATIONS)


def _models_in(folder: Path) -> list[Path]:
    try:
        return [part for part in sorted(folder.iterdir()) if part.is_dir() and _is_model(part)]
    except OSError:
        return []


def _alike(path: Path) -> list[Path]:
    """Find folders of models beside a path, of a name like its own."""
    models = {folder.name: folder for folder in _models_in(path.parent)}
    return [models[name] for name in get_close_matches(path.name, models, n=3, cutoff=0.5)]


def _hint(scheme: str, near: list[Path]) -> str:
    return f"; did you mean {' or '.join(f'{scheme}:{p}' for p in near[:3])}?" if near else ""
