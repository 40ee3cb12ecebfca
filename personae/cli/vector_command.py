"""The command `vector`: makes a trait's steering vector, writes it, and reports its quality."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import cast, get_args

from personae.core import (
    BadValue,
    InputError,
    Model,
    Note,
    OpenModel,
    Report,
    Site,
    Table,
    UnknownName,
    domain_code,
)
from personae.induce.steer.contrasts import trait_vectors
from personae.induce.steer.directions import Method
from personae.induce.steer.steering_vector import SteeringVector
from personae.induce.steer.vector_files import check_vector_path, save_vector

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
) -> Report:
    """Compute a trait's vector, write it to a file and return its quality as a report.

    Raises:
        InputError: the model isn't an open one.
        UnknownName: no such trait or method, or the file has another ending.
        BadValue: blocks that aren't FIRST-LAST, outside the model, or not for this kind of file.
    """
    code = domain_code(trait)
    check_vector_path(out)
    if method not in get_args(Method):
        raise UnknownName("method", method, get_args(Method))
    opened = open_reader()
    if not isinstance(opened, OpenModel):
        raise InputError(
            f"{opened.name} is not an open model, from whose activations a vector is made"
        )
    sites = [Site(b) for b in _range(blocks, opened.anatomy.blocks)]
    check_vector_path(out, sites)
    vector = trait_vectors(opened, [code], sites, method=cast(Method, method), seed=seed)[code]
    save_vector(vector, out)
    return _quality_report(vector)


def _range(text: str | None, depth: int) -> range:
    if text is None:
        return range(1, depth)
    blocks = re.fullmatch(r"(\d+)(?:-(\d+))?", text)
    first, last = (int(blocks[1]), int(blocks[2] or blocks[1])) if blocks else (1, 0)
    if first > last:
        raise BadValue(f"blocks are FIRST-LAST, such as 5-20, not {text!r}")
    return range(first, last + 1)


def _quality_report(vector: SteeringVector) -> Report:
    """Report where the direction separates held-out pairs better than random directions do."""
    origin, rows = vector.origin, []
    margins = {site.block: q.auc - q.random_auc for site, q in vector.quality.items()}
    above = [block for block, margin in margins.items() if margin > 0]
    for site in vector.sites:
        q = vector.quality[site]
        share = f"{100 * q.norm / q.residual:.1f} %"
        rows.append((site.block, q.norm, share, q.split_half, q.auc, q.random_auc))
    if above:
        best = max(above, key=lambda block: margins[block])
        verdict = f"at {len(above)} of {len(rows)} blocks, most clearly at block {best}."
    else:
        verdict = f"at none of {len(rows)} blocks, so that steering by it is not shown to work."
    lead = "The vector separates held-out pairs better than random directions do "
    table = Table(
        name="quality",
        title="Quality at each block",
        columns=COLUMNS,
        rows=tuple(rows),
        note="AUC in cross-validation; random AUC: 95th percentile of 100 random directions.",
    )
    return Report(
        title=f"{origin.name} on {origin.model}", parts=(Note(lead + verdict, "verdict"), table)
    )
