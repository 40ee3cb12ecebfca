"""The tables and the picture of a persona space: roles on the axis, blocks, components."""

import numpy as np

from personae.core import Cell, Figure, Part, Site, Table
from personae.report.render.figure_json import figure_from_data
from personae.stats.resample import mean
from personae.studies.assistant_axis.components import principal_components
from personae.studies.assistant_axis.roles import DEFAULT
from personae.studies.assistant_axis.space import GAP, RoleSpace, Separation

__all__ = ["projections", "space_tables"]


def projections(space: RoleSpace, site: Site, seed: int) -> Figure:
    """Draw each role's mean projection, the farthest from the assistant last."""
    along = space.scale(site)(space.activations[site])
    found = {
        name: mean(
            along[[r.role == name for r in space.rollouts]],
            name=name,
            of="reply",
            unit=GAP,
            seed=seed,
        )
        for name in (DEFAULT, *space.roles)
    }
    order = sorted(found, key=lambda name: -found[name].value)
    rows = [{"name": name, "group": "", "estimate": found[name]} for name in order]
    return figure_from_data(
        name="projections",
        title=f"Projection on the assistant axis at block {site.block}",
        kind="intervals",
        data={"unit": GAP, "reference": 0.0, "rows": rows},
        alt=f"From the assistant to the farthest role: {', '.join(order)}.",
    )


def space_tables(space: RoleSpace, site: Site, apart: Separation, seed: int) -> list[Part]:
    """Tabulate the axis over the depth of the model, and the roles' components at a block."""
    depth = len(space.activations)
    blocks = sorted({round(x) for x in np.linspace(0, depth - 1, min(depth, 7))} | {site.block})
    rows: list[tuple[Cell, ...]] = []
    for block in blocks:
        here = Site(block)
        found = apart if here == site else space.told_apart(here, seed)
        rows.append(
            (
                block,
                found.default,
                float(np.median(found.roles)),
                found.random,
                space.split_half(here, seed),
                abs(_on_components(space, here)[0]),
            )
        )
    by_block = Table(
        name="blocks",
        title="The axis by block",
        rows=tuple(rows),
        columns=(
            "block",
            "held-out AUC",
            "one role against the others",
            "random directions",
            "split-half cosine",
            "|cosine| with the first component",
        ),
        note="AUC over questions that didn't make the axis; 95 % of random directions stay under "
        "the fourth column.",
    )
    return [by_block, _components(space, site)]


def _on_components(space: RoleSpace, site: Site) -> list[float]:
    """Give the axis's cosines with the first components of the roles' vectors."""
    parts = principal_components(np.stack([space.vectors(site)[n] for n in space.roles]))
    axis = space.axis(site)
    return [float(v) for v in parts.axes[:5] @ (axis / np.linalg.norm(axis))]


def _components(space: RoleSpace, site: Site) -> Table:
    vectors = space.vectors(site)
    stack = np.stack([vectors[name] for name in space.roles])
    parts = principal_components(stack)
    places = (stack - parts.centre) @ parts.axes.T
    own = parts.axes @ (vectors[DEFAULT] - parts.centre)
    rows: list[tuple[Cell, ...]] = []
    for k, cosine in enumerate(_on_components(space, site)):
        order = np.argsort(places[:, k])
        ends = space.roles[order[0]], space.roles[order[-1]]
        low, high = places[order[0], k], places[order[-1], k]
        where = float((own[k] - low) / (high - low))
        rows.append(
            (
                f"{k + 1}",
                float(parts.shares[k]),
                float(parts.shares[: k + 1].sum()),
                cosine,
                where,
                *ends,
            )
        )
    return Table(
        name="components",
        title=f"Components of the roles' vectors at block {site.block}",
        columns=(
            "component",
            "variance",
            "cumulative",
            "cosine with the axis",
            "default's place",
            "low end",
            "high end",
        ),
        rows=tuple(rows),
        note=f"{parts.needed(0.7)} components explain 70 % of the variance between "
        f"{len(space.roles)} roles. The default's place is 0 at the low end and 1 at the high "
        "one; signs are arbitrary.",
    )
