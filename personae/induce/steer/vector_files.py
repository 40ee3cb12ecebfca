"""Vectors as files: our own safetensors, llama.cpp's GGUF control vectors, others' tensors.

Our format is a safetensors file whose header holds the origin and quality of each direction as
JSON. In llama.cpp's format, which repeng writes too, `direction.N` is added to the output of block
N; N begins at 1, so that block 0 can't be written; EasySteer reads it too. Tensors of other tools
(`.pt`) are loaded as weights only, so that no code in them can run: see `tensor_files`.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from personae.core import (
    BadFile,
    BadValue,
    InputError,
    Site,
    UnknownName,
    canonical_json,
    usable_path,
)
from personae.core.files.atomic_path import atomic_path
from personae.induce.steer.steering_vector import SteeringVector, VectorOrigin
from personae.induce.steer.vector_quality import Quality
from personae.models.gguf.gguf_file import read_gguf
from personae.models.gguf.gguf_writing import gguf_bytes

__all__ = ["check_vector_path", "load_vector", "save_vector"]

HEADER = "personae.vector"
ARCHITECTURE = "controlvector"
KINDS = (".safetensors", ".gguf", ".pt")


def save_vector(vector: SteeringVector, path: str | Path) -> None:
    """Write a vector to a `.safetensors`, `.gguf` or `.pt` file, atomically.

    Raises:
        UnknownName: another suffix.
        BadValue: a GGUF file of sites other than block outputs from block 1 on, or a `.pt` file,
            vLLM-Hook's, of anything but one block's output.
        BadFile: the file can't be written.
    """
    target = Path(path)
    check_vector_path(target, vector.sites)
    writers = {".safetensors": _safetensors, ".gguf": _control_vector, ".pt": _direction_file}
    data = writers[target.suffix](vector)
    with atomic_path(target) as part:
        part.write_bytes(data)


def check_vector_path(path: str | Path, sites: Sequence[Site] = ()) -> None:
    """Refuse a file to which a vector of these sites can't be written, before it is made.

    Raises:
        UnknownName: its suffix is that of no kind of vector file.
        BadValue: its kind can't hold a direction at these sites.
    """
    kind = Path(path).suffix
    if kind not in KINDS:
        raise UnknownName("kind of vector file", kind, KINDS)
    unsupported = [s for s in sites if s.part != "block" or s.block < 1]
    if kind == ".gguf" and unsupported:
        raise BadValue(
            f"llama.cpp adds vectors to the outputs of blocks from 1 on, not {unsupported[0]}"
        )
    if kind == ".pt" and sites and (len(sites) > 1 or sites[0].part != "block"):
        raise BadValue(
            f"a .pt file for vLLM-Hook holds the direction of one block, not of {len(sites)} "
            "sites; choose it by --blocks"
        )


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
    source = usable_path(path)
    readers = {".safetensors": _read_safetensors, ".gguf": _read_control_vector}
    check_vector_path(source)
    if not source.is_file():
        raise BadFile(f"{source}: no such file (a vector is expected)")
    if source.suffix == ".pt":
        return _read_tensors(source, depth)
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
    except (SafetensorError, OSError, ValueError) as error:
        raise BadFile(f"{path}: not a sound safetensors file: {error}") from error
    except (AttributeError, TypeError) as error:  # how numpy says that it lacks a type
        raise BadFile(
            f"{path}: float32 or float16 tensors are expected, not bfloat16 or 8-bit ones: {error}"
        ) from error
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


def _direction_file(vector: SteeringVector) -> bytes:
    from personae.induce.steer.tensor_files import direction_bytes  # noqa: PLC0415  (torch)

    site = vector.sites[0]
    return direction_bytes(vector.by_site[site], site.block)


def _read_control_vector(path: Path) -> SteeringVector:
    file = read_gguf(path)
    if file.metadata.get("general.architecture") != ARCHITECTURE:
        kind = file.metadata.get("general.architecture")
        raise BadFile(f"{path}: its architecture is {kind!r}, not {ARCHITECTURE!r}")
    by_site = {}
    for name in file.tensors:
        match = re.fullmatch(r"direction\.(\d{1,4})", name)
        if match is None or match[1] == "0":
            raise BadFile(f"{path}: tensor {name!r} is not the direction of a block from 1 on")
        by_site[Site(int(match[1]))] = file.load(name)
    hint = str(file.metadata.get(f"{ARCHITECTURE}.model_hint", ""))
    origin = VectorOrigin(name=path.stem, model=hint, version="")
    if isinstance(text := file.metadata.get(HEADER), str):
        try:
            origin = VectorOrigin(**json.loads(text))
        except (ValueError, TypeError) as error:
            raise BadFile(f"{path}: its metadata {HEADER!r} is broken: {error}") from error
    return _checked(by_site, origin, path)


def _read_tensors(path: Path, depth: int | None) -> SteeringVector:
    from personae.induce.steer.tensor_files import read_directions  # noqa: PLC0415  (torch)

    if depth is None:
        raise InputError(f"{path}: a .pt tensor doesn't say its blocks; give the model's depth")
    by_site = read_directions(path, depth)
    return _checked(by_site, VectorOrigin(name=path.stem, version=""), path)
