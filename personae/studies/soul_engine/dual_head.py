"""Two small heads on a frozen model's states: the speaker's identity and levels of five traits.

Each training step presents a character as a new random subset of k utterances, so that the heads
learn what the utterances have in common. The identity head learns by contrast between characters,
the psychometric head by squared error, with a penalty on the overlap of its five directions. The
model's states are recorded once; its weights aren't trained. After Wang 2025 (arXiv 2512.07092).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from personae.core import Array, BadValue

__all__ = ["DualHead", "HeadTraining", "train_heads"]

BATCH = 64
"""Most characters in one step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadTraining:
    """The training of the heads.

    Args:
        subset: number of utterances in a subset, k; a character with fewer is presented whole.
        steps: training steps, each over at most 64 characters.
        width: width of the embedding.
        overlap_weight: weight of the directions' overlap in the loss.
        fixed: present each character by the same two subsets at every step, for comparison.
    """

    subset: int = 8
    steps: int = 300
    width: int = 128
    overlap_weight: float = 0.1
    fixed: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class DualHead:
    """Trained heads.

    Args:
        centre: mean state in training, (width,).
        scale: standard deviation of all entries of the training states.
        identity: the identity head, (embedding, width).
        directions: unit directions of the five traits, (5, width), in the order of OCEAN.
        mixer: from the projections on the directions to levels in 0..1.
    """

    centre: Array
    scale: float
    identity: Array
    directions: Array
    mixer: nn.Module

    def embed(self, rows: Array) -> Array:
        """Embed states (n, width) as unit vectors (n, embedding)."""
        vectors = self._scaled(rows) @ self.identity.T
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        return np.asarray(vectors / np.maximum(lengths, 1e-12))

    def profile(self, rows: Array) -> Array:
        """Read the five levels in 0..1 from states (n, width): (n, 5)."""
        along = self._scaled(rows) @ self.directions.T
        with torch.no_grad():
            levels = self.mixer(torch.tensor(along, dtype=torch.float32))
        return np.asarray(levels.numpy(), dtype=np.float64)

    def _scaled(self, rows: Array) -> Array:
        return (rows - self.centre) / self.scale


def _draw_subset(count: int, size: int, random: np.random.Generator) -> list[int]:
    """Draw `size` of `count` indices without repetition, every subset as likely as any other.

    Raises:
        BadValue: a size of 0, or above `count`.

    >>> _draw_subset(6, 3, np.random.default_rng(0))
    [2, 3, 5]
    """
    if not 1 <= size <= count:
        raise BadValue(f"a subset of {count} has 1 to {count} members, not {size}")
    return sorted(int(i) for i in random.permutation(count)[:size])


def _contrast_loss(embedded: Tensor, owners: Tensor, temperature: float = 0.07) -> Tensor:
    """Supervised contrastive loss in nats (Khosla et al. 2020, NeurIPS 33, equation 2).

    Args:
        embedded: unit embeddings, (n, width).
        owners: the character of each row, (n,); every character has two rows or more.
        temperature: divides the cosines.
    """
    itself = torch.eye(len(embedded), dtype=torch.bool)
    logits = (embedded @ embedded.T / temperature).masked_fill(itself, -torch.inf)
    logs = logits.log_softmax(dim=1).masked_fill(itself, 0.0)
    same = (owners[:, None] == owners) & ~itself
    return -(logs * same).sum(dim=1).div(same.sum(dim=1)).mean()


def _overlap_loss(directions: Tensor) -> Tensor:
    """Squared Frobenius distance between the directions' cosines and the identity matrix.

    Directions (k, width) may have any length but 0.

    >>> float(_overlap_loss(torch.tensor([[1.0, 0.0], [2.0, 0.0]])))
    2.0
    """
    unit = nn.functional.normalize(directions, dim=1)
    return (unit @ unit.T - torch.eye(len(unit))).square().sum()


def train_heads(
    states: Sequence[Array], levels: Array, training: HeadTraining = HeadTraining(), seed: int = 0
) -> DualHead:
    """Train both heads jointly, after Wang 2025 (arXiv 2512.07092).

    Args:
        states: each character's states, one array (utterances, width) a character.
        levels: each character's five levels in 0..1, (characters, 5), in the order of OCEAN.
        training: sizes, steps and weights.
        seed: seed of subsets and initial weights.

    Raises:
        BadValue: fewer than two characters, or shapes that don't fit.
    """
    if len(states) < 2 or levels.shape != (len(states), 5):
        raise BadValue(f"heads take two characters or more and (n, 5) levels, not {levels.shape}")
    rows = np.concatenate(states)
    centre, scale = rows.mean(axis=0), float(rows.std()) or 1.0
    weights = _first_weights(rows.shape[1], training.width, seed)
    optimizer = torch.optim.AdamW(weights.parameters, lr=3e-3)
    for indices, means in _batches(states, training, np.random.default_rng(seed)):
        scaled = torch.tensor((means - centre) / scale, dtype=torch.float32)
        truth = torch.tensor(levels[indices], dtype=torch.float32).repeat(2, 1)
        loss = _loss(weights, scaled, truth, training.overlap_weight)
        optimizer.zero_grad()
        torch.autograd.backward(loss)
        optimizer.step()
    unit = nn.functional.normalize(weights.directions.detach(), dim=1)
    return DualHead(
        centre=centre,
        scale=scale,
        identity=weights.identity.detach().numpy().astype(np.float64),
        directions=unit.numpy().astype(np.float64),
        mixer=weights.mixer.requires_grad_(requires_grad=False),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Weights:
    """What is trained: `identity` (embedding, width), `directions` (5, width), and the mixer."""

    identity: nn.Parameter
    directions: nn.Parameter
    mixer: nn.Sequential

    @property
    def parameters(self) -> list[nn.Parameter]:
        return [self.identity, self.directions, *self.mixer.parameters()]


def _first_weights(width: int, embedding: int, seed: int) -> _Weights:
    """Draw all weights from one generator; biases start at zero."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> nn.Parameter:
        return nn.Parameter(torch.randn(*shape, generator=generator) * shape[-1] ** -0.5)

    identity, directions = normal(embedding, width), normal(5, width)
    first, last = nn.Linear(5, 32), nn.Linear(32, 5)
    with torch.no_grad():
        for layer in (first, last):
            layer.weight.copy_(normal(*layer.weight.shape))
            layer.bias.zero_()
    return _Weights(identity, directions, nn.Sequential(first, nn.GELU(), last, nn.Sigmoid()))


def _batches(
    states: Sequence[Array], training: HeadTraining, random: np.random.Generator
) -> Iterator[tuple[NDArray[np.int64], Array]]:
    """Draw each step's characters and the mean states of two subsets of each, (2 batch, width)."""
    size = training.subset
    fixed = [_subset_means(own, size, random) for own in states] if training.fixed else []
    for _ in range(training.steps):
        indices = random.permutation(len(states))[:BATCH]
        pairs = [fixed[i] if fixed else _subset_means(states[i], size, random) for i in indices]
        yield indices, np.concatenate(list(zip(*pairs, strict=True)))


def _subset_means(own: Array, size: int, random: np.random.Generator) -> tuple[Array, Array]:
    """Give the mean states of two subsets of one character's utterances, (width,) each."""
    k = min(size, len(own))
    first, second = (own[_draw_subset(len(own), k, random)].mean(axis=0) for _ in range(2))
    return first, second


def _loss(weights: _Weights, scaled: Tensor, truth: Tensor, overlap_weight: float) -> Tensor:
    """Add contrast, ten times the squared error of the levels, and the directions' overlap.

    Args:
        weights: what is trained.
        scaled: mean states, (2 batch, width): every character's first subset, then every second.
        truth: levels in 0..1, (2 batch, 5).
        overlap_weight: weight of the overlap.
    """
    owners = torch.arange(len(scaled) // 2).repeat(2)
    embedded = nn.functional.normalize(scaled @ weights.identity.T, dim=1)
    along = scaled @ nn.functional.normalize(weights.directions, dim=1).T
    error: Tensor = (weights.mixer(along) - truth).square().mean()
    overlap = overlap_weight * _overlap_loss(weights.directions)
    return _contrast_loss(embedded, owners) + 10 * error + overlap
