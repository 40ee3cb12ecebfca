"""A population's plan: the joint distribution of its quota variables, their counts, its draws.

The joint distribution is the product of the variables in the order listed, each conditional on its
`given` variable; a sample contributes its own joint distribution of the variables it has; rules
about quota variables alone exclude cells; the result is raked to the margins. Variables not under
quota are drawn slot by slot. With a sample, all other facts come from a donor, a row of the same
cell.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np
import polars as pl
from numpy.typing import NDArray

from personae.core import Array, BadValue, UnknownName
from personae.generate.population.fact_rules import Rules
from personae.generate.population.persona_table import fill_template
from personae.generate.population.population_spec import Margin, PopulationSpec, Variable
from personae.generate.population.quotas import apportion, assign_cells
from personae.generate.population.raking import rake
from personae.generate.slots import IndexArray, Slots

__all__ = ["Blueprint", "Donors", "make_blueprint"]

MOST_CELLS = 200_000


@dataclass(frozen=True, slots=True, eq=False)
class Donors:
    """Rows of a sample in the order of their cells; those of cell c begin at starts[c].

    `left_out` counts the sample's rows that belong to no cell.
    """

    rows: pl.DataFrame
    starts: IndexArray
    left_out: int = 0

    def facts(self, slots: Slots, cells: IndexArray) -> pl.DataFrame:
        """Draw for each slot the facts of a row of its cell, all rows with equal probability."""
        first, count = self.starts[cells], np.diff(self.starts)[cells]
        return self.rows[first + np.floor(slots.uniform("donor") * count).astype(np.int64)]


@dataclass(frozen=True, eq=False)
class Blueprint:
    """Quota variables with their joint distribution and counts; the other variables; donors.

    `values` gives each quota variable's values in the order of its axis.
    """

    n: int
    seed: int
    values: Mapping[str, tuple[str, ...]]
    joint: Array
    others: tuple[Variable, ...]
    hidden: tuple[str, ...] = ()
    donors: Donors | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the facts, in their order."""
        drawn = (*self.values, *(variable.name for variable in self.others))
        given = self.donors.rows.columns if self.donors is not None else ()
        return tuple(dict.fromkeys((*(n for n in drawn if n not in self.hidden), *given)))

    @cached_property
    def counts(self) -> IndexArray:
        """Personas in each cell, of the joint's shape."""
        return apportion(self.n, self.joint) if self.values else np.array(self.n)

    @cached_property
    def cells(self) -> NDArray[np.int32]:
        """Each slot's cell."""
        return assign_cells(self.counts, self.seed)

    def margin(self, name: str) -> Mapping[str, int]:
        """Count the personas of each value of a quota variable."""
        axis = list(self.values).index(name)
        others = tuple(i for i in range(self.counts.ndim) if i != axis)
        return dict(zip(self.values[name], self.counts.sum(axis=others).tolist(), strict=True))

    def share(self, name: str) -> Mapping[str, float]:
        """Return each value's planned share (0..1), before rounding to whole personas."""
        axis = list(self.values).index(name)
        others = tuple(i for i in range(self.joint.ndim) if i != axis)
        return dict(zip(self.values[name], self.joint.sum(axis=others).tolist(), strict=True))

    def facts(self, slots: Slots) -> pl.DataFrame:
        """Draw the facts of the slots, all as text: one row per slot, one column per variable."""
        cells = self.cells[slots.indices].astype(np.int64)
        codes = np.unravel_index(cells, self.counts.shape) if self.values else ()
        columns = {
            name: pl.Series(values).gather(code)
            for (name, values), code in zip(self.values.items(), codes, strict=True)
        }
        for variable in self.others:
            columns[variable.name] = _draw_variable(variable, slots, columns)
        for hidden in self.hidden:
            del columns[hidden]
        if self.donors is not None:
            donor_cells = cells // prod(self.counts.shape[self._donor_axes :])
            for column in self.donors.facts(slots, donor_cells).iter_columns():
                columns.setdefault(column.name, column)
        return pl.DataFrame(columns)

    @property
    def _donor_axes(self) -> int:
        """The number of leading quota variables that the sample has."""
        known = self.donors.rows.columns if self.donors is not None else ()
        return sum(name in known for name in self.values)


def _draw_variable(variable: Variable, slots: Slots, columns: Mapping[str, pl.Series]) -> pl.Series:
    if variable.text:
        return fill_template(variable.text, pl.DataFrame(columns))
    condition = columns.get(variable.given) if variable.given else None
    conditions = (
        condition.unique(maintain_order=True).to_list() if condition is not None else [None]
    )
    index = (
        condition.replace_strict(
            conditions, range(len(conditions)), return_dtype=pl.Int64
        ).to_numpy()
        if condition is not None
        else np.zeros(len(slots), dtype=np.int64)
    )
    if variable.shares:
        values = variable.values
        shares = np.array(
            [[variable.table(g).get(v, 0) for v in values] for g in conditions], float
        )
        shares = shares.reshape(len(conditions), len(values))[index]
        return pl.Series(values).gather(slots.pick(variable.name, shares))
    ranges = np.array([variable.whole if g is None else variable.whole[g] for g in conditions])
    low, high = ranges.reshape(-1, 2)[index].T
    numbers = low + np.floor(slots.uniform(variable.name) * (high - low + 1)).astype(np.int64)
    return pl.Series(numbers).cast(pl.String)


def make_blueprint(
    spec: PopulationSpec,
    n: int,
    seed: int,
    *,
    sample: pl.DataFrame | None = None,
    rules: Rules | None = None,
) -> Blueprint:
    """Plan a population of n personas.

    `sample` holds real rows whose joint distribution is kept; cells that break a hard rule of
    `rules` stay empty.

    Raises:
        BadValue: too many cells, or margins that can't be met.
        UnknownName: a margin over what is no quota variable, or with an unknown value.
    """
    known = () if sample is None else sample.columns
    quota = [v for v in spec.variables if v.shares and v.exact]
    quota.sort(key=lambda v: v.name not in known)  # the sample's first; the sort is stable
    values = {v.name: v.values for v in quota}
    cells = prod(len(v) for v in values.values())
    if cells > MOST_CELLS:
        raise BadValue(
            f"quotas over {list(values)} have {cells:,} cells; at most {MOST_CELLS:,} are allowed. "
            'Give some variables "exact": false'
        )
    sample_variables = [v for v in quota if v.name in known]
    donors, joint = (
        _group_sample(sample, sample_variables) if sample is not None else (None, np.array(1.0))
    )
    margins = list(spec.margins) + [_variable_margin(v) for v in sample_variables]
    for variable in quota[len(sample_variables) :]:
        joint = _extend_joint(joint, variable, values)
    if rules is not None and values:
        joint = joint * _allowed_cells(rules.over(list(values)), values)
    targets = dict(_margin_target(margin, values) for margin in margins)
    joint = rake(joint, targets).joint if targets else joint / joint.sum()
    others = tuple(v for v in spec.variables if v.name not in values)
    hidden = tuple(v.name for v in spec.variables if v.hidden)
    return Blueprint(n, seed, values, joint, others, hidden, donors)


def _variable_margin(variable: Variable) -> Margin:
    if variable.given:
        raise BadValue(
            f"variable {variable.name!r} is in the sample: it can't have 'given'; put a margin "
            f"over {[variable.given, variable.name]} instead"
        )
    return Margin(of=(variable.name,), shares=variable.shares)


def _extend_joint(joint: Array, variable: Variable, values: Mapping[str, tuple[str, ...]]) -> Array:
    """Add a variable as the last axis of the joint distribution, conditional on its given one."""
    condition = variable.given
    if condition and condition not in list(values)[: joint.ndim]:
        raise BadValue(
            f"variable {variable.name!r} is under quota, but {condition!r}, on which it depends, "
            'is not: give it "exact": false too'
        )
    keys: Sequence[str | None] = values[condition] if condition else [None]
    rows = [[variable.table(key).get(v, 0) for v in variable.values] for key in keys]
    table = np.array(rows, dtype=np.float64)
    table /= table.sum(axis=1, keepdims=True)
    shape = [1] * joint.ndim + [len(variable.values)]
    if condition:
        shape[list(values).index(condition)] = len(keys)
    return joint[..., None] * table.reshape(shape)


def _allowed_cells(rules: Rules, values: Mapping[str, tuple[str, ...]]) -> Array:
    shape = tuple(len(v) for v in values.values())
    codes = np.unravel_index(np.arange(prod(shape)), shape)
    table = pl.DataFrame(
        {n: pl.Series(v).gather(c) for (n, v), c in zip(values.items(), codes, strict=True)}
    )
    allowed = np.ones(prod(shape), dtype=bool)
    for rule, broken in rules.broken(table):
        if rule.severity == "hard":
            allowed &= ~broken
        if not allowed.any():
            raise BadValue(f"with rule {rule.code} no combination of {list(values)} is left")
    return allowed.reshape(shape).astype(np.float64)


def _margin_target(
    margin: Margin, values: Mapping[str, tuple[str, ...]]
) -> tuple[tuple[int, ...], Array]:
    order = list(values)
    for name in margin.of:
        if name not in values:
            raise UnknownName("quota variable", name, order)
    array = np.array(_nested_shares(margin.shares, margin.of, values), dtype=np.float64)
    axes = [order.index(name) for name in margin.of]
    return tuple(sorted(axes)), array.transpose(np.argsort(axes))


def _nested_shares(
    shares: object, of: Sequence[str], values: Mapping[str, tuple[str, ...]]
) -> object:
    if not of:
        if not isinstance(shares, int | float) or isinstance(shares, bool):
            raise BadValue(f"a margin's share is a number, not {shares!r}")
        return float(shares)
    if not isinstance(shares, dict):
        raise BadValue(f"a margin over {of[0]!r} maps its values to shares, not {shares!r}")
    for value in shares:
        if value not in values[of[0]]:
            raise UnknownName(f"value of {of[0]!r}", value, values[of[0]])
    absent: object = 0.0 if len(of) == 1 else {}
    return [_nested_shares(shares.get(v, absent), of[1:], values) for v in values[of[0]]]


def _group_sample(sample: pl.DataFrame, variables: Sequence[Variable]) -> tuple[Donors, Array]:
    """Count a sample's rows by cell and sort them by cell; rows of no cell are left out."""
    shape = tuple(len(v.values) for v in variables)
    is_covered = pl.all_horizontal(
        pl.lit(value=True), *(pl.col(v.name).is_in(v.values) for v in variables)
    )
    rows = sample.filter(is_covered)
    if not rows.height:
        raise BadValue(
            f"no row of the sample has the listed values of {[v.name for v in variables]}"
        )
    cells = np.zeros(rows.height, dtype=np.int64)
    for variable in variables:
        index = {value: i for i, value in enumerate(variable.values)}
        code = rows[variable.name].replace_strict(index, return_dtype=pl.Int64).to_numpy()
        cells = cells * len(variable.values) + code
    counts = np.bincount(cells, minlength=prod(shape))
    starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    order = np.argsort(cells, kind="stable")
    donors = Donors(rows[order], starts, left_out=sample.height - rows.height)
    return donors, counts.reshape(shape).astype(np.float64)
