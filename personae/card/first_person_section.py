"""How the persona reads from its own free text: a third person's reading of what it says of itself.

The model answers interview questions with and without the persona; a reader trained on other
people's self-descriptions rates both, question by question. Beside it stands what the model
reports of itself in the inventory, and what was asked for. The reader is told apart from the
respondent: it never sees the persona, the request or the questionnaire.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from math import isnan

import numpy as np

from personae.card.analysis import MARGIN, ChannelScores
from personae.card.section import CardContext, Section
from personae.core import (
    BIG_FIVE,
    CONTROL,
    Answers,
    Cell,
    Estimate,
    Figure,
    Heading,
    MissingExtra,
    ModelUnavailable,
    Note,
    Sampling,
    Table,
    nobody,
)
from personae.measure.interview import interview, read_interview, stems
from personae.readers.text.reader_skill import skills
from personae.readers.text.self_descriptions import self_descriptions
from personae.readers.text.trained_readers import Reader, ReaderTraining, train_reader
from personae.report.render.figure_json import figure_from_data
from personae.stats.effects.contrast import arm_shift
from personae.stats.effects.verdicts import direction_verdict
from personae.stats.multiplicity import holm
from personae.stats.prediction.class_priors import log_odds

__all__ = ["first_person"]

TITLE = "How it reads from its own free text"
TRAINING = ReaderTraining(folds=3, penalties=(0.01,))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Row:
    """One trait: the ask, the shift of the self-report and of the reading, both in SD units."""

    scale: str
    asked: float | None
    reported: Estimate
    read: Estimate
    adjusted_p: float
    sees: Estimate
    verdict: str


def first_person(setting: CardContext) -> Section:
    """Let the model speak with and without the persona, and read both texts as a third person."""
    scales = [s for s, title in setting.tool.scales.items() if BIG_FIVE.get(s) == title]
    if not scales:
        why = f"the reader knows the Big Five; {setting.tool.name} has other scales"
        return Section(parts=(Heading(TITLE), Note(f"Not read: {why}.")))
    try:
        reader = _reader(tuple(scales), setting.seed)
    except (MissingExtra, ModelUnavailable) as error:
        return Section(parts=(Heading(TITLE), Note(f"Not read: {error}.", "warning")))
    spoken = _speak(setting, reader)
    rows = _rows(setting, reader, spoken)
    return Section(
        parts=(
            Heading(TITLE),
            _verdict(rows),
            _picture(rows, setting),
            _table(rows, setting),
            _texts(spoken),
            _coverage(spoken),
        ),
        answers=spoken,
    )


@lru_cache(maxsize=2)
def _reader(scales: tuple[str, ...], seed: int) -> Reader:
    """Train once in a process: the shipped texts and a seed always give the same reader."""
    return train_reader(self_descriptions(), scales, replace(TRAINING, seed=seed))


def _speak(setting: CardContext, reader: Reader) -> Answers:
    asked = stems(most=12 if setting.quick else 20)
    draw = Sampling(max_tokens=40, temperature=1.0, top_p=0.95, seed=setting.seed)
    plain = read_interview(reader, interview(setting.model, asked, 1, draw))
    with setting.arm(setting.model, setting.persona) as speaker:
        carried = read_interview(reader, interview(speaker, asked, 1, draw))
    return Answers.concat(
        [
            plain.tag(arm=CONTROL, respondent=nobody().id),
            carried.tag(arm=setting.arm.name, respondent=setting.persona.id),
        ]
    )


def _rows(setting: CardContext, reader: Reader, spoken: Answers) -> list[_Row]:
    arms = (CONTROL, setting.arm.name)
    reading = ChannelScores(
        tool=setting.tool, persona=setting.persona, answers=setting.answers, seed=setting.seed
    )
    shifts = {s.scale: s.standard for s in reading.shifts(setting.arm.name)}
    seen = skills(reader, setting.seed)
    scales = [s for s in seen if s in shifts]
    found = [
        _in_sd(arm_shift(spoken.where(scale=s), arms, s, seed=setting.seed), _spread(reader, s))
        for s in scales
    ]
    adjusted = holm([1.0 if isnan(one.p) else one.p for one in found])
    return [
        _Row(
            scale=s,
            asked=reading.asked(s),
            reported=shifts[s],
            read=one,
            adjusted_p=float(p),
            sees=seen[s].auc,
            verdict=direction_verdict(one, int(np.sign(reading.asked(s) or 0)), float(p), MARGIN)
            if seen[s].sees
            else "not seen by the reader",
        )
        for s, one, p in zip(scales, found, adjusted, strict=True)
    ]


def _spread(reader: Reader, scale: str) -> float:
    """SD of the reader's log-odds over authors that it never met."""
    return float(log_odds(reader.held_out[scale].probabilities, reader.shares[scale]).std())


def _in_sd(found: Estimate, sd: float) -> Estimate:
    return replace(
        found, value=found.value / sd, low=found.low / sd, high=found.high / sd, unit="SD"
    )


def _direction(found: Estimate) -> int:
    """Give 1 or -1 where the interval leaves out 0, else 0."""
    return int(found.low > 0) - int(found.high < 0)


def _verdict(rows: Sequence[_Row]) -> Note:
    asked = [r for r in rows if r.asked]
    came = [BIG_FIVE[r.scale] for r in asked if r.verdict == "as asked"]
    strays = [BIG_FIVE[r.scale] for r in rows if r.verdict in ("the other way", "moved unasked")]
    if not asked:
        head = "No trait was requested"
    elif came:
        head = f"Read from its own free text, the persona shows as asked in {', '.join(came)}"
        head += f" ({len(came)} of {len(asked)} traits asked for)"
    else:
        head = f"Read from its own free text, none of {len(asked)} traits asked for was shown"
    if strays:
        head += f"; it moved, not as asked, in {', '.join(strays)}"
    both = [(_direction(r.reported), _direction(r.read)) for r in rows]
    shown = [(a, b) for a, b in both if a and b]
    same = sum(a == b for a, b in shown)
    tail = (
        f"Self-report and free text move the same way in {same} of {len(shown)} traits where "
        "both moves were shown."
        if shown
        else "No trait moved in both its self-report and its free text, so that the two can't be "
        "compared in direction."
    )
    return Note(f"{head}. {tail}", "verdict")


def _picture(rows: Sequence[_Row], setting: CardContext) -> Figure:
    shown: list[Mapping[str, object]] = []
    for group, estimates in (
        ("self-report", [r.reported for r in rows]),
        ("read from free text", [r.read for r in rows]),
    ):
        shown += [
            {"name": BIG_FIVE[r.scale], "group": group, "estimate": e}
            for r, e in zip(rows, estimates, strict=True)
        ]
    told = "; ".join(
        f"{BIG_FIVE[r.scale]}: reported {_short(r.reported)}, read {_short(r.read)}" for r in rows
    )
    return figure_from_data(
        name="first_person",
        title="Self-report and a reader's view of the same persona",
        kind="intervals",
        data={"unit": f"shift by {setting.arm.name} (SD)", "reference": 0.0, "rows": shown},
        alt=f"Shift from the model without persona, in SD units. {told}.",
    )


def _short(found: Estimate) -> str:
    return "not known" if isnan(found.value) else f"{found.value:+.2f}"


def _table(rows: Sequence[_Row], setting: CardContext) -> Table:
    cells: list[tuple[Cell, ...]] = [
        (BIG_FIVE[r.scale], r.asked, r.reported, r.read, r.adjusted_p, r.verdict, r.sees)
        for r in rows
    ]
    columns = (
        "trait",
        "asked (z)",
        "self-report (SD)",
        "read from free text (SD)",
        "p (Holm)",
        "verdict on the reading",
        "AUC of the reader",
    )
    note = (
        f"Shift by {setting.arm.name} from the model without persona, the same questions in both. "
        "Reading: log-odds in SDs of authors the reader never met; p by sign flips over questions. "
        "AUC: how well the reader tells self-descriptions it never met; 0.5 is chance. It was "
        "trained on inventory sentences, so a persona that shows itself otherwise may go unseen."
    )
    return Table(
        name="first_person",
        title="Self-report beside free text",
        columns=columns,
        rows=tuple(cells),
        note=note,
    )


def _texts(spoken: Answers) -> Table:
    once = spoken.rows.unique(["arm", "item"], maintain_order=True)
    titles = {stem.id: stem.text for stem in stems()}
    cells = once.select("arm", "item", "status", "raw").rows()
    rows = [(arm, titles[item], status, raw) for arm, item, status, raw in cells]
    return Table(
        name="free_texts",
        title="What it said of itself",
        rows=tuple(rows),
        columns=("arm", "question", "status", "text"),
    )


def _coverage(spoken: Answers) -> Table:
    once = Answers(spoken.rows.unique(["arm", "item"], maintain_order=True))
    counted = once.missing(by=("arm",))
    return Table(
        name="free_text_coverage",
        title="Texts read",
        columns=tuple(counted.columns),
        rows=tuple(counted.rows()),
    )
