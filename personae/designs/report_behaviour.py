"""Do reports and acts of the same respondents go together, in the directions known from people?

A respondent is one model under one condition. What a persona does is the difference to its
opposite, item by item and unit by unit. Signs are compared with those expected of people; the
pair of opposite personas is the cluster, because its acts share a prompt.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isnan, nan, sqrt

import numpy as np
import polars as pl

from personae.core import Answers, Array, BehaviourTask, Estimate, Inventory, Measure, missing
from personae.measure.behaviour.behaviour_scores import scores
from personae.stats.effects.ranks import sign_test
from personae.stats.resample import cluster_mean, mean
from personae.stats.scores.scales import keyed

__all__ = [
    "FLAT",
    "BehaviourMeasure",
    "BehaviourShift",
    "Movement",
    "Profile",
    "agreement_of_signs",
    "behaviour_shifts",
    "movement",
    "profiles",
    "report_shift",
    "unit_shifts",
]

FLAT = 1e-6
"""Differences below this are no differences: likelihoods that are equal but for rounding."""
ENOUGH = 0.8


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """One respondent: model, condition, and scores by variable (a trait or measure) and unit."""

    model: str
    context: str
    name: str
    trait: str
    sign: int
    strategy: str
    scores: Mapping[str, Mapping[str, float]]

    def mean(self, variable: str) -> float:
        """Give the mean over units; NaN where under 80 % of them are known."""
        values = np.array(list(self.scores.get(variable, {}).values()), dtype=np.float64)
        known = values[~np.isnan(values)]
        return float(known.mean()) if known.size and known.size >= ENOUGH * values.size else nan


@dataclass(frozen=True, slots=True, eq=False)
class BehaviourMeasure:
    """A measure of a behavioural task, and the task."""

    task: BehaviourTask
    measure: Measure


@dataclass(frozen=True, slots=True, kw_only=True)
class BehaviourShift:
    """What one pair of opposite personas does to one act, high minus low.

    `toward`: the mean difference in the direction expected of people, in SDs of units within
    respondents. `hit`: 1 if it has the expected sign, 0 if the other one, NaN if there is none.
    """

    pair: str
    trait: str
    measure: str
    toward: float
    hit: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Movement:
    """What opposite personas move: the own report by trait, acts by pair, and by (trait, act)."""

    reports: Mapping[str, Estimate]
    shifts: tuple[BehaviourShift, ...]
    cells: Mapping[tuple[str, str], Estimate]

    @property
    def came(self) -> list[str]:
        """The traits whose report is shown to move as asked."""
        return [trait for trait, found in self.reports.items() if found.low > 0]


def profiles(
    answers: Answers, tools: Sequence[Inventory], acts: Sequence[BehaviourMeasure]
) -> tuple[Profile, ...]:
    """Score every respondent: keyed item scores by scale, and unit scores by measure."""
    found = []
    columns = ["model", "context", "respondent", "trait", "sign", "strategy"]
    for key, part in answers.rows.group_by(columns, maintain_order=True):
        sheet = Answers(part)
        scored: dict[str, dict[str, float]] = {}
        for tool in tools:
            own = Answers(part.filter(pl.col("inventory").str.starts_with(f"{tool.name}@")))
            scored |= _items(own)
        for act in acts:
            scored[act.measure.name] = scores(act.task, sheet, act.measure)
        model, context, name, trait, sign, strategy = key
        found.append(
            Profile(
                str(model),
                str(context),
                str(name),
                str(trait),
                int(str(sign)),
                str(strategy),
                scored,
            )
        )
    return tuple(found)


def _items(answers: Answers) -> dict[str, dict[str, float]]:
    rows = keyed(answers, "expected")
    means = rows.group_by(["scale", "item"], maintain_order=True).agg(pl.col("score").mean())
    found: dict[str, dict[str, float]] = defaultdict(dict)
    for scale, item, score in means.rows():
        found[scale][item] = nan if score is None else float(score)
    return found


def _pairs(people: Sequence[Profile]) -> list[tuple[Profile, Profile]]:
    """Find the opposite personas of one model, context, trait and strategy: (high, low)."""
    by_key: dict[tuple[str, ...], dict[int, Profile]] = defaultdict(dict)
    for one in people:
        if one.trait:
            by_key[one.model, one.context, one.trait, one.strategy][one.sign] = one
    return [(both[1], both[-1]) for both in by_key.values() if {1, -1} <= set(both)]


def _unit_sd(people: Sequence[Profile], variable: str) -> float:
    """Give the SD of units within respondents, pooled; NaN where they don't differ."""
    spreads = []
    for one in people:
        values = np.array(list(one.scores.get(variable, {}).values()), dtype=np.float64)
        known = values[~np.isnan(values)]
        if known.size > 1:
            spreads.append(float(known.var(ddof=1)))
    sd = sqrt(float(np.mean(spreads))) if spreads else nan
    return sd if sd > FLAT else nan


def _differences(pairs: Sequence[tuple[Profile, Profile]], variable: str) -> dict[str, list[float]]:
    """Collect high minus low by unit, over pairs."""
    found: dict[str, list[float]] = defaultdict(list)
    for high, low in pairs:
        for unit, score in high.scores.get(variable, {}).items():
            found[unit].append(score - low.scores[variable].get(unit, nan))
    return found


def unit_shifts(people: Sequence[Profile], trait: str, variable: str) -> Array | str:
    """Give high minus low of a variable by unit, in SDs of units within respondents; or why not.

    Averaged over the trait's pairs of opposite personas; NaN where a unit was not answered.
    """
    pairs = [pair for pair in _pairs(people) if pair[0].trait == trait]
    by_unit = _differences(pairs, variable)
    known = [[d for d in values if not isnan(d)] for values in by_unit.values()]
    values = np.array([float(np.mean(k)) if k else nan for k in known])
    sd = _unit_sd(people, variable)
    if isnan(sd):
        return "nothing was answered" if not len(values) else "units do not differ: no SD to use"
    shifts: Array = values / sd
    return np.zeros_like(shifts) if abs(float(np.nansum(values))) < FLAT else shifts


def _shift(people: Sequence[Profile], trait: str, variable: str, of: str, seed: int) -> Estimate:
    """Estimate high minus low of a variable under a trait's personas, in SDs of units."""
    name, found = f"{variable} under {trait}", unit_shifts(people, trait, variable)
    if isinstance(found, str):
        return missing(name, found, n=0, of=of, unit="SD")
    return mean(found, name=name, of=of, unit="SD", seed=seed)


def report_shift(people: Sequence[Profile], trait: str, *, seed: int = 0) -> Estimate:
    """Estimate what a trait's personas do to the report of that trait, over items, in item SDs."""
    return _shift(people, trait, trait, "item", seed)


def behaviour_shifts(
    people: Sequence[Profile],
    acts: Sequence[BehaviourMeasure],
    traits: Sequence[str],
    *,
    seed: int = 0,
) -> tuple[list[BehaviourShift], dict[tuple[str, str], Estimate]]:
    """Compare acts under opposite personas: shifts pair by pair, and estimates by (trait, measure).

    Estimates are high minus low, not turned; shifts exist only where people's sign is known.
    """
    shifts = []
    for high, low in _pairs(people):
        name = f"{high.model} {high.context} {high.trait} {high.strategy}"
        for act in acts:
            sign = act.measure.signs.get(high.trait)
            if sign is None or high.trait not in traits:
                continue
            by_unit = _differences([(high, low)], act.measure.name)
            known = [d for values in by_unit.values() for d in values if not isnan(d)]
            enough = bool(known) and len(known) >= ENOUGH * len(by_unit)
            moved = sign * float(np.mean(known)) if enough else nan
            hit = nan if isnan(moved) or abs(moved) < FLAT else float(moved > 0)
            toward = moved / _unit_sd(people, act.measure.name)
            shifts.append(
                BehaviourShift(
                    pair=name, trait=high.trait, measure=act.measure.name, toward=toward, hit=hit
                )
            )
    cells = {
        (trait, act.measure.name): _shift(people, trait, act.measure.name, act.measure.of, seed)
        for trait in traits
        for act in acts
    }
    return shifts, cells


def movement(
    people: Sequence[Profile],
    acts: Sequence[BehaviourMeasure],
    traits: Sequence[str],
    *,
    seed: int = 0,
) -> Movement:
    """Estimate all that opposite personas move: reports, acts pair by pair, acts by trait."""
    shifts, cells = behaviour_shifts(people, acts, traits, seed=seed)
    reports = {trait: report_shift(people, trait, seed=seed) for trait in traits}
    return Movement(reports=reports, shifts=tuple(shifts), cells=cells)


def agreement_of_signs(shifts: Sequence[BehaviourShift], name: str, *, seed: int = 0) -> Estimate:
    """Estimate the share, 0..1, of shifts with the sign expected of people; chance is 0.5.

    The interval resamples pairs of opposite personas as clusters; p is the exact sign test, which
    takes shifts for independent. Shifts that are no difference are left out; undefined without
    any that is.
    """
    hits = [shift.hit for shift in shifts]
    why = "no act moved under any persona"
    if all(map(isnan, hits)):
        return missing(name, why, n=0, of="pair of personas", unit="rate")
    found = cluster_mean(
        hits, [shift.pair for shift in shifts], name=name, of="pair of personas", seed=seed
    )
    tested = sign_test(hits, [0.5] * len(hits))
    return replace(found, unit="rate", p=tested.p, method=f"{found.method}; sign test")
