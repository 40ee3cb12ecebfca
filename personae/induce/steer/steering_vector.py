"""Steering vectors: a direction at each of some sites, its origin, and its quality.

A vector is made from pairs of opposite chats, read at one pool. Each direction comes with its
split-half cosine, its AUC on held-out pairs, and the AUC of random directions: a vector that is no
better than these is noise. `edits` turns a vector into the edits that steer a model.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from personae import __version__
from personae.core import (
    Activations,
    Array,
    BadValue,
    Chat,
    Edit,
    InputError,
    OpenModel,
    Pool,
    Site,
    brief,
    counted,
)
from personae.core.edit import Op
from personae.induce.steer.directions import Method, cosines, direction, orthogonal_to
from personae.induce.steer.vector_quality import Quality, vector_quality

__all__ = [
    "SteeringVector",
    "VectorOrigin",
    "VectorRecipe",
    "make_vector",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorRecipe:
    """How a vector is made: its name, the method, the pool of tokens, the seed of its checks."""

    name: str = ""
    method: Method = "mean"
    pool: Pool = "last"
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorOrigin:
    """Where a vector comes from; `model` and `fingerprint` are empty if its file lacks them.

    The fingerprint covers weights, dtype, tokenizer and chat template. `positives` and `negatives`
    count rows of activations.
    """

    name: str
    model: str = ""
    fingerprint: str = ""
    method: str = ""
    pool: str = ""
    positives: int = 0
    negatives: int = 0
    version: str = __version__


@dataclass(frozen=True, slots=True, eq=False)
class SteeringVector:
    """Directions (width,) by site, with origin and quality; they add, subtract and scale.

    Sums, differences and multiples have no quality: it was measured on the vector as made.

    >>> calm = SteeringVector({Site(0): np.array([1.0, 0.0])}, VectorOrigin(name="calm"))
    >>> warm = SteeringVector({Site(0): np.array([0.0, 2.0])}, VectorOrigin(name="warm"))
    >>> (0.5 * calm - warm).by_site[Site(0)].tolist(), (0.5 * calm - warm).origin.name
    ([0.5, -2.0], '0.5 * calm - warm')
    """

    by_site: Mapping[Site, NDArray[np.floating[Any]]]
    origin: VectorOrigin
    quality: Mapping[Site, Quality] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for site, vector in self.by_site.items():
            if vector.ndim != 1 or not np.isfinite(vector).all():
                raise BadValue(f"a direction is (width,) of finite numbers; not so at {site}")

    def __repr__(self) -> str:
        return brief(self, self.origin.name, self.origin.model, counted(len(self.by_site), "site"))

    @property
    def sites(self) -> tuple[Site, ...]:
        """The sites at which it has directions, by block."""
        return tuple(sorted(self.by_site, key=lambda s: (s.block, s.part)))

    def at(self, *blocks: int) -> "SteeringVector":
        """Select the directions of some blocks.

        Raises:
            InputError: it has none at one of them.
        """
        known = sorted({site.block for site in self.by_site})
        if absent := sorted(set(blocks) - set(known)):
            raise InputError(f"vector {self.origin.name!r} has the blocks {known}, not {absent}")
        return replace(self, by_site={s: v for s, v in self.by_site.items() if s.block in blocks})

    def edits(self, strength: float = 1.0, op: Op = "add") -> tuple[Edit, ...]:
        """Make one edit per direction, by block; see `Edit` for the operations."""
        return tuple(Edit(s, self.by_site[s], strength, op) for s in self.sites)

    def unit(self, site: Site) -> Array:
        """Return the unit vector (width,) at a site.

        Raises:
            BadValue: the direction there is zero.
        """
        vector = np.asarray(self.by_site[site], dtype=np.float64)
        length = float(np.linalg.norm(vector))
        if not length:
            raise BadValue(f"vector {self.origin.name!r} is zero at {site}: it has no direction")
        return vector / length

    def projections(self, activations: Activations) -> Mapping[Site, Array]:
        """Project recorded activations (n, width) on the unit vectors, site by site: (n,)."""
        return {s: activations[s] @ self.unit(s) for s in self.sites if s in activations}

    def cosine(self, other: "SteeringVector") -> Mapping[Site, float]:
        """Compute the cosine with another vector at each site that both have."""
        shared = [s for s in self.sites if s in other.by_site]
        return {s: float(cosines([self.by_site[s], other.by_site[s]])[0, 1]) for s in shared}

    def without(self, *others: "SteeringVector") -> "SteeringVector":
        """Project others out of it, site by site."""
        name = " | ".join([self.origin.name, *(o.origin.name for o in others)])
        return _derived(
            self,
            {
                s: orthogonal_to(v, [o.by_site[s] for o in others if s in o.by_site])
                for s, v in self.by_site.items()
            },
            name,
        )

    def __add__(self, other: "SteeringVector") -> "SteeringVector":
        return self._joined(other, "+", lambda a, b: a + b)

    def __sub__(self, other: "SteeringVector") -> "SteeringVector":
        return self._joined(other, "-", lambda a, b: a - b)

    def __mul__(self, factor: float) -> "SteeringVector":
        scaled = {s: v * factor for s, v in self.by_site.items()}
        return _derived(self, scaled, f"{factor:g} * {self.origin.name}")

    __rmul__ = __mul__

    def __neg__(self) -> "SteeringVector":
        return _derived(self, {s: -v for s, v in self.by_site.items()}, f"-{self.origin.name}")

    def _joined(
        self, other: "SteeringVector", sign: str, join: Callable[[Any, Any], Any]
    ) -> "SteeringVector":
        fingerprints = {self.origin.fingerprint, other.origin.fingerprint} - {""}
        if len(fingerprints) > 1:
            raise InputError(
                f"{self.origin.name!r} is of {self.origin.model}, {other.origin.name!r} of "
                f"{other.origin.model}: directions of different models have nothing in common"
            )
        by_site = {}
        for site in dict.fromkeys((*self.by_site, *other.by_site)):
            first, second = self.by_site.get(site), other.by_site.get(site)
            if first is not None and second is not None and first.shape != second.shape:
                raise InputError(f"widths differ at {site}: {first.shape[0]} and {second.shape[0]}")
            by_site[site] = join(0.0 if first is None else first, 0.0 if second is None else second)
        return _derived(self, by_site, f"{self.origin.name} {sign} {other.origin.name}")


def _derived(
    vector: SteeringVector, by_site: Mapping[Site, NDArray[np.floating[Any]]], name: str
) -> SteeringVector:
    return SteeringVector(by_site, replace(vector.origin, name=name, method="algebra"))


def make_vector(
    model: OpenModel,
    pairs: Sequence[tuple[Chat, Chat]],
    sites: Sequence[Site],
    recipe: VectorRecipe = VectorRecipe(),
) -> SteeringVector:
    """Make a vector from pairs of chats (positive, negative); all sites are read in one pass.

    Raises:
        InputError: fewer than two pairs, or no site.
        BadValue: the pool `all`, whose rows are tokens; otherwise as `OpenModel.record`.
    """
    if len(pairs) < 2 or not sites:
        raise InputError(f"a vector takes two pairs and a site, not {len(pairs)} and {len(sites)}")
    if recipe.pool == "all":
        raise BadValue("pairs are compared chat by chat: the pool 'all' has rows of tokens")
    chats = [chat for side in (0, 1) for chat in (pair[side] for pair in pairs)]
    activations = model.record(chats, sites, recipe.pool)
    positive = {s: rows[: len(pairs)] for s, rows in activations.items()}
    negative = {s: rows[len(pairs) :] for s, rows in activations.items()}
    vector = _vector_from(positive, negative, recipe)
    origin = replace(vector.origin, model=model.name, fingerprint=model.fingerprint)
    return replace(vector, origin=origin)


def _vector_from(
    positive: Activations,
    negative: Activations,
    recipe: VectorRecipe = VectorRecipe(),
) -> SteeringVector:
    """Make a vector from recorded activations (n, width) by site; if counts agree, rows are paired.

    Raises:
        BadValue: as `direction`.
    """
    by_site = {s: direction(positive[s], negative[s], recipe.method) for s in positive}
    counts = [len(next(iter(side.values()))) for side in (positive, negative)]
    origin = VectorOrigin(
        name=recipe.name,
        method=recipe.method,
        pool=recipe.pool,
        positives=counts[0],
        negatives=counts[1],
    )
    quality = {
        s: vector_quality(positive[s], negative[s], by_site[s], recipe.method, recipe.seed)
        for s in by_site
    }
    return SteeringVector(by_site, origin, quality)
