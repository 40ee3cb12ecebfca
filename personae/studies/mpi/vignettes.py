"""What a model would do in a situation, and which of two such texts shows more of a trait.

After the vignette test of Jiang et al. 2022 (arXiv 2206.07550, section 4.3). A judge, a model as
well, reads each pair twice with places exchanged, so that a preference for a place can't win.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from personae.core import Chat, Model, Reply, Sampling, data_json, requests_of, say
from personae.measure.judge.judge import Verdict, judge, settle
from personae.measure.judge.rubric import Case, load_rubric
from personae.traits.trait_words import trait_side

__all__ = ["compare", "write_essays"]


def write_essays(
    model: Model, situations: Sequence[tuple[str, str]], count: int, sampling: Sampling
) -> list[list[Reply]]:
    """Let a model describe what it would do in each situation, `count` times.

    A situation is a domain's letter, for its premise, and the block that carries the persona, or
    "". Returns the essays of each situation. Draws count on from `sampling.repeat`; a draw of all
    situations is one batch.
    """
    chats = [_situation(domain, block) for domain, block in situations]
    draws = [
        model.reply(requests_of(chats), replace(sampling, repeat=sampling.repeat + draw))
        for draw in range(count)
    ]
    return [[essays[place] for essays in draws] for place in range(len(chats))]


def _situation(domain: str, block: str) -> Chat:
    data: dict[str, Any] = data_json("vignettes.json")
    context = f"Context: {block}\n\n" if block else ""
    premise = f"Premise: {data['premises'][domain]}"
    return say(f"{context}{premise}\n\nQ: {data['question']}\n\nA:")


def compare(judging: Model, domain: str, pairs: Sequence[tuple[str, str]]) -> list[Verdict]:
    """Ask which text of each pair shows more of the domain's high pole, in both placings."""
    pole = trait_side(domain, 1).plain
    cases = [
        Case(f"{domain}:{place}", {"first": one, "second": other, "pole": pole})
        for place, (one, other) in enumerate(pairs)
    ]
    return settle(judge(judging, load_rubric("trait-pair"), cases))
