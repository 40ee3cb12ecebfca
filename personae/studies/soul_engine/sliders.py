"""Five sliders in 0..1 as one vector: slider s adds (2 s - 1) times its trait's unit vector."""

from collections.abc import Mapping

import numpy as np

from personae.core import Array, BadValue, UnknownName

__all__ = ["slide"]


def slide(directions: Mapping[str, Array], sliders: Mapping[str, float]) -> Array:
    """Mix unit directions by sliders into one unit vector, (width,); zero where they cancel out.

    Vector arithmetic after Wang 2025 (arXiv 2512.07092); a slider's weight, 2 s - 1, is our own
    choice, so that 0.5 is neutral.

    Args:
        directions: a vector a trait, (width,), of any length but 0.
        sliders: a level in 0..1 a trait; a trait without one stands at 0.5.

    Raises:
        UnknownName: a slider without a direction.
        BadValue: a level outside 0..1.

    >>> axes = {"E": np.array([2.0, 0.0]), "N": np.array([0.0, 1.0])}
    >>> slide(axes, {"E": 1.0, "N": 0.5}).tolist(), slide(axes, {"E": 0.5}).tolist()
    ([1.0, 0.0], [0.0, 0.0])
    """
    for trait, level in sliders.items():
        if trait not in directions:
            raise UnknownName("direction", trait, directions)
        if not 0 <= level <= 1:
            raise BadValue(f"a slider stands in 0..1; {trait} at {level}")
    parts = [
        (2 * sliders.get(trait, 0.5) - 1) * vector / np.linalg.norm(vector)
        for trait, vector in directions.items()
    ]
    total = np.sum(parts, axis=0)
    length = float(np.linalg.norm(total))
    return np.asarray(total / length) if length > 1e-12 else np.zeros_like(total)
