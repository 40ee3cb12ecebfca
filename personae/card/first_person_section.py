"""The card's section on free text: a trained reader's ratings beside the self-report.

The model answers interview questions with and without the persona; a reader trained on other
people's self-descriptions rates both, question by question. The ratings
stand beside the self-report in the inventory and the request. The reader is independent of the
respondent: it never sees the persona, the request or the questionnaire.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from personae.card.analysis import MARGIN
from personae.card.section import CardContext, Section
from personae.core import (
    BIG_FIVE,
    CONTROL,
    Answers,
    Estimate,
    ForestFigure,
    Heading,
    MissingExtra,
    ModelUnavailable,
    Note,
    Part,
    Sampling,
    Table,
    nobody,
)
from personae.measure.interview import interview, read_interview, stems
from personae.readers.text.reader_skill import skills
from personae.readers.text.self_descriptions import self_description_reader
from personae.readers.text.trained_readers import Reader, ReaderTraining
from personae.report.build import Row, coverage, estimate_words, forest, frame_table, table, verdict
from personae.stats.effects.contrast import arm_shift
from personae.stats.effects.verdicts import SHIFTED, direction_verdict
from personae.stats.multiplicity import planned_holm
from personae.stats.prediction.class_priors import log_odds

__all__ = ["first_person"]

TITLE = "How it reads from its own free text"
TRAINING = ReaderTraining(folds=3, penalties=(0.01,))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One trait: the request (z), and the shifts (SD) of the self-report and of the reading."""

    scale: str
    requested: float | None
    reported: Estimate
    read: Estimate
    adjusted_p: float
    auc: Estimate
    verdict: str


def first_person(context: CardContext) -> Section:
    """Interview the model with and without the persona, and rate both texts by a trained reader."""
    scales = [s for s, title in context.tool.scales.items() if BIG_FIVE.get(s) == title]
    if not scales:
        why = f"the reader rates the Big Five; {context.tool.name} has other scales"
        return Section(parts=(Heading(TITLE), Note(f"Not read: {why}.")))
    try:
        training = replace(TRAINING, seed=context.seed)
        reader = self_description_reader(tuple(scales), training)
    except (MissingExtra, ModelUnavailable) as error:
        return Section(parts=(Heading(TITLE), Note(f"Not read: {error}.", "warning")))
    texts = _interviews(context, reader)
    rows = _rows(context, reader, texts)
    return Section(
        parts=(
            Heading(TITLE),
            _verdict(rows),
            _figure(rows, context.arm.name),
            _table(rows, context.arm.name),
            *_texts(texts),
        ),
        answers=texts,
    )


def _interviews(context: CardContext, reader: Reader) -> Answers:
    questions = stems(most=12 if context.quick else 20)
    draw = Sampling(max_tokens=40, temperature=1.0, top_p=0.95, seed=context.seed)
    plain = read_interview(reader, interview(context.model, questions, 1, draw))
    with context.arm(context.model, context.persona) as speaker:
        induced = read_interview(reader, interview(speaker, questions, 1, draw))
    return Answers.concat(
        [
            plain.tag(arm=CONTROL, respondent=nobody().id),
            induced.tag(arm=context.arm.name, respondent=context.persona.id),
        ]
    )


def _rows(context: CardContext, reader: Reader, texts: Answers) -> list[_Row]:
    arms = (CONTROL, context.arm.name)
    requested = context.scores.requested
    shifts = {s.scale: s.standard for s in context.scores.shifts(context.arm.name)}
    skill = skills(reader, context.seed)
    scales = [s for s in skill if s in shifts]
    readings = [
        _in_sd(arm_shift(texts.where(scale=s), arms, s, seed=context.seed), _spread(reader, s))
        for s in scales
    ]
    adjusted = planned_holm(shift.p for shift in readings)
    return [
        _Row(
            scale=s,
            requested=requested(s),
            reported=shifts[s],
            read=shift,
            adjusted_p=p,
            auc=skill[s].auc,
            verdict=direction_verdict(shift, int(np.sign(requested(s) or 0)), p, MARGIN)
            if skill[s].above_chance
            else "reader without skill",
        )
        for s, shift, p in zip(scales, readings, adjusted, strict=True)
    ]


def _spread(reader: Reader, scale: str) -> float:
    """Return the SD of the reader's log-odds over authors not seen in training."""
    return float(log_odds(reader.held_out[scale].probabilities, reader.shares[scale]).std())


def _in_sd(shift: Estimate, sd: float) -> Estimate:
    return replace(
        shift, value=shift.value / sd, low=shift.low / sd, high=shift.high / sd, unit="SD"
    )


def _direction(shift: Estimate) -> int:
    """Return 1 or -1 if the interval excludes 0, else 0."""
    return int(shift.low > 0) - int(shift.high < 0)


def _verdict(rows: Sequence[_Row]) -> Note:
    requested = [r for r in rows if r.requested]
    shown = [BIG_FIVE[r.scale] for r in requested if r.verdict == "as requested"]
    unrequested = [BIG_FIVE[r.scale] for r in rows if r.verdict in SHIFTED[1:]]
    head = f"Read from its own free text, {_finding(len(requested), shown, unrequested)}"
    directions = [(_direction(r.reported), _direction(r.read)) for r in rows]
    pairs = [(a, b) for a, b in directions if a and b]
    same = sum(a == b for a, b in pairs)
    tail = (
        f"Self-report and free text shift in the same direction in {same} of {len(pairs)} traits "
        "where both shifts were shown."
        if pairs
        else "No trait was shown to shift in both self-report and free text, so that their "
        "directions can't be compared."
    )
    return verdict(f"{head}. {tail}" if pairs or requested else f"{head}.")


def _finding(requested: int, shown: Sequence[str], unrequested: Sequence[str]) -> str:
    others = ", ".join(unrequested)
    if not requested:
        return f"it shifted in {others}" if others else "it was not shown to shift in any trait"
    head = f"none of {requested} requested traits was shown"
    if shown:
        head = f"it shows as requested in {', '.join(shown)}"
        head += f" ({len(shown)} of {requested} requested traits)"
    return f"{head}; it shifted otherwise in {others}" if others else head


def _figure(rows: Sequence[_Row], arm: str) -> ForestFigure:
    listed = "; ".join(
        f"{BIG_FIVE[r.scale]}: reported {_signed(r.reported)}, read {_signed(r.read)}" for r in rows
    )
    return forest(
        "first_person",
        "Self-report and free text of the same persona",
        [
            *((BIG_FIVE[r.scale], "self-report", r.reported) for r in rows),
            *((BIG_FIVE[r.scale], "read from free text", r.read) for r in rows),
        ],
        f"shift by {arm} (SD)",
        alt=f"Shift from the model without persona, in SD units. {listed}.",
    )


def _signed(estimate: Estimate) -> str:
    return estimate_words(estimate.value)


def _table(rows: Sequence[_Row], arm: str) -> Table:
    cells: list[Row] = [
        {
            "trait": BIG_FIVE[r.scale],
            "requested (z)": r.requested,
            "self-report (SD)": r.reported,
            "read from free text (SD)": r.read,
            "p (Holm)": r.adjusted_p,
            "verdict on the reading": r.verdict,
            "AUC of the reader": r.auc,
        }
        for r in rows
    ]
    note = (
        f"Shift by {arm} from the model without persona, the same questions in both. "
        "Reading: log-odds in SDs over held-out authors; p by sign flips over questions. AUC: the "
        "reader's on held-out self-descriptions; 0.5 is chance. It was trained on inventory "
        "sentences, so that a persona that shows in other ways may be missed."
    )
    return table("first_person", "Self-report beside free text", cells, note)


def _texts(interviews: Answers) -> list[Part]:
    """Show each text once, and count the texts by status."""
    texts = interviews.rows.unique(["arm", "item"], maintain_order=True)
    titles = {stem.id: stem.text for stem in stems()}
    shown = texts.select("arm", pl.col("item").replace_strict(titles), "status", "raw")
    return [
        frame_table(
            "free_texts",
            "What it wrote about itself",
            shown,
            heads={"item": "question", "raw": "text"},
        ),
        coverage(Answers(texts), ["arm"], name="free_text_coverage", title="Texts read"),
    ]
