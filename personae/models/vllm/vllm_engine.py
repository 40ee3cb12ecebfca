"""Opens vLLM's offline engine from a model string, and the codec of the same model.

vLLM is called by the part of its interface that its documentation describes: LLM, SamplingParams,
RequestOutput.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from personae.core.errors import ModelError, ModelUnavailable
from personae.core.hashing import content_key, file_sha256
from personae.models.codec.building import codec_from_folder
from personae.models.codec.model_folder import model_folder
from personae.models.codec.text_codec import TextCodec
from personae.models.vllm.engine_arguments import engine_arguments
from personae.models.vllm.steering_layers import SteeringLayer, installed_layer

__all__ = ["Engine", "open_engine"]

OLDEST = (0, 11)
"""The oldest vLLM, as in the extra `vllm`: from it on, replies follow schemas as asked here."""


@dataclass(frozen=True, eq=False)
class Engine:
    """An opened engine: vLLM's `LLM`, the codec, what identifies it, and its steering layer."""

    name: str
    llm: Any
    codec: TextCodec
    fingerprint: str
    layer: SteeringLayer | None = None

    @property
    def config(self) -> Any:  # noqa: ANN401  (vLLM's ModelConfig)
        """VLLM's description of the model."""
        config = getattr(self.llm, "model_config", None)
        return self.llm.llm_engine.model_config if config is None else config

    @property
    def limit(self) -> int:
        """The context length in tokens."""
        return int(self.config.max_model_len)


def open_engine(text: str, dtype: str = "auto") -> Engine:
    """Open the engine that a model string names.

    Raises:
        UnknownName, BadValue: an argument that a model string can't set, or not to this.
        ModelUnavailable: neither a folder nor a name on the hub, or vLLM is too old.
        ModelError: vLLM or the codec can't be opened.
    """
    name, chosen = engine_arguments(text)
    arguments = {"dtype": dtype, **chosen}
    folder = model_folder(name, "vllm")
    options = {"enable_prefix_caching": True, **arguments}
    options |= {"trust_remote_code": False, "generation_config": "vllm"}
    try:
        _refuse_old()
        layer = installed_layer()
        codec = codec_from_folder(folder)
        llm = _plain(str(folder), options) if layer is None else layer.open(str(folder), options)
    except (ModelError, ModelUnavailable):
        raise
    except Exception as error:  # vLLM lets through whatever its parts raise
        reason = (str(error).strip().splitlines() or [""])[0]
        kind = type(error).__name__
        raise ModelError(f"{text}: vLLM can't open it: {kind}: {reason}") from error
    return Engine(text, llm, codec, _fingerprint(folder, arguments, codec), layer)


def _refuse_old() -> None:
    import vllm

    # builds from source may say 0.1.dev, whatever they are
    release = re.match(r"(\d+)\.(\d+)(?!.*dev)", vllm.__version__)
    if release is not None and (int(release[1]), int(release[2])) < OLDEST:
        oldest = ".".join(map(str, OLDEST))
        raise ModelUnavailable(
            f"vLLM {vllm.__version__} is installed, and Personae needs {oldest} or newer: "
            f"pip install -U 'vllm>={oldest}'"
        )


def _plain(folder: str, options: Mapping[str, Any]) -> Any:  # noqa: ANN401  (vllm.LLM)
    import vllm

    return vllm.LLM(model=folder, **options)


def _fingerprint(folder: Path, arguments: Mapping[str, Any], codec: TextCodec) -> str:
    import vllm

    files = [*sorted(folder.glob("*.safetensors")), *sorted(folder.glob("*.bin"))]
    files += [path for path in (folder / "config.json",) if path.is_file()]
    precision = {k: arguments[k] for k in ("dtype", "quantization") if k in arguments}
    return content_key(
        {
            "weights": {path.name: file_sha256(str(path)) for path in files},
            "engine": f"vllm {vllm.__version__}",
            **precision,
            "tokenizer": content_key(codec.tokenizer.to_str()),
            **codec.identity,
        }
    )
