"""Entanglement of traits: slopes of all factors on the level of the factor asked for."""

from collections.abc import Mapping
from math import isnan

import numpy as np

from personae.core import Array, Estimate, Note, Part
from personae.report.build import heatmap, matrix_table
from personae.stats.effects.dose_response import level_slope
from personae.studies.sac.intensity_ladders import expected_sign
from personae.studies.sac.level_arms import LevelDesign

__all__ = ["entanglement", "related_slope"]

Cells = Mapping[tuple[str, str], Array]
"""(target, scale) -> scores in points, shape (items, levels)."""


def related_slope(cells: Cells, design: LevelDesign, seed: int) -> Estimate:
    """Estimate the slope (points a level) of factors that covary with the target in people.

    Each factor is signed by `expected_sign`. Undefined where no target has such a factor. The
    question is that of Chittem et al. 2025 (arXiv 2506.20993), the summary our own.
    """
    parts = [
        sign * cells[target, scale]
        for target in design.targets
        for scale in design.tool.scales
        if scale != target and (sign := expected_sign(target, scale))
    ]
    stacked = np.vstack(parts) if parts else np.empty((0, len(design.wide)))
    return level_slope(design.wide, stacked, name="related factors", seed=seed)


def entanglement(cells: Cells, design: LevelDesign, seed: int) -> list[Part]:
    """Draw and tabulate the slope (points a level) of every factor on every factor asked for."""
    scales = design.tool.scales
    slopes = {
        target: {
            scale: level_slope(
                design.levels_of(target, scale),
                cells[target, scale],
                name=f"{scale} on {target}",
                seed=seed,
            )
            for scale in scales
        }
        for target in design.targets
    }
    related = related_slope(cells, design, seed)
    largest = sum(_largest(row) == target for target, row in slopes.items())
    matrix = {scales[target]: row for target, row in slopes.items()}
    return [
        heatmap(
            "entanglement",
            "Points a level: asked for (rows), moved (columns)",
            matrix,
            "points a level",
            alt=f"Slope of sixteen factors on the level of {len(design.targets)}; "
            f"the factor asked for moves most in {largest} rows.",
        ),
        matrix_table(
            "entanglement",
            "Points a level, by factor asked for and factor moved",
            matrix,
            "asked for",
            f"The factor asked for moves most in {largest} of {len(design.targets)} rows. "
            f"{design.others} items of each other factor: single cells are rough.",
        ),
        Note(f"In the direction known from people, where there is one: {related}."),
    ]


def _largest(slopes: Mapping[str, Estimate]) -> str:
    """Name the factor with the steepest slope, the first of equals; unknown slopes count least."""
    sizes = {scale: -1.0 if isnan(e.value) else abs(e.value) for scale, e in slopes.items()}
    return max(sizes, key=lambda scale: sizes[scale])
