"""Random answers give findings about as often as the level says; the benchmark has the long run."""

import pytest

from benchmarks.findings import FINDINGS, NULL, PLANTED, shares


@pytest.mark.parametrize("name", FINDINGS)
def test_random_answers_find_little_and_planted_ones_are_found(name: str) -> None:
    silent = [hit for hits in shares(name, NULL, 2).values() for hit in hits]
    assert sum(silent) <= 1, "4 chances at 5 %: more than 1 in one of seventy"
    first = next(iter(FINDINGS[name]))
    assert shares(name, PLANTED[name], 1)[first] == [1.0]
