"""Deep personas: hundreds of attributes of a taxonomy, each conditioned on those before it.

After DeepPersona (Wang, Zhou et al. 2025, arXiv:2511.07338). Differs: all twelve categories are
written and none is discarded; failed values are asked for again, then drawn at random and counted;
everything is seeded; ages start at 18 unless given; whether the career category applies follows
from the anchors; "community" is measured as a topic and not forbidden in every prompt.

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
    Sampling,
    Table,
    content_key,
    counted,
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
    MOST_WORDS,
    render_persona,
    write_narratives,
)
from personae.generate.recipes.deeppersona.richness import richness
from personae.generate.slots import Slots
from personae.generate.taxonomy.attribute_tree import Taxonomy, read_tree, shipped_taxonomy
from personae.generate.writer import Writer, model_provenance
from personae.personas import persona_frame

__all__ = ["Depth", "deeppersona"]

DEFAULT_DRAWN, DEFAULT_WRITTEN = 200, 48
"""Default depths: the paper's best if drawn at random; if written, what a small model can write."""
LARGEST_TRAIT = 2.5
VERSION = 1
"""Raise it, and the header's, when requests change; it is part of the prompt's hash."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Depth:
    """How deep a persona goes.

    Args:
        depth: attributes beside the anchors; default 200 drawn at random, 48 by a model.
        words: longest text and narrative, in words.
        ratio: proportions of attributes near to the person, at middle distance, and far.
        values: listed lets a model choose the taxonomy's values, free lets it write its own.

    Raises:
        BadValue: a depth below 1, words outside 20..2000, or a malformed ratio.
    """

    depth: int | None = None
    words: int = 200
    ratio: str = "5:3:2"
    values: ValueSource = "listed"

    def filling(self, is_written: bool) -> Filling:
        """Check the options, and fill in the default depth for written or drawn attributes."""
        default = DEFAULT_WRITTEN if is_written else DEFAULT_DRAWN
        depth = default if self.depth is None else self.depth
        shares = self.ratio.split(":")
        if depth < 1 or not 20 <= self.words <= MOST_WORDS:
            raise BadValue(
                f"a persona has 1 attribute or more and 20 to {MOST_WORDS} words, not {depth} and "
                f"{self.words}"
            )
        if (
            len(shares) != 3
            or not all(s.isascii() and s.isdigit() and len(s) <= 9 for s in shares)
            or not any(map(int, shares))
        ):
            raise BadValue(f"a ratio is three whole numbers such as 5:3:2, not {self.ratio[:60]!r}")
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

    @property
    def prompt(self) -> str:
        """The hash of the requests."""
        guidance = data_json("personas/life.json")["guidance"]
        names = [attribute.name for attribute in self.taxonomy.attributes]
        return content_key(["deeppersona", VERSION, guidance, names])[:16]


def deeppersona(
    order: Order,
    anchors: str = "",
    depth: Depth = Depth(),
    taxonomy: str | None = None,
    people: str | None = None,
) -> Population:
    """Make deep personas.

    Args:
        order: number, seed and the model that writes.
        anchors: fixed values, such as "age=45, work=nurse, country=Nigeria, E=1.5" (traits in z).
        depth: how deep a persona goes.
        taxonomy: JSON tree of attributes; by default the shipped one.
        people: JSON tables to draw people from; by default the shipped ones.
    """
    facts, traits = parse_anchors(anchors)
    tree = read_tree(taxonomy) if taxonomy else shipped_taxonomy()
    filling = depth.filling(order.model is not None)
    if order.model is None and not any(attribute.values for attribute in tree.attributes):
        raise BadValue(
            f"{taxonomy} lists no values, so there is nothing to draw; give a --model that writes "
            f"them, or list values in it"
        )
    plan = _Plan(
        order=order,
        depth=depth,
        filling=filling,
        taxonomy=tree,
        chooser=AttributeChooser(tree),
        tables=load_people_tables(people or ""),
        anchors=facts,
        traits=traits,
    )
    plan.tables.draw(np.random.default_rng(0), facts)  # impossible anchors fail here, not later
    file_hashes = [None if path is None else file_sha256(path) for path in (taxonomy, people)]
    return Population(
        title="Deep personas",
        order=order,
        make=partial(_make, plan),
        preview=_preview(plan),
        findings=partial(richness, taxonomy=tree),
        fingerprint=content_key(file_hashes),
    )


def _make(plan: _Plan, slots: Slots) -> PersonaBatch:
    drafts = [plan.chooser.choose(draft, plan.filling) for draft in _draw_drafts(plan, slots)]
    counts: Counter[str] = Counter()
    model, words = plan.order.model, plan.depth.words
    if model is not None:
        sampling = Sampling(max_tokens=400, temperature=0.8, top_p=0.95, seed=plan.order.seed)
        writer = Writer(model, sampling, counts)
        lives = write_lives(
            writer,
            [draft.person for draft in drafts],
            [draft.life for draft in drafts],
            listed=plan.filling.values == "listed",
        )
        drafts = [replace(d, life=life) for d, life in zip(drafts, lives, strict=True)]
        write_sections(writer.at(0.5), drafts, plan.filling)
    else:
        drafts = [draw_sections(draft) for draft in drafts]
    ids = [f"deep-{plan.order.seed}-{index:07d}" for index in slots.indices.tolist()]
    people = [render_persona(d, id_, words) for d, id_ in zip(drafts, ids, strict=True)]
    if model is not None:
        long_writer = replace(writer, sampling=replace(writer.sampling, max_tokens=2 * words + 60))
        people = write_narratives(long_writer, drafts, people, words)
    provenance = _provenance(plan)
    signed = (replace(persona, provenance=provenance) for persona in people)
    return PersonaBatch(persona_frame(signed), counts=counts)


def _draw_drafts(plan: _Plan, slots: Slots) -> list[Draft]:
    """Draw demographics, traits and life of each slot from the slot's own random stream."""
    standings = draw_correlated(slots, correlation_matrix())
    standings = np.clip(standings, -LARGEST_TRAIT, LARGEST_TRAIT).round(1)
    drafts = []
    for bits, row in zip(slots.bits("deeppersona").tolist(), standings, strict=True):
        random = np.random.default_rng(bits)
        person = plan.tables.draw(random, plan.anchors)
        traits = dict(zip(BIG_FIVE, row.tolist(), strict=True)) | plan.traits
        life = draw_life(random, person.age)
        drafts.append(Draft(person=person, life=life, traits=traits, random=random))
    return drafts


def _provenance(plan: _Plan) -> dict[str, str]:
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
    return provenance


def _preview(plan: _Plan) -> tuple[Part, ...]:
    groups = plan.taxonomy.by_category()
    table = Table(
        name="taxonomy",
        title="Taxonomy",
        columns=("category", "attributes", "with listed values"),
        rows=tuple(
            (category, len(attributes), sum(bool(a.values) for a in attributes))
            for category, attributes in groups.items()
        ),
    )
    near, middle, far = plan.filling.ratio
    summary = (
        f"{counted(plan.order.n, 'persona')} of {counted(plan.filling.depth, 'attribute')}, drawn "
        f"{near}:{middle}:{far} near, middle and far; text and narrative of up to "
        f"{plan.depth.words} words."
    )
    fixed = {**plan.anchors, **{k: f"{z:+g}" for k, z in plan.traits.items()}}
    anchors = "; ".join(f"{name} {value}" for name, value in fixed.items()) or "nothing"
    return (Note(summary), Note(f"Anchored: {anchors}."), table)
