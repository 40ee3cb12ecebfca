"""Deep personas: hundreds of attributes under a taxonomy, each chosen and filled by what is known.

After DeepPersona (Wang, Zhou et al. 2025, arXiv:2511.07338). Differs: all twelve categories are
written and none is thrown away; failed values are asked for again, then drawn at random and
counted; everything is seeded; ages begin at 18 unless given; whether the career category applies is
read off the anchors; "community" is measured as a topic and not forbidden in every prompt.

Version  1
"""

from collections import Counter
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from personae.core import (
    BIG_FIVE,
    BadValue,
    Note,
    Part,
    Persona,
    Sampling,
    Table,
    content_key,
    data_json,
    file_sha256,
)
from personae.generate.biography.deep_attributes import (
    AttributeChooser,
    Draft,
    Filling,
    ValueSource,
    draw_sections,
    write_sections,
)
from personae.generate.biography.life import draw_life, write_lives
from personae.generate.biography.people import PeopleTables, load_people_tables, parse_anchors
from personae.generate.population.correlated_traits import correlation_matrix, draw_correlated
from personae.generate.recipe import Order, PersonaBatch, Population
from personae.generate.recipes.deeppersona.rendering import (
    MANY_WORDS,
    render_persona,
    write_narratives,
)
from personae.generate.recipes.deeppersona.richness import richness
from personae.generate.slots import Slots
from personae.generate.taxonomy.attribute_tree import Taxonomy, read_tree, shipped_taxonomy
from personae.generate.writer import Writer, model_provenance
from personae.personas import persona_frame

__all__ = ["Depth", "deeppersona"]

DEEP, WRITTEN = 200, 48
"""Attributes by default: at random, the paper's best depth; by a model, what a small one writes."""
EXTREME = 2.5
VERSION = 1
"""Raise it, and the header's, when requests change; it is part of the prompt's hash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
    """How deep a persona goes.

    Args:
        depth: attributes beside the anchors; default 200 at random, 48 written by a model.
        words: longest text and narrative, in words.
        ratio: shares of attributes near, half-way and far from who the person is.
        values: listed holds a model to the taxonomy's values, free lets it write its own.

    Raises:
        BadValue: a depth or a number of words that isn't positive, or a ratio that is none.
    """

    depth: int | None = None
    words: int = 200
    ratio: str = "5:3:2"
    values: ValueSource = "listed"

    def filling(self, written: bool) -> Filling:
        """Give the plan for the attributes."""
        depth = (WRITTEN if written else DEEP) if self.depth is None else self.depth
        shares = self.ratio.split(":")
        if depth < 1 or not 20 <= self.words <= MANY_WORDS:
            raise BadValue(
                f"a persona has 1 attribute or more and 20 to {MANY_WORDS} words, not {depth} and "
                f"{self.words}"
            )
        if len(shares) != 3 or not all(s.isdigit() for s in shares) or not any(map(int, shares)):
            raise BadValue(f"a ratio is three whole numbers such as 5:3:2, not {self.ratio!r}")
        near, middle, far = map(int, shares)
        return Filling(depth=depth, ratio=(near, middle, far), values=self.values)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Plan:
    order: Order
    depth: Depth
    filling: Filling
    taxonomy: Taxonomy
    chooser: AttributeChooser
    tables: PeopleTables
    anchors: dict[str, str]
    traits: dict[str, float]
    key: str
    prompt: str


def deeppersona(
    order: Order,
    anchors: str = "",
    depth: Depth = Depth(),
    taxonomy: str | None = None,
    people: str | None = None,
) -> Population:
    """Make deep personas.

    Args:
        order: how many, under which seed, and who writes.
        anchors: what is fixed, such as "age=45, work=nurse, country=Nigeria, E=1.5" (traits in z).
        depth: how deep a persona goes.
        taxonomy: JSON tree of attributes; by default the one that ships.
        people: JSON tables to draw people from; by default the ones that ship.
    """
    facts, traits = parse_anchors(anchors)
    tree = read_tree(taxonomy) if taxonomy else shipped_taxonomy()
    filling = depth.filling(order.model is not None)
    if order.model is None and not any(one.values for one in tree.attributes):
        raise BadValue(
            f"{taxonomy} lists no values, so there is nothing to draw; give a --model that writes "
            f"them, or list values in it"
        )
    files = [None if path is None else file_sha256(path) for path in (taxonomy, people)]
    plan = _Plan(
        order=order,
        depth=depth,
        filling=filling,
        taxonomy=tree,
        chooser=AttributeChooser(tree),
        tables=load_people_tables(people or ""),
        anchors=facts,
        traits=traits,
        key=content_key(files),
        prompt=content_key(
            [
                "deeppersona",
                VERSION,
                data_json("personas/life.json")["guidance"],
                [one.name for one in tree.attributes],
            ]
        )[:16],
    )
    plan.tables.draw(np.random.default_rng(0), facts)  # what can't be drawn fails here, not later
    return Population(
        title="Deep personas",
        order=order,
        make=partial(_make, plan),
        preview=_preview(plan),
        findings=partial(richness, taxonomy=tree),
        fingerprint=plan.key,
    )


def _make(plan: _Plan, slots: Slots) -> PersonaBatch:
    drafts = [plan.chooser.choose(draft, plan.filling) for draft in _begun(plan, slots)]
    counts: Counter[str] = Counter()
    model, words = plan.order.model, plan.depth.words
    if model is not None:
        sampling = Sampling(max_tokens=400, temperature=0.8, top_p=0.95, seed=plan.order.seed)
        writer = Writer(model, sampling, counts)
        whose, begun = [d.who for d in drafts], [d.life for d in drafts]
        lives = write_lives(writer, whose, begun, listed=plan.filling.values == "listed")
        drafts = [replace(d, life=life) for d, life in zip(drafts, lives, strict=True)]
        write_sections(writer.at(0.5), drafts, plan.filling)
    else:
        drafts = [draw_sections(draft) for draft in drafts]
    ids = [f"deep-{plan.order.seed}-{place:07d}" for place in slots.places.tolist()]
    people = [render_persona(d, id_, words) for d, id_ in zip(drafts, ids, strict=True)]
    if model is not None:
        long = replace(writer, sampling=replace(writer.sampling, max_tokens=2 * words + 60))
        people = write_narratives(long, drafts, people, words)
    return PersonaBatch(persona_frame(_signed(one, plan) for one in people), counts=counts)


def _begun(plan: _Plan, slots: Slots) -> list[Draft]:
    """Draw each slot's anchors, traits and life; each from the slot's own stream."""
    standings = np.clip(draw_correlated(slots, correlation_matrix()), -EXTREME, EXTREME).round(1)
    drafts = []
    for bits, row in zip(slots.bits("deeppersona").tolist(), standings, strict=True):
        lots = np.random.default_rng(bits)
        who = plan.tables.draw(lots, plan.anchors)
        traits = dict(zip(BIG_FIVE, row.tolist(), strict=True)) | plan.traits
        life = draw_life(lots, who.age)
        drafts.append(Draft(who=who, life=life, traits=traits, lots=lots))
    return drafts


def _signed(persona: Persona, plan: _Plan) -> Persona:
    model = plan.order.model
    provenance = {
        "made by": "personae generate deeppersona",
        "source": "taxonomy and tables written for Personae; method after arXiv:2511.07338",
        "licence": "Apache-2.0",
        "consent": "an invented person",
        "model": "none: drawn at random",
    }
    if model is not None:
        provenance |= model_provenance(model, plan.prompt)
    return replace(persona, provenance=provenance)


def _preview(plan: _Plan) -> tuple[Part, ...]:
    groups = plan.taxonomy.by_category()
    table = Table(
        name="taxonomy",
        title="Taxonomy",
        columns=("category", "attributes", "with listed values"),
        rows=tuple((c, len(g), sum(bool(a.values) for a in g)) for c, g in groups.items()),
    )
    near, middle, far = plan.filling.ratio
    said = (
        f"{plan.order.n:,} personas of {plan.filling.depth} attributes, drawn "
        f"{near}:{middle}:{far} near, half-way and far; text and narrative of up to "
        f"{plan.depth.words} words."
    )
    fixed = {**plan.anchors, **{k: f"{z:+g}" for k, z in plan.traits.items()}}
    held = "; ".join(f"{name} {value}" for name, value in fixed.items()) or "nothing"
    return (Note(said), Note(f"Anchored: {held}."), table)
