"""Odd values for options and arguments: a command ends with a code and a line, not a traceback."""

from tests.fuzz.arguments import argument_faults

COUNT = 40


def test_an_odd_value_ends_a_command_in_one_line() -> None:
    assert list(argument_faults(COUNT, seed=1)) == []
