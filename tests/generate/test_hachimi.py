"""HACHIMI: quotas, rules without a model, revision, ownership."""

import json
import re
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from personae.core import BadValue, Chat, OpenModel, UnknownName
from personae.generate.population.fact_rules import read_rules
from personae.generate.population.ordered_levels import read_levels
from personae.generate.population.population_spec import load_spec
from personae.generate.recipe import Order
from personae.generate.recipes.hachimi.contradictions import ContradictionValidator
from personae.generate.recipes.hachimi.owners import read_owners
from personae.generate.recipes.hachimi.recipe import Writing, hachimi
from personae.generate.recipes.hachimi.revision_loop import Facts, RevisionLoop
from personae.models.local.engine import LocalModel
from personae.models.opening import open_model
from personae.respondents.scripted import ScriptedModel
from personae.stats.agreement import pearson
from tests.support.embedded import embedded

SPEC = load_spec("students")
RULES = read_rules(SPEC.rules, SPEC.sets)
TEXTS = {
    "personality/character": "She is steady and curious, and slow to trust people she has met.",
    "values/grounds": "At home promises are kept, and she has seen what it costs when they aren't.",
    "social/relations": "She came to the school in spring and sat alone. A shared project on birds "
    "brought her two friends, and since then she speaks up in class.",
    "creativity/summary": "She improves what others begin; new beginnings of her own are rare.",
    "mental health/story": "Mostly calm. A lost match kept her awake for a night; running helps.",
}


def record(tier: str = "top 10%") -> Facts:
    """A student who breaks no rule."""
    board = {
        "school/grade": "9",
        "demographic/gender": "female",
        "demographic/age": "14",
        "school/cluster": "science",
        "school/tier": tier,
        "identity/name": "Mei Ito",
        "identity/short name": "mei_ito",
        "development/piaget": "formal operational",
        "development/erikson": "identity versus role confusion",
        "development/kohlberg": "conventional",
        "school/strong subjects": "mathematics; physics",
        "school/weak subjects": "history",
        **TEXTS,
    }
    for name in (*SPEC.sets["values"], *SPEC.sets["creativity"]):
        board[name] = "upper-middle"
    board |= {"creativity/novelty": "rather high", "mental health/overall state": "upper-middle"}
    board |= {
        "mental health/happiness": "upper-middle",
        "mental health/depression risk": "low",
        "mental health/anxiety risk": "rather low",
    }
    return board


def broken(board: Mapping[str, str | None]) -> set[str]:
    names = sorted({n for rule in RULES.rules for n in rule.facts})
    table = pl.DataFrame({n: [board.get(n)] for n in names}, schema=dict.fromkeys(names, pl.String))
    return {rule.code for rule, bad in RULES.broken(table) if bad[0]}


MUTANTS: list[tuple[str, dict[str, str | None]]] = [
    ("R1", {"demographic/age": "8"}),
    ("R2", {"development/piaget": "concrete operational"}),
    ("R3", {"school/weak subjects": "history; mathematics"}),
    ("R4", {"creativity/feasibility": "low", "creativity/proposing": "high"}),
    (
        "R5",
        {
            "mental health/story": "He is severely low and hardly leaves his bed these days.",
            **dict.fromkeys(SPEC.sets["values"][2:], "high"),
        },
    ),
    ("R6", {"identity/short name": "Mei1"}),
    ("R7", {"social/relations": " "}),
    ("R8", {"values/family": None}),
    ("R9", {"creativity/fluency": "superb"}),
    ("R10", {"mental health/happiness": "so-so"}),
    ("R11", {"values/body and mind": "high", "mental health/anxiety risk": "rather high"}),
    ("R12", {"mental health/story": "Mostly calm, though a clinical disorder was named once."}),
    ("R13", {"values/grounds": "As an AI, I would say that {name} keeps promises."}),
    ("R14", {"values/grounds": "Two reasons:\n- promises are kept\n- order helps"}),
    ("R15", {"school/tier": "Top 5 %"}),
]


def test_a_valid_record_breaks_no_rule() -> None:
    assert broken(record()) == set()


@pytest.mark.parametrize(("code", "change"), MUTANTS, ids=[m[0] for m in MUTANTS])
def test_each_mutant_breaks_exactly_its_rule(code: str, change: dict[str, str | None]) -> None:
    assert broken({**record(), **change}) == {code}


def test_anchor_minima() -> None:
    """Counted by field: the word middle elsewhere doesn't help, and all seven are needed."""
    board = record("30-50%")
    board |= {"mental health/happiness": "middle"}
    board |= dict.fromkeys(SPEC.sets["creativity"][2:5], "middle")
    board["values/grounds"] = "She stands in the middle among her friends; family is a low shelter."
    middle_board = board | {"values/family": "middle"}
    assert broken(middle_board) == {"A1"}
    assert broken(middle_board | {"values/civic identity": "rather low"}) == set()
    assert "R8" in broken({k: v for k, v in middle_board.items() if k != "values/family"})


def revision_loop(model: ScriptedModel, rounds: int = 3, **changes: object) -> RevisionLoop:
    levels = read_levels(SPEC.levels or {})
    return RevisionLoop(
        model=model, owners=read_owners(SPEC, levels), rules=RULES, seed=0, max_rounds=rounds
    )


def answer(board: Mapping[str, object], chat: Chat) -> str:
    """Reply with what the keys asked for have on a board."""
    keys = re.findall(r"^- ([\w ]+): (?:one of|text|whole)", chat[-1].text, re.MULTILINE)
    by_key = {path.rpartition("/")[2]: value for path, value in board.items()}
    fields = {k: int(str(by_key[k])) if k == "age" else by_key[k] for k in keys}
    return json.dumps(fields)


FAULTY = {**record(), "creativity/feasibility": "low", "creativity/proposing": "high"}


def test_revision_receives_the_issues() -> None:
    """A writer that mends a fault only when told its code converges in one round."""

    def told(chat: Chat) -> str:
        return answer(record() if "R4:" in chat[-1].text else FAULTY, chat)

    model = ScriptedModel(told)
    loop = revision_loop(model)
    boards, faults = loop.write([record()], ["1"])
    assert not faults and boards[0]["creativity/feasibility"] == "upper-middle"
    assert loop.counts["revisions"] == 1
    assert len(model.asked) == len(loop.owners) + 1


def test_a_models_objections_reach_the_owners() -> None:
    """A contradiction that no rule sees is mended when the reader's reason is told, else left."""
    lonely_record = {
        **record(),
        "mental health/story": "He keeps to himself and has no friend at all. " * 2,
    }
    path, why = "mental health/story", "the board tells of friends"

    def reply(chat: Chat) -> str:
        prompt = chat[-1].text
        if "contradict" in prompt:
            lonely = "no friend at all" in prompt
            return json.dumps({"field": path if lonely else "nothing", "why": why})
        has_reason = f"READ: {path}: {why}. To do:" in prompt
        return answer(record() if has_reason or not hears else lonely_record, chat)

    hears = True
    loop = revision_loop(ScriptedModel(reply))
    loop.reader = ContradictionValidator(
        model=loop.model, owners=loop.owners, seed=0, counts=loop.counts
    )
    (board,), faults = loop.write([record()], ["1"])
    assert not faults and "no friend" not in board[path]
    assert loop.counts["objections of the reader"] == loop.counts["revisions"] == 1
    assert loop.counts["objections left at the end"] == 0

    def deaf(chat: Chat) -> str:
        return reply(chat) if "contradict" in chat[-1].text else answer(lonely_record, chat)

    loop = revision_loop(ScriptedModel(deaf))
    loop.reader = ContradictionValidator(
        model=loop.model, owners=loop.owners, seed=0, counts=loop.counts
    )
    (board,), faults = loop.write([record()], ["1"])
    assert not faults and board[path] == lonely_record[path].strip()
    assert loop.counts["revisions"] == 3 and loop.counts["objections left at the end"] == 1


@pytest.mark.parametrize(
    "reply", ["", "[]", '{"field": "school/tier", "why": "x"}', '{"why": "x"}']
)
def test_unusable_answers_of_the_reader_are_counted(reply: str) -> None:
    reader = ContradictionValidator(
        model=ScriptedModel(lambda _: reply),
        owners=revision_loop(ScriptedModel(str)).owners,
        seed=0,
    )
    assert reader.read([record()]) == [None]
    assert reader.counts["readings without a usable answer"] == 1


def test_the_model_validates_only_when_asked() -> None:
    """Off by default: no request reads a board; with it, boards are read and findings counted."""
    for writing, reads in ((Writing(), False), (Writing(validator="model"), True)):
        model = ScriptedModel(
            lambda chat: (
                '{"field": "nothing", "why": "it fits"}'
                if "contradict" in chat[-1].text
                else answer(record(), chat)
            )
        )
        students = hachimi(Order(n=1, model=model), writing=writing)
        counts = students.make(students.slots(0, 1)).counts
        assert ("boards read by a model" in counts) is reads


def test_withheld_issues_do_not_converge() -> None:
    def deaf(chat: Chat) -> str:
        return answer(
            {**FAULTY, "values/grounds": "- promises are kept at home\n- order helps her"}, chat
        )

    loop = revision_loop(ScriptedModel(deaf))
    _, faults = loop.write([record()], ["1"])
    assert faults == {0: "at fault after all rounds: R14"}
    assert loop.counts["boards whose levels were drawn after all"] == 1
    assert loop.counts["revisions"] == 3 * 2


def test_a_slot_that_never_passes_is_listed_as_failed() -> None:
    model = ScriptedModel(
        lambda chat: answer(
            {**record(), "values/grounds": "- promises are kept at home\n- order helps her"}, chat
        )
    )
    students = hachimi(Order(n=3, model=model))
    result = students.make(students.slots(0, 3))
    assert result.rows.height == 0
    assert set(result.failed) == {0, 1, 2} and "R14" in result.failed[0]


def test_redraws_of_all_attempts_are_counted() -> None:
    """Slots that fail are drawn again, and what the rules reject then is counted too."""
    model = ScriptedModel(lambda chat: "{}")
    once = hachimi(Order(n=40, seed=4))
    drawn = once.make(once.slots(0, 40)).counts["redrawn to obey rules"]
    four_times = hachimi(Order(n=40, seed=4, model=model), writing=Writing(rounds=0))
    batch = four_times.make(four_times.slots(0, 40))
    assert len(batch.failed) == 40 and batch.counts["redrawn to obey rules"] > drawn > 0


def test_only_the_owner_may_change_its_fields() -> None:
    """Keys of others in a patch are dropped and counted; other fields stay byte for byte."""

    def greedy(chat: Chat) -> str:
        fields = json.loads(answer(record() if "R4:" in chat[-1].text else FAULTY, chat))
        if "R4:" in chat[-1].text:
            fields |= {"name": "Another Name", "school/tier": "bottom 50%"}
        return json.dumps(fields)

    loop = revision_loop(ScriptedModel(greedy))
    (board,), faults = loop.write([record()], ["1"])
    changed = {k for k in board if board[k] != FAULTY.get(k)}
    assert not faults and changed <= {"creativity/feasibility", "creativity/proposing"}
    assert loop.counts["keys of others, dropped"] == 2


def test_values_that_are_not_allowed_are_counted_and_asked_again() -> None:
    def sloppy(chat: Chat) -> str:
        if "unusable" in chat[-1].text:
            return answer(record(), chat)
        return "Here you are: " + answer({**record(), "values/family": "very much"}, chat)

    loop = revision_loop(ScriptedModel(sloppy))
    (board,), faults = loop.write([record()], ["1"])
    assert not faults and board["values/family"] == "upper-middle"
    assert loop.counts["fields without a usable value"] == 1
    assert loop.counts["replies with JSON among other text"] == len(loop.owners)


def test_structure_alone_obeys_quotas_and_rules() -> None:
    students = hachimi(Order(n=1000, seed=4), mix=("4", "3", "2", "1"))
    rows = students.make(students.slots(0, 1000))
    facts = pl.DataFrame(
        [{p["key"]: p["value"] for p in person} for person in rows.rows["facts"].to_list()]
    )
    tiers = Counter(facts["school/tier"])
    assert [tiers[t] for t in SPEC.sets["tiers"]] == [400, 300, 200, 100]
    assert students.quotas["school/tier"] == dict(tiers)
    assert not RULES.over(facts.columns).breaches(facts).any()
    cells = facts.group_by("school/grade", "demographic/gender", "school/cluster").len()["len"]
    assert cells.len() == 96 and set(cells) <= {9, 10, 11, 12}
    again = hachimi(Order(n=1000, seed=4), mix=("4", "3", "2", "1"))
    assert again.make(again.slots(0, 1000)).rows.equals(rows.rows)


def test_levels_go_with_traits() -> None:
    students = hachimi(Order(n=4000, seed=1))
    rows = students.make(students.slots(0, 4000)).rows
    scale = SPEC.levels["scale"] if SPEC.levels else []
    facts = [{p["key"]: p["value"] for p in person} for person in rows["facts"].to_list()]
    z = {c: [p[i]["value"] for p in rows["traits"].to_list()] for i, c in enumerate("OCEAN")}
    novelty = [-scale.index(f["creativity/novelty"]) for f in facts]
    risk = [-scale.index(f["mental health/anxiety risk"]) for f in facts]
    assert np.corrcoef(novelty, z["O"])[0, 1] > 0.3
    assert np.corrcoef(risk, z["N"])[0, 1] > 0.4
    assert abs(np.corrcoef(novelty, z["N"])[0, 1]) < 0.15


def test_a_simulated_writer_fills_every_field() -> None:
    students = hachimi(
        Order(n=2, model=open_model("simulated:noise=0.3")), writing=Writing(writes="all")
    )
    result = students.make(students.slots(0, 2))
    assert result.rows.height + len(result.failed) == 2
    for person in result.rows["facts"].to_list():
        facts = {p["key"]: p["value"] for p in person}
        assert broken(facts) == set()
    assert result.counts["replies"] >= 10


def test_bad_options_are_refused_with_the_reason() -> None:
    with pytest.raises(BadValue, match="one weight for each of the 4 tiers"):
        hachimi(Order(n=3), mix=("1", "2"))
    with pytest.raises(BadValue, match="numbers separated by commas"):
        hachimi(Order(n=3), mix=("a", "b", "c", "d"))
    with pytest.raises(UnknownName, match="did you mean 'students'"):
        hachimi(Order(n=3), schema="student")
    with pytest.raises(BadValue, match="open --model"):
        hachimi(Order(n=3), alike="vectors")


def test_alignment_of_sixteen_cohorts() -> None:
    """With 16 points, equal vectors give 1, opposite ones -1, and noise an interval around 0."""
    human = np.random.default_rng(3).normal(size=16)
    assert pearson(human, human, of="cohort").value == pytest.approx(1)
    assert pearson(human, -human, of="cohort").value == pytest.approx(-1)
    noise = [pearson(human, np.random.default_rng(s).normal(size=16)) for s in range(40)]
    assert sum(estimate.low <= 0 <= estimate.high for estimate in noise) >= 35
    free = np.random.default_rng(5).normal(size=16)
    x, e = (v / v.std() for v in (human - human.mean(), free - free.mean()))
    e = e - x * (x @ e) / 16
    half = pearson(x, 0.5 * x + np.sqrt(0.75) * e / e.std(), of="cohort")
    assert half.value == pytest.approx(0.5) and half.low < 0.03
    assert half.high - half.low > 0.6


SMALL = {
    "name": "clerks",
    "variables": {
        "demographic/sex": {"shares": {"female": 1, "male": 1}},
        "work/desk": {"shares": {"tax": 1, "parks": 1}},
    },
    "rules": [
        {
            "code": "R14",
            "says": "one paragraph",
            "owner": "teller",
            "fields": ["work/habit"],
            "hint": "no bullets",
            "holds": {"of": "work/habit", "lacks": "(^|\\n)\\s*- "},
        }
    ],
    "owners": [
        {
            "name": "teller",
            "task": "Tell one habit of this clerk at work.",
            "temperature": 0.7,
            "fields": [{"path": "work/habit", "text": [10, 60]}],
        }
    ],
    "text": "You are a clerk at the {work/desk} desk.",
}


@pytest.mark.slow
@pytest.mark.embedded
def test_the_embedded_model_writes_by_a_schema_of_ones_own(tmp_path: Path) -> None:
    """A whole slice: own schema, constrained decoding, rules, vectors for near-duplicates."""
    model = LocalModel(embedded())
    assert isinstance(model, OpenModel)
    path = tmp_path / "clerks.json"
    path.write_text(json.dumps(SMALL))
    students = hachimi(Order(n=2, model=model), schema=str(path), alike="vectors")
    result = students.make(students.slots(0, 2))
    assert result.rows.height == 2 and not result.failed
    for person in result.rows["facts"].to_list():
        habit = {p["key"]: p["value"] for p in person}["work/habit"]
        assert 10 <= len(habit) <= 60
    assert result.counts["fields without a usable value"] == 0
    assert students.duplicate_criterion is not None
    signs = students.duplicate_criterion.sign(result.rows)
    assert students.duplicate_criterion.pairs(np.concatenate([signs, signs])).tolist()[:1] == [
        [0, 2]
    ]
