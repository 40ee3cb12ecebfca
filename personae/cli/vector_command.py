"""The command `vector`: makes a trait's steering vector, writes it, and prints its quality."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import cast, get_args

from rich.console import Console
from rich.table import Table

from personae.core import BadValue, InputError, Model, OpenModel, Site, UnknownName, domain_code
from personae.induce.steer.contrasts import trait_vectors
from personae.induce.steer.directions import Method
from personae.induce.steer.steering_vector import SteeringVector
from personae.induce.steer.vector_files import save_vector

__all__ = ["make_file"]

COLUMNS = ("block", "length", "of the residual", "split-half cosine", "held-out AUC", "random AUC")


def make_file(
    *,
    trait: str,
    out: Path,
    open_reader: Callable[[], Model],
    blocks: str | None,
    method: str,
    seed: int,
) -> None:
    """Compute a trait's vector, write it to a file and print its quality.

    Raises:
        InputError: the model isn't an open one.
        UnknownName: no such trait or method.
        BadValue: blocks that aren't FIRST-LAST, or outside the model.
    """
    code = domain_code(trait)
    if method not in get_args(Method):
        raise UnknownName("method", method, get_args(Method))
    opened = open_reader()
    if not isinstance(opened, OpenModel):
        raise InputError(
            f"{opened.name} is not an open model, from whose activations a vector is made"
        )
    sites = [Site(b) for b in _range(blocks, opened.anatomy.blocks)]
    vector = trait_vectors(opened, [code], sites, method=cast(Method, method), seed=seed)[code]
    save_vector(vector, out)
    _show(vector, Console())
    Console(stderr=True).print(f"Written to {out}; use it as steer:{out}*2@BLOCK", highlight=False)


def _range(text: str | None, depth: int) -> range:
    if text is None:
        return range(1, depth)
    blocks = re.fullmatch(r"(\d+)(?:-(\d+))?", text)
    first, last = (int(blocks[1]), int(blocks[2] or blocks[1])) if blocks else (1, 0)
    if first > last:
        raise BadValue(f"blocks are FIRST-LAST, such as 5-20, not {text!r}")
    return range(first, last + 1)


def _show(vector: SteeringVector, console: Console) -> None:
    table = Table(*COLUMNS, title=f"{vector.origin.name} on {vector.origin.model}")
    for site in vector.sites:
        quality = vector.quality[site]
        share = f"{100 * quality.norm / quality.residual:.1f} %"
        numbers = (
            f"{number:.2f}" for number in (quality.split_half, quality.auc, quality.random_auc)
        )
        table.add_row(str(site.block), f"{quality.norm:.2f}", share, *numbers)
    console.print(table)
