"""A bank of types: equally many characters of sixteen types, whose names stay hidden.

After CharacterChat (Tu et al. 2023, arXiv:2308.10278), whose bank is `-n 1024`, 64 of each type.
Differs: name, gender, age, region and job are drawn from tables; ages start at 18; fields are
written in small objects, in the second person, and unfit ones are drawn at random and counted;
everything is seeded; `--bank big-five` makes the 32 sign patterns of the Big Five.

Version  1
"""

from collections import Counter
from functools import partial

import numpy as np
import polars as pl

from personae.core import Cell, Note, Part, Sampling, Table, content_key, counted, data_json
from personae.generate.biography.people import PeopleTables, load_people_tables
from personae.generate.recipe import Order, PersonaBatch, Population
from personae.generate.recipes.type_bank.types import (
    TypeBank,
    bank_types,
    draw_character,
    write_characters,
)
from personae.generate.slots import Slots
from personae.generate.writer import Writer, model_provenance
from personae.personas import frame_personas, persona_frame

__all__ = ["type_bank"]

AGES = (18, 40)
VERSION = 1
"""Raise it, and the header's, when requests change; it is part of the prompt's hash."""


def type_bank(order: Order, bank: TypeBank = "mbti") -> Population:
    """Make a bank of types.

    Args:
        order: number, seed and the model that writes.
        bank: mbti (16 types) or big-five (32 sign patterns).
    """
    types = bank_types(bank)
    tables = PeopleTables({**load_people_tables().raw, "ages": list(AGES)})
    base, remainder = divmod(order.n, len(types))
    counts = [base + (index < remainder) for index in range(len(types))]
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (character_type.code, count, character_type.description)
        for character_type, count in zip(types, counts, strict=True)
    )
    preview: tuple[Part, ...] = (
        Note(f"{counted(order.n, 'character')} over {counted(len(types), 'type')}, in turn."),
        Table(
            name="types",
            title="Types",
            rows=rows,
            columns=("type", "characters", "description for the writer"),
        ),
    )
    return Population(
        title=f"Bank of types ({bank})",
        order=order,
        make=partial(_make, order, bank, tables),
        preview=preview,
        findings=_findings,
    )


def _make(order: Order, bank: TypeBank, tables: PeopleTables, slots: Slots) -> PersonaBatch:
    types = bank_types(bank)
    characters = []
    for index, bits in zip(slots.indices.tolist(), slots.bits("type_bank").tolist(), strict=True):
        random = np.random.default_rng(bits)
        person = tables.draw(random, {})
        characters.append(draw_character(types[index % len(types)], person, random))
    counts: Counter[str] = Counter()
    if order.model is not None:
        sampling = Sampling(max_tokens=320, temperature=0.8, top_p=0.95, seed=order.seed)
        characters = write_characters(Writer(order.model, sampling, counts), characters)
    provenance = _provenance(order)
    people = (
        character.persona(f"type-{order.seed}-{index:07d}", provenance)
        for character, index in zip(characters, slots.indices.tolist(), strict=True)
    )
    return PersonaBatch(persona_frame(people), counts=counts)


def _provenance(order: Order) -> dict[str, str]:
    provenance = {
        "made by": "personae generate type_bank",
        "source": "descriptions written for Personae; method after arXiv:2308.10278",
        "licence": "Apache-2.0",
        "consent": "an invented person",
        "use": "not for therapy or crisis support",
    }
    if order.model is None:
        return {**provenance, "model": "none: drawn at random"}
    prompt = content_key(["type_bank", VERSION, data_json("personas/types.json")])[:16]
    return {**provenance, **model_provenance(order.model, prompt)}


def _findings(rows: pl.DataFrame) -> tuple[Part, ...]:
    texts: dict[str, list[str]] = {}
    for persona in frame_personas(rows):
        texts.setdefault(str(persona.extra.get("type")), []).append(persona.text)
    table = Table(
        name="types made",
        title="Characters by type",
        columns=("type", "characters", "distinct"),
        rows=tuple((code, len(texts[code]), len(set(texts[code]))) for code in sorted(texts)),
    )
    return (table,)
