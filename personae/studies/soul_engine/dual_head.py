"""Two small heads on a frozen model's states: who speaks, and with which levels of five traits.

A character is met in random k-subsets of its utterances, another at each step, so that the heads
keep what is constant. The identity head learns by contrast between characters, the psychometric
head by squared error; its five directions are kept apart. The model itself is read once and has no
part in the training. After Wang 2025 (arXiv 2512.07092).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from personae.core import Array, BadValue

__all__ = [
    "DualHead",
    "HeadTraining",
    "contrast_loss",
    "draw_subset",
    "overlap_loss",
    "train_heads",
]


BATCH = 64
"""Characters met in one step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadTraining:
    """How heads are trained.

    Args:
        subset: utterances of a subset, k; a character with fewer is met whole.
        steps: steps, each over 64 characters.
        width: of the embedding.
        apart: weight of the directions' overlap.
        fixed: meet each character in the same two subsets at every step, for comparison.
    """

    subset: int = 8
    steps: int = 300
    width: int = 128
    apart: float = 0.1
    fixed: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class DualHead:
    """Trained heads; `directions` (5, width of the states) are unit, in the order of OCEAN."""

    centre: Array
    scale: float
    identity: Array
    directions: Array
    mixer: nn.Module

    def embed(self, rows: Array) -> Array:
        """Embed states (n, width): unit vectors (n, embedding)."""
        found = self._scaled(rows) @ self.identity.T
        return np.asarray(found / np.maximum(np.linalg.norm(found, axis=1, keepdims=True), 1e-12))

    def profile(self, rows: Array) -> Array:
        """Read the five levels in 0..1 from states (n, width): (n, 5)."""
        along = self._scaled(rows) @ self.directions.T
        with torch.no_grad():
            found = self.mixer(torch.tensor(along, dtype=torch.float32))
        return np.asarray(found.numpy(), dtype=np.float64)

    def _scaled(self, rows: Array) -> Array:
        return (rows - self.centre) / self.scale


def draw_subset(count: int, size: int, random: np.random.Generator) -> list[int]:
    """Draw `size` of `count` places without repetition, every subset as likely as any other.

    Raises:
        BadValue: a size of none, or of more than there are.

    >>> draw_subset(6, 3, np.random.default_rng(0))
    [2, 3, 5]
    """
    if not 1 <= size <= count:
        raise BadValue(f"a subset of {count} has 1 to {count} members, not {size}")
    return sorted(int(i) for i in random.permutation(count)[:size])


def contrast_loss(embedded: Tensor, owners: Tensor, temperature: float = 0.07) -> Tensor:
    """Supervised contrastive loss of unit embeddings (n, width), nats (Khosla et al. 2020).

    Every row has another row of its owner among the others.
    """
    own = torch.eye(len(embedded), dtype=torch.bool)
    likeness = (embedded @ embedded.T / temperature).masked_fill(own, -torch.inf)
    chance = likeness.log_softmax(dim=1).masked_fill(own, 0.0)
    same = (owners[:, None] == owners) & ~own
    return -(chance * same).sum(dim=1).div(same.sum(dim=1)).mean()


def overlap_loss(directions: Tensor) -> Tensor:
    """Squared Frobenius distance of the directions' cosines from those of orthogonal ones.

    >>> float(overlap_loss(torch.tensor([[1.0, 0.0], [2.0, 0.0]])))
    2.0
    """
    unit = nn.functional.normalize(directions, dim=1)
    return (unit @ unit.T - torch.eye(len(unit))).square().sum()


def train_heads(
    states: Sequence[Array], levels: Array, training: HeadTraining = HeadTraining(), seed: int = 0
) -> DualHead:
    """Train both heads.

    Args:
        states: of each character the states of its utterances, (utterances, width).
        levels: of each character the five levels in 0..1, (characters, 5).
        training: how.
        seed: of subsets and first weights.

    Raises:
        BadValue: fewer than two characters, or shapes that don't fit.
    """
    if len(states) < 2 or levels.shape != (len(states), 5):
        raise BadValue(f"heads take two characters or more and (n, 5) levels, not {levels.shape}")
    whole = np.concatenate(states)
    centre, scale = whole.mean(axis=0), float(whole.std()) or 1.0
    random, torch_random = np.random.default_rng(seed), torch.Generator().manual_seed(seed)
    width = whole.shape[1]

    def start(*shape: int) -> nn.Parameter:
        return nn.Parameter(torch.randn(*shape, generator=torch_random) * shape[-1] ** -0.5)

    identity, directions = start(training.width, width), start(5, width)
    first, last = nn.Linear(5, 32), nn.Linear(32, 5)
    with torch.no_grad():
        for layer in (first, last):
            layer.weight.copy_(start(*layer.weight.shape))
            layer.bias.zero_()
    mixer = nn.Sequential(first, nn.GELU(), last, nn.Sigmoid())
    parts = [identity, directions, *mixer.parameters()]
    optimizer = torch.optim.AdamW(parts, lr=3e-3)
    batch = min(BATCH, len(states))
    owners = torch.arange(batch).repeat(2)
    fixed = [_views(own, training.subset, random) for own in states] if training.fixed else []
    for _ in range(training.steps):
        places = random.permutation(len(states))[:batch]
        views = [fixed[i] if fixed else _views(states[i], training.subset, random) for i in places]
        x = torch.tensor(
            (np.concatenate(list(zip(*views, strict=True))) - centre) / scale, dtype=torch.float32
        )
        truth = torch.tensor(levels[places], dtype=torch.float32).repeat(2, 1)
        embedded = nn.functional.normalize(x @ identity.T, dim=1)
        along = x @ nn.functional.normalize(directions, dim=1).T
        error = (mixer(along) - truth).square().mean()
        loss = (
            contrast_loss(embedded, owners) + 10 * error + training.apart * overlap_loss(directions)
        )
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    unit = nn.functional.normalize(directions.detach(), dim=1)
    learned, axes = (part.detach().numpy().astype(np.float64) for part in (identity, unit))
    return DualHead(centre, scale, learned, axes, mixer.requires_grad_(requires_grad=False))


def _views(own: Array, size: int, random: np.random.Generator) -> tuple[Array, Array]:
    """Meet a character in two subsets of its utterances."""
    k = min(size, len(own))
    one, two = (own[draw_subset(len(own), k, random)].mean(axis=0) for _ in range(2))
    return one, two
