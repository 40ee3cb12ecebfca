"""The background of a score: channels, coverage, response style, floors and prompts."""

from collections.abc import Mapping, Sequence

import polars as pl

from personae.card.analysis import PLACEBO, ChannelScores
from personae.core import CONTROL, Answers, Form, Note, Part, Persona, Table
from personae.measure.gate import GateResult
from personae.measure.inventories.administer import administer
from personae.report.build import Row, coverage, matrix_table, table
from personae.respondents.null import open_null
from personae.stats.resample import mean
from personae.stats.scores import response_style
from personae.stats.scores.scales import scale_scores

__all__ = ["channels", "floors", "prompts", "style"]

FLOORS = ("null:midpoint", "null:first", "null:yes", "null:uniform")


def channels(gate: GateResult, scores: Mapping[str, ChannelScores], arm: str) -> list[Part]:
    """Report the content gate of every channel, and the shift by the persona in each."""
    rows: list[Row] = [
        {"channel": name, "shift towards the request (SD)": s.aligned(arm), "SD of": s.sd_of}
        for name, s in scores.items()
    ]
    note = (
        "A channel that failed the gate is shown, but not relied on. Channels other than the main "
        "one are asked the gate's items."
    )
    return [*gate.parts(), table("channels", f"The persona ({arm}) in every channel", rows, note)]


def style(scores: Mapping[str, ChannelScores], arm: str) -> list[Part]:
    """Tabulate coverage by status and the habits of answering, channel by channel."""
    rows = [
        _habits(channel, name, part) for channel, part in scores.items() for name in (CONTROL, arm)
    ]
    note = (
        "Acquiescence without bias is the midpoint of the options, or 0 nats/token. "
        "Position pull: 0 by content alone, 1 by position alone. Statements show no options."
    )
    return [
        coverage(
            Answers.concat([part.answers for part in scores.values()]),
            ("channel", "arm"),
            "Refused, unparsed, cut and failed answers are counted, never filled in.",
        ),
        table("style", "Response style", rows, note),
    ]


def _habits(channel: str, arm: str, scores: ChannelScores) -> Row:
    answers, seed = scores.answers.where(arm=arm), scores.seed
    options = scores.in_points
    return {
        "channel": channel,
        "arm": arm,
        "coverage": response_style.coverage(answers, seed=seed),
        "acquiescence": response_style.acquiescence(answers, use="expected", seed=seed),
        "extremity": response_style.extremity(answers, seed=seed) if options else None,
        "longest run": response_style.straight_lining(answers, seed=seed) if options else None,
        "position pull": response_style.position_pull(answers, seed=seed) if options else None,
    }


def floors(scores: ChannelScores, forms: Sequence[Form]) -> list[Part]:
    """Tabulate the scores of null respondents in the same forms."""
    if not scores.in_points:
        return [
            Note(
                "Floor: in the statement channel a respondent who reads nothing has the contrast 0 "
                f"on every pair; a persona without content is the arm `{PLACEBO}` above."
            )
        ]
    sheets = [
        administer(open_null(name), scores.tool, form).tag(arm=name, respondent=name)
        for name in FLOORS
        for form in forms
    ]
    answers = Answers.concat([scores.answers.where(arm=CONTROL), *sheets])
    scored = scale_scores(answers, by=("arm", "form", "order"), use="expected")
    matrix = {}
    for arm in (CONTROL, *FLOORS):
        part = scored.filter(pl.col("arm") == arm)
        matrix[arm] = {
            title: mean(
                part.filter(pl.col("scale") == scale)["mean"].drop_nulls().to_numpy(),
                name=scale,
                of="administration",
                seed=scores.seed,
            )
            for scale, title in scores.tool.scales.items()
        }
    title = "Floors: respondents who read nothing"
    note = "Mean keyed score (points) over the same wordings and orders."
    return [matrix_table("floors", title, matrix, "respondent", note)]


def prompts(persona: Persona, texts: Mapping[str, str]) -> Table:
    """Show the system text of each induction, word for word."""
    rows: list[Row] = [{"induction": name, "text": text} for name, text in texts.items()]
    return table("prompts", f"System texts for {persona.id}", rows)
