"""How often a respondent whose behaviour is its own is said to behave as it reports: false alarms.

Reports follow the personas, behaviour doesn't (`gap=1`); every respondent has habits of its own.
Beside it, how often agreement is found where it is there, by the size of the gap; and how often
any of the regressions of behaviour on reports is significant after Holm's correction.
"""

from collections.abc import Iterable, Sequence
from math import isnan

from personae.core import Answers, load_behaviour_task, load_inventory
from personae.designs.report_behaviour import (
    BehaviourMeasure,
    Profile,
    behaviour_shifts,
    profiles,
    sign_agreement,
)
from personae.respondents.simulated import open_simulated
from personae.stats.multiplicity import holm
from personae.studies.personality_illusion.coupling import regress
from personae.studies.personality_illusion.opposite_personas import (
    TRAITS,
    Session,
    opposite_arms,
    run_session,
)
from personae.studies.personality_illusion.sign_verdicts import sign_verdict

QUICK = ("A", "N", "SR")
TASKS = ("cards", "opinions", "associations", "honesty")


def behaviour_measures(step: int = 4) -> list[BehaviourMeasure]:
    tasks = [load_behaviour_task(name).every(step) for name in TASKS]
    return [BehaviourMeasure(task, measure) for task in tasks for measure in task.measures]


def people_of(spec: str, traits: Sequence[str], strategies: int) -> tuple[Profile, ...]:
    """One respondent under all personas: short inventories, the quick study's tasks."""
    measures = behaviour_measures()
    inventories = [load_inventory("open-self-regulation").few(8)]
    if len(traits) > len(QUICK):
        inventories.append(load_inventory("ipip-neo-120").few(8))
    tasks = list({row.task.name: row.task for row in measures}.values())
    session = Session(inventories=inventories, tasks=tasks, report="label", behaviour="label")
    model = open_simulated(spec)
    sheets = [run_session(model, arm, session) for arm in opposite_arms(traits, strategies)]
    return profiles(Answers.concat(sheets), inventories, measures)


def spec_of(seed: int, gap: float) -> str:
    return f"simulated:noise=0.3,gap={gap},seed={seed},spread=0.{seed % 9}1"


def false_alarms(seeds: Iterable[int], gap: float = 1.0, strategies: int = 1) -> int:
    """Count respondents said to be aligned."""
    found = 0
    for seed in seeds:
        people = people_of(spec_of(seed, gap), QUICK, strategies)
        shifts, _ = behaviour_shifts(people, behaviour_measures(), QUICK)
        found += sign_verdict(sign_agreement(shifts, "signs")) == "aligned"
    return found


def regression_alarms(seeds: Iterable[int], gap: float = 1.0) -> int:
    """Count respondents with any slope of behaviour on a report that is significant after Holm."""
    found = 0
    for seed in seeds:
        people = people_of(spec_of(seed, gap), tuple(TRAITS), 3)
        p = []
        for row in behaviour_measures():
            fitted = regress(people, row, tuple(TRAITS))
            if not isinstance(fitted, str):
                p += [1.0 if isnan(slope.p) else slope.p for slope in fitted.slopes]
        found += bool(p) and min(holm(p)) < 0.05
    return found


def main(runs: int = 200) -> None:
    few = runs // 10
    print("| gap | personas a trait | called aligned |\n| --- | --- | --- |")
    for strategies in (1, 3):
        for gap in (1.0, 0.9, 0.5, 0.0):
            total = runs if gap == 1.0 else few
            print(
                f"| {gap:g} | {2 * strategies} | {false_alarms(range(total), gap, strategies)} "
                f"of {total} |"
            )
    alarms, hits = regression_alarms(range(few * 4)), regression_alarms(range(few), 0.0)
    print("\nAt a gap of 1 up to 5 % are expected. Respondents with any significant slope")
    print(f"after Holm's correction, 39 conditions: {alarms} of {few * 4} with a gap of 1,")
    print(f"{hits} of {few} without.")
