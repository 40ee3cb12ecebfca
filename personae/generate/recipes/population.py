"""A population by quotas: exact counts, raked margins, correlated traits, constraints.

Version  1
"""

from collections import Counter
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from personae.core import BadFile, BadValue, Sampling, content_key, file_sha256
from personae.datasets.bounded_tables import read_table
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


def population(
    order: Order,
    spec: str | Path | Mapping[str, Any] | None = None,
    sample: str | Path | None = None,
) -> Population:
    """Make a population by quotas.

    Args:
        order: number and seed; a model adds an introduction in the first person.
        spec: a shipped population (adults), or a JSON file, in Python also what it would hold; see
            docs/guide/generate.md.
        sample: JSONL, CSV or Parquet file of real rows whose joint distribution is kept.
    """
    if spec is None and sample is not None:
        population_spec = PopulationSpec(
            name=Path(sample).stem, title=f"People as in {Path(sample).name}"
        )
    else:
        population_spec = load_spec(spec or "adults")
    rules = read_rules(population_spec.rules, population_spec.sets)
    rows = None if sample is None else _read(sample)
    if not population_spec.variables and rows is None:
        raise BadValue(f"{population_spec.name}: a population has variables, or a --sample")
    if not population_spec.owners:  # rules over what owners write wait for them
        rules.refuse_unknown((*population_spec.facts, *(() if rows is None else rows.columns)))
    blueprint = make_blueprint(population_spec, order.n, order.seed, sample=rows, rules=rules)
    levels = read_levels(population_spec.levels) if population_spec.levels else None
    sampler = StructuredSampler(
        spec=population_spec, blueprint=blueprint, rules=rules, levels=levels
    )
    key = content_key([population_spec, None if sample is None else file_sha256(str(sample))])
    return Population(
        title=population_spec.title,
        order=order,
        make=partial(_make, sampler, order),
        preview=sampler.preview(),
        quotas={name: blueprint.margin(name) for name in blueprint.values},
        fingerprint=key,
    )


def _read(path: str | Path) -> pl.DataFrame:
    """Read a sample's facts as text, without blank rows; codes such as "01234" stay as they are."""
    rows = read_table(Path(path), as_text=True)
    try:
        texts = rows.select(pl.all().cast(pl.String, strict=True).str.strip_chars())
    except pl.exceptions.PolarsError as error:
        raise BadFile(f"{path}: a sample has texts, numbers and dates alone ({error})") from error
    cells = texts.with_columns(pl.all().replace("", None))
    facts = cells.filter(~pl.all_horizontal(pl.all().is_null())).select(pl.exclude("id"))
    if not facts.width or not facts.height:
        raise BadFile(f"{path}: no row in it")
    return facts


def _make(sampler: StructuredSampler, order: Order, slots: Slots) -> PersonaBatch:
    sample, spec = sampler.sample(slots), sampler.spec
    text = render_facts(spec.text, sample.facts)
    rows = persona_table(
        f"{spec.name}-{order.seed}-"
        + pl.Series("id", sample.slots.indices).cast(pl.String).str.zfill(7),
        sample.facts,
        traits=sample.traits,
        provenance={
            "made by": "personae generate population",
            "source": spec.source or spec.title,
            **spec.terms,
            "model": "none: drawn at random",
        },
        texts={"text": text, "kind": spec.kind},
    )
    counts = Counter({"redrawn to obey rules": sample.redrawn})
    if order.model is not None:
        sampling = Sampling(max_tokens=120, temperature=0.7, top_p=0.95, seed=order.seed)
        writer = Writer(order.model, sampling, counts)
        rows = persona_frame(write_introductions(writer, list(frame_personas(rows))))
    return PersonaBatch(rows, sample.failed, counts)
