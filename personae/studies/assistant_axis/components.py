"""Principal components of a few rows of many columns, such as one activation vector per role."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from personae.core import Array, BadValue

__all__ = ["Components", "principal_components"]


@dataclass(frozen=True, slots=True, eq=False)
class Components:
    """Unit components in rows (k, width), their shares (0..1) of variance (k,), and the rows' mean.

    The mean has the shape (width,); a component's sign is arbitrary.
    """

    axes: Array
    shares: Array
    centre: Array

    def needed(self, share: float) -> int:
        """Count the components that together explain at least a share (0..1) of the variance."""
        reached = np.cumsum(self.shares) >= share - 1e-12
        return int(np.argmax(reached)) + 1


def principal_components(rows: ArrayLike) -> Components:
    """Find the principal components of rows (n, width), centred and not scaled.

    At most n - 1 components; those without variance are left out. By the singular value
    decomposition (Jolliffe 2002, Principal Component Analysis, section 3.5).

    Raises:
        BadValue: fewer than two rows, numbers that aren't finite, or rows that are all equal.

    >>> parts = principal_components([[2.0, 0.0], [-2.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
    >>> parts.shares.tolist(), parts.needed(0.7)
    ([0.8, 0.2], 1)
    """
    x = np.asarray(rows, dtype=np.float64)
    if x.ndim != 2 or len(x) < 2 or not np.isfinite(x).all():
        raise BadValue(f"components take finite rows (n, width), n at least 2, not {x.shape}")
    centre = x.mean(axis=0)
    _, sizes, axes = np.linalg.svd(x - centre, full_matrices=False)
    varying = sizes > 1e-9 * max(float(np.abs(x).max()), 1e-300)
    if not varying.any():
        raise BadValue("all rows are equal: they have no components")
    power = sizes[varying] ** 2
    return Components(axes[varying], power / power.sum(), centre)
