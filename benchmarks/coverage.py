"""Do the intervals cover and do the tests keep their level? Simulation with known truth.

Prints Markdown rows: coverage of 95 % intervals (goal 93-97 %) and the rate at which each test
rejects at .05 where nothing differs (goal 3-7 %; sign and sign-flip tests of whole-number scores
lie lower, as their p-values come in steps). `python -m benchmarks.coverage [simulations]`.
"""

import sys
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
from scipy import stats

from personae.core import Array, Estimate
from personae.stats.agreement import exact_agreement, icc_agreement, pearson, weighted_kappa
from personae.stats.effects.effect_sizes import (
    cliffs_delta,
    mean_difference,
    paired_d,
    paired_permutation,
)
from personae.stats.effects.equivalence import tost_paired
from personae.stats.effects.ranks import friedman, kruskal, mann_whitney, sign_test, wilcoxon
from personae.stats.resample import cluster_mean, mean
from personae.stats.scores.factor_models import omega_total
from personae.stats.scores.measurement_error import sem
from personae.stats.scores.reliability import alpha, lambda6, split_half
from personae.stats.scores.variance_shares import variance_shares
from personae.stats.two_level import two_level_mean

Draw = Callable[[np.random.Generator], Array]
Estimator = Callable[[Array, int], Estimate]
Interval = tuple[str, Draw, Estimator, float]
Test = tuple[str, Draw, Estimator]
DRAWS = 1000
BIG = 200_000


def likert(x: Array) -> Array:
    return np.clip(np.rint(3 + x), 1, 5)


def scale(random: np.random.Generator, n: int = 60, items: int = 8) -> Array:
    """Likert answers of n respondents to items that share one factor."""
    return likert(0.7 * random.normal(size=(n, 1)) + random.normal(size=(n, items)))


def ratings(random: np.random.Generator, n: int = 60, k: int = 3) -> Array:
    return np.asarray(
        random.normal(size=(n, 1)) + 0.4 * random.normal(size=(1, k)) + random.normal(size=(n, k))
    )


def uneven_raters(random: np.random.Generator, k: int, spread: float) -> Array:
    rows, raters = random.normal(size=(60, 1)), spread * random.normal(size=(1, k))
    return np.asarray(rows + raters + random.normal(size=(60, k)))


def two_orders(random: np.random.Generator, n: int = 60) -> Array:
    return likert(random.normal(size=(n, 1)) + 0.7 * random.normal(size=(n, 2)) + [0.0, 0.3])


def correlated(random: np.random.Generator, n: int = 40) -> Array:
    return random.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], size=n)


def crossed(random: np.random.Generator, rows: int = 60, columns: int = 6) -> Array:
    return np.asarray(
        0.5 * random.normal(size=(rows, 1))
        + 0.3 * random.normal(size=(1, columns))
        + random.normal(size=(rows, columns))
    )


def nested(random: np.random.Generator) -> Array:
    return np.asarray(np.repeat(random.normal(size=25), 4) + random.normal(size=100))


def samples(random: np.random.Generator, n: int = 40) -> Array:
    shift = np.array([[0.5], [0.0]])
    return shift + random.normal(size=(2, n))


def skewed(random: np.random.Generator, n: int = 60) -> Array:
    return random.exponential(size=n)


ITEM, WORDING = (part.ravel().tolist() for part in np.indices((24, 6)))


def few(statistic: Callable[..., Estimate]) -> Estimator:
    return lambda x, seed: statistic(x, seed=seed, draws=DRAWS)


def intervals() -> Iterator[Interval]:
    """Yield what is estimated, its data, the estimator, and the truth.

    Truths without a formula are values in one very large sample.
    """
    large = np.random.default_rng(99)
    yield from of_means()
    yield from of_scales(scale(large, BIG))
    yield from of_agreement(two_orders(large, BIG))
    yield from of_effects()


def of_means() -> Iterator[Interval]:
    yield "mean, 60 skewed values", skewed, few(mean), 1.0
    yield (
        "mean, 25 clusters of 4",
        nested,
        lambda x, s: cluster_mean(x, np.repeat(np.arange(25), 4).tolist(), seed=s, draws=DRAWS),
        0.0,
    )
    yield "two-level mean, 60 x 6", crossed, few(two_level_mean), 0.0


def of_scales(big: Array) -> Iterator[Interval]:
    covariance = np.cov(big.T)
    true_alpha = float(8 / 7 * (1 - np.trace(covariance) / covariance.sum()))
    errors = float(np.sqrt(covariance.sum() / 64 * (1 - true_alpha)))
    left = 1 / np.diag(np.linalg.inv(covariance))
    true_lambda = float(1 - left.sum() / covariance.sum())
    yield "Cronbach alpha, 60 x 8 Likert", scale, few(alpha), true_alpha
    yield "Guttman lambda 6, 60 x 8 Likert", scale, few(lambda6), true_lambda
    yield "omega total, 60 x 8 Likert", scale, few(omega_total), true_alpha
    yield "split-half, 60 x 8 Likert", scale, few(split_half), true_alpha
    yield "standard error of measurement, 60 x 8", scale, without_draws(sem), errors
    yield from of_measurement_error()


def of_measurement_error() -> Iterator[Interval]:
    """Yield few respondents, all alike or some much less consistent than others."""
    name, e = "standard error of measurement, 12 x 24", 1 / np.sqrt(24)
    yield (
        f"{name}",
        lambda r: r.normal(size=(12, 1)) + r.normal(size=(12, 24)),
        without_draws(sem),
        e,
    )
    yield f"{name}, unequal", uneven, without_draws(sem), e * np.exp(0.4**2)


def uneven(random: np.random.Generator, n: int = 12) -> Array:
    consistency = np.exp(0.4 * random.normal(size=(n, 1)))
    return np.asarray(random.normal(size=(n, 1)) + consistency * random.normal(size=(n, 24)))


def without_draws(statistic: Callable[[Array], Estimate]) -> Estimator:
    return lambda x, _: statistic(x)


def of_agreement(big: Array) -> Iterator[Interval]:
    c = np.cov(big.T)
    kappa = 2 * c[0, 1] / (c[0, 0] + c[1, 1] + float(np.diff(big.mean(axis=0))[0]) ** 2)
    yield "ICC(A,1), 60 x 3", ratings, lambda x, s: icc_agreement(x), 1 / 2.16
    for k, spread in ((2, 1.0), (3, 1.0), (2, 3.0)):
        yield (
            f"ICC(A,1), 60 x {k}, raters differ {spread:g} times as much as rows",
            partial(uneven_raters, k=k, spread=spread),
            without_draws(icc_agreement),
            1 / (2 + spread**2),
        )
    yield "Pearson r, 40 pairs", correlated, lambda x, s: pearson(x[:, 0], x[:, 1]), 0.5
    yield (
        "quadratic kappa, 60 Likert pairs",
        two_orders,
        lambda x, s: weighted_kappa(x[:, 0], x[:, 1], seed=s, draws=DRAWS),
        float(kappa),
    )
    yield (
        "exact agreement, 60 Likert pairs",
        two_orders,
        lambda x, s: exact_agreement(x[:, 0], x[:, 1]),
        float((big[:, 0] == big[:, 1]).mean()),
    )


def of_effects() -> Iterator[Interval]:
    yield (
        "Cliff's delta, 40 + 40",
        samples,
        lambda x, s: cliffs_delta(x[0], x[1], seed=s, draws=DRAWS),
        float(2 * stats.norm.cdf(0.5 / np.sqrt(2)) - 1),
    )
    yield "paired d, 40 pairs", samples, lambda x, s: paired_d(x[0], seed=s, draws=DRAWS), 0.5
    for place, name, share in ((0, "item", 0.25), (1, "wording", 0.09), (2, "residual", 1.0)):
        yield (
            f"variance share {name}, 24 x 6",
            lambda random: crossed(random, 24, 6),
            partial(variance_share, place),
            share / 1.34,
        )


def variance_share(place: int, x: Array, seed: int) -> Estimate:
    factors = {"item": ITEM, "wording": WORDING}
    return variance_shares(x.ravel(), factors, seed=seed, draws=DRAWS)[place]


def tests() -> Iterator[Test]:
    """Yield tests and data in which nothing differs (for TOST: by exactly the margin)."""

    def columns(random: np.random.Generator) -> Array:
        return likert(0.7 * random.normal(size=(40, 1)) + random.normal(size=(40, 3)))

    def alike(random: np.random.Generator) -> Array:
        return likert(random.normal(size=(40, 3)))

    yield "Mann-Whitney", alike, lambda x, s: mann_whitney(x[:, 0], x[:, 1], draws=50)
    yield "Wilcoxon", columns, lambda x, s: wilcoxon(x[:, 0], x[:, 1], draws=50)
    yield "sign test", columns, lambda x, s: sign_test(x[:, 0], x[:, 1])
    yield (
        "sign flips, 40 pairs",
        columns,
        lambda x, s: paired_permutation(x[:, 0] - x[:, 1], seed=s, draws=50),
    )
    yield (
        "sign flips, 10 pairs",
        columns,
        lambda x, s: paired_permutation(x[:10, 0] - x[:10, 1], seed=s, draws=50),
    )
    yield "Friedman", columns, lambda x, s: friedman(x, draws=50)
    yield "Kruskal-Wallis", alike, lambda x, s: kruskal([*x.T], draws=50)
    yield "Welch t", alike, lambda x, s: mean_difference(x[:, 0], x[:, 1])
    yield "Pearson r = 0", alike, lambda x, s: pearson(x[:, 0], x[:, 1])
    yield (
        "TOST at the margin",
        lambda r: r.normal(0.25, 0.5, (40, 2)) * [1, 0],
        (lambda x, s: tost_paired(x[:, 0], x[:, 1], 0.25)),
    )


def covered(name: str, draw: Draw, estimator: Estimator, truth: float, times: int) -> float:
    """Return the rate at which the interval holds the truth; one it lacks holds nothing."""
    random = np.random.default_rng([*name.encode()])
    found = (estimator(draw(random), seed) for seed in range(times))
    return sum(e.low <= truth <= e.high for e in found) / times


def rejected(name: str, draw: Draw, test: Estimator, times: int) -> float:
    """Return the rate of p < .05."""
    random = np.random.default_rng([*name.encode()])
    return sum(test(draw(random), seed).p < 0.05 for seed in range(times)) / times


def main(simulations: int = 1000) -> None:
    print(f"| 95 % interval of | coverage in {simulations} simulations |\n|---|---|")
    for name, draw, estimator, truth in intervals():
        rate = covered(name, draw, estimator, truth, simulations)
        print(f"| {name} | {100 * rate:.1f} % |", flush=True)
    print(f"\n| test at .05 where nothing differs | rejects in {simulations} |\n|---|---|")
    for name, draw, test in tests():
        print(f"| {name} | {100 * rejected(name, draw, test, simulations):.1f} % |", flush=True)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:2]))
