"""What a score must be seen against: channels, coverage, response style, floors, the prompts."""

from collections.abc import Mapping, Sequence

import polars as pl

from personae.card.analysis import ChannelScores
from personae.card.card_parts import PLACEBO
from personae.core import CONTROL, Answers, Cell, Form, Note, Part, Persona, Table
from personae.measure.gate import GateResult
from personae.measure.inventories.administer import administer
from personae.respondents.null import open_null
from personae.stats.resample import mean
from personae.stats.scores.response_style import (
    acquiescence,
    coverage,
    extremity,
    position_pull,
    straight_lining,
)
from personae.stats.scores.scales import scale_scores

__all__ = ["channels", "floors", "prompts", "style"]

FLOORS = ("null:midpoint", "null:first", "null:yes", "null:uniform")


def channels(gate: GateResult, readings: Mapping[str, ChannelScores], arm: str) -> list[Part]:
    """Report the content gate of every channel, and what the persona did in each."""
    rows = tuple((name, r.aligned(arm), r.sd_of) for name, r in readings.items())
    return [
        *gate.parts(),
        Table(
            name="channels",
            title=f"The persona ({arm}) in every channel",
            columns=("channel", "shift towards the request (SD)", "SD of"),
            rows=rows,
            note="A channel that failed the gate is shown, not believed. Channels beside the main "
            "one are asked the gate's items.",
        ),
    ]


def style(readings: Mapping[str, ChannelScores], arm: str) -> list[Part]:
    """Tabulate coverage by status and the habits of answering, channel by channel."""
    whole = Answers.concat([r.answers for r in readings.values()])
    counted = whole.missing(by=("channel", "arm"))
    habits: list[tuple[Cell, ...]] = []
    for channel, reading in readings.items():
        for name in (CONTROL, arm):
            part = reading.answers.where(arm=name)
            seed = reading.seed
            row: list[Cell] = [channel, name, coverage(part, seed=seed)]
            row.append(acquiescence(part, use="expected", seed=seed))
            if reading.in_points:
                row += [
                    extremity(part, seed=seed),
                    straight_lining(part, seed=seed),
                    position_pull(part, seed=seed),
                ]
            else:
                row += [None, None, None]
            habits.append(tuple(row))
    return [
        Table(
            name="coverage",
            title="Coverage",
            columns=tuple(counted.columns),
            rows=tuple(counted.rows()),
            note="Refused, unparsed, cut and failed answers are counted, never filled in.",
        ),
        Table(
            name="style",
            title="Response style",
            columns=(
                "channel",
                "arm",
                "coverage",
                "acquiescence",
                "extremity",
                "longest run",
                "position pull",
            ),
            rows=tuple(habits),
            note="Acquiescence without bias is the midpoint of the options, or 0 nats/token. "
            "Position pull: 0 content alone, 1 place alone. Statements show no options.",
        ),
    ]


def floors(reading: ChannelScores, forms: Sequence[Form]) -> list[Part]:
    """Show what respondents who read nothing would score in the same forms."""
    if not reading.in_points:
        return [
            Note(
                "Floor: in the statement channel a respondent who reads nothing has the contrast 0 "
                f"on every pair; a persona without content is the arm `{PLACEBO}` above."
            )
        ]
    sheets = [
        administer(open_null(name), reading.tool, form).tag(arm=name, respondent=name)
        for name in FLOORS
        for form in forms
    ]
    both = Answers.concat([reading.answers.where(arm=CONTROL), *sheets])
    scored = scale_scores(both, by=("arm", "form", "order"), use="expected")
    scales = list(reading.tool.scales)
    rows: list[tuple[Cell, ...]] = []
    for arm in (CONTROL, *FLOORS):
        own = scored.filter(pl.col("arm") == arm)
        cells = [own.filter(pl.col("scale") == s)["mean"].drop_nulls().to_numpy() for s in scales]
        rows.append(
            (
                arm,
                *(
                    mean(c, name=s, of="administration", seed=reading.seed)
                    for s, c in zip(scales, cells, strict=True)
                ),
            )
        )
    titles = tuple(reading.tool.scales.values())
    note = "Mean keyed score (points) over the same wordings and orders."
    return [
        Table(
            name="floors",
            title="Floors: respondents who read nothing",
            columns=("respondent", *titles),
            rows=tuple(rows),
            note=note,
        )
    ]


def prompts(persona: Persona, texts: Mapping[str, str]) -> list[Part]:
    """Show the system text of each induction, word for word."""
    rows = tuple((name, text) for name, text in texts.items())
    return [
        Table(
            name="prompts",
            title=f"System texts for {persona.id}",
            columns=("induction", "text"),
            rows=rows,
        )
    ]
