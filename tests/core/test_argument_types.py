"""Types of arguments: what is taken for what, and how a refusal reads."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from personae.core import BadValue, Model, UnknownName, checks_types, require_type

Size = Literal["small", "large"]


@pytest.mark.parametrize(
    ("kind", "fitting", "others"),
    [
        (bool, [True], [1, "x", None]),
        (int, [3, np.int64(3)], [True, 2.5, "3"]),
        (float, [3, 2.5, np.float32(1)], [False, "1"]),
        (str, [""], [b"", 3, Path()]),
        (str | Path | None, ["a", Path(), None], [3, []]),
        (Size, ["small"], [3, None, ["small"], np.array(["small", "large"])]),
        (tuple[str, ...], [(), ("a",), ["a", "b"]], ["ab", (1,), {"a"}, None]),
        (tuple[str, str], [("a", "b")], ["ab", ("a",), ("a", "b", "c")]),
        (Sequence[int], [[1], (2,)], ["12", b"12", [1.5]]),
        (Iterable[int], [iter([1]), {1}], ["1", 1]),
        (Mapping[str, float], [{}], [[]]),
        (Model, [], ["null:yes"]),
        (Any, [3], []),
    ],
)
def test_values_fit_or_are_refused(kind: Any, fitting: list[Any], others: list[Any]) -> None:
    for value in fitting:
        require_type("option", value, kind)
    for value in others:
        with pytest.raises(BadValue, match=r"^option is .*, not "):
            require_type("option", value, kind)


@pytest.mark.parametrize(
    ("value", "kind", "message"),
    [
        (3, str | None, "x is a text or None, not 3"),
        ("E", tuple[str, ...], "x is a list of texts, not 'E'"),
        (0, tuple[bool, ...], "x is a list of truth values, not 0"),
        (0, tuple[tuple[str, str], ...], "x is a list of pairs of texts, not 0"),
        ("ab", tuple[str, str], "x is a pair of texts, not 'ab'"),
        (0, Size, "x is one of small, large, not 0"),
        (0, Mapping[str, str], "x is a dict, not 0"),
        (0, Iterable[Model], "x is a list of Models, not 0"),
        ("a" * 999, int, f"x is a whole number, not '{'a' * 78}…"),
        ("smal", Size, "no x is called 'smal'; did you mean 'small'? Known: large, small"),
    ],
)
def test_a_refusal_says_what_is_allowed_and_what_was_given(
    value: object, kind: Any, message: str
) -> None:
    error = UnknownName if message.startswith("no x") else BadValue
    with pytest.raises(error) as refusal:
        require_type("x", value, kind)
    assert str(refusal.value) == message


def test_a_checked_function_refuses_first_and_stays_itself() -> None:
    calls = []

    @checks_types
    def called(first: int, *rest: int, size: Size = "small", **options: int) -> None:
        """What it does."""
        calls.append((first, rest, size, options))

    called(1, 2, size="large", more=3)
    called(np.int64(1))  # type: ignore[arg-type]
    assert calls == [(1, (2,), "large", {"more": 3}), (1, (), "small", {})]
    with pytest.raises(BadValue, match="first is a whole number, not 'x'"):
        called("x")  # type: ignore[arg-type]
    with pytest.raises(UnknownName, match="no size is called 'huge'"):
        called(1, size="huge")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="missing a required argument"):
        called()  # type: ignore[call-arg]
    assert len(calls) == 2 and (called.__name__, called.__doc__) == ("called", "What it does.")
