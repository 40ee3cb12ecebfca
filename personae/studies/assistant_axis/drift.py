"""Where a model stands between roles and assistant, turn by turn, and what capping changes.

Conversations under a cap are read by the model without it, so that what is measured is what was
said, and not the cap itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import inf

import numpy as np

from personae.core import Array, Chat, Edit, Message, OpenModel, Request, Sampling, Site
from personae.studies.assistant_axis.roles import DEFAULT, Conversation
from personae.studies.assistant_axis.space import RoleSpace, Rollout, Scale

__all__ = [
    "OPEN_ENDED",
    "Caps",
    "Drift",
    "Held",
    "assistant_caps",
    "capped_band",
    "drift_of",
    "held_by",
    "slope",
    "trajectories",
]

PERCENT = 25.0
CALIBRATION = 24
"""So many of the default's chats, spread over the questions, give a cap its threshold."""
CHARACTERS = 6000
FAR = 3
OPEN_ENDED = ("therapy", "philosophy")
Edits = tuple[Edit, ...]


def capped_band(depth: int) -> tuple[int, ...]:
    """Give the blocks to cap: .72 to .84 of the depth, as in the published 46 to 53 of 64.

    >>> capped_band(64) == tuple(range(46, 54)), capped_band(30), capped_band(3)
    (True, (22, 23, 24), (2,))
    """
    first = min(round(0.72 * depth), depth - 1)
    return tuple(range(first, max(first + 1, round(0.845 * depth))))


@dataclass(frozen=True, slots=True, eq=False)
class Caps:
    """The cap along the axis, the same along random directions, and how many tokens each moves.

    `moved` are shares, in 0..1, of tokens below the threshold at the first capped block: the
    default's, and the roles'.
    """

    axis: Edits
    random: Edits
    blocks: tuple[int, ...]
    moved: tuple[float, float]


def assistant_caps(model: OpenModel, space: RoleSpace, seed: int = 0) -> Caps:
    """Make caps that lift what lies below the 25th percentile of the default's own tokens.

    Along the axis, and as a control along a random direction orthogonal to it, at each block of
    the band. Thresholds hold for this model and block alone.
    """
    blocks = capped_band(model.anatomy.blocks)
    sites = [Site(block) for block in blocks]
    own, others = (
        [r.chat for r in space.rollouts if (r.role == DEFAULT) == mine] for mine in (True, False)
    )
    tokens = model.record(_spread(own), sites, "all")
    random = np.random.default_rng(seed)
    axis, control = [], []
    for site in sites:
        real = space.axis(site)
        other = random.normal(size=real.size)
        other -= real * (other @ real) / (real @ real)
        axis.append(_cap(site, real, tokens[site]))
        control.append(_cap(site, other, tokens[site]))
    first = axis[0]
    roles = model.record(_spread(others), sites[:1], "all")[first.site]
    moved = (_below(first, tokens[first.site]), _below(first, roles))
    return Caps(tuple(axis), tuple(control), blocks, moved)


def _spread(chats: Sequence[Chat]) -> list[Chat]:
    return list(chats[:: max(1, len(chats) // CALIBRATION)][:CALIBRATION])


def _cap(site: Site, axis: Array, tokens: Array) -> Edit:
    limit = float(np.percentile(tokens @ (axis / np.linalg.norm(axis)), PERCENT))
    return Edit(site, axis, op="cap", bounds=(limit, inf))


def _below(cap: Edit, tokens: Array) -> float:
    unit = cap.vector / np.linalg.norm(cap.vector)
    return float(np.mean(tokens @ unit < cap.bounds[0]))


def _hold(
    model: OpenModel,
    scripts: Sequence[Conversation],
    sampling: Sampling,
    edits: Sequence[Edits],
) -> list[Conversation]:
    """Let the model answer scripted users side by side, each conversation under its own edits.

    A conversation ends before a turn to which nothing was said.
    """
    chats: list[Chat] = [() for _ in scripts]
    going = set(range(len(scripts)))
    for turn in range(max((len(s.chat) for s in scripts), default=0)):
        places = [i for i in sorted(going) if turn < len(scripts[i].chat)]
        asked = [(*chats[i], scripts[i].chat[turn]) for i in places]
        requests = [Request(chat, edits=edits[i]) for i, chat in zip(places, asked, strict=True)]
        replies = model.reply(requests, sampling)
        for place, chat, reply in zip(places, asked, replies, strict=True):
            if reply.status in ("ok", "cut") and reply.text.strip():
                chats[place] = (*chat, Message("assistant", reply.text.strip()))
            else:
                going.discard(place)
    return [replace(s, chat=chat) for s, chat in zip(scripts, chats, strict=True)]


def trajectories(
    model: OpenModel, conversations: Sequence[Conversation], site: Site, scale: Scale
) -> list[Array]:
    """Project each turn of the assistant in one pass a conversation; one array (turns,) each.

    Long conversations are read as far as 6,000 characters reach, and up to an empty turn.
    """
    chats = [_readable(c.chat) for c in conversations]
    counts = [sum(m.role == "assistant" for m in chat) for chat in chats]
    read = [chat for chat in chats if chat]
    rows = model.record(read, [site], "replies")[site] if read else np.empty((0, len(scale.axis)))
    ends = np.cumsum(counts)
    along = scale(rows)
    return [along[end - count : end] for end, count in zip(ends, counts, strict=True)]


def _readable(chat: Chat) -> Chat:
    """Cut a conversation after the last whole turn of the assistant that is read."""
    size, end = 0, 0
    for place, message in enumerate(chat):
        size += len(message.text)
        if size > CHARACTERS or (message.role == "assistant" and not message.text.strip()):
            break
        if message.role == "assistant":
            end = place + 1
    return chat[:end]


def slope(values: Array) -> float:
    """Fit a line through a trajectory: change a turn; NaN below two turns.

    >>> slope(np.array([1.0, 0.5, 0.0]))
    -0.5
    """
    if len(values) < 2:
        return float("nan")
    at = np.arange(len(values)) - (len(values) - 1) / 2
    return float(at @ values / (at @ at))


@dataclass(frozen=True, slots=True)
class Drift:
    """Conversations and their trajectories, (turns,) each, without the cap and with it."""

    talks: Sequence[Conversation]
    plain: Sequence[Array]
    capped: Sequence[Array]

    def slopes(self, *, open_ended: bool) -> list[float]:
        """Give the change a turn, without the cap, in therapy and philosophy, or in tasks."""
        return [
            slope(values)
            for talk, values in zip(self.talks, self.plain, strict=True)
            if (talk.domain in OPEN_ENDED) == open_ended
        ]


def drift_of(
    model: OpenModel,
    space: RoleSpace,
    caps: Caps,
    scripts: Sequence[Conversation],
    sampling: Sampling,
) -> Drift:
    """Hold scripted conversations without the cap and under it; read both without it."""
    site = Site(model.anatomy.blocks // 2)
    count = len(scripts)
    arms = [*[()] * count, *[caps.axis] * count]
    talks = _hold(model, [*scripts, *scripts], sampling, arms)
    found = trajectories(model, talks, site, space.scale(site))
    plain, capped = found[:count], found[count:]
    return Drift(scripts, plain, capped)


@dataclass(frozen=True, slots=True)
class Held:
    """How far replies move towards the assistant, (questions, roles), by a cap and its control.

    NaN where nothing was said; the roles are those farthest from the assistant.
    """

    roles: Sequence[str]
    axis: Array
    random: Array


def held_by(model: OpenModel, space: RoleSpace, caps: Caps, sampling: Sampling) -> Held:
    """Have the roles farthest from the assistant answer again under the caps."""
    site = Site(model.anatomy.blocks // 2)
    along = space.scale(site)(space.activations[site])
    means = {n: along[[r.role == n for r in space.rollouts]].mean() for n in space.roles}
    far = sorted(means, key=means.__getitem__)[:FAR]
    first = [
        (r, x)
        for r, x in zip(space.rollouts, along, strict=True)
        if r.role in far and r.prompt == 0
    ]
    replies = model.reply(
        [
            Request(rollout.chat[:-1], edits=edits)
            for edits in (caps.axis, caps.random)
            for rollout, _ in first
        ],
        sampling,
    )
    spoken = [(r.answered(reply), x) for (r, x), reply in zip(first * 2, replies, strict=True)]
    halves = spoken[: len(first)], spoken[len(first) :]
    axis, control = (
        _shifts(model, space, [(r, x) for r, x in half if r.said], far) for half in halves
    )
    return Held(far, axis, control)


def _shifts(
    model: OpenModel, space: RoleSpace, spoken: Sequence[tuple[Rollout, float]], far: Sequence[str]
) -> Array:
    site = Site(model.anatomy.blocks // 2)
    table = np.full((max(space.questions) + 1, len(far)), np.nan)
    if spoken:
        rows = model.record([r.chat for r, _ in spoken], [site], "replies")[site]
        for (rollout, before), after in zip(spoken, space.scale(site)(rows), strict=True):
            if rollout.question < len(table):
                table[rollout.question, far.index(rollout.role)] = after - before
    return table
