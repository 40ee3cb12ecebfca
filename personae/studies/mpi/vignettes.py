"""Essays on what a model would do in a situation, and which of two shows more of a trait.

After the vignette test of Jiang et al. 2023 (arXiv 2206.07550, section 4.3). The judge, also a
model, reads each pair in both orders, so that a preference for a position can't decide.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import isnan
from typing import Any

from personae.core import (
    Chat,
    Estimate,
    Model,
    Reply,
    Sampling,
    data_json,
    missing,
    requests_of,
    say,
)
from personae.measure.judge.judge import Verdict, judge, settle
from personae.measure.judge.rubric import Case, load_rubric
from personae.stats.effects.proportions import rate
from personae.traits.trait_words import trait_side

__all__ = ["JudgedEssay", "compare", "hit_rates", "judge_essays", "write_essays"]


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedEssay:
    """An essay under a persona, and how it compares with one written without any.

    Args:
        persona: the persona's id, such as "E+".
        text: the essay.
        intended: the judge's probability (0..1) that it differs in the intended direction; NaN
            without a judgement.
        why: the reason why there is no judgement, or "".
    """

    persona: str
    text: str
    intended: float
    why: str = ""


def write_essays(
    model: Model, situations: Sequence[tuple[str, str]], count: int, sampling: Sampling
) -> list[list[Reply]]:
    """Let a model describe what it would do in each situation, `count` times.

    A draw of all situations is one batch; draws are numbered from `sampling.repeat` on.

    Args:
        model: the writer.
        situations: a domain's letter, which gives the premise, and the block that carries the
            persona, or "".
        count: number of essays per situation.
        sampling: how essays are drawn.

    Returns:
        The essays of each situation.
    """
    chats = [_situation(domain, block) for domain, block in situations]
    draws = [
        model.reply(requests_of(chats), replace(sampling, repeat=sampling.repeat + draw))
        for draw in range(count)
    ]
    return [[essays[index] for essays in draws] for index in range(len(chats))]


def _situation(domain: str, block: str) -> Chat:
    data: dict[str, Any] = data_json("vignettes.json")
    context = f"Context: {block}\n\n" if block else ""
    premise = f"Premise: {data['premises'][domain]}"
    return say(f"{context}{premise}\n\nQ: {data['question']}\n\nA:")


def compare(judging: Model, domain: str, pairs: Sequence[tuple[str, str]]) -> list[Verdict]:
    """Ask which text of each pair shows more of the domain's high pole, in both orders."""
    pole = trait_side(domain, 1).plain
    cases = [
        Case(f"{domain}:{index}", {"first": first, "second": second, "pole": pole})
        for index, (first, second) in enumerate(pairs)
    ]
    return settle(judge(judging, load_rubric("trait-pair"), cases))


def judge_essays(
    judging: Model, domain: str, pairs: Sequence[tuple[str, str]], *, high: bool
) -> list[JudgedEssay]:
    """Judge essays of a persona that is high, or low, in a domain against essays without one.

    Args:
        judging: the judge.
        domain: the domain's letter.
        pairs: the essay under the persona, then the one without.
        high: whether the persona should show more of the domain, not less.
    """
    persona = f"{domain}{'+' if high else '-'}"
    verdicts = compare(judging, domain, pairs)
    return [
        JudgedEssay(
            persona=persona,
            text=essay,
            intended=verdict.value if high else 1 - verdict.value,
            why=verdict.why,
        )
        for verdict, (essay, _) in zip(verdicts, pairs, strict=True)
    ]


def hit_rates(essays: Sequence[JudgedEssay]) -> dict[str, Estimate]:
    """Estimate the rate (0..1) of essays judged as intended, over "all" and by persona.

    After Jiang et al. 2023 (arXiv 2206.07550, section 4.3), with Wilson's interval (1927) over
    essays. A tie is no success; essays without a judgement are left out. Undefined where none was
    judged.
    """
    personas = dict.fromkeys(essay.persona for essay in essays)
    groups = {"all": essays, **{p: [e for e in essays if e.persona == p] for p in personas}}
    rates = {}
    for name, group in groups.items():
        hits = [float(e.intended > 0.5) for e in group if not isnan(e.intended)]
        rates[name] = (
            rate(hits, name=name, of="essay")
            if hits
            else missing(name, "no pair of essays was judged", n=0, of="essay", unit="rate")
        )
    return rates
