"""A questionnaire as chain of thought: which personality does a model read out of a text?

System   psycot
Paper    Yang, Shi, Wan, Quan, Wang, Wu & Wu 2023, Findings of EMNLP (arXiv:2310.20256)
Asks     Does a model that first fills in a questionnaire about a text's author recognize the
         author's traits better than one that is asked directly, and better than without reading?
Differs  the note about the items' meaning is derived from their keys (the published one
         misdescribes six of eight items of extraversion); public-domain items; the two poles are
         shown in both orders, so that a habit of saying "A" ties and predicts nothing; a label of 1
         is the high pole of every scale, also of neuroticism; a missing answer is a miss and is
         counted; intervals and floors beside each score; texts are cut by words, not by tokens
Version  2
"""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from personae.core import (
    Answers,
    Array,
    Chooser,
    Estimate,
    ForestFigure,
    Heading,
    InputError,
    Inventory,
    Part,
    Report,
    Sampling,
    Table,
    load_inventory,
)
from personae.datasets.labelled_texts import Corpus, load_labelled
from personae.report.build import Row, ValueAxis, coverage, estimate_words, forest, table, verdict
from personae.stats.prediction.classification import accuracy, auc, macro_f1
from personae.studies.psycot.chain_words import keying_note
from personae.studies.psycot.predictions import (
    BY_CONCLUSION,
    BY_SCORES,
    DIRECT,
    METHODS,
    STEPWISE,
    Predictions,
    arranged,
)
from personae.studies.psycot.questionnaire_chain import CONCLUSION, Chain

__all__ = ["psycot"]


def psycot(
    model: Chooser,
    texts: str = "own",
    inventory: str = "ipip-neo-120",
    channel: str = "label",
    seed: int = 0,
    quick: bool = False,
) -> Report:
    """Rate the authors of texts item by item; compare the conclusions with the labels.

    Args:
        model: who reads the texts; likelihoods are needed for the channel label.
        texts: JSONL file with id, text or posts, and labels {scale: 0 or 1}; "own" is a set of
            sixteen texts written for Personae.
        inventory: name of the inventory, asked in the third person; its scales are those labelled.
        channel: "label" weighs the answers, "reply" parses what is written.
        seed: seed of the reasoning in words and of the resampling.
        quick: eight texts, two traits, four items each, short reasoning.

    Raises:
        InputError: no labelled scale is one of the inventory's.
    """
    corpus = load_labelled(texts)
    full = load_inventory(inventory)
    scales = _common_scales(corpus, full)[: 2 if quick else None]
    items = full.few(4 if quick else 10).keys_in_turn()
    read = corpus.texts[:8] if quick else corpus.texts
    chain = Chain(model, items, scales, channel)
    thinking = Sampling(max_tokens=40 if quick else 200, temperature=0.7, seed=seed)
    answers = Answers.concat(
        [chain.questionnaire(read), chain.standard(read), chain.step_by_step(read, thinking)]
    )
    predictions = arranged(answers, items, scales, corpus, seed)
    methods = [*METHODS, *predictions.floors]
    f1 = {
        method: macro_f1(predictions.truth, predictions.of(method), name=method, seed=seed)
        for method in methods
    }
    return Report(
        title=f"Questionnaire as chain of thought: {model.name} reads {corpus.name}",
        parts=(
            *_verdicts(predictions, seed),
            _f1_figure(f1, predictions),
            _methods_table(f1, predictions, seed),
            _scales_table(predictions, items, methods, seed),
            Heading("Agreement of the questionnaire's conclusion and scores"),
            _agreement_table(predictions, items),
            Heading("Instructions about the items"),
            _keying_table(items, scales, corpus),
            Heading("Coverage"),
            _coverage_table(answers),
        ),
        answers=answers,
    )


def _common_scales(corpus: Corpus, inventory: Inventory) -> tuple[str, ...]:
    """List the scales both labelled and asked, E and N first, which are the easiest to read."""
    common = [s for s in corpus.scales if s in inventory.scales]
    if not common:
        raise InputError(
            f"the texts are labelled on {', '.join(corpus.scales)}, but {inventory.name!r} asks "
            f"about {', '.join(inventory.scales)}: give an --inventory with these scales"
        )
    return tuple(sorted(common, key=lambda s: (s not in ("E", "N"), common.index(s))))


def _verdicts(predictions: Predictions, seed: int) -> list[Part]:
    """Say how well the questionnaire's conclusions do, and whether better than other methods."""
    truth, concluded = predictions.truth, predictions.of(BY_CONCLUSION)
    f1 = macro_f1(truth, concluded, seed=seed)
    missed = int(np.isnan(concluded).sum())
    lost = f" {missed} of {concluded.size} conclusions are ties or missing, and count as missed."
    rivals = {
        "not reading": _best_floor(predictions),
        "asking directly": predictions.of(DIRECT),
        "reasoning in words": predictions.of(STEPWISE),
    }
    gaps = {
        rival: macro_f1(truth, concluded, against=other, seed=seed)
        for rival, other in rivals.items()
    }
    return [
        verdict(
            f"Macro-F1 of the questionnaire as chain of thought: {estimate_words(f1, '.2f')}, "
            f"{len(truth)} texts.{lost if missed else ''}"
        ),
        *(
            verdict(f"It is {_comparison(gap)} {rival} (difference {estimate_words(gap)}).")
            for rival, gap in gaps.items()
        ),
    ]


def _comparison(gap: Estimate) -> str:
    if gap.low > 0:
        return "better than"
    return "worse than" if gap.high < 0 else "not distinguishable from"


def _best_floor(predictions: Predictions) -> Array:
    truth = predictions.truth
    return max(predictions.floors.values(), key=lambda floor: float(np.mean(floor == truth)))


def _f1_figure(f1: Mapping[str, Estimate], predictions: Predictions) -> ForestFigure:
    listed = "; ".join(f"{method}: {estimate_words(e, '.2f')}" for method, e in f1.items())
    return forest(
        "f1",
        "Macro-F1 with and without reading",
        [(m, "floor" if m in predictions.floors else "reads", e) for m, e in f1.items()],
        ValueAxis("macro-F1", reference=f1["majority"].value),
        alt=f"Macro-F1, mean over traits. {listed}.",
    )


def _methods_table(f1: Mapping[str, Estimate], predictions: Predictions, seed: int) -> Table:
    rows: list[Row] = [
        {
            "method": method,
            "what it does": METHODS.get(method, "floor"),
            "macro-F1": estimate,
            "accuracy": accuracy(predictions.truth, predictions.of(method), name=method, seed=seed),
            "ties or missing": float(np.isnan(predictions.of(method)).mean()),
        }
        for method, estimate in f1.items()
    ]
    note = "Rates, mean over traits; intervals resample texts, with all traits of a text together."
    return table("methods", "All methods", rows, note)


def _scales_table(
    predictions: Predictions, inventory: Inventory, methods: Sequence[str], seed: int
) -> Table:
    rows: list[Row] = []
    for column, scale in enumerate(predictions.scales):
        truth = predictions.truth[:, column]
        for method in methods:
            predicted = predictions.of(method)[:, column]
            scores = predictions.scores.get(method)
            rows.append(
                {
                    "trait": inventory.scales[scale],
                    "method": method,
                    "macro-F1": macro_f1(truth, predicted, name=method, seed=seed),
                    "accuracy": accuracy(truth, predicted, seed=seed),
                    "AUC": None if scores is None else auc(truth, scores[:, column], seed=seed),
                    "labelled high": int(truth.sum()),
                    "texts": truth.size,
                }
            )
    note = "AUC: of two texts with different labels, how often the one labelled high scores higher."
    return table("by_scale", "Trait by trait", rows, note)


def _agreement_table(predictions: Predictions, inventory: Inventory) -> Table:
    """Count how often conclusion and scores of the same questionnaire name the same pole."""
    rows: list[Row] = []
    pairs = zip(predictions.of(BY_CONCLUSION).T, predictions.of(BY_SCORES).T, strict=True)
    for scale, (concluded, scored) in zip(predictions.scales, pairs, strict=True):
        known = ~np.isnan(concluded) & ~np.isnan(scored)
        rows.append(
            {
                "trait": inventory.scales[scale],
                "same pole": int((concluded[known] == scored[known]).sum()),
                "both known": int(known.sum()),
                "one is a tie or missing": int((~known).sum()),
            }
        )
    return table("agreement", "Conclusion and scores", rows)


def _keying_table(inventory: Inventory, scales: Sequence[str], corpus: Corpus) -> Table:
    rows: list[Row] = [
        {
            "trait": inventory.scales[scale],
            "items": len(inventory.where(scale=scale).items),
            "note": keying_note(inventory, scale),
        }
        for scale in scales
    ]
    note = f"Texts: {corpus.tag}, {corpus.source}."
    return table("keying_notes", "What the model was told about the items", rows, note)


def _coverage_table(answers: Answers) -> Table:
    is_conclusion = pl.col("item") == CONCLUSION
    kind = pl.when(is_conclusion).then(pl.lit("conclusion")).otherwise(pl.lit("item"))
    return coverage(
        Answers(answers.rows.with_columns(kind.alias("asked for"))), ("arm", "asked for")
    )
