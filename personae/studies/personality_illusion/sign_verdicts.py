"""The verdict on expected signs, in words: report and behaviour agree, diverge, or neither moves.

The expected signs are those known from people (Han et al. 2025, arXiv 2509.03730).
"""

from collections.abc import Sequence
from dataclasses import replace
from math import isnan

from personae.core import Estimate, Part, missing
from personae.designs.report_behaviour import BehaviourShift, PersonaShifts, sign_agreement
from personae.report.build import estimate_words, verdict
from personae.stats.resample import cluster_mean

__all__ = ["expected_shift", "sign_verdict", "verdicts"]


def sign_verdict(share: Estimate) -> str:
    """Classify a share of expected signs: aligned, opposed, or not shown.

    Shown means that the interval excludes one half and the sign test is significant at 5 %.

    >>> from personae.core import missing
    >>> sign_verdict(missing("signs", "no behaviour moved", n=0, of="pair of personas"))
    'not shown'
    """
    if isnan(share.low) or share.p >= 0.05:
        return "not shown"
    return "aligned" if share.low > 0.5 else "opposed" if share.high < 0.5 else "not shown"


def expected_shift(shifts: Sequence[BehaviourShift], name: str, seed: int) -> Estimate:
    """Estimate the mean shift of behaviour in the expected direction, in SDs of units.

    Pairs of opposite personas are the clusters, as for the signs. Undefined without any shift. Our
    own summary; the expected directions are those of Han et al. 2025 (arXiv 2509.03730).
    """
    pairs, of = [shift.pair for shift in shifts], "pair of personas"
    if not pairs:
        return missing(name, "no behaviour with a known direction", n=0, of=of)
    values = [shift.toward for shift in shifts]
    return replace(cluster_mean(values, pairs, name=name, of=of, seed=seed), unit="SD")


def verdicts(movement: PersonaShifts, seed: int) -> list[Part]:
    """Say whether reports moved, whether behaviour did, and what that means together."""
    moved, total = len(movement.shifted_traits), len(movement.reports)
    signs = sign_agreement(movement.shifts, "expected signs", seed=seed)
    shift = expected_shift(movement.shifts, "behaviour", seed)
    chance = "" if isnan(signs.p) else f", sign test p = {signs.p:.3g}"
    return [
        verdict(_headline(sign_verdict(signs), most=2 * moved > total)),
        verdict(
            f"Reports: {moved} of {total} traits moved as asked. Behaviour: expected sign in "
            f"{estimate_words(signs, '.2f')} of the cases (chance 0.50{chance}), mean shift "
            f"{estimate_words(shift, '.2f')} SD in the expected direction."
        ),
    ]


def _headline(word: str, *, most: bool) -> str:
    """Join what the signs show with whether most reports moved: one of several may by chance."""
    if word == "aligned" and most:
        return "Report and behaviour agree."
    if word == "aligned":
        return "Behaviour moved as in people, but most reports were not shown to move."
    if word == "opposed":
        return "Report and behaviour diverge: behaviour moved against people's directions."
    if most:
        return "Reports moved; behaviour was not shown to follow."
    return "Neither most reports nor behaviour were shown to move: there is nothing to compare."
