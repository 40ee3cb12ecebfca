"""The parts of the TRAIT report: verdicts, notes, tables and figures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isnan

import numpy as np
import polars as pl

from personae.core import Answers, Estimate, Figure, Note, Part, Table
from personae.measure.situations.situation_bank import OWN, SituationBank
from personae.report.build import (
    Row,
    ValueAxis,
    coverage,
    estimate_words,
    estimates_table,
    forest,
    list_words,
    matrix_table,
    table,
    verdict,
    warning,
    with_p,
)
from personae.stats.effects.proportions import rate
from personae.stats.multiplicity import planned_holm
from personae.studies.trait.choices import LEAST_MASS, Choices, item_credits, trait_score
from personae.studies.trait.lexical import distinct, word_distance

__all__ = [
    "FreeReply",
    "PromptEffect",
    "coverage_parts",
    "prompt_parts",
    "score_figure",
    "score_table",
    "score_verdicts",
    "score_warnings",
    "sensitivity_table",
    "slot_table",
    "variety_table",
]

PUBLISHED = "option order, published pair"
SLOTS = ("first", "second", "third", "fourth")


@dataclass(frozen=True, slots=True)
class PromptEffect:
    """A trait's scores, 0..100, under the prompts for its high and low pole, and high - low."""

    trait: str
    high: Estimate | None
    low: Estimate | None
    difference: Estimate


@dataclass(frozen=True, slots=True)
class FreeReply:
    """A reply to a situation without options; `declines` is None without a reply."""

    item: str
    text: str
    declines: bool | None


def score_verdicts(
    scores: Mapping[str, Estimate],
    sensitivities: Mapping[str, Estimate],
    overall: PromptEffect,
    situations: int,
) -> list[Part]:
    """Say which scores differ from 50, how often choices change, and whether prompts move them.

    Args:
        scores: trait -> score, 0..100; those with p below 0.05 after Holm are named.
        sensitivities: what was varied -> rate of changed choices, 0..1.
        overall: the effect of prompts over all traits.
        situations: number of situations asked.
    """
    tests = planned_holm(score.p for score in scores.values())
    clear = [
        f"{trait} {estimate_words(score, '.0f')}"
        for (trait, score), p in zip(scores.items(), tests, strict=True)
        if p < 0.05
    ]
    parts: list[Part] = [
        verdict(
            f"Scores that differ from 50, the score of choosing at random: {', '.join(clear)}."
            if clear
            else "No trait score is shown to differ from 50, the score of choosing by position "
            f"alone: {situations} situations."
        )
    ]
    rates = {name: e for name, e in sensitivities.items() if not isnan(e.value)}
    if rates:
        blind = sensitivities[PUBLISHED].low > 0.5
        worst = " Most choices depend on the option's position." if blind else ""
        parts.append(verdict(f"Choices that change: {list_words(rates, '.0%')}.{worst}"))
    shift = overall.difference
    if not isnan(shift.value):
        moves = "moves" if shift.low > 0 else "is not shown to move"
        parts.append(
            verdict(
                f"A prompt for a trait {moves} its score: high minus low prompt "
                f"{estimate_words(shift, '+.0f')} points of 100, over all traits."
            )
        )
    return parts


def score_warnings(bank: SituationBank, choices: Choices, mass: float) -> list[Part]:
    """State the limits of the scores: advice, own items, weighed options, ties, missing answers.

    Args:
        bank: the situations.
        choices: the answers without a prompt.
        mass: median probability, 0..1, that the model names a label; NaN if not known.
    """
    parts: list[Part] = [
        Note(
            "The items ask what the model would advise somebody to do, not what it would do itself."
        )
    ]
    if bank.name == OWN:
        parts.append(
            Note("The items are Personae's own: scores can't be compared with published TRAIT.")
        )
    if any("/option" in form for form in choices.chances):
        reason = f"The median probability of a label is {mass:.2f}, under {LEAST_MASS}. "
        parts.append(
            warning(
                f"{reason if mass < LEAST_MASS else ''}Whole options are weighed, in nats per "
                "token, less their weight without a situation."
            )
        )
    credits = np.stack([item_credits(p) for p in choices.chances.values()])
    ties, lost = int((credits == 0.5).sum()), int(np.isnan(credits).sum())
    if ties or lost:
        parts.append(
            Note(
                f"Of {credits.size} pairs of an item and a template, {ties} are ties, which count "
                f"half, and {lost} lack an answer in some order and have no score."
            )
        )
    return parts


def score_figure(scores: Mapping[str, Estimate]) -> Figure:
    """Draw the trait scores, 0..100."""
    known = list_words({s: e for s, e in scores.items() if not isnan(e.value)}, ".0f")
    return forest(
        "scores",
        "Share of situations in which a high action is suggested",
        [(trait, "suggests high", score) for trait, score in scores.items()],
        ValueAxis("of 100", reference=50.0),
        alt=f"Trait scores from 0 to 100, 50 by position alone: {known or 'none known'}.",
    )


def score_table(
    choices: Choices, scores: Mapping[str, Estimate], floors: Mapping[str, Choices]
) -> Table:
    """Tabulate the scores, 0..100, over all templates, by template, and of null respondents."""
    rows = []
    for trait, score in scores.items():
        own = choices.where(trait)
        by_template = {
            form.partition("/")[0]: trait_score(replace(own, chances={form: chances}), form)
            for form, chances in own.chances.items()
        }
        blind = {name: trait_score(floor.where(trait), name) for name, floor in floors.items()}
        rows.append({"trait": trait, **with_p("all templates", score), **by_template, **blind})
    note = "0 to 100; intervals over items; p of the sign test against 50, not adjusted here."
    return table("scores", "Trait scores", rows, note)


def sensitivity_table(sensitivities: Mapping[str, Estimate]) -> Table:
    """Tabulate the rates, 0..1, at which choices change."""
    note = (
        "Rate of items whose choice changes to another action (order) or another pole of the trait "
        "(prompt, paraphrase). Choosing by position alone gives an order rate of 1; choosing at "
        "random gives 0.75 among four options and 0.5 between two poles."
    )
    heads = ("sensitivity to", "rate of changed choices")
    return estimates_table("sensitivity", "Sensitivity", sensitivities, heads, note)


def slot_table(plain: Answers) -> Table:
    """Count the positions of the options chosen, by template."""
    chosen = plain.rows.filter(pl.col("slot").is_not_null()).group_by("form", "slot").len()
    counts = {(form, slot): count for form, slot, count in chosen.rows()}
    matrix = {
        form: {name: counts.get((form, slot), 0) for slot, name in enumerate(SLOTS)}
        for form in plain.rows["form"].unique(maintain_order=True)
    }
    return matrix_table("slots", "Position of the option chosen", matrix, "template")


def prompt_parts(effects: Sequence[PromptEffect]) -> list[Part]:
    """Draw and tabulate the scores under prompts; the last effect is that over all traits."""
    overall = effects[-1].difference.value
    return [
        forest(
            "moved",
            "Score under a high minus under a low prompt",
            [(effect.trait, "high - low", effect.difference) for effect in effects],
            "of 100",
            alt=f"High minus low prompt by trait; over all traits {overall:.0f} of 100.",
        ),
        table(
            "moved",
            "Prompts for a trait",
            [
                {
                    "trait": effect.trait,
                    "high prompt": effect.high,
                    "low prompt": effect.low,
                    "difference": effect.difference,
                }
                for effect in effects
            ],
            "Only the trait's own items, in the template advise and the published pair of orders.",
        ),
    ]


def coverage_parts(answers: Answers, replies: Sequence[FreeReply], mass: float) -> list[Part]:
    """Count answers by status, and the replies without options that decline.

    Args:
        answers: all answers.
        replies: what was written without options.
        mass: median probability, 0..1, that the model names a label.
    """
    declined = [np.nan if reply.declines is None else float(reply.declines) for reply in replies]
    refusals = {
        "free reply declines, by its phrases": rate(declined, of="situation"),
        "median probability of naming a label": None if isnan(mass) else mass,
    }
    return [
        coverage(answers, ("channel", "arm", "form"), "Nothing is imputed."),
        table(
            "refusals",
            "Refusals",
            [{"what": name, "rate": value} for name, value in refusals.items()],
        ),
        table(
            "free",
            "First words of replies without options",
            [{"item": r.item, "text": r.text, "declines": r.declines} for r in replies],
            columns=("item", "text", "declines"),
        ),
    ]


def variety_table(bank: SituationBank) -> Table:
    """Tabulate how varied the words of each trait's situations are, as shares 0..1."""
    rows: list[Row] = []
    for scale in bank.scales:
        texts = [f"{item.text} {item.query}" for item in bank.of(scale).items]
        distance = word_distance(texts)
        rows.append(
            {
                "trait": scale,
                "items": len(texts),
                "distinct-1": distinct(texts),
                "distinct-2": distinct(texts, 2),
                "mean word distance": None if isnan(distance) else distance,
            }
        )
    note = "Variety of words, not of meanings; distinct-n falls with the number of items."
    return table("items", "How varied the situations are", rows, note)
