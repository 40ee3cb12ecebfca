"""Readers of personality: classifiers trained on labelled text, tested on held-out authors.

One binary classifier per trait: standardised features or TF-IDF, logistic regression, calibrated
probabilities (Platt 1999, or isotonic regression). Everything is fitted within the training folds:
weights, vocabulary, standardisation, strength of the penalty, calibration; a group is never on both
sides of a split. Needs the extra `read`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

import numpy as np
import scipy

from personae.core import Answers, Array, BadValue, InputError, MissingExtra, UnknownName
from personae.datasets.labelled_texts import Corpus
from personae.encoders.text_features import feature_table
from personae.stats.prediction.class_priors import log_odds

__all__ = ["RECIPES", "HeldOut", "Reader", "ReaderTraining", "train_reader"]

RECIPES: Mapping[str, tuple[str, ...]] = {
    "words": (),
    "features": ("function words", "topics", "readability", "richness", "complexity", "syntax"),
    "sentences": ("function words", "topics", "embedding"),
}
"""What a reader sees: `words` the words themselves (TF-IDF), the others families of features."""
PENALTIES = (0.001, 0.01, 0.1, 1.0)
"""Inverse strengths of the L2 penalty (scikit-learn's C) to choose from."""
BOUND = 5.0
"""Standard deviations at which standardised features are clipped."""
LEAST_GROUPS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ReaderTraining:
    """How readers are trained: recipe, outer and inner folds, calibration, penalties, seed.

    Raises:
        UnknownName: no such recipe.
        BadValue: no such calibration, fewer than two folds, or no penalty.
    """

    recipe: str = "sentences"
    folds: int = 5
    inner: int = 3
    calibration: str = "sigmoid"
    penalties: tuple[float, ...] = PENALTIES
    seed: int = 0

    def __post_init__(self) -> None:
        if self.recipe not in RECIPES:
            raise UnknownName("reader", self.recipe, RECIPES)
        if self.calibration not in ("sigmoid", "isotonic"):
            raise BadValue(f"calibration is 'sigmoid' or 'isotonic', not {self.calibration!r}")
        if min(self.folds, self.inner) < 2 or not self.penalties:
            raise BadValue("training needs two folds or more, and a penalty")


@dataclass(frozen=True, eq=False)
class HeldOut:
    """One trait's probabilities for texts of held-out groups, with the truth; shapes (texts,).

    `ranks` are ranks of the probabilities within the fold, 0..1, for measures that compare texts,
    since the classifiers' training shares differ between folds. `shuffled` are the ranks after the
    same training on the labels in a random permutation, `permuted`.
    """

    truth: Array
    probabilities: Array
    ranks: Array
    permuted: Array
    shuffled: Array


@dataclass(frozen=True, eq=False)
class Reader:
    """An Observer: rates texts on each trait by trained classifiers.

    `shares` are the labels' shares of the high pole in training; `held_out` are the
    cross-validated probabilities of each trait.
    """

    training: ReaderTraining
    corpus: Corpus
    shares: Mapping[str, float]
    held_out: Mapping[str, HeldOut]
    models: Mapping[str, Any]

    def probabilities(self, texts: Sequence[str]) -> Mapping[str, Array]:
        """Return the calibrated probability of each high pole, (texts,); NaN without words."""
        empty = np.array([not any(c.isalpha() for c in text) for text in texts])
        if not len(texts) or empty.all():
            return {scale: np.full(len(texts), np.nan) for scale in self.models}
        material = _material(
            [t if not e else "." for t, e in zip(texts, empty, strict=True)], self.training
        )
        probabilities = {}
        for scale, model in self.models.items():
            probabilities[scale] = np.where(empty, np.nan, _high(model, material))
        return probabilities

    def rate(self, texts: Sequence[str]) -> Answers:
        """Rate texts: one row per text and trait.

        `value` is the log-odds (nats) of the high pole beyond its share in training. `item` counts
        the texts from 0; a text without words is a row with the status `unparsed`.
        """
        rows = []
        for scale, high in self.probabilities(texts).items():
            beyond = log_odds(np.where(np.isnan(high), 0.5, high), self.shares[scale])
            for index, (p, value) in enumerate(zip(high, beyond, strict=True)):
                is_missing = bool(np.isnan(p))
                rows.append(
                    {
                        "item": str(index),
                        "scale": scale,
                        "form": f"reader:{self.training.recipe}",
                        "inventory": self.corpus.tag,
                        "channel": "reader",
                        "unit": "nats",
                        "value": None if is_missing else float(value),
                        "expected": None if is_missing else float(value),
                        "status": "unparsed" if is_missing else "ok",
                        "why": "the text has no words" if is_missing else "",
                    }
                )
        return Answers.of(rows)


def train_reader(
    corpus: Corpus, scales: Sequence[str], training: ReaderTraining = ReaderTraining()
) -> Reader:
    """Train one classifier per scale and test it by nested, grouped cross-validation.

    Raises:
        MissingExtra: scikit-learn is not installed.
        InputError: too few groups, or a scale whose poles are not in three groups each.
    """
    if find_spec("sklearn") is None:
        raise MissingExtra("scikit-learn", "read", "a trained reader")
    groups = [text.group or text.id for text in corpus.texts]
    count = len(set(groups))
    if count < LEAST_GROUPS:
        raise InputError(
            f"{corpus.name}: {count} groups of texts; a reader needs 3 or more, so "
            "that it can be tested on held-out authors"
        )
    material = _material([text.excerpt for text in corpus.texts], training)
    held_out, models, shares = {}, {}, {}
    for scale in scales:
        truth = np.array([text.labels[scale] for text in corpus.texts], dtype=np.float64)
        for pole in (0, 1):
            if len({g for g, t in zip(groups, truth, strict=True) if t == pole}) < LEAST_GROUPS:
                raise InputError(
                    f"{corpus.name}: {scale} = {pole} stands in fewer than {LEAST_GROUPS} groups; "
                    "more labelled texts are needed"
                )
        permuted = _permuted(truth, groups, training.seed)
        probabilities, ranks = _cross_validated(material, truth, groups, training)
        _, shuffled = _cross_validated(material, permuted, groups, training)
        held_out[scale] = HeldOut(truth, probabilities, ranks, permuted, shuffled)
        models[scale] = _fitted(material, truth, groups, training)
        shares[scale] = float(truth.mean())
    return Reader(training, corpus, shares, held_out, models)


def _material(texts: Sequence[str], training: ReaderTraining) -> Any:  # noqa: ANN401
    """Return the input of the classifier, (texts, columns); each row depends on its text alone."""
    families = RECIPES[training.recipe]
    if not families:
        return np.array(texts, dtype=object)
    return feature_table(texts, families).values


def _permuted(truth: Array, groups: Sequence[str], seed: int) -> Array:
    """Permute labels: between whole groups if every group has a single label."""
    random = np.random.default_rng(seed)
    by_group: dict[str, set[float]] = {}
    for group, label in zip(groups, truth, strict=True):
        by_group.setdefault(group, set()).add(float(label))
    if any(len(labels) > 1 for labels in by_group.values()):
        return np.asarray(random.permutation(truth))
    labels = random.permutation([labels.pop() for labels in by_group.values()])
    new = dict(zip(by_group, labels, strict=True))
    return np.array([new[group] for group in groups])


def _pipeline(training: ReaderTraining) -> Any:  # noqa: ANN401
    """Build the classifier: standardised features or TF-IDF, then a logistic regression."""
    from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415
    from sklearn.impute import SimpleImputer  # noqa: PLC0415
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
    from sklearn.pipeline import Pipeline  # noqa: PLC0415
    from sklearn.preprocessing import FunctionTransformer, StandardScaler  # noqa: PLC0415

    weigh = ("weigh", LogisticRegression(max_iter=1000))
    if not RECIPES[training.recipe]:
        return Pipeline([("words", TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2))), weigh])
    fill = SimpleImputer(keep_empty_features=True)  # what is undefined counts as average
    bound = FunctionTransformer(np.clip, kw_args={"a_min": -BOUND, "a_max": BOUND})
    return Pipeline([("fill", fill), ("scale", StandardScaler()), ("bound", bound), weigh])


def _splits(truth: Array, groups: Sequence[str], folds: int, seed: int) -> list[tuple[Any, Any]]:
    """Split by groups, the poles as evenly as possible, in at most as many folds as groups."""
    from sklearn.model_selection import StratifiedGroupKFold  # noqa: PLC0415

    least = min(len({g for g, t in zip(groups, truth, strict=True) if t == p}) for p in (0, 1))
    split = StratifiedGroupKFold(max(2, min(folds, least)), shuffle=True, random_state=seed)
    splits = list(split.split(np.zeros(truth.size), truth, groups))
    return [(a, b) for a, b in splits if len(set(truth[a].tolist())) == 2 and len(b)]


def _fitted(material: Any, truth: Array, groups: Sequence[str], training: ReaderTraining) -> Any:  # noqa: ANN401
    """Fit a classifier; penalty and calibration come from splits of these texts alone."""
    pipeline = _pipeline(training)
    from sklearn.calibration import CalibratedClassifierCV  # noqa: PLC0415
    from sklearn.model_selection import GridSearchCV  # noqa: PLC0415

    splits = _splits(truth, groups, training.inner, training.seed)
    if len(training.penalties) > 1:
        grid = {"weigh__C": list(training.penalties)}
        search = GridSearchCV(pipeline, grid, cv=splits, scoring="neg_log_loss", refit=False)
        pipeline.set_params(**search.fit(material, truth).best_params_)
    else:
        pipeline.set_params(weigh__C=training.penalties[0])
    calibrated = CalibratedClassifierCV(
        pipeline, method=training.calibration, cv=splits, ensemble=False
    )
    return calibrated.fit(material, truth)


def _cross_validated(
    material: Any,  # noqa: ANN401
    truth: Array,
    groups: Sequence[str],
    training: ReaderTraining,
) -> tuple[Array, Array]:
    """Compute each text's probability from a classifier fitted without its group, and its rank."""
    probabilities, ranks = np.full(truth.size, np.nan), np.full(truth.size, np.nan)
    for train, test in _splits(truth, groups, training.folds, training.seed):
        train_groups = [groups[k] for k in train]
        model = _fitted(material[train], truth[train], train_groups, training)
        probabilities[test] = _high(model, material[test])
        ranks[test] = (scipy.stats.rankdata(probabilities[test]) - 0.5) / len(test)
    return probabilities, ranks


def _high(model: Any, material: Any) -> Array:  # noqa: ANN401
    """Return the probability of the high pole, (texts,), to 12 decimals.

    The order of summation depends on a text's row and on the processor, and equal texts must have
    equal probabilities.
    """
    high = np.asarray(model.predict_proba(material)[:, 1], dtype=np.float64)
    return np.asarray(high.round(12))
