"""The parts of the report on interviews: verdicts, a figure, tables."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import polars as pl

from personae.core import (
    BIG_FIVE,
    CONTROL,
    Answers,
    Cell,
    Estimate,
    ForestFigure,
    Heading,
    Note,
    Part,
    Table,
)
from personae.readers.text.reader_skill import Skill, skill_table
from personae.readers.text.trained_readers import Reader
from personae.report.build import (
    Row,
    coverage,
    estimate_words,
    estimates_table,
    forest,
    frame_table,
    table,
    verdict,
)
from personae.stats.prediction.class_priors import shifted_share
from personae.studies.eliciting_traits.reader_estimates import (
    activation,
    distinguishability,
    from_persona_middle,
    lean,
    read_values,
    reliability_of_stems,
)

__all__ = ["coverage_of_texts", "result_parts"]

Leans = Mapping[str, Estimate]
"""Trait -> mean log-odds (nats) beyond a reference."""


def result_parts(
    answers: Answers, reader: Reader, skill: Mapping[str, Skill], seed: int
) -> list[Part]:
    """Make the report's parts from the control's answers and those under opposite personas.

    Args:
        answers: rows of `read_interview`, with the arms `unchanged`, `persona E+`, `persona E-`...
        reader: what rated them.
        skill: the reader's skill, by trait.
        seed: seed of the resampling.
    """
    own = answers.where(arm=CONTROL)
    plain = {s: lean(own.where(scale=s, facet="plain"), s, seed) for s in skill}
    cued = {s: lean(own.where(scale=s), s, seed, cueing=True) for s in skill}
    middle = {s: from_persona_middle(answers.where(scale=s), s, seed) for s in skill}
    activations = activation(own, list(skill), seed)
    checks = {s: distinguishability(answers.where(scale=s), s, seed) for s in skill}
    return [
        *_verdicts(middle, activations, checks, skill),
        _leans_figure(
            {
                "plain questions": plain,
                "questions that cue traits": cued,
                "plain, from the middle of opposite personas": middle,
            }
        ),
        Heading("Predicted traits, against the reader's training data"),
        _read_table(own, reader, (plain, cued, middle), seed),
        Heading("Do questions that cue a trait bring it out?"),
        _activation_table(activations),
        Heading("What the reader can detect"),
        skill_table(dict(skill), reader),
        estimates_table(
            "check",
            "Discrimination of texts under a high and a low persona",
            {BIG_FIVE[s]: check for s, check in checks.items()},
            ("trait", "AUC"),
            "Graded adjectives at +2 and -2 z, plain questions; 0.5 is chance.",
        ),
        Heading("Answers"),
        _texts_table(answers),
    ]


def _verdicts(
    middle: Leans,
    activations: Mapping[str, tuple[Estimate, ...]],
    checks: Leans,
    skill: Mapping[str, Skill],
) -> list[Note]:
    detected = [s for s, ability in skill.items() if ability.above_chance]
    shown = [s for s in detected if checks[s].low > 0.5]
    sentences = []
    if undetected := _titles(s for s in skill if s not in detected):
        sentences.append(
            f"No signal: on held-out authors the reader does not detect {undetected}, so that "
            "nothing is concluded about it here."
        )
    if unshown := _titles(s for s in detected if s not in shown):
        sentences.append(
            f"Not shown: that the reader detects {unshown} in this model's answers, even under "
            "opposite personas; nothing is concluded about it."
        )
    if shown:
        leans = "; ".join(f"{BIG_FIVE[s]} {_lean_words(middle[s])}" for s in shown)
        sentences.append(
            "Between its own opposite personas, which the reader distinguishes, the model lies as "
            f"follows: {leans}."
        )
    cued = _titles(s for s in shown if activations[s][0].value > 0 and activations[s][0].p < 0.05)
    sentences.append(
        f"Questions that cue a trait bring it out: {cued}."
        if cued
        else "Questions that cue a trait are not shown to bring it out."
    )
    return [verdict(text) for text in sentences]


def _titles(scales: Iterable[str]) -> str:
    return ", ".join(BIG_FIVE[s] for s in scales)


def _lean_words(estimate: Estimate) -> str:
    """Say on which side of the reference an estimate lies, if its interval excludes 0."""
    if np.isnan(estimate.value):
        return estimate_words(estimate)
    if np.isnan(estimate.low):
        return f"{estimate.value:+.2f} nats, without interval"
    side = "closer to high" if estimate.low > 0 else "closer to low"
    if estimate.low <= 0 <= estimate.high:
        side = "not shown to be closer to either"
    return f"{side} ({estimate.words('+.2f', unit='nats', bounds='.2f')})"


def _leans_figure(leans: Mapping[str, Leans]) -> ForestFigure:
    words = [
        f"{kind}: " + ", ".join(f"{BIG_FIVE[s]} {_lean_words(e)}" for s, e in by_trait.items())
        for kind, by_trait in leans.items()
    ]
    return forest(
        "leans",
        "Predicted traits, against the reader's training share",
        [(BIG_FIVE[s], kind, e) for kind, by_trait in leans.items() for s, e in by_trait.items()],
        "log-odds (nats)",
        alt=f"Zero is what a reader that ignores the text predicts. {'; '.join(words)}.",
    )


def _read_table(own: Answers, reader: Reader, leans: Sequence[Leans], seed: int) -> Table:
    """Tabulate the raw output beside the training share, and what is left without that share."""
    heads = (
        "beyond the share, plain",
        "beyond the share, cueing",
        "from the middle of opposite personas",
    )
    rows: list[Row] = []
    for scale in leans[0]:
        plain = own.where(scale=scale, facet="plain")
        beyond, items = read_values(plain)
        share = reader.shares[scale]
        output = 1 / (1 + np.exp(-(beyond + np.log(share / (1 - share)))))
        estimates: dict[str, Cell] = dict(zip(heads, (by[scale] for by in leans), strict=True))
        rows.append(
            {
                "trait": BIG_FIVE[scale],
                "training share high": share,
                "mean output": float(output.mean()) if output.size else None,
                "share of outputs above half": (
                    float((output >= 0.5).mean()) if output.size else None
                ),
                **estimates,
                "share high by EM": shifted_share(output, share, items, of="stem", seed=seed),
                "reliability of stems": reliability_of_stems(plain, seed),
            }
        )
    note = (
        "A mean output close to the training share says nothing about the model, and one far from "
        "it may be due to the register; the middle of this model's own opposite personas, question "
        "by question, is free of both. Log-odds in nats, stems resampled with all their answers. "
        "EM (Saerens et al. 2002) assumes that high texts, and low texts, are like those of the "
        "training. Reliability: split halves of the draws."
    )
    return table("read", "Traits predicted from answers to plain questions", rows, note)


def _activation_table(activations: Mapping[str, tuple[Estimate, ...]]) -> Table:
    return table(
        "activation",
        "The trait under its own cues less under those of other traits",
        [
            {
                "trait": BIG_FIVE[scale],
                "difference (nats)": gap,
                "p (Holm)": gap.p,
                "Cliff's delta": delta,
            }
            for scale, (gap, delta) in activations.items()
        ],
        "Each stem counts once, by the mean of its answers; p by permuting the stems.",
    )


def _texts_table(answers: Answers) -> Table:
    first = answers.rows.filter(pl.col("repeat") == 0).unique(["arm", "item"], maintain_order=True)
    return frame_table(
        "texts",
        "First answer to each question",
        first.select("arm", "item", "status", "raw"),
        heads={"item": "question", "raw": "text"},
    )


def coverage_of_texts(answers: Answers) -> Table:
    """Count texts by status, with their mean length in words; each text counts once."""
    texts = Answers(answers.rows.unique(["arm", "item", "repeat"], maintain_order=True))
    return coverage(
        texts,
        {"arm": "arm", "facet": "cue"},
        title="Texts requested and rated",
        name="coverage",
        extra={"words": pl.col("raw").str.split(" ").list.len().mean()},
    )
