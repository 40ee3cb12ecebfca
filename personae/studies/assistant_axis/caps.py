"""Caps along the assistant axis and along random directions, and how they shift replies.

Replies under a cap are recorded without it, so that the measure depends on their text and not on
the cap itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

import numpy as np

from personae.core import Array, Chat, Edit, OpenModel, Request, Sampling, Site
from personae.studies.assistant_axis.roles import DEFAULT
from personae.studies.assistant_axis.rollouts import Rollout
from personae.studies.assistant_axis.space import RoleSpace

__all__ = ["CapShifts", "Caps", "assistant_caps", "cap_shifts"]

PERCENTILE = 25.0
CALIBRATION = 24
"""Number of the default's chats, spread over the questions, that set a cap's threshold."""
FARTHEST = 3
"""Number of roles, those farthest from the assistant, that answer under a cap."""
Edits = tuple[Edit, ...]


def _capped_blocks(depth: int) -> tuple[int, ...]:
    """Return the blocks to cap: .72 to .84 of the depth, such as 46 to 53 of 64 (Lu et al. 2026).

    >>> _capped_blocks(64) == tuple(range(46, 54)), _capped_blocks(30), _capped_blocks(3)
    (True, (22, 23, 24), (2,))
    """
    first = min(round(0.72 * depth), depth - 1)
    return tuple(range(first, max(first + 1, round(0.845 * depth))))


@dataclass(frozen=True, slots=True, eq=False)
class Caps:
    """Caps along the axis and along random directions, and how many tokens they lift.

    `lifted` holds the shares (0..1) of the default's and of the roles' tokens that lie below the
    threshold at the first capped block.
    """

    axis: Edits
    random: Edits
    blocks: tuple[int, ...]
    lifted: tuple[float, float]


def assistant_caps(model: OpenModel, space: RoleSpace, seed: int = 0) -> Caps:
    """Make caps that lift tokens below the 25th percentile of the default's own tokens to it.

    At each capped block one cap along the axis and, as a control, one along a random direction
    orthogonal to it (Lu et al. 2026, activation capping). A threshold holds for one model and
    block.
    """
    blocks = _capped_blocks(model.anatomy.blocks)
    sites = [Site(block) for block in blocks]
    own, others = (
        [r.chat for r in space.rollouts if (r.role == DEFAULT) == default]
        for default in (True, False)
    )
    tokens = model.record(_spread(own), sites, "all")
    random = np.random.default_rng(seed)
    along_axis, along_random = [], []
    for site in sites:
        axis = space.axis(site)
        other = random.normal(size=axis.size)
        other -= axis * (other @ axis) / (axis @ axis)
        along_axis.append(_cap(site, axis, tokens[site]))
        along_random.append(_cap(site, other, tokens[site]))
    first = along_axis[0]
    roles = model.record(_spread(others), sites[:1], "all")[first.site]
    lifted = (_share_below(first, tokens[first.site]), _share_below(first, roles))
    return Caps(tuple(along_axis), tuple(along_random), blocks, lifted)


def _spread(chats: Sequence[Chat]) -> list[Chat]:
    return list(chats[:: max(1, len(chats) // CALIBRATION)][:CALIBRATION])


def _cap(site: Site, axis: Array, tokens: Array) -> Edit:
    limit = float(np.percentile(tokens @ (axis / np.linalg.norm(axis)), PERCENTILE))
    return Edit(site, axis, op="cap", bounds=(limit, inf))


def _share_below(cap: Edit, tokens: Array) -> float:
    unit = cap.vector / np.linalg.norm(cap.vector)
    return float(np.mean(tokens @ unit < cap.bounds[0]))


@dataclass(frozen=True, slots=True)
class CapShifts:
    """Shifts of replies towards the assistant, (questions, roles), under a cap and its control.

    Projections in units of the gap, with the cap less without; NaN where there is no reply. The
    roles are those farthest from the assistant.
    """

    roles: Sequence[str]
    axis: Array
    random: Array


def cap_shifts(model: OpenModel, space: RoleSpace, caps: Caps, sampling: Sampling) -> CapShifts:
    """Let the roles farthest from the assistant answer again under the caps; record without them.

    Only each role's first system text is used. The shift is the projection with the cap less that
    without it, in units of the gap (Lu et al. 2026, activation capping).
    """
    site = Site(model.anatomy.blocks // 2)
    projections = space.scale(site)(space.activations[site])
    means = {n: projections[[r.role == n for r in space.rollouts]].mean() for n in space.roles}
    farthest = sorted(means, key=means.__getitem__)[:FARTHEST]
    uncapped = [
        (rollout, projection)
        for rollout, projection in zip(space.rollouts, projections, strict=True)
        if rollout.role in farthest and rollout.prompt == 0
    ]
    replies = model.reply(
        [
            Request(rollout.chat[:-1], edits=edits)
            for edits in (caps.axis, caps.random)
            for rollout, _ in uncapped
        ],
        sampling,
    )
    capped = [(r.answered(reply), x) for (r, x), reply in zip(uncapped * 2, replies, strict=True)]
    halves = capped[: len(uncapped)], capped[len(uncapped) :]
    axis, control = (
        _shifts(model, space, [(r, x) for r, x in half if r.has_text], farthest) for half in halves
    )
    return CapShifts(farthest, axis, control)


def _shifts(
    model: OpenModel,
    space: RoleSpace,
    capped: Sequence[tuple[Rollout, float]],
    roles: Sequence[str],
) -> Array:
    """Project capped replies and subtract their projections without a cap: (questions, roles)."""
    site = Site(model.anatomy.blocks // 2)
    table = np.full((max(space.questions) + 1, len(roles)), np.nan)
    if capped:
        rows = model.record([r.chat for r, _ in capped], [site], "replies")[site]
        for (rollout, before), after in zip(capped, space.scale(site)(rows), strict=True):
            if rollout.question < len(table):
                table[rollout.question, roles.index(rollout.role)] = after - before
    return table
