"""Vectors as files: our own safetensors, llama.cpp's GGUF control vectors, others' tensors.

Our format is a safetensors file whose header holds the origin and quality of each direction as
JSON. In llama.cpp's format, which repeng writes too, `direction.N` is added to the output of block
N; N begins at 1, so that block 0 can't be written. Tensors of persona_vectors and of assistant-axis
(`.pt`) are loaded as weights only, so that no code in them can run.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from personae.core import BadFile, BadValue, InputError, Site, UnknownName, canonical_json
from personae.core.files.atomic_path import atomic_path
from personae.induce.steer.steering_vector import SteeringVector, VectorOrigin
from personae.induce.steer.vector_quality import Quality
from personae.models.gguf.gguf_file import read_gguf
from personae.models.gguf.gguf_writing import gguf_bytes

__all__ = ["load_vector", "save_vector"]

HEADER = "personae.vector"
ARCHITECTURE = "controlvector"
KINDS = (".safetensors", ".gguf", ".pt")


def save_vector(vector: SteeringVector, path: str | Path) -> None:
    """Write a vector to a `.safetensors` or `.gguf` file, atomically.

    Raises:
        UnknownName: another suffix.
        BadValue: a GGUF file of sites other than block outputs from block 1 on.
        BadFile: the file can't be written.
    """
    target = Path(path)
    if target.suffix == ".safetensors":
        data = _safetensors(vector)
    elif target.suffix == ".gguf":
        data = _control_vector(vector)
    else:
        raise UnknownName("kind of vector file to write", target.suffix, KINDS[:2])
    with atomic_path(target) as part:
        part.write_bytes(data)


def load_vector(path: str | Path, *, depth: int | None = None) -> SteeringVector:
    """Read a vector from a `.safetensors`, `.gguf` or `.pt` file.

    Args:
        path: the file.
        depth: number of the model's blocks, needed for a `.pt` tensor: with as many rows it holds
            block outputs, with one more hidden states, the embedding first.

    Raises:
        BadFile: absent, broken, or not a vector.
        InputError: a `.pt` file without `depth`.
        UnknownName: another suffix.
    """
    source = Path(path)
    readers = {".safetensors": _read_safetensors, ".gguf": _read_control_vector}
    if source.suffix not in KINDS:
        raise UnknownName("kind of vector file", source.suffix, KINDS)
    if not source.is_file():
        raise BadFile(f"{source}: no such file (a vector is expected)")
    if source.suffix == ".pt":
        return _read_tensor(source, depth)
    return readers[source.suffix](source)


def _safetensors(vector: SteeringVector) -> bytes:
    from safetensors.numpy import save  # noqa: PLC0415  (of the extra `local`)

    quality = {_name(s): asdict(q) for s, q in vector.quality.items()}
    header = {"format": 1, "origin": asdict(vector.origin), "quality": quality}
    tensors = {_name(s): np.ascontiguousarray(vector.by_site[s], np.float32) for s in vector.sites}
    return bytes(save(tensors, metadata={HEADER: canonical_json(header)}))


def _name(site: Site) -> str:
    return f"{site.part}.{site.block}"


def _site(name: str, path: Path) -> Site:
    match = re.fullmatch(r"(block|heads|mlp|embedding)\.(\d{1,4})", name)
    if match is None:
        raise BadFile(f"{path}: tensor {name!r} names no site such as block.15")
    return Site(int(match[2]), cast(Any, match[1]))


def _read_safetensors(path: Path) -> SteeringVector:
    from safetensors import SafetensorError, safe_open  # noqa: PLC0415

    try:
        with safe_open(path, framework="numpy") as file:
            text = (file.metadata() or {}).get(HEADER)
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, OSError, ValueError, TypeError) as error:
        raise BadFile(f"{path}: not a sound safetensors file: {error}") from error
    if text is None:
        raise BadFile(f"{path}: its header has no {HEADER!r}; Personae didn't write this vector")
    try:
        header = json.loads(text)
        origin = VectorOrigin(**header["origin"])
        quality = {_site(n, path): _read_quality(q) for n, q in header["quality"].items()}
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadFile(f"{path}: its header {HEADER!r} is broken: {error}") from error
    return _checked({_site(n, path): t for n, t in tensors.items()}, origin, path, quality)


def _read_quality(fields: Mapping[str, Any]) -> Quality:
    known: dict[str, Any] = {
        k: float("nan") if v is None else v for k, v in fields.items()
    }  # JSON has no NaN
    return Quality(**{**known, "quantiles": tuple(known["quantiles"])})


def _checked(
    by_site: Mapping[Site, NDArray[Any]],
    origin: VectorOrigin,
    path: Path,
    quality: Mapping[Site, Quality] | None = None,
) -> SteeringVector:
    try:
        vectors = {s: np.asarray(v, dtype=np.float32) for s, v in by_site.items()}
        vector = SteeringVector(vectors, origin, quality or {})
    except (BadValue, ValueError, TypeError) as error:
        raise BadFile(f"{path}: {error}") from error
    if not vector.by_site:
        raise BadFile(f"{path}: holds no direction")
    return vector


def _control_vector(vector: SteeringVector) -> bytes:
    unsupported = [s for s in vector.sites if s.part != "block" or s.block < 1]
    if unsupported:
        raise BadValue(
            f"llama.cpp adds vectors to the outputs of blocks from 1 on, not {unsupported[0]}"
        )
    metadata: dict[str, str | int] = {
        "general.architecture": ARCHITECTURE,
        f"{ARCHITECTURE}.model_hint": vector.origin.model,
        f"{ARCHITECTURE}.layer_count": len(vector.by_site),
        HEADER: json.dumps(asdict(vector.origin), sort_keys=True),
    }
    tensors = {
        f"direction.{s.block}": np.asarray(vector.by_site[s], np.float32) for s in vector.sites
    }
    return gguf_bytes(metadata, tensors)


def _read_control_vector(path: Path) -> SteeringVector:
    file = read_gguf(path)
    if file.metadata.get("general.architecture") != ARCHITECTURE:
        kind = file.metadata.get("general.architecture")
        raise BadFile(f"{path}: its architecture is {kind!r}, not {ARCHITECTURE!r}")
    by_site = {}
    for name in file.tensors:
        match = re.fullmatch(r"direction\.(\d{1,4})", name)
        if match is None or match[1] == "0":
            raise BadFile(f"{path}: tensor {name!r} is no direction of a block from 1 on")
        by_site[Site(int(match[1]))] = file.load(name)
    hint = str(file.metadata.get(f"{ARCHITECTURE}.model_hint", ""))
    origin = VectorOrigin(name=path.stem, model=hint, version="")
    if isinstance(text := file.metadata.get(HEADER), str):
        try:
            origin = VectorOrigin(**json.loads(text))
        except (ValueError, TypeError) as error:
            raise BadFile(f"{path}: its metadata {HEADER!r} is broken: {error}") from error
    return _checked(by_site, origin, path)


def _read_tensor(path: Path, depth: int | None) -> SteeringVector:
    import torch  # noqa: PLC0415  (of the extra `local`)

    if depth is None:
        raise InputError(f"{path}: a .pt tensor doesn't say its blocks; give the model's depth")
    try:
        tensor = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the library raises nothing narrower
        raise BadFile(f"{path}: not a file of plain tensors: {error}") from error
    if isinstance(tensor, dict):  # assistant-axis keeps role vectors as {"vector": ..., ...}
        tensor = tensor.get("vector")
    if (
        not isinstance(tensor, torch.Tensor)
        or tensor.ndim != 2
        or len(tensor) - depth not in (0, 1)
    ):
        shape = tuple(tensor.shape) if isinstance(tensor, torch.Tensor) else type(tensor).__name__
        raise BadFile(
            f"{path}: a tensor of ({depth} or {depth + 1}, width) is expected, not {shape}"
        )
    rows = tensor.float().numpy()
    by_site = {Site(block): rows[len(rows) - depth + block] for block in range(depth)}
    if len(rows) > depth:
        by_site[Site(0, "embedding")] = rows[0]
    return _checked(by_site, VectorOrigin(name=path.stem, version=""), path)
