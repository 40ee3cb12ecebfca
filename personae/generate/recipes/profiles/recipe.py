"""Profiles of users from conversations, as far as their words show.

After USP (Wang et al. 2025, arXiv:2502.18968). `--crowd` draws users from the population, its
majority or its minority, or makes virtual ones (one user's facts with a neighbour's manner).
Differs: see `implicit_profile`; density is estimated from the users' words, without a model.

Version  1
"""

from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from personae.core import BadValue, Chat, Note, Part, Sampling, content_key, file_sha256
from personae.generate.conversations import read_conversations, user_turns
from personae.generate.recipe import Order, PersonaBatch, Population
from personae.generate.recipes.profiles.density import draw_members, draw_virtual_pairs
from personae.generate.recipes.profiles.implicit_profile import (
    combine_profiles,
    extract_profiles,
    rule_based_profile,
)
from personae.generate.slots import Slots
from personae.generate.text_vectors import HashedVectors
from personae.generate.writer import Writer, model_provenance
from personae.personas import persona_frame

__all__ = ["profiles"]

PROMPT = content_key(["profiles", 1])[:16]
"""Raise the number, and the header's version, when requests change."""
Selection = Literal["all", "population", "majority", "minority", "virtual"]


@dataclass(frozen=True, slots=True)
class _Plan:
    """For each slot, the users whose objective and whose subjective half it gets.

    `numbers` are the chats' numbers in the file, from 1.
    """

    order: Order
    chats: tuple[Chat, ...]
    numbers: tuple[int, ...]
    pairs: tuple[tuple[int, int], ...]
    source: str


def profiles(order: Order, conversations: str, crowd: Selection = "all") -> Population:
    """Extract profiles from conversations.

    Args:
        order: number and seed; a model finds more than the rules do.
        conversations: JSONL file, one conversation per line with its turns under messages.
        crowd: all in turn, or drawn by density; virtual combines the halves of two users.
    """
    all_chats = read_conversations(conversations)
    numbers = tuple(number for number, chat in enumerate(all_chats, 1) if user_turns(chat))
    chats = tuple(all_chats[number - 1] for number in numbers)
    if not chats:
        raise BadValue(f"{conversations}: no conversation has a turn of the user")
    if crowd == "all" and order.n > len(chats):
        raise BadValue(
            f"{conversations} has {len(chats)} conversations with a user, not {order.n}; give "
            f"-n {len(chats)}, or draw with --crowd population"
        )
    plan = _Plan(order, chats, numbers, _pairs(order, chats, crowd), Path(conversations).name)
    distinct = len(set(plan.pairs))
    preview: tuple[Part, ...] = (
        Note(f"{order.n} profiles ({crowd}) of {len(chats)} users; {distinct} distinct."),
        Note("These are real speakers: get their consent, and do not identify them.", "warning"),
    )
    return Population(
        title="Profiles from conversations",
        order=order,
        make=partial(_make, plan),
        preview=preview,
        fingerprint=file_sha256(conversations),
    )


def _pairs(order: Order, chats: tuple[Chat, ...], crowd: Selection) -> tuple[tuple[int, int], ...]:
    if crowd == "all":
        return tuple((index, index) for index in range(order.n))
    user_texts = [" ".join(user_turns(chat)) for chat in chats]
    vectors = HashedVectors(user_texts)(user_texts)
    if crowd == "virtual":
        halves = [(p.objective, p.subjective) for p in map(rule_based_profile, chats)]
        return tuple(draw_virtual_pairs(halves, vectors, order.n, order.seed))
    members = draw_members(vectors, order.n, crowd, order.seed)
    return tuple((member, member) for member in members)


def _make(plan: _Plan, slots: Slots) -> PersonaBatch:
    pairs = [plan.pairs[index] for index in slots.indices.tolist()]
    members = sorted({member for pair in pairs for member in pair})
    chats = [plan.chats[member] for member in members]
    counts: Counter[str] = Counter()
    if plan.order.model is None:
        extracted = [rule_based_profile(chat) for chat in chats]
    else:
        sampling = Sampling(max_tokens=120, seed=plan.order.seed)
        extracted = extract_profiles(Writer(plan.order.model, sampling, counts), chats)
    profile_of_member = dict(zip(members, extracted, strict=True))
    people = []
    for index, (first, second) in zip(slots.indices.tolist(), pairs, strict=True):
        profile = combine_profiles(profile_of_member[first], profile_of_member[second])
        people.append(profile.persona(f"user-{index:07d}", _provenance(plan, first, second)))
    return PersonaBatch(persona_frame(people), counts=counts)


def _provenance(plan: _Plan, first: int, second: int) -> dict[str, str]:
    source = f"conversation {plan.numbers[first]}"
    source += "" if first == second else f", manner of conversation {plan.numbers[second]}"
    model = plan.order.model
    provenance = {
        "made by": "personae generate profiles",
        "source": f"what real users said: {plan.source}, {source}",
        "model": "none: by rules",
    }
    return provenance if model is None else provenance | model_provenance(model, PROMPT)
