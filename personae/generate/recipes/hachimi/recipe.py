"""Students by quota under a theory-anchored schema: proposed, checked by rules, revised.

System   HACHIMI
Paper    Jiang et al. (2026), arXiv 2603.04855
Differs  all findings reach the reviser, those of rules and optionally of a model; rules count a
         level within its own field; near-duplicates are found by banding, none missed; quotas are
         exact and failed slots are listed; everything is seeded
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
from personae.generate.recipes.hachimi.revision_loop import Facts, RevisionLoop
from personae.generate.slots import Slots
from personae.generate.writer import model_provenance

__all__ = ["Writing", "hachimi"]

Similarity = Literal["auto", "facts", "simhash", "minhash", "vectors", "allowed"]
TIER, NAME, SHORT_NAME = "school/tier", "identity/name", "identity/short name"
ATTEMPTS = 4
"""Attempts before a slot fails."""
REWRITTEN = 1 << 10
"""Attempts that a slot to be written again is ahead: more than the sampler's redraws."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """How a model writes and how faults are found.

    Args:
        rounds: rounds of revision, 0 or more.
        writes: what the model writes: the texts, on drawn levels; or all, as in the paper.
        validator: rules alone, or also the model, for boards without a broken rule.

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
    alike: Similarity = "auto",
    writing: Writing = Writing(),
) -> Population:
    """Make students by quota; with a model, owners write and revise under rules.

    Args:
        order: number, seed and the model that writes.
        mix: weights of the four academic tiers, best first.
        schema: a shipped schema (students), or a JSON file with variables, levels and owners.
        alike: criterion of near-duplicates; auto is facts without a model, simhash with one.
        writing: how a model writes and how faults are found.
    """
    spec = _with_mix(load_spec(schema), mix)
    levels = read_levels(spec.levels) if spec.levels else None
    rules = read_rules(spec.rules, spec.sets)
    owners = read_owners(spec, levels)
    if not spec.variables:
        raise BadValue(f"{schema}: a schema has variables")
    rules.refuse_unknown((*spec.facts, SHORT_NAME))
    blueprint = make_blueprint(spec, order.n, order.seed, rules=rules)
    sampler = StructuredSampler(spec=spec, blueprint=blueprint, rules=rules, levels=levels)
    if writing.writes == "texts":
        text_owners = [replace(o, fields=tuple(f for f in o.fields if f.is_text)) for o in owners]
        owners = tuple(owner for owner in text_owners if owner.fields)
    maker = _StudentMaker(order, sampler, owners, writing)
    if order.model is not None and not maker.owners:
        raise BadValue(f"the schema {schema!r} has no owners: a model has nothing to write")
    return Population(
        title=spec.title,
        order=order,
        make=maker.make,
        preview=sampler.preview(),
        quotas={name: blueprint.margin(name) for name in blueprint.values},
        duplicate_criterion=_duplicate_criterion(alike, order.model, sampler),
        fingerprint=content_key(spec),
    )


def _with_mix(spec: PopulationSpec, mix: tuple[str, ...]) -> PopulationSpec:
    """Return the schema with the tiers' weights replaced by those of the mix."""
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


def _duplicate_criterion(
    alike: Similarity, model: Model | None, sampler: StructuredSampler
) -> DuplicateCriterion | None:
    kind = alike if alike != "auto" else "facts" if model is None else "simhash"
    if kind == "vectors":
        if not isinstance(model, OpenModel):
            raise BadValue("vectors come from inside a model: give an open --model, as smollm2")
        return VectorCosine(activation_embedder(model, partial(_reference, sampler)))
    names = [name for name in sampler.fact_names if not name.startswith("identity/")]
    kinds: Mapping[str, DuplicateCriterion | None] = {
        "facts": SameFacts(tuple(names), differ=2),
        "simhash": SimHash(),
        "minhash": MinHash(),
        "allowed": None,
    }
    return kinds[kind]


def _reference(sampler: StructuredSampler) -> list[str]:
    """Render up to 32 personas without a model, as the reference of text vectors."""
    slots = Slots.span(0, 0, min(32, sampler.blueprint.n))
    return render_facts(sampler.spec.text, sampler.sample(slots).facts).to_list()


@dataclass(frozen=True, slots=True, eq=False)
class _StudentMaker:
    """Makes students for slots."""

    order: Order
    sampler: StructuredSampler
    owners: tuple[Owner, ...]
    writing: Writing

    def make(self, slots: Slots) -> PersonaBatch:
        """Sample the slots; with a model, have them written, in up to four attempts each."""
        model = self.order.model
        sample = self.sampler.sample(slots)
        counts = Counter({"redrawn to obey rules": sample.redrawn})
        if model is None:
            facts = _add_short_name(sample.facts)
            return PersonaBatch(self._rows(sample, facts, facts), sample.failed, counts)
        rows_by_index: dict[int, pl.DataFrame] = {}
        failures: dict[int, str] = dict(sample.failed)
        for attempt in range(ATTEMPTS):
            boards, faults = self._write(model, sample, counts)
            finished_positions = [i for i in range(len(boards)) if i not in faults]
            rows = self._render(sample, boards, finished_positions)
            indices = sample.slots.indices
            rows_by_index |= {
                int(indices[i]): rows[k : k + 1] for k, i in enumerate(finished_positions)
            }
            failures |= {int(indices[i]): fault for i, fault in faults.items()}
            if not faults or attempt == ATTEMPTS - 1:
                break
            counts["slots tried again"] += len(faults)
            unfinished = np.isin(slots.indices, indices[sorted(faults)])
            again = slots.take(unfinished, extra_attempts=(attempt + 1) * REWRITTEN)
            sample = self.sampler.sample(again)
            counts["redrawn to obey rules"] += sample.redrawn
        finished = [rows_by_index[i] for i in slots.indices.tolist() if i in rows_by_index]
        frame = pl.concat(finished) if finished else self._render(sample, [], [])
        failed = {i: reason for i, reason in failures.items() if i not in rows_by_index}
        return PersonaBatch(frame, failed, counts)

    def _write(
        self, model: Model, sample: StructuredSample, counts: Counter[str]
    ) -> tuple[list[Facts], dict[int, str]]:
        reader = None
        if self.writing.validator == "model":
            reader = ContradictionValidator(
                model=model, owners=self.owners, seed=self.order.seed, counts=counts
            )
        loop = RevisionLoop(
            model=model,
            owners=self.owners,
            rules=self.sampler.rules,
            seed=self.order.seed,
            max_rounds=self.writing.rounds,
            derive=_derive_short_name,
            counts=counts,
            reader=reader,
        )
        bits = sample.slots.bits("variation")
        variations = [f"{int(b) % 10**17:017d}" for b in bits]
        return loop.write(list(sample.facts.iter_rows(named=True)), variations)

    def _render(
        self, sample: StructuredSample, boards: list[Facts], positions: list[int]
    ) -> pl.DataFrame:
        """Turn finished boards into rows; the text is the schema's, then the written ones."""
        texts = [f.path for o in self.owners for f in o.fields if f.is_text and f.path != NAME]
        names = [*sample.facts.columns, SHORT_NAME, *texts]
        table = pl.DataFrame(
            {name: [boards[i].get(name, "") for i in positions] for name in names},
            schema=dict.fromkeys(names, pl.String),
        )
        written_sample = replace(
            sample,
            slots=sample.slots.take(np.array(positions, dtype=np.int64)),
            traits=None if sample.traits is None else sample.traits[positions],
        )
        return self._rows(written_sample, table, table.select(pl.concat_str(texts, separator=" ")))

    def _rows(
        self, sample: StructuredSample, facts: pl.DataFrame, written_texts: pl.DataFrame
    ) -> pl.DataFrame:
        spec, model = self.sampler.spec, self.order.model
        text = render_facts(spec.text, facts)
        provenance = {
            "made by": "personae generate hachimi",
            "source": spec.title,
            **spec.terms,
            "model": "none: drawn at random",
        }
        if model is not None:
            text = text + " " + written_texts.to_series()
            provenance |= model_provenance(model, content_key(self.owners)[:16])
        numbers = pl.Series("id", sample.slots.indices).cast(pl.String).str.zfill(7)
        return persona_table(
            f"{spec.name}-{self.order.seed}-" + numbers,
            facts,
            traits=sample.traits,
            provenance=provenance,
            texts={"text": text, "kind": spec.kind},
        )


def _add_short_name(facts: pl.DataFrame) -> pl.DataFrame:
    """Add the short name, given_family in lower case."""
    if NAME not in facts.columns:
        return facts
    short_name = pl.col(NAME).str.to_lowercase().str.replace(" ", "_").alias(SHORT_NAME)
    return facts.with_columns(short_name)


def _derive_short_name(board: Facts) -> None:
    """Derive the short name from the written name; without two words of letters there is none."""
    words = [
        "".join(c for c in w.lower() if c.isascii() and c.isalpha())
        for w in board.get(NAME, "").split()
    ]
    names = [w for w in words if w]
    if len(names) > 1:
        board[SHORT_NAME] = f"{names[0]}_{'-'.join(names[1:])}"
    else:
        board.pop(SHORT_NAME, None)
