"""The tables and figures of self-report beside behaviour."""

from collections.abc import Sequence
from dataclasses import replace
from math import isnan

from personae.core import Estimate, Note, Part, Point, Table
from personae.designs.report_behaviour import (
    BehaviourMeasure,
    BehaviourShift,
    PersonaShifts,
    Profile,
    sign_agreement,
)
from personae.report.build import (
    Row,
    ValueAxis,
    estimate_words,
    forest,
    heatmap,
    table,
    with_p,
)
from personae.stats.effects.effect_sizes import cliffs_delta
from personae.stats.multiplicity import planned_holm
from personae.studies.personality_illusion.coupling import regress
from personae.studies.personality_illusion.opposite_personas import TRAITS
from personae.studies.personality_illusion.regression import logit, standardize

__all__ = ["movement_table", "persona_odds", "regressions", "sign_parts"]

PEOPLE_SIGNS = {1: "+", -1: "−", 0: "unknown"}


def sign_parts(
    movement: PersonaShifts, measures: Sequence[BehaviourMeasure], seed: int
) -> list[Part]:
    """Draw and tabulate the shares of expected signs, and draw the shift of every cell."""
    groups = _sign_groups(movement, measures)
    shares = [sign_agreement(shifts, name, seed=seed) for _, name, shifts in groups]
    rows: list[Row] = [
        {
            "by": by,
            "which": name,
            "share": share,
            "cases": len(shifts),
            "without any movement": sum(isnan(shift.hit) for shift in shifts),
        }
        for (by, name, shifts), share in zip(groups, shares, strict=True)
    ]
    note = "Chance is 0.5. Intervals resample pairs of opposite personas; p is the sign test."
    return [
        forest(
            "signs",
            "Behaviour that moves in the direction known from people",
            [(name, by, share) for (by, name, _), share in zip(groups, shares, strict=True)],
            ValueAxis("share", reference=0.5),
            alt="; ".join(f"{share.name}: {estimate_words(share, '.2f')}" for share in shares),
        ),
        table("signs", "Shares of expected signs", rows, note),
        heatmap(
            "shifts",
            "High minus low persona, in the expected direction",
            {TRAITS[trait]: _shift_row(movement, trait, measures) for trait in movement.reports},
            "SD",
            alt="Shift of the report and of each behaviour, in SDs of items or trials, by trait of "
            "the persona; positive is the direction known from people, empty where none is known.",
        ),
    ]


def _sign_groups(
    movement: PersonaShifts, measures: Sequence[BehaviourMeasure]
) -> list[tuple[str, str, list[BehaviourShift]]]:
    """Group the shifts: all of them, by trait, and by measure; (by, name, shifts)."""
    shifts = movement.shifts
    return [
        ("all", "all", list(shifts)),
        *(("trait", TRAITS[t], [s for s in shifts if s.trait == t]) for t in movement.reports),
        *(
            ("measure", row.measure.name, [s for s in shifts if s.measure == row.measure.name])
            for row in measures
        ),
    ]


def _shift_row(
    movement: PersonaShifts, trait: str, measures: Sequence[BehaviourMeasure]
) -> dict[str, Point]:
    """Give the shifts under a trait's personas, positive in the expected direction."""
    row: dict[str, Point] = {"own report": movement.reports[trait]}
    for each in measures:
        sign = each.measure.signs.get(trait)
        shift = movement.cells[trait, each.measure.name]
        row[each.measure.name] = None if sign is None else _signed(shift, sign)
    return row


def _signed(shift: Estimate, sign: int) -> Estimate:
    if sign > 0 or isnan(shift.value):
        return shift
    return replace(shift, value=-shift.value, low=-shift.high, high=-shift.low)


def movement_table(movement: PersonaShifts, measures: Sequence[BehaviourMeasure]) -> Table:
    """Tabulate the shifts of report and behaviour under each trait's personas, with intervals."""
    rows: list[Row] = []
    for trait, report in movement.reports.items():
        cells = [("own report", "+", report)]
        cells += [
            (
                row.measure.name,
                PEOPLE_SIGNS[row.measure.signs.get(trait, 0)],
                movement.cells[trait, row.measure.name],
            )
            for row in measures
        ]
        rows += [
            {"persona": TRAITS[trait], "what": what, "sign in people": sign, "shift": shift}
            for what, sign, shift in cells
        ]
    note = (
        "High minus low persona, in SDs of items or units within respondents; intervals resample "
        "items, scenarios, dilemmas, word lists or questions."
    )
    return table("moved", "What personas move", rows, note)


def regressions(
    people: Sequence[Profile], measures: Sequence[BehaviourMeasure], traits: Sequence[str]
) -> list[Part]:
    """Regress each measure on all reports, with an intercept for each model and Holm's p."""
    slopes: list[tuple[str, Estimate]] = []
    notes: list[Part] = []
    for row in measures:
        fit = regress(people, row, traits)
        if isinstance(fit, str):
            notes.append(Note(f"{row.measure.name} on reports: not estimated, {fit}."))
        else:
            slopes += [(row.measure.name, slope) for slope in fit.slopes]
    if not slopes:
        return notes
    adjusted = planned_holm(slope.p for _, slope in slopes)
    labelled = list(zip(slopes, adjusted, strict=True))
    rows = [
        {"measure": name, "report": TRAITS[slope.name], **with_p("slope", slope, p)}
        for (name, slope), p in labelled
    ]
    clear = [f"{name} on {TRAITS[slope.name]}" for (name, slope), p in labelled if p < 0.05]
    note = (
        "All reports together, over conditions, with a random intercept for each model if there "
        f"are several. Significant after Holm's correction: {', '.join(clear) or 'none'}. "
        "Conditions are prompts, not a sample of people."
    )
    return [*notes, table("regressions", "Behaviour on reports, z scores", rows, note)]


def persona_odds(people: Sequence[Profile], seed: int) -> Table:
    """Tell the high persona from the low one by its target behaviour: Cliff's delta, log odds."""
    rows: list[Row] = []
    for trait, name in (("A", "sycophancy"), ("SR", "risk taking")):
        known = [p for p in people if p.trait == trait and not isnan(p.mean(name))]
        high, low = ([p.mean(name) for p in known if p.sign == sign] for sign in (1, -1))
        sides = [1.0] * len(high) + [0.0] * len(low)
        odds = logit(sides, standardize([*high, *low]), name=name, of="condition")
        delta = cliffs_delta(high, low, name=name, of="condition", seed=seed)
        rows.append(
            {
                "persona": TRAITS[trait],
                "behaviour": name,
                "Cliff's delta": delta,
                **with_p("log odds an SD", odds),
            }
        )
    note = (
        "Over wordings and models; log odds are infinite where the behaviour separates the "
        "personas completely."
    )
    return table("odds", "High against low persona by its target behaviour", rows, note)
