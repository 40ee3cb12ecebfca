"""The taxonomy: round trip, merging, strata, mining (DeepPersona, arXiv 2511.07338)."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personae.cli import main
from personae.core import BadFile, BadValue, Chat, Message, Sampling
from personae.generate.biography.strata import (
    apportion_within_limits,
    breadth_first,
    stratified_choice,
)
from personae.generate.taxonomy.attribute_tree import (
    Attribute,
    Taxonomy,
    _unflatten,
    flatten,
    read_tree,
    shipped_taxonomy,
)
from personae.generate.taxonomy.merging import merge_paths
from personae.generate.taxonomy.mining import mine_taxonomy
from personae.generate.writer import Writer
from personae.respondents.scripted import ScriptedModel

NAMES = st.text("abcdefg", min_size=1, max_size=3)
LEAVES = st.sets(st.tuples(NAMES, NAMES, NAMES), min_size=1, max_size=20)


@given(LEAVES)
def test_flatten_undoes_unflatten(leaves: set[tuple[str, ...]]) -> None:
    """Flatten and unflatten are inverse."""
    assert {path for path, _ in flatten(_unflatten(leaves))} == leaves


@pytest.mark.parametrize(
    ("name", "categories", "leaves"), [("100", 12, 173), ("large_attributes", 19, 2297)]
)
def test_published_taxonomies(
    name: str, categories: int, leaves: int, test_data: Callable[[str], Path]
) -> None:
    """100.json has 12 categories and 173 leaves; the large one has 19 top names."""
    taxonomy = read_tree(test_data(f"deeppersona/{name}.json"))
    assert (len(taxonomy.categories), len(taxonomy.attributes)) == (categories, leaves)
    tree = json.loads(test_data(f"deeppersona/{name}.json").read_text())
    assert _unflatten(dict(flatten(tree))) == tree


@pytest.mark.parametrize("name", ["large_attributes", "attributes_merged"])
def test_near_duplicate_categories_become_twelve(
    name: str, test_data: Callable[[str], Path]
) -> None:
    """19 top names, near-duplicates among them, become 12."""
    published = read_tree(test_data(f"deeppersona/{name}.json"))
    merged = merge_paths([a.path for a in published.attributes])
    assert len(merged.taxonomy.categories) == 12
    merged_count, dropped_count = sum(merged.counts.values()), sum(merged.dropped.values())
    assert merged_count + dropped_count == len(published.attributes)


def test_merging_keeps_the_frequent_name_and_repairs_links() -> None:
    paths = [
        ("Food", "Diet"),
        ("Food", "Diets"),
        ("Food", "Diet"),
        ("Food", "food", "Drinks"),
        ("Food", "Meals", "Drinks"),
        ("Food", "Meals", "Drinks"),
        ("Work", "Pay"),
        ("Work",),
        ("Work", "a", "b", "c", "d"),
        ("Work", "!!"),
    ]
    merged = merge_paths(paths)
    assert merged.counts == {
        ("Food", "Diet"): 3,
        ("Food", "Meals", "Drinks"): 2,
        ("Work", "Pay"): 1,
    }
    assert sum(merged.dropped.values()) == 4


def test_shipped_taxonomy_is_whole() -> None:
    shipped = shipped_taxonomy()
    groups = shipped.by_category()
    assert len(shipped.attributes) > 300
    assert len(groups) == 12
    assert min(len(group) for group in groups.values()) >= 20
    for attribute in shipped.attributes:
        assert len(attribute.values) >= 2, attribute.name
        assert attribute.say
        assert all(len(value) <= 50 for value in attribute.values), attribute.name


@pytest.mark.parametrize(
    "tree",
    ["[]", '{"a": 1}', "{", '{"a": {"values": [1]}}', '{"a": {"values": ["x"], "leans": "Q"}}'],
)
def test_files_of_another_form_are_refused(tree: str, tmp_path: Path) -> None:
    (tmp_path / "t.json").write_text(tree)
    with pytest.raises(BadFile, match=r"t\.json"):
        read_tree(tmp_path / "t.json")


def test_a_saved_tree_is_whole(tmp_path: Path) -> None:
    attributes = (
        Attribute(("Home", "Pets")),
        Attribute(("Home", "Size"), say="You live in {}.", ages=(18, 99)),
        Attribute(("Work", "Hours"), values=("few", "many"), leans="C", works=True),
    )
    Taxonomy(attributes).save(tmp_path / "t.json")
    assert read_tree(tmp_path / "t.json").attributes == attributes


def test_strata_of_thirty() -> None:
    """5 from ranks 1-10, 3 from 11-20, 2 from 21-30; all when 30 or more; seeded."""
    likeness = np.linspace(1, 0, 30)[np.random.default_rng(1).permutation(30)]
    rank = np.argsort(np.argsort(-likeness))
    for seed in range(20):
        chosen = stratified_choice(likeness, 10, np.random.default_rng(seed))
        thirds = rank[chosen] // 10
        assert [int((thirds == k).sum()) for k in range(3)] == [5, 3, 2]
        assert chosen == stratified_choice(likeness, 10, np.random.default_rng(seed))
    for target in (30, 31, 500):
        assert sorted(stratified_choice(likeness, target, np.random.default_rng(0))) == list(
            range(30)
        )
    with pytest.raises(BadValue):
        stratified_choice(likeness, 10, np.random.default_rng(0), (0, 0, 0))


@given(
    st.integers(0, 40),
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9)), min_size=1, max_size=6),
)
def test_apportioned_is_whole_and_within_limits(total: int, parts: list[tuple[int, int]]) -> None:
    shares, limits = [s for s, _ in parts], [m for _, m in parts]
    counts = apportion_within_limits(total, shares, limits)
    assert sum(counts) == min(total, sum(limits))
    assert all(0 <= k <= m for k, m in zip(counts, limits, strict=True))


def test_long_tail_branches_come_first_in_each_round() -> None:
    paths = [("c", "crowded", str(i)) for i in range(5)] + [("c", "rare", "x")]
    order = breadth_first([Attribute(p) for p in paths], np.random.default_rng(0))
    assert order[0].path == ("c", "rare", "x")
    assert sorted(a.path for a in order) == sorted(paths)


def chats(count: int) -> list[Chat]:
    texts = ["I am a nurse on night shifts, what should I eat?", "What is 2 + 2?"]
    return [(Message("user", texts[i % 2]), Message("assistant", "Well.")) for i in range(count)]


def read(chat: Chat) -> str:
    text = chat[-1].text
    if "depend on who" in text:
        return json.dumps({"label": "personal" if "nurse" in text else "not personal"})
    if "fit attribute" in text:
        return json.dumps({"verdict": "too specific" if "Tuesday" in text else "keep"})
    return json.dumps(
        {
            "category_1": "Lifestyle and Daily Routine",
            "topic_1": "Food",
            "attribute_1": "Diet",
            "category_2": "Career and Work Identity",
            "topic_2": "Hours",
            "attribute_2": "Tuesday nights",
        }
    )


def test_mining_labels_extracts_judges_and_counts() -> None:
    writer = Writer(ScriptedModel(read), Sampling())
    merged = mine_taxonomy(writer, chats(6))
    assert merged.counts == {("Lifestyle and Daily Routine", "Food", "Diet"): 3}
    assert merged.dropped == {"conversation: not personal": 3, "path: too specific": 3}


def test_mining_reports_unreadable_answers() -> None:
    writer = Writer(ScriptedModel(lambda _: "no idea"), Sampling())
    with pytest.raises(BadValue, match="no readable label"):
        mine_taxonomy(writer, chats(4))
    assert writer.counts["unreadable replies"] == 8  # two tries each


def test_the_command_merges_a_tree_without_a_model(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tree, out = tmp_path / "tree.json", tmp_path / "out.json"
    tree.write_text('{"Food": {"Diet": {}, "diets": {}, "Cooking": {}}}')
    with pytest.raises(SystemExit) as exit_info:
        main(["taxonomy", str(tree), "--out", str(out)])
    assert exit_info.value.code == 0
    assert [a.name for a in read_tree(out).attributes] == ["Food/Diet", "Food/Cooking"]
    assert "2 attributes  Food" in capsys.readouterr().out
