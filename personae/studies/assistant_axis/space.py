"""A model's persona space: its states while it speaks in roles and as the default assistant.

Each rollout is a reply under a role's system text, recorded as the mean over the reply's tokens.
The assistant axis of a block is the mean of the default's rollouts less the mean of the roles'
vectors, so that it points towards the assistant (Lu et al. 2026, arXiv 2601.10387).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import ceil

import numpy as np
from numpy.typing import NDArray

from personae.core import (
    Activations,
    Array,
    BadValue,
    Estimate,
    InputError,
    OpenModel,
    Site,
)
from personae.induce.steer.directions import direction
from personae.stats.prediction.linear_probes import auc_values
from personae.stats.resample import mean
from personae.studies.assistant_axis.roles import DEFAULT
from personae.studies.assistant_axis.rollouts import Rollout

__all__ = [
    "GAP",
    "RoleSpace",
    "Scale",
    "Separation",
    "record_roles",
]

Mask = NDArray[np.bool_]
LEAST_SHARE = 50 / 1200
"""The share of a role's rollouts that must count, as published; otherwise it is left out."""
RANDOM_DIRECTIONS, SPLITS = 200, 20
GAP = "of the gap"
"""The unit of projections: 0 is the mean of the roles, 1 the default assistant."""


def record_roles(
    model: OpenModel, rollouts: Sequence[Rollout], sites: Sequence[Site]
) -> "RoleSpace":
    """Record the rollouts that have text at the sites, each as the mean over its reply.

    A role needs two rollouts, and 50 of 1,200; with fewer it is left out and named in `dropped`.

    Raises:
        InputError: fewer than two roles are left, or the default has too few rollouts.
    """
    spoken = [r for r in rollouts if r.has_text]
    counts = {
        name: sum(r.role == name for r in spoken)
        for name in dict.fromkeys(r.role for r in rollouts)
    }
    asked = max(sum(r.role == name for r in rollouts) for name in counts)
    least = max(2, ceil(LEAST_SHARE * asked))
    dropped = {name: n for name, n in counts.items() if n < least}
    names = [name for name in counts if name not in dropped and name != DEFAULT]
    if DEFAULT in dropped or DEFAULT not in counts or len(names) < 2:
        raise InputError(
            f"an axis needs the default and two roles with {least} replies each; here "
            f"{', '.join(f'{n} {c}' for n, c in counts.items())}"
        )
    counted = [r for r in spoken if r.role not in dropped]
    activations = model.record([r.chat for r in counted], sites, "replies")
    return RoleSpace(tuple(counted), tuple(names), activations, dropped)


@dataclass(frozen=True, eq=False)
class RoleSpace:
    """Rollouts and the model's states in each: site -> (rollouts, width).

    `roles` are those that count, without the default; `dropped` maps those with too few rollouts
    to the number they had.
    """

    rollouts: tuple[Rollout, ...]
    roles: tuple[str, ...]
    activations: Activations
    dropped: Mapping[str, int]

    def __post_init__(self) -> None:
        for site, rows in self.activations.items():
            if len(rows) != len(self.rollouts):
                raise BadValue(f"{len(self.rollouts)} rollouts, but {len(rows)} rows at {site}")

    @cached_property
    def _masks(self) -> Mapping[str, Mask]:
        """Each role's rollouts as a mask, (rollouts,)."""
        names = np.array([r.role for r in self.rollouts])
        return {name: names == name for name in (DEFAULT, *self.roles)}

    @cached_property
    def _questions(self) -> NDArray[np.int64]:
        """Each rollout's question, (rollouts,)."""
        return np.array([r.question for r in self.rollouts], dtype=np.int64)

    def vectors(self, site: Site, questions: Sequence[int] | None = None) -> Mapping[str, Array]:
        """Average each role's states, and the default's, over all or some questions: (width,).

        A role without a reply to these questions is absent.
        """
        among = np.isin(self._questions, self._questions if questions is None else questions)
        masks = {name: mask & among for name, mask in self._masks.items()}
        rows = self.activations[site]
        return {name: rows[mask].mean(axis=0) for name, mask in masks.items() if mask.any()}

    def axis(self, site: Site, questions: Sequence[int] | None = None) -> Array:
        """Return the axis of a block, (width,): the default less the mean of the roles.

        Raises:
            BadValue: no reply of the default, or of any role, to these questions.
        """
        vectors = dict(self.vectors(site, questions))
        own = vectors.pop(DEFAULT, None)
        if own is None or not vectors:
            raise BadValue("an axis needs replies of the default and of a role")
        return direction(own[None], np.stack(list(vectors.values())))

    def scale(self, site: Site) -> "Scale":
        """Return the projection on the axis, with 0 at the mean of the roles, 1 at the default."""
        vectors = dict(self.vectors(site))
        default = vectors.pop(DEFAULT)
        centre = np.mean(list(vectors.values()), axis=0)
        return Scale(centre, default - centre)

    @property
    def questions(self) -> tuple[int, ...]:
        """The questions answered by the default and by a role."""
        own = set(self._questions[self._masks[DEFAULT]])
        others = set(self._questions[~self._masks[DEFAULT]])
        return tuple(sorted(int(q) for q in own & others))

    def split_half(self, site: Site, seed: int = 0) -> float:
        """Average the cosine of the axes of two random halves of the questions over 20 splits.

        NaN below two questions.
        """
        questions = np.array(self.questions)
        if questions.size < 2:
            return float("nan")
        axes = {q: self.axis(site, [q]) for q in questions}
        random = np.random.default_rng(seed)
        cosines = []
        for _ in range(SPLITS):
            order = random.permutation(questions)
            halves = order[: len(order) // 2], order[len(order) // 2 :]
            a, b = (np.mean([axes[q] for q in half], axis=0) for half in halves)
            cosines.append(float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b) + 1e-300)))
        return float(np.mean(cosines))

    def separation(self, site: Site, seed: int = 0) -> "Separation":
        """Separate the default from the roles on held-out questions, beside two references.

        Each half of the questions is projected on the axis of the other half.
        """
        halves = self.questions[::2], self.questions[1::2]
        names = (DEFAULT, *self.roles)
        width = self.activations[site].shape[1]
        random = np.random.default_rng(seed).normal(size=(width, RANDOM_DIRECTIONS))
        aucs: list[Array] = []
        random_aucs: list[Array] = []
        for own, other in (halves, halves[::-1]):
            if not own or not other:
                continue
            axes = self._each_against_the_rest(site, other)
            for question in own:
                rows = self.activations[site][self._questions == question]
                masks = [self._masks[name][self._questions == question] for name in names]
                projections = rows @ axes.T
                aucs.append(
                    np.array([_auc(projections[:, [i]], i, masks) for i in range(len(masks))])
                )
                own_rows, other_rows = rows[masks[0]], rows[~masks[0]]
                if len(own_rows) and len(other_rows):
                    random_aucs.append(auc_values(own_rows @ random, other_rows @ random))
        table = np.array(aucs).reshape(-1, len(names))
        default = mean(table[:, 0], name="AUC", of="question", unit="rate", seed=seed)
        others = np.array([c[~np.isnan(c)].mean() for c in table.T[1:] if (~np.isnan(c)).any()])
        spread = np.mean(random_aucs, axis=0) if random_aucs else np.full(1, np.nan)
        return Separation(default, others, float(np.quantile(np.maximum(spread, 1 - spread), 0.95)))

    def _each_against_the_rest(self, site: Site, questions: Sequence[int]) -> Array:
        """Return the axis of the default, and of each role in its place, (1 + roles, width)."""
        vectors = self.vectors(site, questions)
        width = self.activations[site].shape[1]
        roles = {n: v for n, v in vectors.items() if n != DEFAULT}
        axes = []
        for name in (DEFAULT, *self.roles):
            rest = [v for other, v in roles.items() if other != name]
            defined = name in vectors and rest
            axes.append(
                vectors[name] - np.mean(rest, axis=0) if defined else np.full(width, np.nan)
            )
        return np.array(axes)


@dataclass(frozen=True, slots=True)
class Separation:
    """How well default and roles are separated: areas under the ROC curve (AUC).

    Args:
        default: the default against the roles.
        roles: each role against the others, (roles,), without undefined ones.
        random: the 95th percentile of random directions.
    """

    default: Estimate
    roles: Array
    random: float


@dataclass(frozen=True, slots=True, eq=False)
class Scale:
    """A projection in units of the gap between roles (0) and default (1) at one block."""

    centre: Array
    axis: Array

    def __call__(self, rows: Array) -> Array:
        """Project rows (n, width): (n,); NaN where default and roles are the same."""
        power = float(self.axis @ self.axis)
        return (rows - self.centre) @ self.axis / power if power else np.full(len(rows), np.nan)


def _auc(projections: Array, index: int, masks: Sequence[Mask]) -> float:
    """Compare a role with all other roles but the default, which comes first in `masks`.

    NaN where a side has no reply or the projections (n, 1) are undefined.
    """
    own = masks[index]
    rest = np.any([m for i, m in enumerate(masks) if i not in (0, index)], axis=0) & ~own
    if not own.any() or not rest.any() or np.isnan(projections).any():
        return float("nan")
    return float(auc_values(projections[own], projections[rest])[0])
