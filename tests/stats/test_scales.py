"""Scale scores: keys, missing answers, matrices, and the scoring rules of the MPI."""

from collections.abc import Callable, Mapping

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from personae.core import Answers, BadValue, Inventory, Item, Option, UnknownName, load_inventory
from personae.stats.scores import scales
from personae.stats.scores.response_style import straight_lining
from personae.stats.scores.scales import item_matrix, keyed, respondent_blocks, scale_scores
from personae.traits.norms import norm_standing

MPI = load_inventory("mpi-120")
OWN = Inventory(
    name="own",
    title="Own",
    version="1",
    source="a test",
    licence="none",
    kind="statement",
    scales={"X": "X"},
    options=tuple(Option(f"step {v}", v) for v in range(4)),
    items=(Item(id="a", text="Agree", scale="X"), Item(id="b", text="Deny", scale="X", key=-1)),
)


def answer(inventory: Inventory, value: Callable[[Item], float | None], **more: object) -> Answers:
    rows, tag = [], inventory.tag
    for item in inventory.items:
        given = value(item)
        rows.append(
            {
                "inventory": tag,
                "item": item.id,
                "scale": item.scale,
                "facet": item.facet,
                "key": item.key,
                "low": float(inventory.low),
                "high": float(inventory.high),
                "value": given,
                "status": "ok" if given is not None else "unparsed",
                **more,
            }
        )
    return Answers.of(rows)


def by_scale(scores: pl.DataFrame, column: str = "mean") -> Mapping[str, float]:
    return dict(scores.select("scale", column).rows())


SHEET = answer(MPI, lambda _: 3.0)


@pytest.mark.parametrize(
    ("value", "mean", "sd"),
    [
        (5.0, (3.000, 2.833, 4.000, 2.167, 3.833), (2.000, 1.993, 1.732, 1.818, 1.818)),
        (4.0, (3.000, 2.917, 3.500, 2.583, 3.417), None),
        (3.0, (3.0,) * 5, (0.0,) * 5),
    ],
    ids=["A", "B", "C"],
)
def test_constant_responder(
    value: float, mean: tuple[float, ...], sd: tuple[float, ...] | None
) -> None:
    """The published row of BART equals "always (A)" to the digit."""
    scores = scale_scores(answer(MPI, lambda _: value))
    means, sds = by_scale(scores), by_scale(scores, "sd")
    assert tuple(round(means[d], 3) for d in "OCEAN") == mean
    if sd is not None:
        assert tuple(round(sds[d], 3) for d in "OCEAN") == sd


@given(st.lists(st.integers(1, 5), min_size=120, max_size=120), st.sets(st.integers(0, 119)))
def test_mirrored_items_score_alike(values: list[int], flipped: set[int]) -> None:
    """Reversing keys and mirroring the answers to these items leaves every score unchanged."""
    before = Answers(SHEET.rows.with_columns(value=pl.Series(values, dtype=pl.Float64)))
    turn = pl.col("item").is_in([str(index + 1) for index in flipped])
    after = before.rows.with_columns(
        key=pl.when(turn).then(-pl.col("key")).otherwise("key"),
        value=pl.when(turn).then(6 - pl.col("value")).otherwise("value"),
    )
    assert scale_scores(before).equals(scale_scores(Answers(after)))
    assert scale_scores(before, level="facet").equals(scale_scores(Answers(after), level="facet"))


@given(st.fixed_dictionaries({d: st.floats(1, 5) for d in "OCEAN"}))
def test_a_simulated_trait_is_recovered(traits: dict[str, float]) -> None:
    level = pl.col("scale").replace_strict({d: float(round(t)) for d, t in traits.items()})
    value = pl.when(pl.col("key") > 0).then(level).otherwise(6 - level)
    scores = scale_scores(Answers(SHEET.rows.with_columns(value=value)))
    for scale, mean in by_scale(scores).items():
        assert abs(mean - traits[scale]) <= 0.5
    assert scores["sd"].max() < 0.5  # type: ignore[operator]


def test_lost_answers_neither_move_nor_hide() -> None:
    """A tenth lost at random doesn't move a consistent respondent; the count says what is gone."""
    lost = set(np.random.default_rng(4).choice(120, 12, replace=False) + 1)

    def respond(item: Item) -> float | None:
        if int(item.id) in lost:
            return None
        return 4.0 if item.key > 0 else 2.0

    scores = scale_scores(answer(MPI, respond))
    assert scores["mean"].to_list() == [4.0] * 5
    assert scores["sum"].to_list() == [96.0] * 5
    assert scores["n_items"].to_list() == [24] * 5
    assert scores["n_answered"].sum() == 108


def test_too_few_answers_give_no_score_and_a_reason() -> None:
    facet = MPI.where(facet="Anxiety")
    scores = scale_scores(answer(facet, lambda i: 4.0 if i.id in ("1", "31", "61") else None))
    row = scores.row(0, named=True)
    assert (row["mean"], row["sum"], row["sd"], row["n_answered"]) == (None, None, None, 3)
    assert row["why"] == "3 of 4 items answered, 80 % needed"
    lax = answer(facet, lambda i: 4.0 if i.id in ("1", "31", "61") else None)
    row = scale_scores(lax, min_share=0.75).row(0, named=True)
    assert (row["mean"], row["sum"], row["why"]) == (4.0, 16.0, "")
    with pytest.raises(BadValue, match="min_share"):
        scale_scores(lax, min_share=0)


def test_exactly_four_fifths_are_enough() -> None:
    items = load_inventory("ipip-16pf").where(scale="A")
    scores = scale_scores(answer(items, lambda i: 3.0 if int(i.id) > 2 else None))
    assert scores.row(0, named=True)["n_answered"] == 8
    assert scores["mean"].to_list() == [3.0]


def test_a_value_without_the_status_ok_is_no_answer() -> None:
    rows = answer(OWN, lambda _: 2.0).rows.with_columns(status=pl.lit("refused"))
    assert keyed(Answers(rows))["score"].to_list() == [None, None]


def test_a_reversed_item_is_turned_within_its_own_options() -> None:
    answers = answer(OWN, lambda _: 3.0)
    assert keyed(answers)["score"].to_list() == [3.0, 0.0]
    with pytest.raises(BadValue, match="1 answers, the first to item 'b', lack low or high"):
        keyed(Answers(answers.rows.with_columns(high=pl.lit(None, dtype=pl.Float64))))


def test_nats_have_no_range() -> None:
    answers = answer(MPI.where(scale="C"), lambda i: 0.2 * i.key, unit="nats/token")
    assert scale_scores(answers).select("mean", "unit").rows() == [
        (pytest.approx(0.2), "nats/token")
    ]
    mixed = Answers.concat([answers, answer(MPI.where(scale="C"), lambda _: 3.0)])
    with pytest.raises(BadValue, match="mix points and nats"):
        scale_scores(mixed)


def test_expected_values_have_their_own_scores() -> None:
    answers = answer(OWN, lambda _: 3.0, expected=2.5)
    assert keyed(answers, "expected")["score"].to_list() == [2.5, 0.5]
    bare = answer(OWN, lambda _: 3.0)
    assert scale_scores(bare, use="expected")["mean"].to_list() == [None]
    with pytest.raises(BadValue, match="use is"):
        keyed(bare, "mode")  # type: ignore[arg-type]


def test_repeated_items_are_averaged_before_they_count() -> None:
    """Three answers to one item and one to another weigh alike."""
    once = answer(OWN, lambda i: 3.0 if i.id == "a" else 0.0, order="forward")
    more = answer(OWN.where(), lambda i: 0.0 if i.id == "a" else None, order="reverse")
    scores = scale_scores(Answers.concat([once, more]), by=("respondent",))
    assert scores.select("n_items", "n_answered", "mean").rows() == [(2, 2, 2.25)]


def test_matrix_has_a_row_an_administration_and_nan_for_missing() -> None:
    first = answer(OWN, lambda _: 3.0).tag(respondent="ann")
    second = answer(OWN, lambda i: 1.0 if i.id == "b" else None).tag(respondent="bob")
    matrix, who, items = item_matrix(Answers.concat([first, second]))
    np.testing.assert_array_equal(matrix, [[3.0, 0.0], [np.nan, 2.0]])
    assert (who, items) == ([("ann",), ("bob",)], ["a", "b"])
    raw, _, _ = item_matrix(Answers.concat([first, second]), raw=True)
    np.testing.assert_array_equal(raw, [[3.0, 3.0], [np.nan, 1.0]])


def test_many_answers_are_scored_as_one_by_one() -> None:
    rng = np.random.default_rng(0)
    values = rng.integers(1, 6, (40, 120)).astype(float)
    sheets = [
        answer(MPI, lambda i, r=r: values[r, int(i.id) - 1]).tag(respondent=f"r{r}")  # type: ignore[misc]
        for r in range(40)
    ]
    keys = np.array([i.key for i in MPI.items])
    own = np.array([i.scale == "E" for i in MPI.items])
    by_hand = np.where(keys > 0, values, 6 - values)[:, own].mean(axis=1)
    scores = scale_scores(Answers.concat(sheets)).filter(pl.col("scale") == "E")
    np.testing.assert_allclose(scores["mean"].to_numpy(), by_hand)
    assert scores["respondent"].to_list() == [f"r{r}" for r in range(40)]


def test_norms_want_a_known_group_and_stand_for_the_whole_instrument() -> None:
    with pytest.raises(UnknownName, match="did you mean 'M 21-40'"):
        norm_standing(3.0, MPI, "N", group="M21-40")
    with pytest.raises(UnknownName, match="normed scale"):
        norm_standing(3.0, MPI, "N", group="M 21-40", facet="Trust")
    with pytest.raises(BadValue, match="finite"):
        norm_standing(float("nan"), MPI, "N", group="M 21-40")
    part = MPI.where(facet="Anxiety")
    whole = norm_standing(3.125, MPI, "N", group="M 21-40")
    assert norm_standing(3.125, part, "N", group="M 21-40") == whole
    assert (whole.sum, whole.band) == (75.0, "average")
    assert norm_standing(1.0, MPI, "N", group="M 21-40").band == "low"
    assert norm_standing(5.0, MPI, "N", group="F >60").band == "high"


def test_blocks_of_respondents_change_no_score(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [
        {"respondent": f"r{r}", "item": str(k), "scale": "EN"[k % 2], "low": 1.0, "high": 5.0}
        | {"value": float(1 + (3 * r + k * k) % 5), "key": 1 - 2 * (k % 3 == 0)}
        for r in range(7)
        for k in range(6)
    ]
    whole = Answers.of(rows)
    apart = Answers(whole.rows.sort("item", maintain_order=True))
    wanted = [(scale_scores(a), item_matrix(a.where(scale="E"))) for a in (whole, apart)]
    runs = straight_lining(whole).value
    monkeypatch.setattr(scales, "BLOCK", 10)
    assert len(respondent_blocks(whole.rows)) > 3 and len(respondent_blocks(apart.rows)) == 1
    assert pl.concat(respondent_blocks(whole.rows)).equals(whole.rows)
    for answers, (scores, (matrix, labels, items)) in zip((whole, apart), wanted, strict=True):
        assert scale_scores(answers).equals(scores)
        found = item_matrix(answers.where(scale="E"))
        assert np.array_equal(found[0], matrix) and found[1:] == (labels, items)
    assert straight_lining(whole).value == runs
