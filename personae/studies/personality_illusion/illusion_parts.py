"""The tables and pictures of self-report beside behaviour."""

from collections.abc import Sequence
from dataclasses import replace
from math import isnan

from personae.core import Cell, Estimate, Note, Part, Table, missing
from personae.designs.report_behaviour import (
    BehaviourMeasure,
    BehaviourShift,
    Movement,
    Profile,
    agreement_of_signs,
    movement,
)
from personae.report.render.figure_json import figure_from_data
from personae.stats.effects.effect_sizes import cliffs_delta
from personae.stats.multiplicity import holm
from personae.stats.resample import cluster_mean
from personae.studies.personality_illusion.coupling import coupling, line, regress
from personae.studies.personality_illusion.dispersion import (
    brown_forsythe,
    median_absolute_deviation,
)
from personae.studies.personality_illusion.injected import TRAITS
from personae.studies.personality_illusion.regression import logit, standardize

__all__ = [
    "acts_table",
    "contexts",
    "follows",
    "moved",
    "persona_odds",
    "regressions",
    "stages",
    "verdicts",
]


def follows(found: Estimate) -> str:
    """Say in a word what a share of expected signs shows: aligned, opposed, or not shown.

    >>> from personae.core import missing
    >>> follows(missing("signs", "no act moved", n=0, of="pair of personas"))
    'not shown'
    """
    if isnan(found.low) or found.p >= 0.05:
        return "not shown"
    return "aligned" if found.low > 0.5 else "opposed" if found.high < 0.5 else "not shown"


def _toward(shifts: Sequence[BehaviourShift], name: str, seed: int) -> Estimate:
    """Estimate the mean shift of acts in the expected direction, clusters as for the signs."""
    pairs = [shift.pair for shift in shifts]
    if not pairs:
        return missing(name, "no act with a known direction", n=0, of="pair of personas")
    found = cluster_mean(
        [s.toward for s in shifts], pairs, name=name, of="pair of personas", seed=seed
    )
    return replace(found, unit="SD")


def _span(found: Estimate, form: str = ".2f") -> str:
    if isnan(found.value):
        return f"not known ({found.why_missing})"
    ends = "" if isnan(found.low) else f" [{found.low:{form}}, {found.high:{form}}]"
    return f"{found.value:{form}}{ends}"


def verdicts(found: Movement, seed: int) -> list[Part]:
    """Say whether reports moved, whether acts did, and what that means together."""
    came, total = found.moved_traits, len(found.reports)
    most = 2 * len(came) > total  # one of several may seem to move by chance
    signs = agreement_of_signs(found.shifts, "expected signs", seed=seed)
    toward = _toward(found.shifts, "acts", seed)
    word = follows(signs)
    if word == "aligned":
        head = "Report and behaviour go together"
        if not most:
            head = "Behaviour moved as in people, though most reports were not shown to move"
    elif word == "opposed":
        head = "Report and behaviour come apart: acts moved against the directions known of people"
    elif most:
        head = "Reports moved; that behaviour follows them is not shown"
    else:
        head = "Neither most reports nor behaviour were shown to move: there is nothing to compare"
    chance = "" if isnan(signs.p) else f", sign test p = {signs.p:.3g}"
    return [
        Note(f"{head}.", "verdict"),
        Note(
            f"Reports: {len(came)} of {total} traits moved as asked. Acts: expected sign in "
            f"{_span(signs)} of the cases (chance 0.50{chance}), mean shift "
            f"{_span(toward)} SD in the expected direction.",
            "verdict",
        ),
    ]


def moved(found: Movement, acts: Sequence[BehaviourMeasure], seed: int) -> list[Part]:
    """Draw and tabulate the shares of expected signs, and each cell's shift."""
    shifts, traits = found.shifts, list(found.reports)
    groups = [("all", "all", list(shifts))]
    groups += [("trait", TRAITS[t], [s for s in shifts if s.trait == t]) for t in traits]
    groups += [
        ("act", a.measure.name, [s for s in shifts if s.measure == a.measure.name]) for a in acts
    ]
    rows = [
        (
            group,
            name,
            agreement_of_signs(part, name, seed=seed),
            len(part),
            sum(isnan(s.hit) for s in part),
        )
        for group, name, part in groups
    ]
    drawn = [{"name": name, "group": group, "estimate": share} for group, name, share, *_ in rows]
    figure = figure_from_data(
        name="signs",
        title="Acts that move in the direction known from people",
        kind="intervals",
        data={"unit": "share", "reference": 0.5, "band": None, "rows": drawn},
        alt="; ".join(f"{name}: {_span(share)}" for _, name, share, *_ in rows),
    )
    table = Table(
        name="signs",
        title="Shares of expected signs",
        rows=tuple(rows),
        columns=("by", "which", "share", "cases", "without any movement"),
        note="Chance is 0.5. Intervals resample pairs of opposite personas; p is the sign test.",
    )
    turned: list[list[Estimate | None]] = []
    for trait in traits:
        row: list[Estimate | None] = [found.reports[trait]]
        for act in acts:
            sign = act.measure.signs.get(trait)
            row.append(
                None if sign is None else _turned(found.cells[trait, act.measure.name], sign)
            )
        turned.append(row)
    columns = ["own report", *(act.measure.name for act in acts)]
    heat = figure_from_data(
        name="shifts",
        title="High minus low persona, in the expected direction",
        kind="heatmap",
        data={
            "rows": [TRAITS[t] for t in traits],
            "columns": columns,
            "unit": "SD",
            "values": turned,
        },
        alt="Shift of the report and of each act, in SDs of items or trials, by trait of the "
        "persona; positive is the direction known from people, empty where none is known.",
    )
    return [figure, table, heat]


def _turned(found: Estimate, sign: int) -> Estimate:
    if sign > 0 or isnan(found.value):
        return found
    return replace(found, value=-found.value, low=-found.high, high=-found.low)


def acts_table(found: Movement, acts: Sequence[BehaviourMeasure]) -> Table:
    """Tabulate what each trait's personas do to the report and to every act, with intervals."""
    rows: list[tuple[Cell, ...]] = []
    for trait, report in found.reports.items():
        rows.append((TRAITS[trait], "own report", "+", report))
        for act in acts:
            sign = act.measure.signs.get(trait, 0)
            expected = {1: "+", -1: "-", 0: "unknown"}[sign]
            rows.append(
                (TRAITS[trait], act.measure.name, expected, found.cells[trait, act.measure.name])
            )
    note = (
        "High minus low persona, in SDs of items or units within respondents; intervals resample "
        "items, scenarios, dilemmas, word lists or questions."
    )
    return Table(
        name="moved",
        title="What personas move",
        note=note,
        rows=tuple(rows),
        columns=("persona", "what", "sign in people", "shift"),
    )


def regressions(
    people: Sequence[Profile], acts: Sequence[BehaviourMeasure], traits: Sequence[str]
) -> list[Part]:
    """Regress each act on all reports, with an intercept a model; p after Holm beside it."""
    found: list[tuple[str, Estimate]] = []
    said: list[Part] = []
    for act in acts:
        fitted = regress(people, act, traits)
        if isinstance(fitted, str):
            said.append(Note(f"{act.measure.name} on reports: not known, {fitted}."))
        else:
            found += [(act.measure.name, slope) for slope in fitted.slopes]
    if not found:
        return said
    adjusted = holm([1.0 if isnan(slope.p) else slope.p for _, slope in found])
    rows = tuple(
        (act, TRAITS[slope.name], slope, slope.p, float(p))
        for (act, slope), p in zip(found, adjusted, strict=True)
    )
    clear = [f"{act} on {trait}" for act, trait, *_, p in rows if p < 0.05]
    told = f"after Holm's correction: {', '.join(clear) or 'none'}"
    table = Table(
        name="regressions",
        title="Acts on reports, z scores",
        rows=rows,
        columns=("act", "report", "slope", "p", "p (Holm)"),
        note="All reports together, over conditions, with a random intercept for each model if "
        f"there are several. Clear {told}. Conditions are prompts, not a sample of people.",
    )
    return [*said, table]


def persona_odds(people: Sequence[Profile], seed: int) -> Table:
    """Tell the high persona from the low one by its target act: Cliff's delta, and log odds."""
    rows: list[tuple[Cell, ...]] = []
    for trait, name in (("A", "sycophancy"), ("SR", "risk taking")):
        chosen = [p for p in people if p.trait == trait and not isnan(p.mean(name))]
        high, low = ([p.mean(name) for p in chosen if p.sign == sign] for sign in (1, -1))
        act = standardize([*high, *low])
        side = [1.0] * len(high) + [0.0] * len(low)
        odds = logit(side, act, name=name, of="condition")
        delta = cliffs_delta(high, low, name=name, of="condition", seed=seed)
        rows.append((TRAITS[trait], name, delta, odds, odds.p))
    return Table(
        name="odds",
        title="High against low persona by its target act",
        rows=tuple(rows),
        columns=("persona", "act", "Cliff's delta", "log odds an SD", "p"),
        note="Over wordings and models; log odds are infinite where the act parts the personas.",
    )


def contexts(
    people: Sequence[Profile], acts: Sequence[BehaviourMeasure], traits: Sequence[str], seed: int
) -> list[Part]:
    """Compare the contexts: expected signs, and mean shift of acts and reports."""
    return [
        _beside(
            "contexts",
            "Questions alone and in one conversation",
            "context",
            {p.context: [q for q in people if q.context == p.context] for p in people},
            (acts, traits, seed),
        )
    ]


def _beside(
    name: str,
    title: str,
    by: str,
    groups: dict[str, list[Profile]],
    what: tuple[Sequence[BehaviourMeasure], Sequence[str], int],
) -> Table:
    acts, traits, seed = what
    rows: list[tuple[Cell, ...]] = []
    for label, part in groups.items():
        found = movement(part, acts, traits, seed=seed)
        signs = agreement_of_signs(found.shifts, label, seed=seed)
        came = f"{len(found.moved_traits)} of {len(traits)}"
        toward = _toward(found.shifts, label, seed)
        together = coupling(part, acts, traits, seed=seed)
        rows.append((label, came, toward, together, signs, follows(signs)))
    columns = (
        by,
        "reports moved as asked",
        "acts (SD)",
        "acts with predicted (r)",
        "expected signs",
        "verdict",
    )
    return Table(name=name, title=title, columns=columns, rows=tuple(rows))


def stages(
    people: Sequence[Profile], acts: Sequence[BehaviourMeasure], traits: Sequence[str], seed: int
) -> list[Part]:
    """Compare models or stages: shifts, spread of reports, slopes within and between them."""
    groups = {p.model: [q for q in people if q.model == p.model] for p in people}
    first, *rest = groups
    spread: list[tuple[Cell, ...]] = []
    for other in rest:
        for trait in traits:
            pair = [[p.mean(trait) for p in groups[m]] for m in (first, other)]
            spread.append(
                (
                    TRAITS[trait],
                    other,
                    *map(median_absolute_deviation, pair),
                    brown_forsythe(pair, of="condition", seed=seed),
                )
            )
    sloped: list[tuple[Cell, ...]] = []
    for act in acts:
        for trait in traits:
            found = line(people, act, trait)
            if not isinstance(found, str):
                sloped.append(
                    (act.measure.name, TRAITS[trait], found.pooled, found.within, found.between)
                )
    return [
        _beside("stages", "Models and training stages", "model", groups, (acts, traits, seed)),
        Table(
            name="spread",
            title="Spread of reports over the same conditions",
            columns=("report", "compared with", f"MAD {first}", "MAD there", "spread ratio"),
            rows=tuple(spread),
            note="MAD: median absolute deviation; p: Brown-Forsythe.",
        ),
        Table(
            name="slopes",
            title="One report on one act: pooled, within and between models",
            columns=("act", "report", "pooled", "within", "between"),
            rows=tuple(sloped),
            note="z scores. A pooled slope mixes what differs between models with what goes "
            "together within one; only the latter is about a model's personality.",
        ),
    ]
