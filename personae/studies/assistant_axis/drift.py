"""Where a model stands between roles and assistant, turn by turn, with and without a cap.

Conversations under a cap are recorded without it, so that the measure depends on their text and not
on the cap itself.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from personae.core import Array, Chat, Edit, Message, OpenModel, Request, Sampling, Site
from personae.studies.assistant_axis.caps import Caps
from personae.studies.assistant_axis.roles import Conversation
from personae.studies.assistant_axis.space import RoleSpace, Scale

__all__ = ["OPEN_ENDED", "Drift", "scripted_drift", "slope", "trajectories"]

CHARACTERS = 6000
"""Length up to which a conversation is recorded."""
OPEN_ENDED = ("therapy", "philosophy")
Edits = tuple[Edit, ...]


def _conversations(
    model: OpenModel,
    scripts: Sequence[Conversation],
    sampling: Sampling,
    edits: Sequence[Edits],
) -> list[Conversation]:
    """Let the model answer scripted users in one batch per turn, each under its own edits.

    A conversation ends before the first turn without a reply.
    """
    chats: list[Chat] = [() for _ in scripts]
    ongoing = set(range(len(scripts)))
    for turn in range(max((len(s.chat) for s in scripts), default=0)):
        indices = [i for i in sorted(ongoing) if turn < len(scripts[i].chat)]
        prompts = [(*chats[i], scripts[i].chat[turn]) for i in indices]
        requests = [Request(chat, edits=edits[i]) for i, chat in zip(indices, prompts, strict=True)]
        replies = model.reply(requests, sampling)
        for index, chat, reply in zip(indices, prompts, replies, strict=True):
            if reply.status in ("ok", "cut") and reply.text.strip():
                chats[index] = (*chat, Message("assistant", reply.text.strip()))
            else:
                ongoing.discard(index)
    return [replace(s, chat=chat) for s, chat in zip(scripts, chats, strict=True)]


def trajectories(
    model: OpenModel, conversations: Sequence[Conversation], site: Site, scale: Scale
) -> list[Array]:
    """Project each turn of the assistant on the axis, in one forward pass per conversation.

    Conversations are recorded up to 6,000 characters or the first empty turn (Lu et al. 2026,
    persona drift).

    Returns:
        For each conversation an array (turns,) in units of the gap between roles and default.
    """
    chats = [_recordable(c.chat) for c in conversations]
    counts = [sum(m.role == "assistant" for m in chat) for chat in chats]
    recorded = [chat for chat in chats if chat]
    states = np.empty((0, len(scale.axis)))
    if recorded:
        states = model.record(recorded, [site], "replies")[site]
    ends = np.cumsum(counts)
    projections = scale(states)
    return [projections[end - count : end] for end, count in zip(ends, counts, strict=True)]


def _recordable(chat: Chat) -> Chat:
    """Cut a conversation after the last complete turn of the assistant within the limit."""
    size, end = 0, 0
    for index, message in enumerate(chat):
        size += len(message.text)
        if size > CHARACTERS or (message.role == "assistant" and not message.text.strip()):
            break
        if message.role == "assistant":
            end = index + 1
    return chat[:end]


def slope(values: Array) -> float:
    """Return the least-squares slope of a trajectory (turns,) in its unit per turn.

    NaN below two turns. Source: textbook simple regression on 0, 1, 2, ...

    >>> slope(np.array([1.0, 0.5, 0.0]))
    -0.5
    """
    if len(values) < 2:
        return float("nan")
    centred = np.arange(len(values)) - (len(values) - 1) / 2
    return float(centred @ values / (centred @ centred))


@dataclass(frozen=True, slots=True)
class Drift:
    """Conversations and their trajectories in units of the gap, (turns,) each.

    `plain` holds those without the cap, `capped` those with it.
    """

    conversations: Sequence[Conversation]
    plain: Sequence[Array]
    capped: Sequence[Array]

    def slopes(self, *, open_ended: bool) -> list[float]:
        """Return the change per turn without the cap, in open-ended conversations or in tasks."""
        return [
            slope(values)
            for conversation, values in zip(self.conversations, self.plain, strict=True)
            if (conversation.domain in OPEN_ENDED) == open_ended
        ]


def scripted_drift(
    model: OpenModel,
    space: RoleSpace,
    caps: Caps,
    scripts: Sequence[Conversation],
    sampling: Sampling,
) -> Drift:
    """Hold scripted conversations without the cap and under it; record both without it."""
    site = Site(model.anatomy.blocks // 2)
    count = len(scripts)
    edits = [*[()] * count, *[caps.axis] * count]
    conversations = _conversations(model, [*scripts, *scripts], sampling, edits)
    values = trajectories(model, conversations, site, space.scale(site))
    return Drift(scripts, plain=values[:count], capped=values[count:])
