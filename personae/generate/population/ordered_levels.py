"""Ordered levels correlated with traits: "high" to "low" on many dimensions, with constraints.

Each dimension is a latent normal variable, loadings times the requested Big Five plus noise; fixed
shares cut it into levels. Constraints state how many dimensions of a group must be among the lower
levels for, say, weaker students; the lowest dimensions are moved there. Loadings are a design
choice, stated in the data file, not an empirical finding.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np
import polars as pl
import scipy

from personae.core import BIG_FIVE, Array, BadValue, UnknownName
from personae.generate.slots import IndexArray, Slots

__all__ = ["LevelConstraint", "Levels", "read_levels"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LevelConstraint:
    """If `when` (fact -> values) holds, at least `count` of `dimensions` are at or below `at`."""

    when: Mapping[str, tuple[str, ...]]
    dimensions: tuple[str, ...]
    count: int
    at: int


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Levels:
    """Dimensions with their loadings on O, C, E, A, N; levels from the highest to the lowest."""

    scale: tuple[str, ...]
    shares: Array
    loadings: Mapping[str, Array]
    constraints: tuple[LevelConstraint, ...] = ()

    def draw(self, slots: Slots, z: Array, facts: pl.DataFrame) -> pl.DataFrame:
        """Draw each slot's level on each dimension: one row per slot, one column per dimension.

        `z` holds the requested standings (slots, 5), in the order O, C, E, A, N.
        """
        names = list(self.loadings)
        cuts = scipy.special.ndtri(np.cumsum(self.shares[::-1])[:-1])
        codes = np.empty((len(slots), len(names)), dtype=np.int64)
        latent = np.empty((len(slots), len(names)))
        for column, (name, weights) in enumerate(self.loadings.items()):
            noise = sqrt(1 - float(weights @ weights))
            latent[:, column] = z @ weights + noise * slots.normal(name)
            codes[:, column] = len(self.scale) - 1 - np.searchsorted(cuts, latent[:, column])
        for constraint in self.constraints:
            _apply_constraint(constraint, codes, latent, facts, names)
        words = pl.Series(self.scale)
        return pl.DataFrame({name: words.gather(codes[:, i]) for i, name in enumerate(names)})


def _apply_constraint(
    constraint: LevelConstraint,
    codes: IndexArray,
    latent: Array,
    facts: pl.DataFrame,
    names: list[str],
) -> None:
    """Lower the lowest dimensions of the slots that meet the condition to the given level."""
    matches = [facts[name].is_in(values).to_numpy() for name, values in constraint.when.items()]
    rows = np.flatnonzero(np.logical_and.reduce(matches)) if matches else np.arange(len(codes))
    columns = np.array([names.index(dimension) for dimension in constraint.dimensions])
    lowest = columns[np.argsort(latent[np.ix_(rows, columns)], axis=1)[:, : constraint.count]]
    codes[rows[:, None], lowest] = np.maximum(codes[rows[:, None], lowest], constraint.at)


def _texts(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise ValueError(f"needs a list of texts, not {value!r:.60}")
    return tuple(value)


def _weights(weights: Mapping[str, float]) -> Array:
    for code in weights:
        if code not in BIG_FIVE:
            raise UnknownName("Big Five domain of a loading", code, BIG_FIVE)
    return np.array([weights.get(code, 0.0) for code in BIG_FIVE])


def read_levels(body: Mapping[str, Any]) -> Levels:
    """Parse the field `levels` of a population's description.

    Raises:
        BadValue: the field isn't shaped as in `personae/data/populations/students.json`.
        UnknownName: a weight of no Big Five domain, or an anchor of no dimension.
    """
    try:
        scale = _texts(body["scale"])
        shares = np.array(body["shares"], dtype=np.float64)
        loadings = {
            f"{group}/{name}": _weights(weights)
            for group, dimensions in body["groups"].items()
            for name, weights in dimensions.items()
        }
        constraints = tuple(
            LevelConstraint(
                when={k: _texts(v) for k, v in entry.get("when", {}).items()},
                dimensions=_texts(entry["of"]),
                count=int(entry["count"]),
                at=scale.index(entry["at"]),
            )
            for entry in body.get("anchors", ())
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BadValue(f"levels lack a field, or have one of another shape: {error!r}") from error
    for dimension in (d for constraint in constraints for d in constraint.dimensions):
        if dimension not in loadings:
            raise UnknownName("dimension of an anchor", dimension, loadings)
    if shares.shape != (len(scale),) or not (np.isfinite(shares) & (shares > 0)).all():
        raise BadValue("levels have a finite share above 0 for each word of their scale")
    for name, weights in loadings.items():
        if not weights @ weights < 1:
            raise BadValue(f"loadings of {name!r} have squares that sum to 1 or more")
    return Levels(
        scale=scale, shares=shares / shares.sum(), loadings=loadings, constraints=constraints
    )
