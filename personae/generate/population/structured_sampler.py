"""Samples facts, traits and levels that obey a population's rules, without a model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from personae.core import BIG_FIVE, Array, BadValue, Cell, Note, Part, Table, UnknownName
from personae.generate.population.blueprint import Blueprint
from personae.generate.population.correlated_traits import (
    correlation_matrix,
    draw_correlated,
    shift_to_group_norms,
)
from personae.generate.population.fact_rules import Rules
from personae.generate.population.ordered_levels import Levels
from personae.generate.population.population_spec import PopulationSpec
from personae.generate.slots import Slots

__all__ = ["StructuredSample", "StructuredSampler"]

REDRAWS = 200


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class StructuredSample:
    """Facts and standings (z) of the slots that obey the rules, and why the others failed."""

    slots: Slots
    facts: pl.DataFrame
    traits: pl.DataFrame | None
    failed: Mapping[int, str] = field(default_factory=dict)
    redrawn: int = 0


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class StructuredSampler:
    """A population's description with its plan, rules and levels.

    Raises:
        UnknownName: the traits' norms or an anchor of the levels depend on a variable that isn't
            there.
        BadValue: the description's traits have another shape.
    """

    spec: PopulationSpec
    blueprint: Blueprint
    rules: Rules
    levels: Levels | None = None

    def __post_init__(self) -> None:
        names = self.blueprint.names
        _check_traits(self.spec, names)
        for constraint in self.levels.constraints if self.levels is not None else ():
            for name in constraint.when:
                if name not in names:
                    raise UnknownName("variable of an anchor's 'when'", name, names)

    @property
    def fact_names(self) -> tuple[str, ...]:
        """The names of the facts of its samples, in their order."""
        return (*self.blueprint.names, *(self.levels.loadings if self.levels is not None else ()))

    def sample(self, slots: Slots) -> StructuredSample:
        """Draw personas for the slots, redrawing those that break a hard rule up to 200 times."""
        facts, z = self._draw(slots)
        rules = self.rules.over(facts.columns)
        redrawn = 0
        for _ in range(REDRAWS):
            broken = rules.breaches(facts)
            if not broken.any():
                break
            redrawn += int(broken.sum())
            slots = Slots(slots.seed, slots.indices, slots.attempts + broken)
            new_facts, standings = self._draw(slots.take(broken))
            rows = np.arange(len(slots))
            rows[broken] = len(slots) + np.arange(new_facts.height)
            facts = pl.concat([facts, new_facts])[rows]
            z[broken] = standings
        valid = ~rules.breaches(facts)
        failed = {int(i): f"breaks a rule after {REDRAWS} redraws" for i in slots.indices[~valid]}
        traits = None
        if self.spec.traits is not None:
            traits = pl.DataFrame({c: z[valid, i].round(3) for i, c in enumerate(BIG_FIVE)})
        return StructuredSample(
            slots=slots.take(valid),
            facts=facts.filter(pl.Series(valid)),
            traits=traits,
            failed=failed,
            redrawn=redrawn,
        )

    def _draw(self, slots: Slots) -> tuple[pl.DataFrame, Array]:
        facts = self.blueprint.facts(slots)
        z = _standings(self.spec, facts, slots)
        if self.levels is not None:
            facts = facts.hstack(self.levels.draw(slots, z, facts))
        return facts, z

    def preview(self) -> tuple[Part, ...]:
        """Build the preview of the quotas, the other variables and the rules."""
        blueprint = self.blueprint
        rows: list[tuple[Cell, ...]] = [
            (name, value, round(blueprint.share(name)[value], 4), count)
            for name in blueprint.values
            for value, count in blueprint.margin(name).items()
        ]
        parts: list[Part] = [Note(f"{self.spec.title}. {self.spec.source}".strip())]
        if rows:
            columns = ("variable", "value", "share", "personas")
            table = Table(
                name="quotas",
                title="Quotas",
                columns=columns,
                rows=tuple(rows),
                note=f"{int((blueprint.counts > 0).sum()):,} cells are filled.",
            )
            parts.append(table)
        if blueprint.donors is not None:
            donors = blueprint.donors.rows
            names = ", ".join(donors.columns[:40])
            parts.append(
                Note(f"{donors.height:,} rows of the sample give the other facts: {names}.")
            )
            if left_out := blueprint.donors.left_out:
                text = (
                    f"{left_out:,} of {donors.height + left_out:,} rows of the sample are left "
                    f"out: they have values that no variable lists."
                )
                parts.append(Note(text, "warning"))
        if names := ", ".join(v.name for v in blueprint.others):
            parts.append(Note(f"Drawn for each persona, not under quota: {names}."))
        rules = dict.fromkeys(f"Rule {r.code}: {r.description}." for r in self.rules.rules)
        return (*parts, *map(Note, rules))


def _standings(spec: PopulationSpec, facts: pl.DataFrame, slots: Slots) -> Array:
    traits = spec.traits or {}
    correlations = traits.get("correlations")
    z = draw_correlated(
        slots, correlation_matrix() if correlations is None else np.array(correlations, float)
    )
    if norms := traits.get("norms"):
        letters = {str(v): letter for v, letter in norms["sex"].items() if v != "of"}
        sex = facts[norms["sex"]["of"]].replace_strict(letters, default="")
        age = facts[norms["age"]].cast(pl.Int64, strict=False)
        if age.null_count():
            examples = facts[norms["age"]].filter(age.is_null()).unique().to_list()[:3]
            raise BadValue(f"norms need {norms['age']!r} in whole years, not {examples}")
        z = shift_to_group_norms(z, sex, age)
    return z


def _check_traits(spec: PopulationSpec, names: Sequence[str]) -> None:
    traits = spec.traits or {}
    for name in traits:
        if name not in ("correlations", "norms"):
            raise UnknownName("field of traits", name, ("correlations", "norms"))
    norms = traits.get("norms")
    if norms is None:
        return
    sex = norms.get("sex") if isinstance(norms, dict) else None
    if not isinstance(sex, dict) or "of" not in sex or "age" not in norms:
        raise BadValue('traits: norms has "sex": {"of": VARIABLE, VALUE: "F" or "M"} and "age"')
    for name in (sex["of"], norms["age"]):
        if name not in names:
            raise UnknownName("variable of the norms", str(name), names)
