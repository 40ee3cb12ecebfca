"""Findings on respondents that have none, and on respondents that have some.

The share of runs in which a study finds something: on null respondents that answer at random (each
run has its own seed) it is to stay near 5 %, on planted effects to be high. Studies at full size
but `sac`, which runs on two factors.
"""

from collections.abc import Callable, Mapping

from personae.core import Note, Report
from personae.models.opening import open_model
from personae.stats.effects.proportions import rate
from personae.studies.assess_human.study import assess_human
from personae.studies.sac.study import sac
from personae.studies.trait.study import trait

NULL = "null:garbage,seed={seed}"
RUNS = 100
Study = Callable[[str, int], Report]
STUDIES: Mapping[str, Study] = {
    "trait": lambda spec, seed: trait(open_model(spec), seed=seed),  # type: ignore[arg-type]
    "sac": lambda spec, seed: sac(open_model(spec), ("A", "E"), seed=seed),  # type: ignore[arg-type]
    "assess_human": lambda spec, seed: assess_human(open_model(spec), seed=seed),
}
FINDINGS: Mapping[str, Mapping[str, str]] = {
    "trait": {
        "a trait score off 50": "Scores that differ from 50",
        "a prompt moves scores": "moves its score",
    },
    "sac": {
        "levels are followed": "asked for is followed",
        "related factors move together": "in people move together",
    },
    "assess_human": {
        "a dichotomy is ascribed": "Shown to be ascribed",
        "two pictures differ": "Ascribed profiles differ",
    },
}
PLANTED: Mapping[str, str] = {
    "trait": "simulated:A=-3,E=-3,noise=0.3,seed={seed}",
    "sac": "simulated:noise=0.3,seed={seed}",
    "assess_human": "simulated:E=2,O=2,noise=0.3,seed={seed}",
}
"""What each study is to find; the simulated judge pictures all groups alike."""


def found(report: Report, phrase: str) -> bool:
    said = [p.text for p in report.parts if isinstance(p, Note) and p.level == "verdict"]
    return any(phrase in text for text in said)


def shares(name: str, spec: str, runs: int) -> dict[str, list[float]]:
    hits: dict[str, list[float]] = {kind: [] for kind in FINDINGS[name]}
    for seed in range(runs):
        report = STUDIES[name](spec.format(seed=seed), seed)
        for kind, phrase in FINDINGS[name].items():
            hits[kind].append(float(found(report, phrase)))
    return hits


def main(runs: int = RUNS) -> None:
    print("| study | finding | random answers | planted |\n| --- | --- | --- | --- |")
    for name in STUDIES:
        silent = shares(name, NULL, runs)
        planted = shares(name, PLANTED[name], max(5, runs // 10))
        for kind in FINDINGS[name]:
            cells = [rate(side[kind], of="run") for side in (silent, planted)]
            told = " | ".join(f"{e.value:.2f} [{e.low:.2f}, {e.high:.2f}]" for e in cells)
            print(f"| {name} | {kind} | {told} |")
    print(f"\n{runs} seeds of random answers, {max(5, runs // 10)} of planted standings.")
