"""A population by quotas: exact counts, raked margins, correlated traits, constraints.

Version  1
"""

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl

from personae.core import (
    BIG_FIVE,
    BadFile,
    BadValue,
    Cell,
    Note,
    Part,
    Table,
    UnknownName,
    content_key,
)
from personae.generate.blueprint import Blueprint, blueprint
from personae.generate.recipe import Made, Order, Population
from personae.generate.rules import Rules, rules_of
from personae.generate.slots import Slots
from personae.generate.spec import Spec, load_spec
from personae.generate.table import personas, worded
from personae.generate.traits import correlated, correlation_matrix, group_standings

__all__ = ["population"]

REDRAWS = 200


def population(order: Order, spec: str | None = None, sample: str | None = None) -> Population:
    """Make a population by quotas.

    Args:
        order: how many, under which seed.
        spec: a population that ships (adults), or a JSON file; see docs/guide/generate.md.
        sample: JSONL, CSV or Parquet file of real rows whose joint distribution is kept.
    """
    if spec is None and sample is not None:
        plan = Spec(name=Path(sample).stem, title=f"People as in {Path(sample).name}")
    else:
        plan = load_spec(spec or "adults")
    rules = rules_of(plan.rules)
    rows = None if sample is None else _read(sample)
    print_ = blueprint(plan, order.n, order.seed, sample=rows, rules=rules)
    _check_traits(plan, print_)
    key = content_key(
        [plan.name, plan.version, repr(plan), None if sample is None else _key(sample)]
    )
    return Population(
        title=plan.title,
        order=order,
        make=partial(_make, plan, print_, rules, order),
        preview=_preview(plan, print_, rules, rows),
        quotas={name: print_.margin(name) for name in print_.values},
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


def _key(path: str) -> str:
    return content_key(Path(path).read_bytes().hex())


def _make(plan: Spec, print_: Blueprint, rules: Rules, order: Order, slots: Slots) -> Made:
    facts, redrawn, failed = _lawful(print_, rules, slots)
    kept = np.array([int(p) not in failed for p in slots.places], dtype=bool)
    slots, facts = slots.take(kept), facts.filter(pl.Series(kept))
    z = _standings(plan, facts, slots)
    text = worded(plan.text, facts) if plan.text else _plainly(facts)
    ids = pl.Series("id", slots.places).cast(pl.String).str.zfill(7)
    rows = personas(
        f"{plan.name}-{order.seed}-" + ids,
        facts,
        traits=z,
        provenance={"made by": "personae generate population", "source": plan.source or plan.title},
        texts={"text": text, "kind": plan.kind},
    )
    return Made(rows, failed, {"redrawn to obey rules": redrawn})


def _lawful(
    print_: Blueprint, rules: Rules, slots: Slots
) -> tuple[pl.DataFrame, int, dict[int, str]]:
    """Draw facts, and again where they break a hard rule; give them, the redraws, the failures."""
    facts = print_.facts(slots)
    redrawn = 0
    for _ in range(REDRAWS):
        bad, _ = _breaches(rules, facts)
        if not bad.any():
            return facts, redrawn, {}
        redrawn += int(bad.sum())
        slots = Slots(slots.seed, slots.places, slots.attempts + bad)
        again = print_.facts(slots.take(bad))
        places = np.arange(len(slots))
        places[bad] = len(slots) + np.arange(int(bad.sum()))
        facts = pl.concat([facts, again])[places]
    bad, why = _breaches(rules, facts)
    return facts, redrawn, {int(slots.places[i]): why[i] for i in np.flatnonzero(bad).tolist()}


def _breaches(rules: Rules, facts: pl.DataFrame) -> tuple[np.ndarray, dict[int, str]]:
    bad = np.zeros(facts.height, dtype=bool)
    why: dict[int, str] = {}
    hard = {rule.code for rule in rules.rules if rule.severity == "hard"}
    for code, broken in rules.broken(facts).items():
        if code in hard:
            why |= {int(i): f"breaks rule {code}" for i in np.flatnonzero(broken & ~bad)}
            bad |= broken
    return bad, why


def _standings(plan: Spec, facts: pl.DataFrame, slots: Slots) -> pl.DataFrame | None:
    if plan.traits is None:
        return None
    given = plan.traits.get("correlations")
    z = correlated(slots, correlation_matrix() if given is None else np.array(given, float))
    if norms := plan.traits.get("norms"):
        sex = norms["sex"]
        letters = {str(v): letter for v, letter in sex.items() if v != "of"}
        z = group_standings(
            z,
            facts[sex["of"]].replace_strict(letters, default=""),
            facts[norms["age"]].cast(pl.Int64),
        )
    return pl.DataFrame({code: z[:, i].round(3) for i, code in enumerate(BIG_FIVE)})


def _check_traits(plan: Spec, print_: Blueprint) -> None:
    if plan.traits is None:
        return
    unknown = set(plan.traits) - {"correlations", "norms"}
    if unknown:
        raise UnknownName("field of traits", min(unknown), ("correlations", "norms"))
    norms = plan.traits.get("norms")
    if norms is not None:
        sex = norms.get("sex") if isinstance(norms, dict) else None
        if not isinstance(sex, dict) or "of" not in sex or "age" not in norms:
            raise BadValue('traits: norms has "sex": {"of": VARIABLE, VALUE: "F" or "M"} and "age"')
        names = print_.facts(Slots.span(0, 0, 1)).columns
        for name in (sex["of"], norms["age"]):
            if name not in names:
                raise UnknownName("variable that norms go by", str(name), names)


def _plainly(facts: pl.DataFrame) -> pl.Series:
    said = [pl.lit(f"{name.rpartition('/')[2]}: ") + pl.col(name) for name in facts.columns]
    listed = pl.concat_str(said, separator="; ", ignore_nulls=True)
    return facts.select(pl.lit("Facts about you: ") + listed + ".").to_series()


def _preview(
    plan: Spec, print_: Blueprint, rules: Rules, sample: pl.DataFrame | None
) -> tuple[Part, ...]:
    rows: list[tuple[Cell, ...]] = [
        (name, value, round(print_.share(name)[value], 4), count)
        for name in print_.values
        for value, count in print_.margin(name).items()
    ]
    parts: list[Part] = [Note(f"{plan.title}. {plan.source}".strip())]
    if rows:
        columns = ("variable", "value", "share", "personas")
        table = Table(name="quotas", title="Quotas", columns=columns, rows=tuple(rows),
                      note=f"{int((print_.counts > 0).sum()):,} cells are filled.")  # fmt: skip
        parts.append(table)
    if sample is not None and print_.donors is not None:
        kept = print_.donors.rows.height
        parts.append(
            Note(
                f"{kept:,} of the sample's {sample.height:,} rows have values under quota and give "
                f"the other facts: {', '.join(sample.columns[:40])}."
            )
        )
    parts += [Note(f"Rule {rule.code}: {rule.says}.") for rule in rules.rules]
    return (*parts, *_drawn_notes(print_, sample))


def _drawn_notes(print_: Blueprint, sample: pl.DataFrame | None) -> Sequence[Part]:
    names = [v.name for v in print_.others]
    return [Note(f"Drawn for each persona, not under quota: {', '.join(names)}.")] if names else []
