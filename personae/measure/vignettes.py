"""What a model would do in a situation, and which of two such texts shows more of a trait.

After the vignette test of Jiang et al. 2022 (arXiv 2206.07550, section 4.3). A judge, a model as
well, reads each pair twice with places exchanged, so that a preference for a place can't win.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import exp, isnan, nan
from typing import Any

from personae.core import Chat, Chooser, Item, Model, Question, Reply, Sampling, data_json, say
from personae.measure.forms import Rendered, Shown
from personae.measure.parse import parse_choice
from personae.models.trait_words import trait_side

__all__ = ["Verdict", "compare", "write_essays"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """How likely the judge finds the first text to show more of the trait, 0..1.

    The mean over both placings; NaN, with `why`, where one of them got no answer.
    """

    first: float
    why: str = ""


def write_essays(
    model: Model, domain: str, block: str, count: int, sampling: Sampling
) -> list[Reply]:
    """Let a model describe what it would do, `count` times; `block` carries the persona, or "".

    Draws count on from `sampling.repeat`.
    """
    data: dict[str, Any] = data_json("vignettes.json")
    context = f"Context: {block}\n\n" if block else ""
    premise = f"Premise: {data['premises'][domain]}"
    chat = say(f"{context}{premise}\n\nQ: {data['question']}\n\nA:")
    found = []
    for draw in range(count):
        found += model.reply([chat], replace(sampling, repeat=sampling.repeat + draw))
    return found


def compare(judge: Model, domain: str, pairs: Sequence[tuple[str, str]]) -> list[Verdict]:
    """Ask which text of each pair shows more of the domain's high pole, in both placings."""
    chats = [_question(domain, *texts) for a, b in pairs for texts in ((a, b), (b, a))]
    shares = _weigh(judge, chats) if isinstance(judge, Chooser) else _parse(judge, chats)
    verdicts = []
    for (one, why), (two, why_two) in zip(shares[::2], shares[1::2], strict=True):
        lost = isnan(one) or isnan(two)
        verdicts.append(Verdict(nan if lost else (one + 1 - two) / 2, why or why_two))
    return verdicts


def _question(domain: str, first: str, second: str) -> Chat:
    more = trait_side(domain, 1).plain
    return say(
        f"Text A: {first}\n\nText B: {second}\n\n"
        f"Which of the two texts shows a more {more} person? Answer with A or B."
    )


def _weigh(judge: Chooser, chats: Sequence[Chat]) -> list[tuple[float, str]]:
    """Give the probability of A among A and B for each chat."""
    choices = judge.choose([Question(chat=chat, options=(("A",), ("B",))) for chat in chats])
    return [(exp(c.logp[0]), "") if c.status == "ok" else (nan, c.why or c.status) for c in choices]


def _parse(judge: Model, chats: Sequence[Chat]) -> list[tuple[float, str]]:
    """Read A as 1 and B as 0 from what the judge writes."""
    shown = tuple(Shown(label, f"Text {label}", value, "") for label, value in (("A", 1), ("B", 0)))
    found = []
    for chat, reply in zip(chats, judge.reply(chats, Sampling(max_tokens=20)), strict=True):
        if reply.status not in ("ok", "cut"):
            found.append((nan, reply.why or reply.status))
            continue
        asked = Rendered(Item(id="pair", text="", scale=""), "", chat, shown)
        parsed = parse_choice(reply.text, asked)
        found.append((nan, parsed.status) if parsed.value is None else (float(parsed.value), ""))
    return found
