"""Audits of personas that change nothing, and of one that does: findings, coverage, power.

Simulated answers of a reference and eight personas to problems of very different difficulty, as
single answers, as 25 draws a question, and as likelihoods that every prompt moves a little. A
finding after Holm is to come in at most 5 % of audits without effect, though eight personas are
tested. Then the audits themselves, on respondents who answer at random.
"""

from collections.abc import Callable, Mapping

import numpy as np
from scipy.special import expit, logit

from personae.core import Answers, Array, Note, Report, Table
from personae.designs.question_effects import Effect, effects
from personae.models.opening import open_model
from personae.stats.effects.proportions import rate
from personae.studies.agreeable_sycophancy.study import agreeable_sycophancy
from personae.studies.bias_runs_deep.study import bias_runs_deep
from personae.studies.expert_personas.study import expert_personas
from personae.studies.persona_paradox.study import persona_paradox
from personae.studies.phantom import phantom
from personae.studies.universal_persona.study import universal_persona

AUDITS = 400
QUESTIONS, PERSONAS, TRIALS = 64, 8, 25
HOLM = "p (Holm)"
Draw = Callable[[np.random.Generator, Array], Array]
KINDS: Mapping[str, Draw] = {
    "single answers": lambda random, p: np.asarray(random.random(p.size) < p, dtype=np.float64),
    "25 draws": lambda random, p: random.binomial(TRIALS, p) / TRIALS,
    "likelihoods": lambda random, p: expit(logit(p) + random.normal(0, 0.4, p.size)),
}
STUDIES: Mapping[str, Callable[..., Report]] = {
    study.__name__: study
    for study in (
        bias_runs_deep,
        expert_personas,
        agreeable_sycophancy,
        phantom,
        persona_paradox,
        universal_persona,
    )
}
NULL = "null:garbage,seed={seed}"


def audit(kind: str, shift: float, seed: int, questions: int = QUESTIONS) -> list[Effect]:
    """Audit eight personas against a reference; the first is shifted in its chance to be right."""
    random = np.random.default_rng(seed)
    chance = random.beta(0.7, 0.7, questions).clip(0.01, 0.99)
    rows: list[dict[str, object]] = []
    for place in range(PERSONAS + 1):
        moved = (chance + (shift if place == 1 else 0.0)).clip(0.001, 0.999)
        values = KINDS[kind](random, moved)
        rows += [
            {"item": str(i), "respondent": f"p{place}", "value": float(v)}
            for i, v in enumerate(values)
        ]
    return effects(Answers.of(rows), "p0", seed=seed)


def simulated(kind: str, audits: int = AUDITS) -> dict[str, list[float]]:
    """Count, audit by audit: raw findings, findings after Holm, intervals that cover 0, power."""
    counts: dict[str, list[float]] = {k: [] for k in ("raw", "holm", "cover", "half", "whole")}
    for seed in range(audits):
        none = audit(kind, 0.0, seed)
        counts["raw"].append(any(e.shift.p < 0.05 for e in none))
        counts["holm"].append(any(e.holm < 0.05 for e in none))
        counts["cover"] += [float(e.shift.low <= 0 <= e.shift.high) for e in none]
        for name, part in (("half", -0.1), ("whole", -0.2)):
            counts[name].append(audit(kind, part, seed)[0].verdict == "worse")
    return counts


def findings(report: Report) -> list[bool]:
    """Tell of every comparison in the report whether it is a finding, as the report adjusts it."""
    tables = [p for p in report.parts if isinstance(p, Table) and HOLM in p.columns]
    adjusted = [row[t.columns.index(HOLM)] for t in tables for row in t.rows]
    told = [p.text for p in report.parts if isinstance(p, Note) and p.level == "verdict"]
    related = [text.startswith("Personas found agreeable agree") for text in told[:1]]
    return [isinstance(p, float) and p < 0.05 for p in adjusted] or related


def main(audits: int = AUDITS, runs: int = 40) -> None:
    print(
        "| answers | audits with p < .05 | after Holm | interval covers 0 | finds -0.1 | "
        "finds -0.2 |\n| --- | --- | --- | --- | --- | --- |"
    )
    for kind in KINDS:
        counts = simulated(kind, audits)
        told = [rate(np.array(v, dtype=float), of="audit") for v in counts.values()]
        cells = " | ".join(f"{e.value:.3f} [{e.low:.3f}, {e.high:.3f}]" for e in told)
        print(f"| {kind} | {cells} |")
    print(f"\n{audits} audits of {PERSONAS} personas on {QUESTIONS} questions a row.\n")
    print(
        "| study | comparisons a run | found on random answers | runs with a finding |\n"
        "| --- | --- | --- | --- |"
    )
    for name, study in STUDIES.items():
        found = [
            findings(study(open_model(NULL.format(seed=seed)), seed=seed, quick=True))
            for seed in range(runs)
        ]
        share = rate([float(any(one)) for one in found], of="run")
        total = sum(map(len, found))
        print(
            f"| {name} | {total / runs:.0f} | {sum(map(sum, found))} of {total} | "
            f"{share.value:.2f} [{share.low:.2f}, {share.high:.2f}] |"
        )
    print(f"\n{runs} seeds; a report has several families of tests, each at 5 %.")
