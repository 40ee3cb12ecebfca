"""Personas that are groups: generic and specific demographic personas for audits.

The set is built like UniversalPersona (Wan et al. 2023, arXiv:2310.05280): `-n 162` gives all.
Differs: an own list, with correct spelling and sentences; named people are historical and can be
left out (`--named no`); your own entries are added from JSON.

Version  1
"""

import re
from collections import Counter
from dataclasses import replace
from functools import partial
from typing import Literal

import numpy as np

from personae.core import (
    BadValue,
    Note,
    Part,
    Persona,
    Sampling,
    Table,
    file_sha256,
    persona_frame,
    say,
)
from personae.generate.asking import Wanted, Writer, texts_schema
from personae.generate.groups import GroupPersona, group_personas
from personae.generate.life import unfit_text
from personae.generate.recipe import Made, Order, Population
from personae.generate.slots import Slots

__all__ = ["universal_persona"]

LEAST, MOST = 40, 400


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
        name="groups", title="Groups", columns=("group", "in the registry", "chosen"),
        rows=tuple((group, held[group], taken[group]) for group in held),
    )  # fmt: skip
    return Note(f"{len(chosen)} of {len(listed)} personas."), table


def _make(order: Order, chosen: tuple[GroupPersona, ...], slots: Slots) -> Made:
    people = [chosen[place].persona for place in slots.places.tolist()]
    counts: Counter[str] = Counter()
    if order.model is not None:
        sampling = Sampling(max_tokens=120, temperature=0.7, top_p=0.95, seed=order.seed)
        people = _introduced(Writer(order.model, sampling, counts), people)
    return Made(persona_frame(people), counts=counts)


def _unfit(_: str, value: object) -> str:
    own = re.search(r"\b(?:I|I'm|my)\b", str(value)) and not str(value).startswith("You")
    return unfit_text(value, LEAST, MOST) or ("" if own else "not in the first person")


def _introduced(writer: Writer, people: list[Persona]) -> list[Persona]:
    """Add an introduction by the model; the text that audits use stays the bare statement."""
    wanted = [
        Wanted(
            chat=say(
                f"{one.text} Introduce yourself in two sentences, in the first person. "
                f"Answer in JSON."
            ),
            fields={"introduction": texts_schema(LEAST, MOST)},
            check=_unfit,
        )
        for one in people
    ]
    found = []
    for one, asked in zip(people, writer.ask(wanted), strict=True):
        writer.counts["left out"] += len(asked.unfit)
        model = {"model": writer.model.name, "model fingerprint": writer.model.fingerprint}
        told = str(asked.values.get("introduction", ""))
        found.append(replace(one, narrative=told, provenance={**one.provenance, **model}))
    return found
