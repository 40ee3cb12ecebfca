"""A questionnaire as chain of thought: which personality does a model read out of a text?

System   psycot
Paper    Yang, Shi, Wan, Quan, Wang, Wu & Wu 2023, Findings of EMNLP (arXiv:2310.20256)
Asks     Does a model that first fills in a questionnaire about a text's author tell the author's
         traits better than one that is asked at once, and better than not reading?
Differs  the note about the items' meaning is made from their keys (the published one misdescribes
         six of eight items of extraversion); public-domain items; the two poles are put in both
         orders, so that a habit of saying "A" ties and predicts nothing; a label of 1 is the high
         pole of every scale, also of neuroticism; what is not answered is missed and counted;
         intervals and floors beside each figure; texts are cut by words, not by one model's tokens
Version  1
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from personae.core import (
    Answers,
    Array,
    Cell,
    Chooser,
    Estimate,
    Heading,
    InputError,
    Inventory,
    Note,
    Part,
    Report,
    Sampling,
    Table,
    load_inventory,
)
from personae.datasets.labelled_texts import Corpus, lengths, load_labelled
from personae.report.render.figure_json import figure_from_data
from personae.stats.prediction.classification import accuracy, auc, floor_predictions, macro_f1
from personae.stats.scores.scales import keyed
from personae.studies.psycot.questionnaire_chain import CONCLUSION, Chain, keying_note

__all__ = ["psycot"]

WAYS: Mapping[str, str] = {
    "questionnaire, conclusion": "rates every item, then names the likelier pole",
    "questionnaire, scores": "the mean of the keyed ratings, above or below the middle",
    "asked at once": "names the likelier pole without items (the paper's standard prompt)",
    "step by step": "reasons in words, then names the likelier pole (zero-shot chain of thought)",
}


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Told:
    """Labels and scores of the same texts, (texts, scales); a score's sign is the prediction."""

    scales: tuple[str, ...]
    truth: Array
    scores: Mapping[str, Array]
    floors: Mapping[str, Array]

    def predicted(self, way: str) -> Array:
        """Predictions of a way or floor: 1 high, 0 low, NaN for a tie or no answer."""
        if way in self.floors:
            return self.floors[way]
        values = self.scores[way]
        return np.where(np.isnan(values) | (values == 0), np.nan, (values > 0).astype(float))


def psycot(
    model: Chooser,
    texts: str = "own",
    inventory: str = "ipip-neo-120",
    channel: str = "label",
    seed: int = 0,
    quick: bool = False,
) -> Report:
    """Rate texts of known authors item by item; hold the conclusions against the labels.

    Args:
        model: who reads the texts; likelihoods are needed for the channel label.
        texts: JSONL file with id, text or posts, and labels {scale: 0 or 1}; "own" is a set of
            sixteen texts written for Personae.
        inventory: name of the inventory, put in the third person; its scales are those labelled.
        channel: "label" weighs the answers, "reply" parses what is said.
        seed: seed of the reasoning in words and of the resampling.
        quick: eight texts, two traits, four items each, short reasoning.

    Raises:
        InputError: no labelled scale is one of the inventory's.
    """
    corpus = load_labelled(texts)
    whole = load_inventory(inventory)
    scales = _common(corpus, whole)[: 2 if quick else None]
    tool = whole.few(4 if quick else 10).keys_in_turn()
    read = corpus.texts[:8] if quick else corpus.texts
    chain = Chain(model, tool, scales, channel)
    thinking = Sampling(max_tokens=40 if quick else 200, temperature=0.7, seed=seed)
    answers = Answers.concat(
        [chain.questionnaire(read), chain.standard(read), chain.step_by_step(read, thinking)]
    )
    told = _told(answers, tool, scales, corpus, seed)
    parts = _figures(told, tool, seed)
    return Report(
        title=f"Questionnaire as chain of thought: {model.name} reads {corpus.name}",
        parts=(
            *_verdicts(told, len(read), seed),
            *parts,
            Heading("How the two readings of the questionnaire agree"),
            _agreement(told, tool),
            Heading("What was asked"),
            _notes(tool, scales, corpus),
            Heading("Coverage"),
            _coverage(answers),
        ),
        answers=answers,
    )


def _common(corpus: Corpus, tool: Inventory) -> tuple[str, ...]:
    """Scales both labelled and asked; extraversion and neuroticism first, as the plainest."""
    found = [s for s in corpus.scales if s in tool.scales]
    if not found:
        raise InputError(
            f"the texts are labelled on {', '.join(corpus.scales)}, but {tool.name!r} asks about "
            f"{', '.join(tool.scales)}: give an --inventory with these scales"
        )
    return tuple(sorted(found, key=lambda s: (s not in ("E", "N"), found.index(s))))


def _told(
    answers: Answers, tool: Inventory, scales: tuple[str, ...], corpus: Corpus, seed: int
) -> _Told:
    rows = answers.rows
    ids = rows["respondent"].unique(maintain_order=True).to_list()
    texts = [one for one in corpus.texts if one.id in set(ids)]
    ended = rows.filter(pl.col("item") == CONCLUSION)
    items = Answers(rows.filter(pl.col("item") != CONCLUSION))
    middle = (tool.low + tool.high) / 2
    means = (
        keyed(items)
        .group_by("respondent", "scale")
        .agg((pl.col("score").mean() - middle).alias("value"))
    )
    frames = {
        "questionnaire, conclusion": ended.filter(pl.col("arm") == "psycot"),
        "questionnaire, scores": means,
        "asked at once": ended.filter(pl.col("arm") == "standard"),
        "step by step": ended.filter(pl.col("arm") == "step by step"),
    }
    truth = np.array([[one.labels[s] for s in scales] for one in texts], dtype=np.float64)
    floors = [floor_predictions(truth[:, k], lengths(texts), seed=seed) for k in range(len(scales))]
    return _Told(
        scales=scales,
        truth=truth,
        scores={way: _grid(frame, [t.id for t in texts], scales) for way, frame in frames.items()},
        floors={f: np.column_stack([one[f] for one in floors]) for f in floors[0]},
    )


def _grid(frame: pl.DataFrame, ids: Sequence[str], scales: Sequence[str]) -> Array:
    found = {(r, s): v for r, s, v in frame.select("respondent", "scale", "value").iter_rows()}
    cells = [[found.get((i, s)) for s in scales] for i in ids]
    return np.array([[np.nan if v is None else v for v in row] for row in cells])


def _verdicts(told: _Told, count: int, seed: int) -> list[Part]:
    said: list[Part] = []
    first, *_, at_once, stepwise = (told.predicted(way) for way in WAYS)
    f1 = macro_f1(told.truth, first, seed=seed)
    beats = {
        "not reading": macro_f1(told.truth, first, against=_best_floor(told), seed=seed),
        "being asked at once": macro_f1(told.truth, first, against=at_once, seed=seed),
        "reasoning in words": macro_f1(told.truth, first, against=stepwise, seed=seed),
    }
    lost = int(np.isnan(first).sum())
    head = f"Macro-F1 of the questionnaire as chain of thought: {_span(f1)}, {count} texts."
    if lost:
        head += f" {lost} of {first.size} conclusions are ties or missing, and count as missed."
    said.append(Note(head, "verdict"))
    for other, gap in beats.items():
        words = "better than" if gap.low > 0 else "worse than" if gap.high < 0 else None
        text = words or "not distinguishable from"
        said.append(Note(f"It is {text} {other} (difference {_span(gap, '+')}).", "verdict"))
    return said


def _best_floor(told: _Told) -> Array:
    return max(told.floors.values(), key=lambda f: float(np.mean(f == told.truth)))


def _span(found: Estimate, sign: str = "") -> str:
    return f"{found.value:{sign}.2f} [{found.low:.2f}, {found.high:.2f}]"


def _figures(told: _Told, tool: Inventory, seed: int) -> list[Part]:
    """Draw and tabulate macro-F1 and accuracy of all ways and floors, then each scale."""
    ways = [*WAYS, *told.floors]
    whole = {w: macro_f1(told.truth, told.predicted(w), name=w, seed=seed) for w in ways}
    rows = [
        {"name": way, "group": "floor" if way in told.floors else "reads", "estimate": found}
        for way, found in whole.items()
    ]
    data = {"unit": "macro-F1", "reference": whole["majority"].value, "rows": rows}
    told_in_words = "; ".join(f"{way}: {_span(found)}" for way, found in whole.items())
    figure = figure_from_data(
        name="f1",
        title="Macro-F1 of reading, beside not reading",
        kind="intervals",
        data=data,
        alt=f"Macro-F1, mean over traits. {told_in_words}.",
    )
    table: list[tuple[Cell, ...]] = []
    for way in ways:
        predicted = told.predicted(way)
        right = accuracy(told.truth, predicted, name=way, seed=seed)
        lost = float(np.isnan(predicted).mean())
        table.append((way, WAYS.get(way, "floor"), whole[way], right, lost))
    columns = ("way", "what it does", "macro-F1", "accuracy", "ties or missing")
    note = "Rates, mean over traits; intervals resample texts, with all traits of a text together."
    summary = Table(name="ways", title="All ways", columns=columns, rows=tuple(table), note=note)
    return [figure, summary, _by_scale(told, tool, ways, seed)]


def _by_scale(told: _Told, tool: Inventory, ways: Sequence[str], seed: int) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for k, scale in enumerate(told.scales):
        truth = told.truth[:, k]
        for way in ways:
            predicted = told.predicted(way)[:, k]
            f1 = macro_f1(truth, predicted, name=way, seed=seed)
            ranked = auc(truth, told.scores[way][:, k], seed=seed) if way in told.scores else None
            rows.append(
                (
                    tool.scales[scale],
                    way,
                    f1,
                    accuracy(truth, predicted, seed=seed),
                    ranked,
                    int(truth.sum()),
                    truth.size,
                )
            )
    columns = ("trait", "way", "macro-F1", "accuracy", "AUC", "labelled high", "texts")
    note = "AUC: of two texts, how often the one labelled high scores higher."
    return Table(
        name="by_scale", title="Trait by trait", columns=columns, rows=tuple(rows), note=note
    )


def _agreement(told: _Told, tool: Inventory) -> Table:
    """Count how often conclusion and scores of the same questionnaire name the same pole."""
    one, two = (told.predicted(way) for way in list(WAYS)[:2])
    rows: list[tuple[Cell, ...]] = []
    for k, scale in enumerate(told.scales):
        known = ~np.isnan(one[:, k]) & ~np.isnan(two[:, k])
        same = int((one[known, k] == two[known, k]).sum())
        rows.append((tool.scales[scale], same, int(known.sum()), int((~known).sum())))
    columns = ("trait", "same pole", "both known", "one is a tie or missing")
    return Table(name="agreement", title="Conclusion and scores", columns=columns, rows=tuple(rows))


def _notes(tool: Inventory, scales: Sequence[str], corpus: Corpus) -> Table:
    rows = [(tool.scales[s], len(tool.where(scale=s).items), keying_note(tool, s)) for s in scales]
    return Table(
        name="keying_notes",
        title="What the model was told about the items",
        columns=("trait", "items", "note"),
        rows=tuple(rows),
        note=f"Texts: {corpus.tag}, {corpus.source}.",
    )


def _coverage(answers: Answers) -> Table:
    kind = (
        pl.when(pl.col("item") == CONCLUSION).then(pl.lit("conclusion")).otherwise(pl.lit("item"))
    )
    counted = Answers(answers.rows.with_columns(kind.alias("asked for"))).missing(
        by=("arm", "asked for")
    )
    return Table(
        name="coverage",
        title="Coverage",
        columns=tuple(counted.columns),
        rows=tuple(counted.rows()),
    )
