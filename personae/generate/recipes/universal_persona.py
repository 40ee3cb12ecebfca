"""Personas that are groups: generic and specific demographic personas for audits.

The set is built like UniversalPersona (Wan et al. 2023, arXiv:2310.05280): `-n 162` gives all.
Differs: an own list, with correct spelling and sentences; named people are historical and can be
left out (`--named no`); your own entries are added from JSON.

Version  1
"""

from collections import Counter
from functools import partial
from typing import Literal

import numpy as np

from personae.core import BadValue, Note, Part, Sampling, Table, file_sha256
from personae.generate.biography.introductions import write_introductions
from personae.generate.population.persona_groups import GroupPersona, group_personas
from personae.generate.recipe import Order, PersonaBatch, Population
from personae.generate.slots import Slots
from personae.generate.writer import Writer
from personae.personas import persona_frame

__all__ = ["universal_persona"]


def universal_persona(
    order: Order,
    kind: Literal["all", "generic", "specific"] = "all",
    groups: tuple[str, ...] = (),
    registry: str | None = None,
    named: Literal["yes", "no"] = "yes",
) -> Population:
    """Give personas of the registry, in an order drawn by the seed; none twice.

    Args:
        order: how many, under which seed; a model adds an introduction in the first person.
        kind: generic or specific personas alone.
        groups: only these groups, such as race,gender.
        registry: JSON file with entries of your own, added to the list.
        named: whether historical public figures are among them.
    """
    only = None if kind == "all" else kind
    listed = group_personas(kind=only, groups=groups, more=registry, named=named == "yes")
    if order.n > len(listed):
        raise BadValue(
            f"the registry has {len(listed)} such personas, not {order.n}; give -n {len(listed)}, "
            f"or add entries with --registry"
        )
    places = np.random.default_rng(order.seed).permutation(len(listed))[: order.n]
    chosen = tuple(listed[place] for place in sorted(places.tolist()))
    return Population(
        title="Personas of groups",
        order=order,
        make=partial(_make, order, chosen),
        preview=_preview(listed, chosen),
        fingerprint="" if registry is None else file_sha256(registry),
    )


def _preview(
    listed: tuple[GroupPersona, ...], chosen: tuple[GroupPersona, ...]
) -> tuple[Part, ...]:
    held, taken = Counter(one.group for one in listed), Counter(one.group for one in chosen)
    table = Table(
        name="groups",
        title="Groups",
        columns=("group", "in the registry", "chosen"),
        rows=tuple((group, held[group], taken[group]) for group in held),
    )
    return Note(f"{len(chosen)} of {len(listed)} personas."), table


def _make(order: Order, chosen: tuple[GroupPersona, ...], slots: Slots) -> PersonaBatch:
    people = [chosen[place].persona for place in slots.places.tolist()]
    counts: Counter[str] = Counter()
    if order.model is not None:
        sampling = Sampling(max_tokens=120, temperature=0.7, top_p=0.95, seed=order.seed)
        people = write_introductions(Writer(order.model, sampling, counts), people)
    return PersonaBatch(persona_frame(people), counts=counts)
