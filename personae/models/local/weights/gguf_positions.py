"""Rotary positions in GGUF files: their base, and how they were scaled to a longer context.

Scaling is stated by settings, or by tensors that divide the frequencies (llama.cpp: `load_hparams`
and `get_rope_factors` of llama-model.cpp, `rope_yarn` of ggml). What llama.cpp and `transformers`
both make of a file is built here; where they differ, it is refused.
"""

from dataclasses import dataclass
from math import log
from typing import Any

import numpy as np
import torch

from personae.core.errors import BadFile, ModelError
from personae.models.gguf.gguf_file import Gguf
from personae.models.gguf.quants import Floats
from personae.models.local.weights.gguf_settings import GgufSettings

__all__ = ["WINDOWED_BASE", "Positions", "position_tensors", "read_positions"]

FREQS = "rope_freqs.weight"
SHORT, LONG = "rope_factors_short.weight", "rope_factors_long.weight"
TENSORS = {"llama": {FREQS}, "phi3": {SHORT, LONG}}
"""Tensors that divide frequencies, by the architectures that have them."""
PARTIAL = ("phi3",)
"""Architectures that may rotate a part of each head."""
WINDOWED_BASE = "rope.freq_base_swa"
"""Setting of Gemma 3: the base of its windowed blocks."""
FACTORS = ("rope.scaling.factor", "rope.scale_linear")
MAGNITUDE, ORIGINAL = "rope.scaling.attn_factor", "rope.scaling.original_context_length"
READ = {
    *FACTORS,
    MAGNITUDE,
    ORIGINAL,
    "rope.dimension_count",
    "rope.freq_base",
    "rope.scaling.finetuned",
    "rope.scaling.type",
    "rope.scaling.yarn_attn_factor",
    "rope.scaling.yarn_beta_fast",
    "rope.scaling.yarn_beta_slow",
    "rope.scaling.yarn_ext_factor",
    "rope.scaling.yarn_log_multiplier",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Positions:
    """How a network turns positions into rotations.

    `parameters` are `transformers`' own; `divisors` of the frequencies, shape (rotated width / 2,);
    `magnitude` multiplies what is rotated; `context` is in tokens, and `stated` the file's, which
    is longer where only the first part is computed here.
    """

    parameters: dict[str, Any]
    context: int
    stated: int
    divisors: Floats | None = None
    magnitude: float = 1.0

    @property
    def note(self) -> str:
        """What a reader of a report should know about the context, or nothing."""
        if self.context == self.stated:
            return ""
        return f"contexts of up to {self.context:,} tokens, of the {self.stated:,} in the file"

    def put_in(self, network: Any) -> None:  # noqa: ANN401  (transformers' class)
        """Divide a network's frequencies, which no setting of `transformers` can state."""
        if self.divisors is None:
            return
        rotary = network.model.rotary_emb
        frequencies = rotary.inv_freq / torch.from_numpy(self.divisors).to(rotary.inv_freq)
        rotary.inv_freq.copy_(frequencies)
        rotary.original_inv_freq.copy_(frequencies)
        rotary.attention_scaling = self.magnitude


def position_tensors(file: Gguf, family: str) -> set[str]:
    """Name the tensors that hold positions, not weights."""
    return TENSORS.get(family, set()) & file.tensors.keys()


def read_positions(file: Gguf, family: str) -> Positions:
    """Read the positions that a file's network has.

    Raises:
        BadFile: a setting or tensor is out of bounds.
        ModelError: a scaling that is not built here.
    """
    get = GgufSettings(file, family)
    known = READ | ({WINDOWED_BASE} if family == "gemma3" else set())
    if unknown := sorted(k for k in get.stated if k.startswith("rope.") and k not in known):
        raise _refusal(get, unknown[0])
    stated, parameters, width = get.count("context_length"), _parameters(get), _rotated(get)
    if family in PARTIAL:
        parameters["partial_rotary_factor"] = width / get.head_width
    divisors, magnitude = _divisors(file, family, width), get.real(MAGNITUDE, 1.0)
    is_plain = parameters["rope_type"] == "default"
    if divisors is None:
        if is_plain and magnitude != 1:
            raise _refusal(get, MAGNITUDE)
        return Positions(parameters=parameters, context=stated, stated=stated)
    if not is_plain:
        raise _refusal(get, f"{parameters['rope_type']} together with tensors")
    # beyond it other divisors hold, for all of a text: its beginning would depend on its end
    near = get.count(ORIGINAL, stated) if SHORT in position_tensors(file, family) else stated
    return Positions(
        parameters=parameters,
        context=min(near, stated),
        stated=stated,
        divisors=divisors,
        magnitude=magnitude,
    )


def _refusal(get: GgufSettings, what: str) -> ModelError:
    return ModelError(
        f"{get.file.path}: scaled rotary positions ({what}) are not built here; "
        "use the model's own folder with hf:"
    )


def _rotated(get: GgufSettings) -> int:
    """Return how many numbers of a head are rotated."""
    head = get.head_width
    rotated = get.count("rope.dimension_count", head)
    if rotated % 2 or rotated > head or (rotated < head and get.family not in PARTIAL):
        raise ModelError(
            f"{get.file.path}: rotary positions on a part of a head are not built here"
        )
    return rotated


def _parameters(get: GgufSettings) -> dict[str, Any]:
    """Return the parameters that settings state, under the names of `transformers`."""
    base = {"rope_type": "default", "rope_theta": get.real("rope.freq_base", 10000.0)}
    factor = next((get.real(key) for key in FACTORS if key in get.stated), 1.0)
    match get.text("rope.scaling.type", "linear"):  # llama.cpp's default
        case "none":
            return base
        case "linear" | "yarn" if factor == 1:
            return base
        case "linear" if get.family != "phi3":
            return {**base, "rope_type": "linear", "factor": factor}
        case "yarn" if get.family != "phi3" and factor > 1:
            return {**base, "rope_type": "yarn", "factor": factor, **_yarn(get, factor)}
        case "longrope" if factor == 1 and SHORT in position_tensors(get.file, get.family):
            return base
        case kind:
            raise _refusal(get, repr(kind))


def _yarn(get: GgufSettings, factor: float) -> dict[str, float]:
    magnitude = 0.1 * log(factor) + 1
    usual = {
        "ext_factor": 1.0,
        "attn_factor": magnitude,
        "log_multiplier": 0.0,
        "beta_fast": 32.0,
        "beta_slow": 1.0,
    }
    # of any other values llama.cpp and transformers make different networks
    for key, value in usual.items():
        name = f"rope.scaling.yarn_{key}"
        given = get.file.metadata.get(f"{get.family}.{name}", value)
        if not isinstance(given, int | float) or not abs(given - value) <= 1e-5:
            raise _refusal(get, f"{name} {given!r}")
    return {
        "original_max_position_embeddings": get.count(ORIGINAL, get.count("context_length")),
        "attention_factor": magnitude * get.real(MAGNITUDE, 1.0),
    }


def _divisors(file: Gguf, family: str, width: int) -> Floats | None:
    names = position_tensors(file, family)
    if not names:
        return None
    if names != TENSORS[family]:
        raise BadFile(f"{file.path}: has {names.pop()!r} without its counterpart")
    for name in names:
        values = file.load(name)
        if values.shape != (width // 2,) or not np.all((values > 0) & np.isfinite(values)):
            raise BadFile(
                f"{file.path}: {name!r} doesn't hold {width // 2} numbers above 0, one a frequency"
            )
    return file.load(FREQS if FREQS in names else SHORT)
