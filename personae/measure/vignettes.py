"""What a model would do in a situation, and which of two such texts shows more of a trait.

After the vignette test of Jiang et al. 2022 (arXiv 2206.07550, section 4.3). A judge, a model as
well, reads each pair twice with places exchanged, so that a preference for a place can't win.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from personae.core import Model, Reply, Sampling, data_json, say
from personae.measure.judge import Verdict, judge, settle
from personae.measure.rubric import Case, load_rubric
from personae.models.trait_words import trait_side

__all__ = ["compare", "write_essays"]


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


def compare(judging: Model, domain: str, pairs: Sequence[tuple[str, str]]) -> list[Verdict]:
    """Ask which text of each pair shows more of the domain's high pole, in both placings."""
    pole = trait_side(domain, 1).plain
    cases = [
        Case(f"{domain}:{place}", {"first": one, "second": other, "pole": pole})
        for place, (one, other) in enumerate(pairs)
    ]
    return settle(judge(judging, load_rubric("trait-pair"), cases))
