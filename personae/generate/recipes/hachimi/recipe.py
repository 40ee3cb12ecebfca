"""Students by quota under a theory-anchored schema: proposed, checked by rules, revised.

System   HACHIMI
Paper    Jiang et al. (2026), arXiv 2603.04855
Differs  findings reach the reviser, the rules' and, if asked, a model's; rules count a level inside
         its own field; near-duplicates are found by banding, none missed; quotas are exact and a
         failed slot is listed; seeds go down
Version  1
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

import numpy as np
import polars as pl

from personae.core import BadValue, Model, OpenModel, content_key
from personae.generate.population.blueprint import make_blueprint
from personae.generate.population.fact_rules import read_rules
from personae.generate.population.ordered_levels import read_levels
from personae.generate.population.persona_table import persona_table, render_facts
from personae.generate.population.population_spec import PopulationSpec, load_spec
from personae.generate.population.structured_sampler import StructuredSample, StructuredSampler
from personae.generate.quality.near_duplicates import (
    DuplicateCriterion,
    MinHash,
    SameFacts,
    SimHash,
    VectorCosine,
)
from personae.generate.recipe import Order, PersonaBatch, Population
from personae.generate.recipes.hachimi.activation_vectors import activation_embedder
from personae.generate.recipes.hachimi.contradictions import ContradictionValidator
from personae.generate.recipes.hachimi.owners import Owner, read_owners
from personae.generate.recipes.hachimi.revision_loop import RevisionLoop, Whiteboard
from personae.generate.slots import Slots
from personae.generate.writer import model_provenance

__all__ = ["Writing", "hachimi"]

Alike = Literal["auto", "facts", "simhash", "minhash", "vectors", "allowed"]
TIER, NAME, SHORT = "school/tier", "identity/name", "identity/short name"
TRIES = 4
"""Attempts at a slot before it fails."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """How a model writes and who finds its faults.

    Args:
        rounds: how often faults are given back for revision.
        writes: a model's part: the texts, on levels that are drawn; or all, as in the paper.
        validator: rules alone, or also the model, which reads boards that no rule faults.

    Raises:
        BadValue: a negative number of rounds.
    """

    rounds: int = 3
    writes: Literal["texts", "all"] = "texts"
    validator: Literal["rules", "model"] = "rules"

    def __post_init__(self) -> None:
        if self.rounds < 0:
            raise BadValue(f"rounds of revision are 0 or more, not {self.rounds}")


def hachimi(
    order: Order,
    mix: tuple[str, ...] = ("1", "1", "1", "1"),
    schema: str = "students",
    alike: Alike = "auto",
    writing: Writing = Writing(),
) -> Population:
    """Make students by quota; with a model, owners write and revise under rules.

    Args:
        order: how many, under which seed, written by which model.
        mix: weights of the four academic tiers, best first.
        schema: a schema that ships (students), or a JSON file with variables, levels and owners.
        alike: what makes near-duplicates; auto is facts without a model, simhash with one.
        writing: how a model writes and who finds its faults.
    """
    spec = _mixed(load_spec(schema), mix)
    levels = read_levels(spec.levels) if spec.levels else None
    rules = read_rules(spec.rules, spec.sets)
    owners = read_owners(spec, levels)
    if not spec.variables:
        raise BadValue(f"{schema}: a schema has variables")
    rules.refuse_unknown((*spec.facts, SHORT))
    plan = make_blueprint(spec, order.n, order.seed, rules=rules)
    mould = StructuredSampler(spec=spec, plan=plan, rules=rules, levels=levels)
    if writing.writes == "texts":
        texts = [replace(o, fields=tuple(f for f in o.fields if f.is_text)) for o in owners]
        owners = tuple(owner for owner in texts if owner.fields)
    making = _Making(order, mould, owners, writing)
    if order.model is not None and not making.owners:
        raise BadValue(f"the schema {schema!r} has no owners: a model has nothing to write")
    return Population(
        title=spec.title,
        order=order,
        make=making.make,
        preview=mould.preview(),
        quotas={name: plan.margin(name) for name in plan.values},
        sameness=_sameness(alike, order.model, mould),
        fingerprint=content_key(repr(spec)),
    )


def _mixed(spec: PopulationSpec, mix: tuple[str, ...]) -> PopulationSpec:
    """Give the schema with the tiers' weights."""
    tier = next((v for v in spec.variables if v.name == TIER), None)
    try:
        weights = [float(w) for w in mix]
    except ValueError as error:
        raise BadValue(f"mix is numbers separated by commas, not {','.join(mix)!r}") from error
    if tier is None or len(tier.values) != len(weights):
        count = 0 if tier is None else len(tier.values)
        if set(weights) == {1.0} and tier is None:
            return spec
        raise BadValue(f"mix has one weight for each of the {count} tiers, not {len(weights)}")
    if min(weights) < 0 or not 0 < sum(weights) < 1e300:
        raise BadValue(f"weights of a mix are >= 0 and not all 0, not {','.join(mix)!r}")
    changed = replace(tier, shares=dict(zip(tier.values, weights, strict=True)))
    return replace(spec, variables=tuple(changed if v is tier else v for v in spec.variables))


def _sameness(
    alike: Alike, model: Model | None, mould: StructuredSampler
) -> DuplicateCriterion | None:
    kind = alike if alike != "auto" else "facts" if model is None else "simhash"
    if kind == "vectors":
        if not isinstance(model, OpenModel):
            raise BadValue("vectors come from inside a model: give an open --model, as smollm2")
        return VectorCosine(activation_embedder(model, partial(_reference, mould)))
    names = [p for p in _shape(mould) if not p.startswith("identity/")]
    kinds: Mapping[str, DuplicateCriterion | None] = {
        "facts": SameFacts(tuple(names), differ=2),
        "simhash": SimHash(),
        "minhash": MinHash(),
        "allowed": None,
    }
    return kinds[kind]


def _reference(mould: StructuredSampler) -> list[str]:
    """Give the texts of a few personas from structure alone, to compare texts with."""
    few = Slots.span(0, 0, min(32, mould.plan.n))
    return render_facts(mould.spec.text, mould.cast(few).facts).to_list()


def _shape(mould: StructuredSampler) -> list[str]:
    return mould.cast(Slots.span(0, 0, 1)).facts.columns


@dataclass(frozen=True, slots=True, eq=False)
class _Making:
    """Makes students for slots."""

    order: Order
    mould: StructuredSampler
    owners: tuple[Owner, ...]
    writing: Writing

    def make(self, slots: Slots) -> PersonaBatch:
        """Cast the slots; with a model, have them written, up to TRIES times each."""
        model = self.order.model
        cast = self.mould.cast(slots)
        counts = Counter({"redrawn to obey rules": cast.redrawn})
        if model is None:
            facts = _introduced(cast.facts)
            return PersonaBatch(self._rows(cast, facts, facts), cast.failed, counts)
        done: dict[int, pl.DataFrame] = {}
        why: dict[int, str] = dict(cast.failed)
        for attempt in range(TRIES):
            boards, faults = self._written(model, cast, counts)
            good = [i for i in range(len(boards)) if i not in faults]
            rows = self._told(cast, boards, good)
            places = cast.slots.places
            done |= {int(places[i]): rows[k : k + 1] for k, i in enumerate(good)}
            why |= {int(places[i]): fault for i, fault in faults.items()}
            if not faults or attempt == TRIES - 1:
                break
            counts["slots tried again"] += len(faults)
            left = np.isin(slots.places, places[sorted(faults)])
            cast = self.mould.cast(slots.take(left, again=(attempt + 1) << 10))
        kept = [done[int(p)] for p in slots.places if int(p) in done]
        frame = pl.concat(kept) if kept else self._told(cast, [], [])
        return PersonaBatch(frame, {p: w for p, w in why.items() if p not in done}, counts)

    def _written(
        self, model: Model, cast: StructuredSample, counts: Counter[str]
    ) -> tuple[list[Whiteboard], dict[int, str]]:
        reader = None
        if self.writing.validator == "model":
            reader = ContradictionValidator(
                model=model, owners=self.owners, seed=self.order.seed, counts=counts
            )
        shop = RevisionLoop(
            model=model,
            owners=self.owners,
            rules=self.mould.rules,
            seed=self.order.seed,
            max_rounds=self.writing.rounds,
            derive=_shorten,
            counts=counts,
            reader=reader,
        )
        bits = cast.slots.bits("variation")
        variations = [f"{int(b) % 10**17:017d}" for b in bits]
        return shop.write(list(cast.facts.iter_rows(named=True)), variations)

    def _told(
        self, cast: StructuredSample, boards: list[Whiteboard], good: list[int]
    ) -> pl.DataFrame:
        """Turn finished boards into rows; their text is the schema's, then what was written."""
        texts = [f.path for o in self.owners for f in o.fields if f.is_text and f.path != NAME]
        names = [*cast.facts.columns, SHORT, *texts]
        table = pl.DataFrame(
            {name: [boards[i].get(name, "") for i in good] for name in names},
            schema=dict.fromkeys(names, pl.String),
        )
        part = replace(
            cast,
            slots=cast.slots.take(np.array(good, dtype=np.int64)),
            traits=None if cast.traits is None else cast.traits[good],
        )
        return self._rows(part, table, table.select(pl.concat_str(texts, separator=" ")))

    def _rows(
        self, cast: StructuredSample, facts: pl.DataFrame, written: pl.DataFrame
    ) -> pl.DataFrame:
        spec, model = self.mould.spec, self.order.model
        text = render_facts(spec.text, facts)
        source = {
            "made by": "personae generate hachimi",
            "source": spec.title,
            **spec.terms,
            "model": "none: drawn at random",
        }
        if model is not None:
            text = text + " " + written.to_series()
            source |= model_provenance(model, content_key(repr(self.owners))[:16])
        numbers = pl.Series("id", cast.slots.places).cast(pl.String).str.zfill(7)
        return persona_table(
            f"{spec.name}-{self.order.seed}-" + numbers,
            facts,
            traits=cast.traits,
            provenance=source,
            texts={"text": text, "kind": spec.kind},
        )


def _introduced(facts: pl.DataFrame) -> pl.DataFrame:
    """Add the short name, given_family in small letters."""
    if NAME not in facts.columns:
        return facts
    short = pl.col(NAME).str.to_lowercase().str.replace(" ", "_").alias(SHORT)
    return facts.with_columns(short)


def _shorten(board: Whiteboard) -> None:
    """Derive the short name of a written one; what has no letters to make it of stays at fault."""
    words = [
        "".join(c for c in w.lower() if c.isascii() and c.isalpha())
        for w in board.get(NAME, "").split()
    ]
    kept = [w for w in words if w]
    if len(kept) > 1:
        board[SHORT] = f"{kept[0]}_{'-'.join(kept[1:])}"
    else:
        board.pop(SHORT, None)
