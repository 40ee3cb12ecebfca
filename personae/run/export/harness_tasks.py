"""Writes problems and situations as tasks of lm-evaluation-harness: a folder of YAML and JSONL.

`lm_eval --include_path FOLDER` finds them. A row is a problem, the harness' sampling unit, so that
each has its options in one order, drawn from the problem's id. The wording is Personae's; the
harness' own settings (chat template, examples) still apply.
"""

import json
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

from personae.core import BadValue, content_key, write_together
from personae.designs.grid import Asking
from personae.measure.situations.situation_bank import Situation, SituationBank
from personae.measure.tasks.problems import LETTERS, Problem, ProblemSet

__all__ = ["export_bank", "export_problems"]

LOADER = '''"""Reads the tasks' rows from the files beside this one."""

import json
from pathlib import Path

from datasets import Dataset


def rows(file, **_):
    """Give one file's rows as the split `test`."""
    text = Path(__file__).with_name(file).read_text(encoding="utf-8")
    return {"test": Dataset.from_list([json.loads(line) for line in text.splitlines()])}
'''
CHOICE = """output_type: multiple_choice
doc_to_text: "{{{{prompt}}}}"
doc_to_choice: {choices}
doc_to_target: {target}
metric_list:
{metrics}"""
WRITTEN = """output_type: generate_until
doc_to_text: "{{prompt}}"
doc_to_target: "{{answer}}"
generation_kwargs:
  until: []
  do_sample: false
  max_gen_toks: 512
filter_list:
  - name: last-number
    filter:
      - function: regex
        regex_pattern: "(-?[0-9][0-9,]*(?:\\\\.[0-9]+)?)"
        group_select: -1
      - function: take_first
metric_list:
  - metric: exact_match
    aggregation: mean
    higher_is_better: true
    regexes_to_ignore: [","]
"""
TASK = """task: {task}
custom_dataset: !function load_rows.rows
dataset_kwargs:
  file: {file}
test_split: test
{body}metadata:
  version: {version}
  source: {source}
"""
GROUP = """group: {group}
task: [{tasks}]
metadata:
  version: {version}
"""


def export_problems(problems: ProblemSet, folder: Path) -> list[str]:
    """Write a set of problems as tasks and return their names.

    Problems with options become two tasks, `_letters` and `_options`, as in the channels label and
    option (where `acc_mutual_info` subtracts the options' own log-probability);
    problems to be written out become `_written`, read by their last number.

    Raises:
        BadFile: the folder can't be written.
    """
    name = _task_name(problems.name)
    choices = [p for p in problems.problems if p.options]
    open_problems = [p for p in problems.problems if not p.options]
    tasks: dict[str, tuple[str, list[Mapping[str, object]]]] = {}
    if choices:
        letters = _choice("letters", "gold", ("acc",))
        options = _choice("options", "gold", ("acc", "acc_norm", "acc_mutual_info"))
        tasks[f"{name}_letters"] = letters, [_listed(p, Asking(channel="label")) for p in choices]
        tasks[f"{name}_options"] = options, [_listed(p, Asking(channel="option")) for p in choices]
    if open_problems:
        asking = Asking(channel="reply")
        tasks[f"{name}_written"] = (
            WRITTEN,
            [
                {"id": p.id, "field": p.field, "prompt": _prompt(p, asking), "answer": p.answer}
                for p in open_problems
            ],
        )
    return _write(folder, name, tasks, (problems.tag, problems.source))


def export_bank(bank: SituationBank, folder: Path) -> list[str]:
    """Write a bank of situations as one task a scale and return their names.

    `acc` is then the rate of actions of a person high in the trait: a score, not an accuracy.

    Raises:
        BadValue: the bank is gated, so that its texts are not to be written down; or two scales
            would have one task name.
        BadFile: the folder can't be written.
    """
    if bank.gated:
        raise BadValue(f"{bank.name} is gated: its items are not to be stored in other files")
    name = _task_name(bank.name)
    body = _choice("letters", "gold", ("acc",))
    tasks = {
        f"{name}_{_slug(scale)}": (body, [_situation(item) for item in bank.of(scale).items])
        for scale in bank.scales
    }
    if len(tasks) < len(bank.scales):
        raise BadValue(f"{bank.name}: names of scales must differ in letters or digits (a-z, 0-9)")
    return _write(folder, name, tasks, (bank.tag, bank.source))


def _choice(choices: str, target: str, metrics: Sequence[str]) -> str:
    lines = "".join(
        f"  - metric: {m}\n    aggregation: mean\n    higher_is_better: true\n" for m in metrics
    )
    return CHOICE.format(choices=choices, target=target, metrics=lines)


def _listed(problem: Problem, asking: Asking) -> Mapping[str, object]:
    return {
        "id": problem.id,
        "field": problem.field,
        "prompt": _prompt(problem, asking),
        "letters": [f"({a})" for a in problem.letters],
        "options": list(problem.options),
        "gold": problem.options.index(problem.answer),
    }


def _prompt(problem: Problem, asking: Asking) -> str:
    """Render a problem as one text; the answer begins on its last line."""
    return "\n\n".join(message.text for message in asking.chat(problem))


def _situation(item: Situation) -> Mapping[str, object]:
    order = list(range(len(item.actions)))
    random.Random(content_key(item.id)).shuffle(order)
    lines = "\n".join(f"{LETTERS[i]}: {item.actions[k]}" for i, k in enumerate(order))
    text = " ".join(filter(None, [item.text, item.query]))
    return {
        "id": item.id,
        "prompt": f"Question: {text}\n{lines}\nAnswer:",
        "letters": list(LETTERS[: len(order)]),
        "gold": [i for i, k in enumerate(order) if k < len(item.high)],
    }


def _write(
    folder: Path,
    name: str,
    tasks: Mapping[str, tuple[str, Sequence[Mapping[str, object]]]],
    source: tuple[str, str],
) -> list[str]:
    version, origin = (json.dumps(text, ensure_ascii=False) for text in source)
    texts = {"load_rows.py": LOADER}
    for task, (body, rows) in tasks.items():
        lines = [json.dumps(row, ensure_ascii=False) for row in rows]
        texts[f"{task}.jsonl"] = "\n".join(lines) + "\n"
        texts[f"{task}.yaml"] = TASK.format(
            task=task, file=f"{task}.jsonl", body=body, version=version, source=origin
        )
    if len(tasks) > 1:
        texts[f"{name}.yaml"] = GROUP.format(group=name, tasks=", ".join(tasks), version=version)
    write_together(folder, {file: text.encode() for file, text in texts.items()})
    return list(tasks)


def _task_name(name: str) -> str:
    slug = _slug(name)
    return slug if slug.startswith("personae") else f"personae_{slug}"


def _slug(name: str) -> str:
    return "".join(c if c.isalnum() and c.isascii() else "_" for c in name.lower())
