"""How often a respondent whose acts are its own is said to act as it reports: false alarms.

Reports follow the personas, acts don't (`gap=1`); every respondent has habits of its own. Beside
it, how often agreement is found where it is there, by the size of the gap.
"""

from collections.abc import Iterable

from personae.audit.alignment import Act, Movement, agreement_of_signs, movement, profiles
from personae.audit.illusion_parts import follows
from personae.audit.injected import Sitting, conditions, sit
from personae.core import Answers, load_inventory, load_probe
from personae.models.simulated import open_simulated

TRAITS = ("C", "A", "N", "SR")


def moved(spec: str, strategies: int = 1) -> Movement:
    """What the quick study's tasks find on one respondent."""
    tasks = [load_probe(n).every(4) for n in ("cards", "opinions", "associations", "honesty")]
    acts = [Act(task, measure) for task in tasks for measure in task.measures]
    tools = [load_inventory("open-self-regulation").few(8)]
    sitting = Sitting(tools=tools, tasks=tasks, report="label", act="label")
    model = open_simulated(spec)
    answers = Answers.concat([sit(model, c, sitting) for c in conditions(TRAITS, strategies)])
    return movement(profiles(answers, tools, acts), acts, TRAITS)


def false_alarms(seeds: Iterable[int], gap: float = 1.0, strategies: int = 1) -> int:
    """Count respondents said to be aligned."""
    found = 0
    for seed in seeds:
        one = moved(f"simulated:noise=0.3,gap={gap},seed={seed},spread=0.{seed % 9}1", strategies)
        found += follows(agreement_of_signs(one.shifts, "signs")) == "aligned"
    return found


def main(runs: int = 200) -> None:
    print("| gap | personas a trait | called aligned |\n| --- | --- | --- |")
    for strategies in (1, 3):
        for gap in (1.0, 0.9, 0.5, 0.0):
            count = false_alarms(range(runs if gap == 1.0 else runs // 10), gap, strategies)
            total = runs if gap == 1.0 else runs // 10
            print(f"| {gap:g} | {2 * strategies} | {count} of {total} |")
    print(f"\nOf {runs} respondents with acts of their own about 2.5 % may be called aligned.")
