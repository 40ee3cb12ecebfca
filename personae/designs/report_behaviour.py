"""Whether self-report and behaviour of the same respondents shift together, as in people.

A respondent is one model under one condition. The effect of a persona is the difference from its
opposite, item by item in the self-report and unit by unit in behaviour. Signs are compared with
those expected of people (Han et al. 2025, arXiv 2509.03730); a pair of opposite personas is the
cluster, because all its behaviour comes from one pair of prompts.
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
    "PersonaShifts",
    "Profile",
    "behaviour_shifts",
    "persona_shifts",
    "profiles",
    "sign_agreement",
    "unit_shifts",
]

FLAT = 1e-6
"""Differences below this count as none: likelihoods that are equal but for rounding."""
LEAST_ANSWERED = 0.8
"""Share of units that must be answered for a mean to be given."""


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """One respondent, a model under one condition, with its scores.

    Args:
        model: name of the model.
        context: whether the tasks follow the inventory or are asked separately.
        name: the respondent in answers.
        trait: the induced trait; "" for none.
        sign: +1 for the persona high in it, -1 for its opposite.
        strategy: how the persona is worded.
        scores: by variable (a trait or a measure's name), then by item or unit.
    """

    model: str
    context: str
    name: str
    trait: str
    sign: int
    strategy: str
    scores: Mapping[str, Mapping[str, float]]

    def mean(self, variable: str) -> float:
        """Return a variable's mean over units, in its own unit; NaN with under 80 % known."""
        values = np.array(list(self.scores.get(variable, {}).values()), dtype=np.float64)
        known = values[~np.isnan(values)]
        return (
            float(known.mean())
            if known.size and known.size >= LEAST_ANSWERED * values.size
            else nan
        )


@dataclass(frozen=True, slots=True, eq=False)
class BehaviourMeasure:
    """A measure of behaviour with its task."""

    task: BehaviourTask
    measure: Measure


@dataclass(frozen=True, slots=True, kw_only=True)
class BehaviourShift:
    """Effect of a pair of opposite personas on one measure of behaviour, high minus low.

    Args:
        pair: the pair's name.
        trait: the trait in which its personas are opposite.
        measure: the measure's name.
        toward: mean difference in the direction expected of people, in SDs of units within
            respondents; NaN where too few units were answered or units don't differ.
        hit: 1 for the expected sign, 0 for the opposite one, NaN without a difference.
    """

    pair: str
    trait: str
    measure: str
    toward: float
    hit: float


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PersonaShifts:
    """Shifts of self-report and behaviour between opposite personas.

    Args:
        reports: by trait, the shift of its own self-report, high minus low, in item SDs.
        shifts: behaviour by pair, where the sign in people is known.
        cells: by (trait, measure), the shift of behaviour, high minus low, in unit SDs.
    """

    reports: Mapping[str, Estimate]
    shifts: tuple[BehaviourShift, ...]
    cells: Mapping[tuple[str, str], Estimate]

    @property
    def shifted_traits(self) -> list[str]:
        """The traits whose self-report shifts significantly in the requested direction."""
        return [trait for trait, shift in self.reports.items() if shift.low > 0]


def profiles(
    answers: Answers, inventories: Sequence[Inventory], measures: Sequence[BehaviourMeasure]
) -> tuple[Profile, ...]:
    """Score every respondent: keyed item scores by scale, and unit scores by measure."""
    respondents = []
    columns = ["model", "context", "respondent", "trait", "sign", "strategy"]
    for key, part in answers.rows.group_by(columns, maintain_order=True):
        variables: dict[str, Mapping[str, float]] = {}
        for inventory in inventories:
            of_inventory = pl.col("inventory").str.starts_with(f"{inventory.name}@")
            variables |= _item_scores(Answers(part.filter(of_inventory)))
        for row in measures:
            variables[row.measure.name] = scores(row.task, Answers(part), row.measure)
        model, context, name, trait, sign, strategy = map(str, key)
        respondents.append(Profile(model, context, name, trait, int(sign), strategy, variables))
    return tuple(respondents)


def _item_scores(answers: Answers) -> dict[str, dict[str, float]]:
    rows = keyed(answers, "expected")
    means = rows.group_by(["scale", "item"], maintain_order=True).agg(pl.col("score").mean())
    by_scale: dict[str, dict[str, float]] = defaultdict(dict)
    for scale, item, score in means.rows():
        by_scale[scale][item] = nan if score is None else float(score)
    return by_scale


def _pairs(people: Sequence[Profile]) -> list[tuple[Profile, Profile]]:
    """Find the opposite personas of one model, context, trait and strategy: (high, low)."""
    by_key: dict[tuple[str, ...], dict[int, Profile]] = defaultdict(dict)
    for person in people:
        if person.trait:
            key = (person.model, person.context, person.trait, person.strategy)
            by_key[key][person.sign] = person
    return [(signs[1], signs[-1]) for signs in by_key.values() if {1, -1} <= set(signs)]


def _unit_sd(people: Sequence[Profile], variable: str) -> float:
    """Return the pooled SD of units within respondents; NaN where units don't differ."""
    spreads = []
    for person in people:
        values = np.array(list(person.scores.get(variable, {}).values()), dtype=np.float64)
        known = values[~np.isnan(values)]
        if known.size > 1:
            spreads.append(float(known.var(ddof=1)))
    sd = sqrt(float(np.mean(spreads))) if spreads else nan
    return sd if sd > FLAT else nan


def _differences(pairs: Sequence[tuple[Profile, Profile]], variable: str) -> dict[str, list[float]]:
    """Collect high minus low by unit, over pairs."""
    by_unit: dict[str, list[float]] = defaultdict(list)
    for high, low in pairs:
        for unit, score in high.scores.get(variable, {}).items():
            by_unit[unit].append(score - low.scores[variable].get(unit, nan))
    return by_unit


def unit_shifts(people: Sequence[Profile], trait: str, variable: str) -> Array | str:
    """Return high minus low of a variable by unit, in SDs of units within respondents.

    Returns:
        An array (units,), averaged over the trait's pairs of opposite personas, NaN where a unit
        was not answered; or, as a text, the reason why there is no SD. Source: Han et al. 2025
        (arXiv 2509.03730), the effect of a persona as the difference from its opposite.
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
    name, shifts = f"{variable} under {trait}", unit_shifts(people, trait, variable)
    if isinstance(shifts, str):
        return missing(name, shifts, n=0, of=of, unit="SD")
    return mean(shifts, name=name, of=of, unit="SD", seed=seed)


def behaviour_shifts(
    people: Sequence[Profile],
    measures: Sequence[BehaviourMeasure],
    traits: Sequence[str],
    *,
    seed: int = 0,
) -> tuple[list[BehaviourShift], dict[tuple[str, str], Estimate]]:
    """Compare behaviour under opposite personas, pair by pair and by (trait, measure).

    Source: Han et al. 2025 (arXiv 2509.03730).

    Returns:
        The shifts by pair, towards the sign in people, only of measures whose sign is known; and by
        (trait, measure) the estimates, high minus low in unit SDs, with their own sign.
    """
    shifts = [
        _pair_shift(people, pair, row)
        for pair in _pairs(people)
        for row in measures
        if pair[0].trait in traits and pair[0].trait in row.measure.signs
    ]
    cells = {
        (trait, row.measure.name): _shift(people, trait, row.measure.name, row.measure.of, seed)
        for trait in traits
        for row in measures
    }
    return shifts, cells


def _pair_shift(
    people: Sequence[Profile], pair: tuple[Profile, Profile], row: BehaviourMeasure
) -> BehaviourShift:
    high, name = pair[0], row.measure.name
    by_unit = _differences([pair], name)
    known = [d for values in by_unit.values() for d in values if not isnan(d)]
    enough = bool(known) and len(known) >= LEAST_ANSWERED * len(by_unit)
    shift = row.measure.signs[high.trait] * float(np.mean(known)) if enough else nan
    return BehaviourShift(
        pair=f"{high.model} {high.context} {high.trait} {high.strategy}",
        trait=high.trait,
        measure=name,
        toward=shift / _unit_sd(people, name),
        hit=nan if isnan(shift) or abs(shift) < FLAT else float(shift > 0),
    )


def persona_shifts(
    people: Sequence[Profile],
    measures: Sequence[BehaviourMeasure],
    traits: Sequence[str],
    *,
    seed: int = 0,
) -> PersonaShifts:
    """Estimate shifts between opposite personas: self-report, behaviour by pair and by trait."""
    shifts, cells = behaviour_shifts(people, measures, traits, seed=seed)
    reports = {trait: _shift(people, trait, trait, "item", seed) for trait in traits}
    return PersonaShifts(reports=reports, shifts=tuple(shifts), cells=cells)


def sign_agreement(shifts: Sequence[BehaviourShift], name: str, *, seed: int = 0) -> Estimate:
    """Estimate the share, 0..1, of shifts with the sign expected of people; chance is 0.5.

    The interval resamples pairs of opposite personas as clusters; p is the exact sign test, which
    treats shifts as independent. Shifts of exactly 0 are left out; undefined where no other is
    left. Source: Han et al. 2025 (arXiv 2509.03730) for the share; Davison & Hinkley (1997,
    Bootstrap Methods, ch. 3.8) for the interval.
    """
    hits = [shift.hit for shift in shifts]
    of = "pair of personas"
    if all(map(isnan, hits)):
        return missing(name, "no behaviour shifted under any persona", n=0, of=of, unit="rate")
    share = cluster_mean(hits, [shift.pair for shift in shifts], name=name, of=of, seed=seed)
    p = sign_test(hits, [0.5] * len(hits)).p
    return replace(share, unit="rate", p=p, method=f"{share.method}; sign test")
