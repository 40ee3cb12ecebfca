"""The card's numbers: shifts against the control arm, in SD units, aligned with the request."""

from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from personae.core import CONTROL, Answers, Array, Estimate, Inventory, Persona, missing
from personae.stats.effects.contrast import arm_shift, paired_cells
from personae.stats.effects.effect_sizes import paired_permutation
from personae.stats.effects.verdicts import (
    SHIFTED,
    ShiftVerdict,
    Stability,
    direction_verdict,
    stability,
)
from personae.stats.multiplicity import planned_holm
from personae.stats.two_level import two_level_mean

__all__ = ["GROUP", "MARGIN", "PLACEBO", "ChannelScores", "ScaleShift"]

PLACEBO = "placebo"
"""The arm of a persona without content."""
GROUP = "sex-neutral 21-40"
MARGIN = 0.25


@dataclass(frozen=True, slots=True, kw_only=True)
class ScaleShift:
    """The shift of one scale or facet under an arm, and a verdict on it.

    `requested` is the requested standing in z units, None where there is none; `raw` the shift in
    the channel's unit, `standard` that in SD units.
    """

    scale: str
    facet: str
    requested: float | None
    raw: Estimate
    standard: Estimate
    adjusted_p: float
    verdict: ShiftVerdict


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChannelScores:
    """Answers of one channel under several arms, compared with the control arm.

    The SD unit is that of people's scores in the norm group where answers are points and the
    inventory has norms, else that of the control arm's item values (`sd_of` says which).
    """

    tool: Inventory
    persona: Persona
    answers: Answers
    seed: int = 0

    @property
    def in_points(self) -> bool:
        """Whether answers are points of the inventory's scale, and not likelihood contrasts."""
        return bool((self.answers.rows["unit"] == "points").any())

    @property
    def sd_of(self) -> str:
        """In words, whose SD is the unit."""
        if self.in_points and self.tool.norms:
            return f"people's scores ({GROUP})"
        return "the items' values without persona"

    def requested(self, scale: str, facet: str = "") -> float | None:
        """Return the requested standing in z units, or None where nothing was requested."""
        return self.persona.traits.get(f"{scale}:{facet}" if facet else scale)

    def part(self, scale: str, facet: str = "") -> Answers:
        """Keep the answers of one scale or facet."""
        part = self.answers.where(scale=scale)
        return part.where(facet=facet) if facet else part

    def sd(self, scale: str, facet: str = "") -> float:
        """Return the SD unit of a scale or facet, in the answers' unit; NaN where there is none."""
        if self.in_points and self.tool.norms:
            norms = [n for n in self.tool.norms if (n.group, n.scale) == (GROUP, scale)]
            sds = [n.sd for n in norms if n.facet == facet]
            return sds[0] / len(self.tool.where(scale=scale, facet=facet).items)
        control = self.answers.where(arm=CONTROL, scale=scale)
        items = control.rows.group_by("item", maintain_order=True).agg(pl.col("expected").mean())
        means = items["expected"].drop_nulls().to_numpy()
        spread = float(np.std(means, ddof=1)) if means.size > 1 else 0.0
        return spread if spread > 0 else float("nan")

    def shifts(self, arm: str, level: str = "scale") -> list[ScaleShift]:
        """Estimate an arm's shift on every scale or facet; p is Holm-adjusted over them."""
        keys = [(s, "") for s in self.tool.scales]
        if level == "facet":
            facets = dict.fromkeys((i.scale, i.facet) for i in self.tool.items if i.facet)
            present = set(self.answers.rows.select("scale", "facet").unique().rows())
            keys = [key for key in facets if key in present]
        raw = [self._raw(arm, *key) for key in keys]
        adjusted = planned_holm(r.p for r in raw)
        return [
            self._shift(key, estimate, p)
            for key, estimate, p in zip(keys, raw, adjusted, strict=True)
        ]

    def _raw(self, arm: str, scale: str, facet: str) -> Estimate:
        name = f"{scale}:{facet}" if facet else scale
        part = self.part(scale, facet)
        return arm_shift(part, (CONTROL, arm), name, seed=self.seed)

    def _shift(self, key: tuple[str, str], raw: Estimate, p: float) -> ScaleShift:
        requested = self.requested(*key)
        standard = _scaled(raw, self.sd(*key))
        sign = 0 if not requested else 1 if requested > 0 else -1
        verdict = direction_verdict(standard, sign, p, MARGIN)
        return ScaleShift(
            scale=key[0],
            facet=key[1],
            requested=requested,
            raw=raw,
            standard=standard,
            adjusted_p=p,
            verdict=verdict,
        )

    def aligned(self, arm: str, control: str = CONTROL) -> Estimate:
        """Estimate the mean shift towards the request, over the scales requested, in SD units.

        Undefined where the persona asks for no scale of the inventory.
        """
        cells = self.aligned_cells(arm, control)
        if cells is None:
            why = "the persona asks for no trait of this inventory"
            return missing(arm, why, n=0, of="item", unit="SD")
        shift = two_level_mean(cells, name=arm, of="item", unit="SD", seed=self.seed)
        known = ~np.isnan(cells)
        answered = cells[known.any(axis=1)]
        test = paired_permutation(np.nanmean(answered, axis=1), seed=self.seed)
        return replace(shift, p=test.p)

    def aligned_cells(self, arm: str, control: str = CONTROL) -> Array | None:
        """Return shifts towards the request in SD units, (items requested, administrations)."""
        parts = []
        for scale in self.tool.scales:
            requested, sd = self.requested(scale), self.sd(scale)
            if requested and np.isfinite(sd) and sd > 0:
                cells, _, _ = paired_cells(self.part(scale), (control, arm))
                parts.append(cells / sd * np.sign(requested))
        return np.vstack(parts) if parts else None

    def cells(self, arm: str, scale: str) -> Array:
        """Return an arm's shifts of a scale in SD units, shape (items, administrations)."""
        cells, _, _ = paired_cells(self.part(scale), (CONTROL, arm))
        return cells / self.sd(scale)

    def title(self, scale: str) -> str:
        """Return a scale's title."""
        return str(self.tool.scales.get(scale, scale))

    def shift_stability(self, arm: str, shift: ScaleShift) -> tuple[str, Estimate | None, str]:
        """Return the verdict on a shift's stability, the widest difference, and between what.

        A shift that was not shown is neither stable nor unstable.
        """
        test = self.steadiness(arm, shift.scale)
        between = " against ".join(test.between) if test.widest else ""
        return test.verdict if shift.verdict in SHIFTED else "not shown", test.widest, between

    def steadiness(self, arm: str, scale: str) -> Stability:
        """Test whether an arm's shift of a scale is stable over wordings and orders."""
        cells, _, labels = paired_cells(self.part(scale), (CONTROL, arm))
        names = [f"{str(form).split('/')[0]} {order}" for form, order, _ in labels]
        return stability(cells / self.sd(scale), names, MARGIN, seed=self.seed)


def _scaled(raw: Estimate, sd: float) -> Estimate:
    """Divide an estimate by an SD; undefined where the SD is 0 or unknown."""
    if not np.isfinite(sd) or sd <= 0:
        why = raw.why_missing or "items do not differ: there is no SD unit"
        return missing(raw.name, why, n=raw.n, of=raw.of, unit="SD")
    return replace(raw, value=raw.value / sd, low=raw.low / sd, high=raw.high / sd, unit="SD")
