"""Whether a questionnaire score of a model survives another wording and reversed options.

System   self-assessment-unreliable
Paper    Gupta, Song & Anumanchipalli 2024, BlackboxNLP (arXiv:2309.08163)
Asks     Do three accepted wordings, and two orders of the options, give the same trait scores?
Differs  the published scorer compares keys that are texts with a number, so that it reverses no
         item: here keyed and unkeyed scores stand side by side; one parser for all models; tests
         are named, adjusted (Holm) and paired by item; "not different" needs a test of
         equivalence; missing answers are counted; agreement bias is separated from content
Version  1
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import Literal

from personae.core import Answers, Chooser, Heading, Report, Sampling, load_inventory
from personae.measure.inventories.administer import administer
from personae.measure.inventories.forms import published_form
from personae.report.build import coverage
from personae.studies.self_assessment.administrations import (
    CONDITION_COLUMNS,
    SCORINGS,
    Condition,
    lay_out,
)
from personae.studies.self_assessment.self_assessment_report import (
    agreement_parts,
    all_wordings_table,
    decomposition_parts,
    pair_table,
    reliability_verdicts,
    reliability_warnings,
    score_parts,
)

__all__ = ["self_assessment"]

WORDINGS = ("mpi", "enfj", "whois")
ORDERS = ("forward", "reverse")
MARGIN = 0.25
"""The difference, in points, within which two scores are equivalent."""
QUICK_ITEMS = 10
"""Of each scale: with fewer, no paired rank test could be significant after adjustment."""


def self_assessment(
    model: Chooser,
    inventory: str = "ipip-neo-300",
    channel: Literal["label", "reply", "option"] = "label",
    seed: int = 0,
    quick: bool = False,
) -> Report:
    """Give an inventory in three wordings and two option orders; report whether scores hold.

    Args:
        model: who is asked; likelihoods are needed but for the channel reply.
        inventory: name of a five-point inventory of statements or adjectives.
        channel: how answers are read; option leaves out enfj, which names only its end points.
        seed: seed of the resampling, and of replies.
        quick: five items of each key per scale only (50 of the default inventory).

    Raises:
        InputError: an unknown inventory, or one that the wordings can't put.
    """
    tool = load_inventory(inventory)
    tool = tool.few(QUICK_ITEMS) if quick else tool
    left_out = ("enfj",) if channel == "option" else ()
    wordings = tuple(wording for wording in WORDINGS if wording not in left_out)
    forms = [replace(published_form(w, order=o), channel=channel) for w in wordings for o in ORDERS]
    sampling = Sampling(max_tokens=120, seed=seed)
    answers = Answers.concat([administer(model, tool, f, sampling=sampling) for f in forms])
    sheet = lay_out(tool, answers.tag(respondent=model.name), seed)
    by_wording = {s: sheet.comparisons(s, _wording_pairs(wordings), MARGIN) for s in SCORINGS}
    by_order = {s: sheet.comparisons(s, _order_pairs(wordings), MARGIN) for s in SCORINGS}
    return Report(
        title=f"Self-assessment of {model.name}: wordings and option orders",
        parts=(
            *reliability_verdicts(by_wording, by_order, MARGIN),
            *reliability_warnings(sheet, left_out),
            *score_parts(sheet),
            Heading("Does the wording matter?"),
            pair_table("wordings", "Pairs of wordings, options forward", by_wording, MARGIN),
            all_wordings_table(sheet, wordings, ORDERS),
            Heading("Does the order of the options matter?"),
            pair_table("orders", "Options forward against reversed", by_order, MARGIN),
            *agreement_parts(sheet, _order_pairs(wordings)),
            Heading("Agreement bias or content?"),
            *decomposition_parts(sheet),
            Heading("Coverage"),
            coverage(sheet.answers, CONDITION_COLUMNS, "Nothing is imputed."),
        ),
        answers=sheet.answers,
    )


def _wording_pairs(wordings: Sequence[str]) -> list[tuple[Condition, Condition]]:
    return [((a, ORDERS[0]), (b, ORDERS[0])) for a, b in combinations(wordings, 2)]


def _order_pairs(wordings: Sequence[str]) -> list[tuple[Condition, Condition]]:
    return [((wording, ORDERS[0]), (wording, ORDERS[1])) for wording in wordings]
