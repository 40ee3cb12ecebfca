"""The card's conclusions and warnings in sentences; every number comes from `analysis`."""

from collections.abc import Sequence
from math import inf, isnan

from personae.card.analysis import PLACEBO, ChannelScores, ScaleShift
from personae.core import Estimate, Note
from personae.measure.gate import GateResult
from personae.report.build import estimate_words, missing_answers, verdict, warning
from personae.stats.effects.verdicts import SHIFTED

__all__ = ["verdicts", "warnings"]


def verdicts(gate: GateResult, scores: ChannelScores, names: Sequence[str]) -> list[Note]:
    """State the results in plain sentences, doubts first."""
    shifts = scores.shifts(names[0])
    requested = [s for s in shifts if s.requested]
    notes = [verdict(gate.sentence)]
    if requested:
        notes.append(verdict(_outcome(requested, names[0], scores)))
    else:
        return [*notes, verdict(_measured(shifts, names[0], scores))]
    for outcome, words in (
        ("against the request", "Shifted against the request"),
        ("shifted unrequested", "Shifted without a request"),
    ):
        shifted = [s for s in shifts if s.verdict == outcome]
        if shifted:
            listed = ", ".join(f"{scores.title(s.scale)} {_signed(s.standard)}" for s in shifted)
            notes.append(verdict(f"{words}: {listed} SD."))
    if any(not isnan(scores.aligned(name).value) for name in names):
        notes += [verdict(_best(scores, names)), verdict(_stable(scores, names[0], requested))]
    return notes


def _measured(shifts: Sequence[ScaleShift], arm: str, scores: ChannelScores) -> str:
    """State what shifted where no domain was requested; without any shift, the largest measured."""
    head = "No whole domain was requested" if scores.persona.traits else "No trait was requested"
    shown = [s for s in shifts if s.verdict in SHIFTED]
    known = [s for s in shifts if not isnan(s.standard.value)]
    if not known:
        return f"{head}, and whether {arm} shifted any trait is not known."
    largest = max(known, key=lambda s: abs(s.standard.value))
    listed = "; ".join(
        f"{scores.title(s.scale)} {_shift_words(s.standard)}" for s in shown or [largest]
    )
    unit = f"SD of {scores.sd_of}"
    if shown:
        return f"{head}; {arm} shifted {len(shown)} of {len(shifts)} traits: {listed}, {unit}."
    return f"{head}, and no shift by {arm} was shown; the largest is {listed}, {unit}."


def _outcome(requested: Sequence[ScaleShift], arm: str, scores: ChannelScores) -> str:
    aligned = scores.aligned(arm)
    if isnan(aligned.value):
        return f"Whether {arm} shifted the requested traits is not known: {aligned.why_missing}."
    shifted = sum(s.verdict == "as requested" for s in requested)
    if not shifted and not isnan(aligned.low) and aligned.low <= 0 <= aligned.high:
        head = f"No effect of the persona was shown (induced by {arm})"
    else:
        asked = f"{len(requested)} requested traits"
        head = f"{shifted} of {asked} shifted as requested (induced by {arm})"
    return f"{head}: mean shift towards the request {_shift_words(aligned)}, SD of {scores.sd_of}."


def _best(scores: ChannelScores, names: Sequence[str]) -> str:
    ranked = sorted(names, key=lambda n: -_value(scores.aligned(n)))
    if len(ranked) < 2:
        return f"Only one induction was tried: {ranked[0]}."
    lead = scores.aligned(ranked[0], control=ranked[1])
    floor = scores.aligned(PLACEBO)
    clear = not isnan(lead.low) and lead.low > 0 and lead.p < 0.05
    words = "better than" if clear else "not distinguishable from"
    return (
        f"Of {len(ranked)} inductions, {ranked[0]} shifted most, {words} the next, {ranked[1]} "
        f"(difference {_shift_words(lead)}). A persona without content shifted "
        f"{_signed(floor)} SD."
    )


def _stable(scores: ChannelScores, arm: str, requested: Sequence[ScaleShift]) -> str:
    groups: dict[str, list[str]] = {}
    for shift in requested:
        outcome = scores.shift_stability(arm, shift)[0]
        groups.setdefault(outcome, []).append(scores.title(shift.scale))
    listed = "; ".join(f"{outcome}: {', '.join(titles)}" for outcome, titles in groups.items())
    return f"Over wordings and option orders: {listed}."


def warnings(scores: ChannelScores, skipped: Sequence[str]) -> list[Note]:
    """Name what limits the card: inductions left out, answers missing."""
    notes = []
    if skipped:
        names = ", ".join(skipped)
        notes.append(warning(f"Left out, as the persona lacks what they use: {names}."))
    return [*notes, *missing_answers(scores.answers)]


def _signed(estimate: Estimate) -> str:
    return estimate_words(estimate.value)


def _shift_words(estimate: Estimate) -> str:
    return estimate.words("+.2f", unit="SD", bounds=".2f")


def _value(estimate: Estimate) -> float:
    return -inf if isnan(estimate.value) else estimate.value
