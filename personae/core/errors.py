"""Every error a user can meet, in one tree.

PersonaeError
├── InputError            what was given is wrong; the command line exits with 2
│   ├── UnknownName       an unknown name; the message suggests near matches
│   ├── BadFile           a file that can't be read as what it should be
│   ├── BadValue          a value outside what is allowed
│   ├── MissingExtra      an optional package is not installed; names the extra
│   └── KeyingAlarm       answers contradict the scoring key; a score would mislead
├── ModelError            a model can't be opened or can't do what was asked; exits with 3
│   ├── ModelUnavailable  weights, file or server can't be reached
│   ├── NoUsableAnswers   it was asked, and gave nothing that a study can use
│   └── FidelityError     it answers, but it is not the model it claims to be
└── BudgetSpent           a limit on calls, tokens, money or minutes was reached; exits with 4
"""

from collections.abc import Iterable
from difflib import get_close_matches

__all__ = [
    "BadFile",
    "BadValue",
    "BudgetSpent",
    "FidelityError",
    "InputError",
    "KeyingAlarm",
    "MissingExtra",
    "ModelError",
    "ModelUnavailable",
    "NoUsableAnswers",
    "PersonaeError",
    "UnknownName",
    "printable_line",
]


def printable_line(text: str) -> str:
    r"""Return a text, which may quote what a file or a server holds, as one printable line.

    >>> print(printable_line("a name\n with \x1b in it"))
    a name with \x1b in it
    """
    line = " ".join(part.strip() for part in text.splitlines())
    return line if line.isprintable() else "".join(map(_printable, line))


def _printable(character: str) -> str:
    return character if character.isprintable() else ascii(character)[1:-1]


class PersonaeError(Exception):
    """The root: every error that Personae raises on purpose."""

    exit_code = 1

    def __str__(self) -> str:
        r"""Return the message as one printable line, as it may quote what a file holds.

        >>> print(PersonaeError("a name\n with \x1b in it"))
        a name with \x1b in it
        """
        return printable_line(super().__str__())


class InputError(PersonaeError):
    """What was given is wrong; the message says what is allowed and what to do."""

    exit_code = 2


class UnknownName(InputError):
    """An unknown name; the message suggests near matches.

    >>> print(UnknownName("inventory", "ipip-neo-12", ["ipip-neo-120", "sd3"]))
    no inventory is called 'ipip-neo-12'; did you mean 'ipip-neo-120'? Known: ipip-neo-120, sd3
    >>> print(UnknownName("inventory", "iq", ["sd3"]))
    no inventory is called 'iq'; known: sd3

    `listed_by` is the command that lists the names, where they are too many for a message.
    """

    def __init__(self, kind: str, given: str, known: Iterable[str], listed_by: str = "") -> None:
        names = sorted(known)
        near = get_close_matches(given.lower(), names, n=3, cutoff=0.5)
        hint = f"did you mean {' or '.join(repr(n) for n in near)}? Known: " if near else "known: "
        excerpt = given if len(given) <= 80 else given[:77] + "..."
        if listed_by:
            hint, names = (
                hint.replace("known", "all names").replace("Known", "All names"),
                [listed_by],
            )
        listed = ", ".join(names[:40]) + (f" and {len(names) - 40} more" if names[40:] else "")
        super().__init__(f"no {kind} is called {excerpt!r}; {hint}{listed}")


class BadFile(InputError):
    """A file that can't be read as what it should be."""


class BadValue(InputError):
    """A value outside what is allowed."""


class MissingExtra(InputError):
    """An optional package is not installed.

    >>> print(MissingExtra("torch", "local", "models on this machine"))
    models on this machine needs 'torch', which is not installed: pip install 'personae[local]'
    """

    def __init__(self, package: str, extra: str, purpose: str) -> None:
        super().__init__(
            f"{purpose} needs {package!r}, which is not installed: pip install 'personae[{extra}]'"
        )


class KeyingAlarm(InputError):
    """Answers contradict the scoring key, so that a scale score would mislead."""


class ModelError(PersonaeError):
    """A model can't be opened or can't do what was asked."""

    exit_code = 3


class ModelUnavailable(ModelError):
    """Weights, file or server can't be reached."""


class NoUsableAnswers(ModelError):
    """A model was asked, and gave nothing, or next to nothing, that a study can use."""


class FidelityError(ModelError):
    """A back end answers, but with another model than the one it claims to be."""


class BudgetSpent(PersonaeError):
    """A limit on calls, tokens, money or minutes was reached; what was answered is kept."""

    exit_code = 4
