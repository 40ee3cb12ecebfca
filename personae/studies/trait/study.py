"""TRAIT: which actions a model suggests in everyday situations, and how consistently.

System   trait
Paper    Lee, Lim, Han, Oh et al. 2024, Findings of NAACL 2025 (arXiv:2406.14703)
Asks     Does the model suggest what a person high or low in each of eight traits would do, and do
         its choices hold under another template, option order or paraphrase?
Differs  ties count half, so that a model that answers by position scores 50 and not 100;
         probabilities are normalised once; four orders, not two, put every action in every
         position; a persona always stands in the system turn; labels are weighed where the model
         would say one, else whole options; items are our own unless you load others, so that
         scores can't be compared with published ones
Version  1
"""

from collections.abc import Mapping
from math import nan
from typing import Literal

import numpy as np

from personae.core import (
    CONTROL,
    Answers,
    Channel,
    Chooser,
    Estimate,
    Heading,
    Model,
    Persona,
    Report,
    Sampling,
    requests_of,
    say,
)
from personae.designs.arms import Arm
from personae.induce.prompt.prompt_inductions import persona_text
from personae.measure.parse import is_refusal
from personae.measure.situations.situation_bank import (
    OWN,
    Orders,
    SituationBank,
    action_orders,
    advice_templates,
    ask_bank,
    load_bank,
    pole_scales,
    pole_text,
)
from personae.respondents.null import open_null
from personae.studies.trait.choices import (
    LEAST_MASS,
    Choices,
    change_rate,
    item_credits,
    lay_out_choices,
    order_sensitivity,
    pole_difference,
    trait_score,
)
from personae.studies.trait.trait_report import (
    FreeReply,
    PromptEffect,
    coverage_parts,
    prompt_parts,
    score_figure,
    score_table,
    score_verdicts,
    score_warnings,
    sensitivity_table,
    slot_table,
    variety_table,
)

__all__ = ["trait"]

FLOORS = ("null:first", "null:uniform")
POLES = ("+", "-")
PUBLISHED_PAIR = action_orders("pair")


def trait(
    model: Chooser,
    items: str = OWN,
    channel: Literal["auto", "label", "option", "reply"] = "auto",
    orders: Orders = "latin",
    seed: int = 0,
    quick: bool = False,
) -> Report:
    """Pose situations in three templates and several option orders; score eight traits.

    Args:
        model: who is asked; likelihoods are needed.
        items: the set that ships, a file or folder of your own, or a hub id (mirlab/TRAIT).
        channel: how answers are read; auto reads labels if the model would name one, else options.
        orders: option orders: the published pair, a Latin square of four, or all 24.
        seed: seed of the resampling.
        quick: two situations a trait, two orders; about a minute on the embedded model.

    Raises:
        InputError: items that can't be loaded.
    """
    bank = load_bank(items)
    asked = bank.first(2) if quick else bank
    layouts = action_orders("pair" if quick else orders)
    mass = _label_mass(model, asked)
    read_by = _channel(model, asked, mass) if channel == "auto" else channel
    plain = Answers.concat(
        [ask_bank(model, asked, t, layouts, channel=read_by) for t in advice_templates()]
    )
    again = ask_bank(model, asked, "suggest", layouts, channel=read_by, paraphrased=True)
    prompted = {pole: _prompted(model, asked, pole, read_by) for pole in POLES}
    replies = _free_replies(model, asked.first(1 if quick else 5))
    floors = {n: lay_out_choices(ask_bank(open_null(n), asked, "suggest", layouts)) for n in FLOORS}
    choices = lay_out_choices(plain)
    scores = {scale: trait_score(choices.where(scale), scale) for scale in asked.scales}
    sensitivities = _sensitivities(choices, lay_out_choices(again) if len(again) else None)
    effects = _prompt_effects(prompted, asked, seed)
    answers = Answers.concat([plain.tag(arm=CONTROL), again.tag(arm=CONTROL), *prompted.values()])
    return Report(
        title=f"TRAIT: what {model.name} suggests in {len(asked.items)} situations",
        parts=(
            *score_verdicts(scores, sensitivities, effects[-1], len(asked.items)),
            *score_warnings(bank, choices, mass),
            score_figure(scores),
            score_table(choices, scores, floors),
            Heading("Do choices hold in other forms of the question?"),
            sensitivity_table(sensitivities),
            slot_table(plain),
            Heading("Does a prompt for a trait move its score?"),
            *prompt_parts(effects),
            Heading("Coverage and refusals"),
            *coverage_parts(answers, replies, mass),
            variety_table(bank),
        ),
        answers=answers.tag(respondent=model.name),
    )


# Administration ---------------------------------------------------------------------------------


def _label_mass(model: Chooser, bank: SituationBank) -> float:
    """Give the median probability, 0..1, that the model names a label; NaN where not known."""
    pilot = ask_bank(model, bank.first(1), "suggest", PUBLISHED_PAIR[:1])
    known = pilot.rows["mass"].drop_nulls().to_list()
    return float(np.median(known)) if known else nan


def _channel(model: Chooser, bank: SituationBank, mass: float) -> Channel:
    """Return labels if the model would name one; else options, if it can be asked for them."""
    if not mass < LEAST_MASS:
        return "label"
    pilot = ask_bank(model, bank.first(1), "suggest", PUBLISHED_PAIR[:1], channel="option")
    return "option" if "ok" in set(pilot.rows["status"]) else "label"


def _prompted_scales(bank: SituationBank) -> list[str]:
    """List the scales with prompts; a bank of one's own may have others."""
    return [scale for scale in bank.scales if scale in pole_scales()]


def _arm(scale: str, pole: str) -> Arm:
    """Make the arm of a person high ("+") or low ("-") in a trait, put into the system turn."""
    persona = Persona(id=f"{scale}{pole}", text=pole_text(scale, pole == "+"))
    return Arm(name=persona.id, induction=persona_text, persona=persona, group=scale)


def _prompted(model: Chooser, bank: SituationBank, pole: str, channel: Channel) -> Answers:
    """Ask each trait's own items under the prompt for one of its poles."""
    sheets = []
    for arm in [_arm(scale, pole) for scale in _prompted_scales(bank)]:
        with arm.induction(model, arm.persona) as speaker:
            own = bank.of(arm.group)
            sheet = ask_bank(speaker, own, "advise", PUBLISHED_PAIR, channel=channel)
        sheets.append(sheet.tag(arm=arm.name))
    return Answers.concat(sheets)


def _free_replies(model: Model, bank: SituationBank) -> list[FreeReply]:
    """Ask without options; the replies to a gated bank are not kept."""
    chats = [say(f"{item.text} {item.query}") for item in bank.items]
    replies = []
    answers = model.reply(requests_of(chats), Sampling(max_tokens=24))
    for item, answer in zip(bank.items, answers, strict=True):
        declines = answer.status == "refused" or is_refusal(answer.text)
        text = "" if bank.gated else answer.text
        replies.append(FreeReply(item.id, text, None if answer.status == "error" else declines))
    return replies


# Estimates --------------------------------------------------------------------------------------


def _sensitivities(choices: Choices, paraphrased: Choices | None) -> dict[str, Estimate]:
    """Estimate the paper's three sensitivities, each with its variants, as rates 0..1."""
    credits = [item_credits(chances) for chances in choices.chances.values()]
    pairs = [(credits[a], credits[b]) for a in range(len(credits)) for b in range(a)]
    rates = {
        "option order, published pair": order_sensitivity(choices, PUBLISHED_PAIR),
        "option order, all pairs": order_sensitivity(choices),
        "prompt, mean over pairs": change_rate(pairs, "prompt"),
        "prompt, any pair": change_rate(pairs, "prompt", any_pair=True),
    }
    if paraphrased is not None:
        first = np.array([credits[0][choices.items.index(item)] for item in paraphrased.items])
        second = item_credits(next(iter(paraphrased.chances.values())))
        rates["paraphrase"] = change_rate([(first, second)], "paraphrase")
    return rates


def _prompt_effects(
    prompted: Mapping[str, Answers], bank: SituationBank, seed: int
) -> list[PromptEffect]:
    """Estimate each trait's score under both prompts and the difference; the last is over all."""
    high, low = (lay_out_choices(prompted[pole]) for pole in POLES)
    effects = []
    for scale in _prompted_scales(bank):
        sides = high.where(scale), low.where(scale)
        above, below = (trait_score(side, scale) for side in sides)
        effects.append(PromptEffect(scale, above, below, pole_difference(*sides, scale, seed)))
    overall = pole_difference(high, low, "all traits", seed)
    return [*effects, PromptEffect("all traits", None, None, overall)]
