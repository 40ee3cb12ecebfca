"""A population by quotas: exact counts, raked margins, correlated traits, constraints.

Version  1
"""

from collections import Counter
from functools import partial
from pathlib import Path

import polars as pl

from personae.core import BadFile, BadValue, Sampling, UnknownName, content_key, file_sha256
from personae.generate.biography.introductions import write_introductions
from personae.generate.population.blueprint import make_blueprint
from personae.generate.population.fact_rules import read_rules
from personae.generate.population.ordered_levels import read_levels
from personae.generate.population.persona_table import persona_table, render_facts
from personae.generate.population.population_spec import PopulationSpec, load_spec
from personae.generate.population.structured_sampler import StructuredSampler
from personae.generate.recipe import Order, PersonaBatch, Population
from personae.generate.slots import Slots
from personae.generate.writer import Writer
from personae.personas import frame_personas, persona_frame

__all__ = ["population"]


def population(order: Order, spec: str | None = None, sample: str | None = None) -> Population:
    """Make a population by quotas.

    Args:
        order: how many, under which seed; a model adds an introduction in the first person.
        spec: a population that ships (adults), or a JSON file; see docs/guide/generate.md.
        sample: JSONL, CSV or Parquet file of real rows whose joint distribution is kept.
    """
    if spec is None and sample is not None:
        plan = PopulationSpec(name=Path(sample).stem, title=f"People as in {Path(sample).name}")
    else:
        plan = load_spec(spec or "adults")
    rules = read_rules(plan.rules, plan.sets)
    rows = None if sample is None else _read(sample)
    if not plan.variables and rows is None:
        raise BadValue(f"{spec}: a population has variables, or a --sample")
    if not plan.owners:  # rules over what owners write wait for them
        rules.refuse_unknown((*plan.facts, *(() if rows is None else rows.columns)))
    blue = make_blueprint(plan, order.n, order.seed, sample=rows, rules=rules)
    levels = read_levels(plan.levels) if plan.levels else None
    mould = StructuredSampler(spec=plan, plan=blue, rules=rules, levels=levels)
    key = content_key([repr(plan), None if sample is None else file_sha256(sample)])
    return Population(
        title=plan.title,
        order=order,
        make=partial(_make, mould, order),
        preview=mould.preview(),
        quotas={name: blue.margin(name) for name in blue.values},
        fingerprint=key,
    )


def _read(path: str) -> pl.DataFrame:
    readers = {".jsonl": pl.read_ndjson, ".csv": pl.read_csv, ".parquet": pl.read_parquet}
    suffix = Path(path).suffix
    if suffix not in readers:
        raise UnknownName("kind of sample file", suffix, readers)
    try:
        rows: pl.DataFrame = readers[suffix](path)  # type: ignore[operator]
        kept = rows.select(pl.exclude("id").cast(pl.String, strict=True))
    except (OSError, pl.exceptions.PolarsError) as error:
        raise BadFile(f"can't read a sample from {path}: {error}") from error
    if not kept.height:
        raise BadFile(f"{path}: no row in it")
    return kept


def _make(mould: StructuredSampler, order: Order, slots: Slots) -> PersonaBatch:
    cast, spec = mould.cast(slots), mould.spec
    text = render_facts(spec.text, cast.facts)
    rows = persona_table(
        f"{spec.name}-{order.seed}-"
        + pl.Series("id", cast.slots.places).cast(pl.String).str.zfill(7),
        cast.facts,
        traits=cast.traits,
        provenance={
            "made by": "personae generate population",
            "source": spec.source or spec.title,
            **spec.terms,
            "model": "none: drawn at random",
        },
        texts={"text": text, "kind": spec.kind},
    )
    counts = Counter({"redrawn to obey rules": cast.redrawn})
    if order.model is not None:
        sampling = Sampling(max_tokens=120, temperature=0.7, top_p=0.95, seed=order.seed)
        writer = Writer(order.model, sampling, counts)
        rows = persona_frame(write_introductions(writer, list(frame_personas(rows))))
    return PersonaBatch(rows, cast.failed, counts)
