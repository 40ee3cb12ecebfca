"""Personas that are groups: generic and specific demographic personas for audits.

The set is built like UniversalPersona (Wan et al. 2023, arXiv:2310.05280): `-n 162` gives all.
Differs: the list is Personae's own, with corrected spelling and sentences; named people are
historical and can be left out (`--named no`); your own entries are added from JSON.

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
    """Select personas of the registry at random, each at most once.

    Args:
        order: number and seed; a model adds an introduction in the first person.
        kind: generic or specific personas alone.
        groups: only these groups, such as race,gender.
        registry: JSON file with entries of your own, added to the list.
        named: whether historical public figures are among them.
    """
    selected_kind = None if kind == "all" else kind
    available = group_personas(
        kind=selected_kind, groups=groups, registry=registry, named=named == "yes"
    )
    if order.n > len(available):
        raise BadValue(
            f"the registry has {len(available)} such personas, not {order.n}; give "
            f"-n {len(available)}, or add entries with --registry"
        )
    indices = np.random.default_rng(order.seed).permutation(len(available))[: order.n]
    selection = tuple(available[index] for index in sorted(indices.tolist()))
    return Population(
        title="Personas of groups",
        order=order,
        make=partial(_make, order, selection),
        preview=_preview(available, selection),
        fingerprint="" if registry is None else file_sha256(registry),
    )


def _preview(
    available: tuple[GroupPersona, ...], selection: tuple[GroupPersona, ...]
) -> tuple[Part, ...]:
    available_counts = Counter(entry.group for entry in available)
    selected_counts = Counter(entry.group for entry in selection)
    table = Table(
        name="groups",
        title="Groups",
        columns=("group", "in the registry", "chosen"),
        rows=tuple(
            (group, count, selected_counts[group]) for group, count in available_counts.items()
        ),
    )
    return Note(f"{len(selection)} of {len(available)} personas."), table


def _make(order: Order, selection: tuple[GroupPersona, ...], slots: Slots) -> PersonaBatch:
    people = [selection[index].persona for index in slots.indices.tolist()]
    counts: Counter[str] = Counter()
    if order.model is not None:
        sampling = Sampling(max_tokens=120, temperature=0.7, top_p=0.95, seed=order.seed)
        people = write_introductions(Writer(order.model, sampling, counts), people)
    return PersonaBatch(persona_frame(people), counts=counts)
