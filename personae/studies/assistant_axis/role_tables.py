"""Parts of the report on the persona space: roles along the axis, blocks, components, coverage."""

from collections.abc import Sequence

import numpy as np

from personae.core import Figure, Part, Site, Table
from personae.report.build import Row, ValueAxis, forest, table, warning
from personae.stats.resample import mean
from personae.studies.assistant_axis.components import principal_components
from personae.studies.assistant_axis.roles import DEFAULT
from personae.studies.assistant_axis.rollouts import Rollout
from personae.studies.assistant_axis.space import GAP, RoleSpace, Separation

__all__ = ["component_table", "depth_table", "projection_figure", "rollout_coverage"]


def projection_figure(space: RoleSpace, site: Site, seed: int) -> Figure:
    """Draw each role's mean projection, with the one farthest from the assistant last."""
    projections = space.scale(site)(space.activations[site])
    means = [
        mean(
            projections[[r.role == name for r in space.rollouts]],
            name=name,
            of="reply",
            unit=GAP,
            seed=seed,
        )
        for name in (DEFAULT, *space.roles)
    ]
    order = sorted(means, key=lambda estimate: -estimate.value)
    return forest(
        "projections",
        f"Projection on the assistant axis at block {site.block}",
        order,
        ValueAxis(GAP, reference=0.0),
        alt=f"From the assistant to the farthest role: {', '.join(e.name for e in order)}.",
    )


def depth_table(space: RoleSpace, site: Site, separation: Separation, seed: int) -> Table:
    """Tabulate the axis over the model's depth; `separation` is that at the site."""
    depth = len(space.activations)
    blocks = {round(x) for x in np.linspace(0, depth - 1, min(depth, 7))} | {site.block}
    rows: list[Row] = []
    for other in map(Site, sorted(blocks)):
        auc = separation if other == site else space.separation(other, seed)
        rows.append(
            {
                "block": other.block,
                "held-out AUC": auc.default,
                "one role against the others": float(np.median(auc.roles)),
                "random directions": auc.random,
                "split-half cosine": space.split_half(other, seed),
                "|cosine| with the first component": abs(_axis_on_components(space, other)[0]),
            }
        )
    note = (
        "AUC on questions that the axis was not computed from; for random directions, the 95th "
        "percentile."
    )
    return table("blocks", "The axis by block", rows, note)


def _axis_on_components(space: RoleSpace, site: Site) -> list[float]:
    """Return the axis's cosines with the first five components of the roles' vectors."""
    parts = principal_components(np.stack([space.vectors(site)[n] for n in space.roles]))
    axis = space.axis(site)
    return [float(v) for v in parts.axes[:5] @ (axis / np.linalg.norm(axis))]


def component_table(space: RoleSpace, site: Site) -> Table:
    """Tabulate the first components of the roles' vectors, and where the default lies on them."""
    vectors = space.vectors(site)
    stack = np.stack([vectors[name] for name in space.roles])
    parts = principal_components(stack)
    scores = (stack - parts.centre) @ parts.axes.T
    default = parts.axes @ (vectors[DEFAULT] - parts.centre)
    rows: list[Row] = []
    for k, cosine in enumerate(_axis_on_components(space, site)):
        order = np.argsort(scores[:, k])
        low, high = scores[order[0], k], scores[order[-1], k]
        rows.append(
            {
                "component": f"{k + 1}",
                "variance": float(parts.shares[k]),
                "cumulative": float(parts.shares[: k + 1].sum()),
                "cosine with the axis": cosine,
                "default's position": float((default[k] - low) / (high - low)),
                "low end": space.roles[order[0]],
                "high end": space.roles[order[-1]],
            }
        )
    note = (
        f"{parts.needed(0.7)} components explain 70 % of the variance between {len(space.roles)} "
        "roles. The default's position is 0 at the low end and 1 at the high end; a component's "
        "sign is arbitrary."
    )
    title = f"Components of the roles' vectors at block {site.block}"
    return table("components", title, rows, note)


def rollout_coverage(rollouts: Sequence[Rollout], space: RoleSpace, judge: str = "") -> list[Part]:
    """Count replies by role, and name the roles that are left out; `judge` names the judge."""
    used = {r.id for r in space.rollouts}
    rows: list[Row] = []
    for name in dict.fromkeys(r.role for r in rollouts):
        own = [r for r in rollouts if r.role == name]
        statuses = [r.reply.status for r in own]
        rows.append(
            {
                "role": name,
                "asked": len(own),
                "used": sum(r.id in used for r in own),
                "refused": statuses.count("refused"),
                "unparsed": sum(r.reply.status in ("ok", "cut") and not r.has_text for r in own),
                "error": statuses.count("error"),
                "counts": "no" if name in space.dropped else "yes",
            }
        )
    criterion = f"Used: played the role, as {judge} judged." if judge else "Used: every reply."
    parts: list[Part] = [
        table("coverage", "Replies", rows, f"Unparsed: an empty reply. {criterion}")
    ]
    if space.dropped:
        names = ", ".join(f"{name} ({n})" for name, n in space.dropped.items())
        parts.append(warning(f"Left out for too few replies that play the role: {names}."))
    return parts
