"""TRAIT: which actions a model suggests in everyday situations, and whether it keeps to them.

System   trait
Paper    Lee, Lim, Han, Oh et al. 2024, Findings of NAACL 2025 (arXiv:2406.14703)
Asks     Does the model suggest what a person high or low in eight traits would do, and do its
         choices survive another template, option order or paraphrase?
Differs  ties count half, so that a model that answers by place scores 50 and not 100; one
         softmax, once; four orders that balance every slot, not two; a persona always goes into
         the system turn, at the same position as none; label probability beyond doubt or else
         whole options; items are our own unless you load yours, so that scores are not comparable
Version  1
"""

from collections.abc import Mapping, Sequence
from math import isnan
from typing import Literal

import numpy as np
import polars as pl

from personae.core import (
    CONTROL,
    Answers,
    Cell,
    Channel,
    Chooser,
    Estimate,
    Figure,
    Heading,
    Model,
    Note,
    Part,
    Persona,
    Report,
    Sampling,
    Table,
    requests_of,
    say,
)
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
from personae.report.render.figure_json import figure_from_data
from personae.respondents.null import open_null
from personae.stats.effects.proportions import rate
from personae.stats.multiplicity import holm
from personae.studies.trait.choices import (
    Choices,
    changed,
    credits,
    lay_out_choices,
    order_sensitivity,
    pole_difference,
    trait_score,
)
from personae.studies.trait.lexical import distinct, word_distance

__all__ = ["LEAST_MASS", "trait"]

Moved = tuple[str, Estimate | None, Estimate | None, Estimate]
LEAST_MASS = 0.5
"""Below this median probability of the labels, whole options are weighed instead."""
FLOORS = ("null:first", "null:uniform")
PUBLISHED_PAIR = action_orders("pair")


def trait(
    model: Chooser,
    items: str = OWN,
    channel: Literal["auto", "label", "option", "reply"] = "auto",
    orders: Orders = "latin",
    seed: int = 0,
    quick: bool = False,
) -> Report:
    """Put situations in three templates and several option orders; score eight traits.

    Args:
        model: who is asked; likelihoods are needed.
        items: the set that ships, a file or folder of your own, or a hub id (mirlab/TRAIT).
        channel: how answers are read; auto takes labels if the model says any, else options.
        orders: option orders: the published pair, a Latin square of four, or all 24.
        seed: seed of the resampling.
        quick: two situations a trait, two orders; about a minute on the embedded model.

    Raises:
        InputError: items that can't be loaded.
    """
    whole = load_bank(items)
    bank = whole.first(2) if quick else whole
    used = action_orders("pair" if quick else orders)
    read_by, mass = _channel(model, bank, channel)
    plain = Answers.concat(
        [ask_bank(model, bank, t, used, channel=read_by) for t in advice_templates()]
    )
    again = ask_bank(model, bank, "suggest", used, channel=read_by, again=True)
    poles = _poles(model, bank, read_by)
    free = _free(model, bank.first(1 if quick else 5))
    choices = lay_out_choices(plain)
    scores = {s: trait_score(choices.where(s), s) for s in bank.scales}
    moved = _moved(poles, bank, seed)
    shaken = _shaken(choices, lay_out_choices(again) if len(again) else None)
    answers = Answers.concat([plain.tag(arm=CONTROL), again.tag(arm=CONTROL), *poles.values()])
    return Report(
        title=f"TRAIT: what {model.name} suggests in {len(bank.items)} situations",
        parts=(
            *_verdicts(scores, shaken, moved, bank),
            *_warnings(whole, read_by, mass, choices),
            _figure(scores),
            _score_table(bank, choices, scores, used),
            Heading("Do choices survive how they are put?"),
            _sensitivity(shaken),
            _slots(plain),
            Heading("Does a prompt for a trait move its score?"),
            *_moved_parts(moved),
            Heading("Coverage and refusals"),
            *_coverage(answers, free, mass),
            _variety(whole),
        ),
        answers=answers.tag(respondent=model.name),
    )


def _channel(model: Chooser, bank: SituationBank, asked: str) -> tuple[Channel, float]:
    """Take the channel asked for; by default labels if they are what the model would say."""
    pilot = ask_bank(model, bank.first(1), "suggest", PUBLISHED_PAIR[:1]).rows
    known = pilot["mass"].drop_nulls()
    mass = float(known.median()) if known.len() else float("nan")  # type: ignore[arg-type]
    if asked == "auto":
        return ("option" if mass < LEAST_MASS else "label"), mass
    channels: Mapping[str, Channel] = {"label": "label", "option": "option", "reply": "reply"}
    return channels[asked], mass


def _graded(bank: SituationBank) -> list[str]:
    """Keep the traits that there are prompts for: a bank of yours may have others."""
    return [scale for scale in bank.scales if scale in pole_scales()]


def _poles(model: Chooser, bank: SituationBank, channel: Channel) -> dict[str, Answers]:
    """Ask each trait's own items under a prompt for its high (+) and for its low (-) pole."""
    sheets: dict[str, list[Answers]] = {"+": [], "-": []}
    for scale in _graded(bank):
        for sign, found in sheets.items():
            persona = Persona(id=f"{scale}{sign}", text=pole_text(scale, sign == "+"))
            with persona_text(model, persona) as speaker:
                sheet = ask_bank(speaker, bank.of(scale), "advise", PUBLISHED_PAIR, channel=channel)
            found.append(sheet.tag(arm=persona.id))
    return {sign: Answers.concat(found) for sign, found in sheets.items()}


def _free(model: Model, bank: SituationBank) -> list[tuple[str, str, bool | None]]:
    """Ask without options: (item, text, whether it declines; None for no reply)."""
    chats = [say(f"{item.text} {item.query}") for item in bank.items]
    replies = model.reply(requests_of(chats), Sampling(max_tokens=24))
    found: list[tuple[str, str, bool | None]] = []
    for item, reply in zip(bank.items, replies, strict=True):
        declines = reply.status == "refused" or is_refusal(reply.text)
        text = "" if bank.gated else reply.text
        found.append((item.id, text, None if reply.status == "error" else declines))
    return found


def _moved(poles: Mapping[str, Answers], bank: SituationBank, seed: int) -> list[Moved]:
    """Give each trait's score under both prompts and the difference; last over all traits."""
    high, low = (lay_out_choices(poles[sign]) for sign in "+-")
    rows: list[Moved] = []
    for scale in _graded(bank):
        sides = high.where(scale), low.where(scale)
        above, below = (trait_score(side, scale) for side in sides)
        rows.append((scale, above, below, pole_difference(*sides, scale, seed)))
    return [*rows, ("all traits", None, None, pole_difference(high, low, "all traits", seed))]


def _shaken(choices: Choices, again: Choices | None) -> dict[str, Estimate]:
    """The three sensitivities of the paper, each with its variants."""
    forms = list(choices.chances)
    sides = [credits(choices.chances[form]) for form in forms]
    pairs = [(sides[a], sides[b]) for a in range(len(forms)) for b in range(a)]
    found = {
        "option order, published pair": order_sensitivity(choices, PUBLISHED_PAIR),
        "option order, all pairs": order_sensitivity(choices),
        "prompt, mean over pairs": changed(pairs, "prompt"),
        "prompt, any pair": changed(pairs, "prompt", any_pair=True),
    }
    if again is not None:
        first = np.array([sides[0][choices.items.index(item)] for item in again.items])
        second = credits(next(iter(again.chances.values())))
        found["paraphrase"] = changed([(first, second)], "paraphrase")
    return found


def _verdicts(
    scores: Mapping[str, Estimate],
    shaken: Mapping[str, Estimate],
    moved: Sequence[Moved],
    bank: SituationBank,
) -> list[Part]:
    ps = holm([1.0 if isnan(e.p) else e.p for e in scores.values()])
    apart = [(s, e) for (s, e), p in zip(scores.items(), ps, strict=True) if p < 0.05]
    listed = ", ".join(f"{s} {e.value:.0f} [{e.low:.0f}, {e.high:.0f}]" for s, e in apart)
    head = (
        f"Suggests beyond chance (50): {listed}."
        if apart
        else (
            f"No trait score is shown to differ from 50, which answering by place gives: "
            f"{len(bank.items)} situations."
        )
    )
    order = shaken["option order, published pair"]
    told = [f"{name} {e.value:.0%}" for name, e in shaken.items() if not isnan(e.value)]
    said = [Note(head, "verdict")]
    if told:
        worst = " Most choices follow the place of the option." if order.low > 0.5 else ""
        said.append(Note(f"Choices that change: {'; '.join(told)}.{worst}", "verdict"))
    average = moved[-1][-1]
    shown = "moves" if average.low > 0 else "is not shown to move"
    if not isnan(average.value):
        said.append(
            Note(
                f"A prompt for a trait {shown} its score: high minus low {average.value:+.0f} of "
                f"100 [{average.low:.0f}, {average.high:.0f}], over all traits.",
                "verdict",
            )
        )
    return list(said)


def _warnings(whole: SituationBank, channel: Channel, mass: float, choices: Choices) -> list[Part]:
    said = ["Items ask what the model would suggest to somebody: advice, not its own conduct."]
    if whole.name == OWN:
        said.append("The items are Personae's own: not comparable with published TRAIT scores.")
    if channel == "option":
        said.append(
            f"Median probability of a label {mass:.2f}, under {LEAST_MASS}: whole options are "
            "weighed, in nats a token beyond the same options without a situation."
        )
    found = np.stack([credits(p) for p in choices.chances.values()])
    ties, lost = int((found == 0.5).sum()), int(np.isnan(found).sum())
    if ties or lost:
        said.append(
            f"Of {found.size} items x templates {ties} are ties, counted half, and "
            f"{lost} lack an answer in some order and have no score."
        )
    return [Note(text, "warning" if "Median" in text else "info") for text in said]


def _figure(scores: Mapping[str, Estimate]) -> Figure:
    rows = [{"name": s, "group": "suggests high", "estimate": e} for s, e in scores.items()]
    told = ", ".join(f"{s} {e.value:.0f}" for s, e in scores.items() if not isnan(e.value))
    return figure_from_data(
        name="scores",
        title="Share of situations with a high-trait suggestion",
        kind="intervals",
        data={"unit": "of 100", "reference": 50.0, "band": None, "rows": rows},
        alt=f"Trait scores from 0 to 100, 50 by place alone: {told or 'none known'}.",
    )


def _score_table(
    bank: SituationBank, choices: Choices, scores: Mapping[str, Estimate], orders: Sequence[str]
) -> Table:
    floors = {
        name: lay_out_choices(ask_bank(open_null(name), bank, "suggest", orders)) for name in FLOORS
    }
    rows: list[tuple[Cell, ...]] = []
    for scale, whole in scores.items():
        own = choices.where(scale)
        each = [
            trait_score(Choices(own.items, own.scales, own.orders, {form: p}), form)
            for form, p in own.chances.items()
        ]
        blind = [trait_score(floor.where(scale), name) for name, floor in floors.items()]
        rows.append((scale, whole, whole.p, *each, *blind))
    note = "0 to 100; intervals over items; p of the sign test against 50, not corrected here."
    return Table(
        name="scores",
        title="Trait scores",
        rows=tuple(rows),
        note=note,
        columns=("trait", "all templates", "p", *advice_templates(), *FLOORS),
    )


def _sensitivity(shaken: Mapping[str, Estimate]) -> Table:
    note = "Rate of items: another action (order), another side of the trait (prompt, paraphrase). "
    note += "By place alone the order rate is 1; four options at random give 0.75, two sides 0.5."
    return Table(
        name="sensitivity",
        title="Sensitivity",
        columns=("to", "rate that changes"),
        rows=tuple(shaken.items()),
        note=note,
    )


def _slots(plain: Answers) -> Table:
    counts = plain.rows.filter(pl.col("slot").is_not_null()).group_by("form", "slot").len()
    found = {(form, slot): n for form, slot, n in counts.rows()}
    forms = plain.rows["form"].unique(maintain_order=True)
    rows = tuple((form, *(found.get((form, slot), 0) for slot in range(4))) for form in forms)
    return Table(
        name="slots",
        title="Place of the option chosen",
        rows=rows,
        columns=("template", "first", "second", "third", "fourth"),
    )


def _moved_parts(moved: Sequence[Moved]) -> list[Part]:
    drawn = [
        {"name": scale, "group": "high - low", "estimate": apart} for scale, *_, apart in moved
    ]
    alt = f"High minus low prompt by trait; over all {moved[-1][-1].value:.0f} of 100."
    return [
        figure_from_data(
            name="moved",
            title="Score under a high minus under a low prompt",
            kind="intervals",
            data={"unit": "of 100", "reference": 0.0, "band": None, "rows": drawn},
            alt=alt,
        ),
        Table(
            name="moved",
            title="Prompts for a trait",
            rows=tuple(moved),
            columns=("trait", "high prompt", "low prompt", "difference"),
            note="Own items of the trait only, template advise, the published pair of orders.",
        ),
    ]


def _coverage(
    answers: Answers, free: Sequence[tuple[str, str, bool | None]], mass: float
) -> list[Part]:
    counted = answers.missing(by=("channel", "arm", "form"))
    declined = [np.nan if one is None else float(one) for *_, one in free]
    rows: tuple[tuple[Cell, ...], ...] = (
        ("free reply declines, by its phrases", rate(declined, of="situation")),
        ("median probability of naming a label", None if isnan(mass) else mass),
    )
    return [
        Table(
            name="coverage",
            title="Answers by status",
            columns=tuple(counted.columns),
            rows=tuple(counted.rows()),
            note="Nothing is imputed.",
        ),
        Table(name="refusals", title="Refusals", columns=("what", "found"), rows=rows),
        Table(
            name="free",
            title="Without options, first words",
            rows=tuple(free),
            columns=("item", "text", "declines"),
        ),
    ]


def _variety(bank: SituationBank) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for scale in bank.scales:
        texts = [f"{item.text} {item.query}" for item in bank.of(scale).items]
        apart = word_distance(texts)
        rows.append(
            (
                scale,
                len(texts),
                distinct(texts),
                distinct(texts, 2),
                None if isnan(apart) else apart,
            )
        )
    return Table(
        name="items",
        title="How varied the situations are",
        rows=tuple(rows),
        columns=("trait", "items", "distinct-1", "distinct-2", "mean word distance"),
        note="Of words, not of meanings; falls with the number of items.",
    )
