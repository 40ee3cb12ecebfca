"""The traits and habits of a simulated respondent, independent of any instrument.

A graded response model with the thresholds halfway between neighbouring options (Samejima 1969).
Standings are z units of Johnson's sex-neutral norms, age 21-40 (`ipip-neo-120`), so that scores
against these norms recover them. Each item has a discrimination and a difficulty from a hash of
its words; difficulties are uniform within half a point, which makes the mean of rounded answers
unbiased. Saturation at the ends of the scale is intended: beyond about 2.5 z scores flatten.

In a behavioural task a respondent has an opinion of every situation, drawn from its words, and the
behaviour moves the answer in the direction that the trial states. The strength of the behaviour
follows from the traits, in the directions known from people, except for the respondent's `gap`.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import pairwise
from math import exp, isfinite, pi, sqrt
from statistics import NormalDist
from typing import NamedTuple

from personae.core import BIG_FIVE, BadValue, UnknownName, load_inventory
from personae.respondents.stimuli import KeyedStatement, KnownProblem, TaskTrial

__all__ = [
    "FLOOR",
    "SETTINGS",
    "Respondent",
    "Standings",
    "keyed_uniform",
    "option_probabilities",
    "parse_settings",
    "parse_spec",
]

FLOOR = 1e-6
"""Least probability of an option, so that log-probabilities are finite."""
GAIN = 0.8
"""Points of a five-point scale by which one z unit of a behaviour moves an answer."""
STANCES = 2.0
"""Points between the lowest and the highest opinion of a situation."""
WAVER = 0.8
"""Points by which an average respondent departs from an earlier answer."""
_GROUP = "sex-neutral 21-40"


class _Setting(NamedTuple):
    """What a setting of a respondent means, and its least and greatest value."""

    meaning: str
    low: float
    high: float


SETTINGS: Mapping[str, _Setting] = {
    **{
        domain: _Setting(f"{title}, z; of a facet as {domain}:FACET", -5.0, 5.0)
        for domain, title in BIG_FIVE.items()
    },
    "noise": _Setting("SD of an answer in points of a five-point scale", 0.0, 3.0),
    "follow": _Setting("how far a persona in the chat replaces its own standing", 0.0, 1.0),
    "position": _Setting("pull of the option shown last (-) or first (+)", -1.0, 1.0),
    "acquiescence": _Setting("points of a five-point scale added to agreement", -4.0, 4.0),
    "drift": _Setting("share of every standing lost with each earlier turn or repeat", 0.0, 1.0),
    "spread": _Setting("SD, in points, of the facets around their domain", 0.0, 2.0),
    "ability": _Setting("share of the shipped problems solved", 0.0, 1.0),
    "damage": _Setting("share of the ability that any persona takes away", 0.0, 1.0),
    "gap": _Setting("share of behaviour in tasks that isn't due to the traits", 0.0, 1.0),
    "seed": _Setting("another respondent with the same settings", 0.0, 2**53),
}
"""The settings in `simulated:E=1.5,noise=0.3`."""
Standings = Mapping[tuple[str, str], float]
"""Standings in z units by (domain letter, facet); the facet is "" for the domain itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Respondent:
    """Traits and habits of answering.

    `traits`: z by domain letter, or by facet as `E:Assertiveness`; 0 if not given. The others are
    in `SETTINGS`: half of the variance of `noise` is fixed for a chat, half in the draw.
    """

    name: str
    traits: Mapping[str, float] = field(default_factory=dict)
    noise: float = 0.3
    follow: float = 1.0
    position: float = 0.0
    acquiescence: float = 0.0
    drift: float = 0.0
    spread: float = 0.0
    ability: float = 0.7
    damage: float = 0.0
    gap: float = 0.0
    seed: int = 0

    def standing(self, domain: str, facet: str, persona: Standings, turns: int) -> float:
        """Return the standing (z units) on a domain or facet, under a persona and after `turns`.

        A facet without a standing of its own has that of its domain.
        """
        own_standing = self.traits.get(domain, 0.0)
        persona_standing = persona.get((domain, ""))
        if facet:
            own_standing = self.traits.get(f"{domain}:{facet}", own_standing)
            persona_standing = persona.get((domain, facet), persona_standing)
        z = (
            own_standing
            if persona_standing is None
            else (1 - self.follow) * own_standing + self.follow * persona_standing
        )
        return z * (1.0 - self.drift) ** turns

    def behaviour_standing(self, trial: TaskTrial, persona: Standings, turns: int) -> float:
        """Return the standing (z units) on a behaviour: from the traits, except the share `gap`.

        Self-regulation (SR) has the standing of conscientiousness.
        """
        traits = [(1.0 * sign, "C" if t == "SR" else t) for t, sign in trial.signs.items()]
        z = sum(sign * self.standing(t, "", persona, turns) for sign, t in traits)
        own_behaviour = _normal("behaviour", self.seed, trial.task) if self.gap else 0.0
        return (1 - self.gap) * z / sqrt(max(1, len(traits))) + self.gap * own_behaviour

    def latent_answer(self, trial: TaskTrial, persona: Standings, turns: int) -> float:
        """Return the latent answer to a trial: points of a scale from 1 to 5, but unbounded."""
        shift = GAIN * self.behaviour_standing(trial, persona, turns)
        opinion = 3.0 + STANCES * (keyed_uniform("stance", trial.situation) - 0.5)
        if trial.push == "waver":
            departure = max(0.0, WAVER + shift)
            sign = 1 if keyed_uniform("side", trial.situation) < 0.5 else -1
            return opinion + shift + sign * departure
        return opinion + {"up": shift, "down": -shift, "none": 0.0}[trial.push]

    def solves(self, problem: KnownProblem, *, has_persona: bool) -> bool:
        """Return whether it solves a problem, with or without a persona."""
        ability = self.ability * (1 - self.damage * has_persona)
        return keyed_uniform("difficulty", problem.text) < ability

    def agreement(self, statement: KeyedStatement, persona: Standings, turns: int) -> float:
        """Return the latent agreement: points of a scale from 1 to 5, but unbounded.

        The norm's mean plus its SD times z, stretched about the mean by the item's discrimination
        (0.8 to 1.2), reversed for a negative key, and moved by its difficulty (half a point at
        most).
        """
        keyed = self._points(statement, persona, turns)
        discrimination = 0.8 + 0.4 * keyed_uniform("discrimination", statement.words)
        center = _norm(statement.domain, "")[0]
        keyed = center + discrimination * (keyed - center)
        keyed_agreement = keyed if statement.key > 0 else 6.0 - keyed
        difficulty = keyed_uniform("difficulty", statement.words)
        return keyed_agreement + difficulty - 0.5 + self.acquiescence * (not statement.pair)

    def _points(self, statement: KeyedStatement, persona: Standings, turns: int) -> float:
        domain = self.standing(statement.domain, "", persona, turns)
        mean, sd = _norm(statement.domain, "")
        if not statement.facet:
            return mean + sd * domain
        facet_mean, facet_sd = _norm(statement.domain, statement.facet)
        facet_deviation = self.standing(statement.domain, statement.facet, persona, turns) - domain
        return facet_mean + sd * domain + facet_sd * facet_deviation + self._deviation(statement)

    def _deviation(self, statement: KeyedStatement) -> float:
        """The facet's deviation within its domain, in points; those of a domain sum to zero."""
        deviations = {
            facet: _normal("facet", self.seed, facet) for facet in _facets(statement.domain)
        }
        if not self.spread or statement.facet not in deviations:
            return 0.0
        return self.spread * (
            deviations[statement.facet] - sum(deviations.values()) / len(deviations)
        )

    def with_noise(self, agreement: float, *chat: object) -> float:
        """Add the part of the noise (points) that is fixed for a chat to a latent answer."""
        return agreement + self.noise / sqrt(2) * _normal("noise", self.name, *chat)


def option_probabilities(
    levels: tuple[float, ...], agreement: float, noise: float
) -> tuple[float, ...]:
    """Compute the probability of each option from the latent agreement.

    Args:
        levels: the level 0..1 of each option; equal levels share their probability.
        agreement: the latent agreement, in points of a scale from 1 to 5, unbounded.
        noise: standard deviation of the logistic, in points; without noise the nearest option
            gets all but `FLOOR`.

    Returns one probability per option, in the order of `levels`; they sum to 1. Source: the graded
    response model (Samejima 1969), with thresholds halfway between neighbouring levels.

    >>> [round(p, 2) for p in option_probabilities((0.0, 0.5, 1.0), 3.2, 0.0)]
    [0.0, 1.0, 0.0]
    """
    order = sorted(set(levels))
    level_wanted = (agreement - 1.0) / 4.0
    cuts = [(a + b) / 2 for a, b in pairwise(order)]
    above = [1.0, *(_logistic(level_wanted - cut, noise / 4.0) for cut in cuts), 0.0]
    share = {
        level: (above[i] - above[i + 1]) * (1 - FLOOR * len(order)) + FLOOR
        for i, level in enumerate(order)
    }
    return tuple(share[level] / levels.count(level) for level in levels)


def _logistic(x: float, sd: float) -> float:
    if sd == 0.0:
        return float(x >= 0)
    t = x * pi / sqrt(3) / sd
    return 1 / (1 + exp(-t)) if t > -700 else 0.0


def keyed_uniform(*keys: object) -> float:
    """Return a number in (0, 1), uniform over keys: a hash (BLAKE2b) of their `repr`."""
    digest = hashlib.blake2b(repr(keys).encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 12) / 2**52 + 2**-54


def _normal(*keys: object) -> float:
    return NormalDist().inv_cdf(min(keyed_uniform(*keys), 1 - 2**-53))


@cache
def _norm(domain: str, facet: str) -> tuple[float, float]:
    """Mean and SD of an item mean, in points from 1 to 5; 3 and 0.6 where there are no norms."""
    inventory = load_inventory("ipip-neo-120")
    for norm in inventory.norms:
        if (norm.group, norm.scale, norm.facet) == (_GROUP, domain, facet):
            count = sum(i.scale == domain and facet in ("", i.facet) for i in inventory.items)
            return norm.mean / count, norm.sd / count
    return _norm(domain, "") if facet else (3.0, 0.6)


@cache
def _facets(domain: str) -> tuple[str, ...]:
    items = load_inventory("ipip-neo-120").items
    return tuple(sorted({i.facet for i in items if i.scale == domain}))


def parse_settings(spec: str) -> dict[str, str]:
    """Split `kind:a=1,b=2` into its settings.

    Raises:
        BadValue: a setting without a value, or given twice.
    """
    settings: dict[str, str] = {}
    for part in filter(None, spec.partition(":")[2].split(",")):
        key, equals, value = (p.strip() for p in part.partition("="))
        if not equals or not key:
            raise BadValue(f"{spec!r}: settings are written name=value, not {part.strip()!r}")
        if key in settings:
            raise BadValue(f"{spec!r}: {key} is given twice")
        settings[key] = value
    return settings


def parse_spec(spec: str) -> Respondent:
    """Read a respondent from `simulated:E=1.5,E:Assertiveness=2,noise=0.3,seed=1`.

    Raises:
        UnknownName: a setting that doesn't exist; carries near matches.
        BadValue: a value that is no number or outside its range.

    >>> parse_spec("simulated:E=1.5,noise=0").traits
    {'E': 1.5}
    """
    traits: dict[str, float] = {}
    habits: dict[str, float] = {}
    for key, text in parse_settings(spec).items():
        domain = key.partition(":")[0]
        known = _facet_settings(domain) if domain != key and domain in BIG_FIVE else (*SETTINGS,)
        if key not in known:
            raise UnknownName("setting of a simulated respondent", key, known)
        value = _number(spec, key, text, SETTINGS[domain])
        if domain in BIG_FIVE:
            traits[key] = value
        else:
            habits[key] = value
    seed = int(habits.pop("seed", 0))
    return Respondent(name=spec, traits=traits, seed=seed, **habits)


def _facet_settings(domain: str) -> tuple[str, ...]:
    return tuple(f"{domain}:{facet}" for facet in _facets(domain))


def _number(spec: str, key: str, text: str, allowed: _Setting) -> float:
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    is_valid = isfinite(value) and (key != "seed" or value == int(value))
    if not (is_valid and allowed.low <= value <= allowed.high):
        kind = "a whole number" if key == "seed" else "a number"
        raise BadValue(
            f"{spec!r}: {key} is {kind} from {allowed.low:g} to {allowed.high:,.16g}, not {text!r}"
        )
    return value
