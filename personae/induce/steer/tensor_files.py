"""Vectors in torch's own files (`.pt`), as other tools write them; loaded as weights only.

a tensor (rows, width)       as many rows as blocks: block outputs; one more: the embedding first
{"vector": tensor}           persona_vectors, role vectors of assistant-axis
{"axis": tensor}             assistant-axis
{"vectors" | "directions": ...}   any of these forms, one level down
{15: (width,), ...}          a direction for each block, also under names such as "layer_15"
{"dir": (width,), "block": n}     vLLM-Hook's file of one direction; the block is our addition
"""

import re
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from personae.core import BadFile, Site

__all__ = ["direction_bytes", "read_directions"]

NAMES = ("axis", "vector", "vectors", "direction", "directions")
Directions = dict[Site, NDArray[np.float32]]


def read_directions(path: Path, depth: int) -> Directions:
    """Read the directions of a `.pt` file for a model of `depth` blocks.

    Raises:
        BadFile: not plain tensors, or none of the forms above.
    """
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # the library raises nothing narrower
        reason = str(error).strip().splitlines() or [type(error).__name__]
        raise BadFile(f"{path}: not a file of plain tensors: {reason[0]}") from error
    if isinstance(content, Mapping) and "dir" in content:
        return _one_direction(path, content)
    for _ in range(2):
        names = [n for n in NAMES if isinstance(content, Mapping) and n in content]
        if len(names) > 1:
            raise BadFile(f"{path}: holds several vectors ({', '.join(names)}); keep one")
        content = content[names[0]] if names else content
    if isinstance(content, Mapping):
        return _by_block(path, content, depth)
    return _rows(path, content, depth)


def direction_bytes(direction: NDArray[Any], block: int) -> bytes:
    """Return the bytes of vLLM-Hook's file of one direction (width,)."""
    buffer = BytesIO()
    vector = torch.from_numpy(np.ascontiguousarray(direction, np.float32))
    torch.save({"dir": vector, "block": block}, buffer)
    return buffer.getvalue()


def _one_direction(path: Path, content: Mapping[str, Any]) -> Directions:
    block = content.get("block")
    if not isinstance(block, int) or block < 0:
        raise BadFile(f"{path}: a single direction doesn't say its block; add 'block' to the file")
    return {Site(block): _numbers(path, content["dir"], 1)}


def _rows(path: Path, content: object, depth: int) -> Directions:
    shape = tuple(content.shape) if isinstance(content, Tensor) else type(content).__name__
    if not isinstance(content, Tensor) or content.ndim != 2 or len(content) - depth not in (0, 1):
        raise BadFile(
            f"{path}: a tensor of ({depth} or {depth + 1}, width) is expected, or one direction "
            f"for each block by its number, not {shape}"
        )
    rows = _numbers(path, content, 2)
    by_site: Directions = {Site(block): rows[len(rows) - depth + block] for block in range(depth)}
    if len(rows) > depth:
        by_site[Site(0, "embedding")] = rows[0]
    return by_site


def _by_block(path: Path, content: Mapping[Any, Any], depth: int) -> Directions:
    by_block = {_block(path, key): _numbers(path, row, 1) for key, row in content.items()}
    if len(by_block) < len(content):
        raise BadFile(f"{path}: two of its names mean the same block")
    if len(widths := sorted({len(row) for row in by_block.values()})) > 1:
        raise BadFile(f"{path}: its directions have different widths: {widths}")
    if set(by_block) == set(range(depth + 1)):  # hidden states, the embedding first
        first = {Site(0, "embedding"): by_block[0]}
        return first | {Site(block): by_block[block + 1] for block in range(depth)}
    if beyond := sorted(block for block in by_block if block >= depth):
        raise BadFile(
            f"{path}: has a direction of block {beyond[0]}; the last block is {depth - 1}"
        )
    return {Site(block): row for block, row in sorted(by_block.items())}


def _block(path: Path, key: object) -> int:
    match = re.fullmatch(r"(?:layer|block)?[_. ]?(\d{1,4})", str(key))
    if match is None or isinstance(key, bool):
        excerpt = str(key)[:40]
        raise BadFile(
            f"{path}: {excerpt!r} is neither a block's number nor one of {', '.join(NAMES)}"
        )
    return int(match[1])


def _numbers(path: Path, tensor: object, dimensions: int) -> NDArray[np.float32]:
    if not isinstance(tensor, Tensor):
        raise BadFile(f"{path}: a tensor is expected, not {type(tensor).__name__}")
    if tensor.layout != torch.strided or tensor.is_quantized or not tensor.is_floating_point():
        kind = "sparse" if tensor.layout != torch.strided else str(tensor.dtype).split(".")[-1]
        raise BadFile(f"{path}: a dense tensor of floating-point numbers is expected, not {kind}")
    if tensor.ndim != dimensions:
        raise BadFile(
            f"{path}: a tensor of {dimensions} dimensions is expected, not {tuple(tensor.shape)}"
        )
    return tensor.detach().float().numpy()
