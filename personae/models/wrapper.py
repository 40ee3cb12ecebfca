"""The base of models that stand around another one: journal, changed requests, counting."""

from typing import Generic, TypeVar

from personae.core import Model

__all__ = ["ModelWrapper"]

M_co = TypeVar("M_co", bound=Model, covariant=True)


class ModelWrapper(Generic[M_co]):
    """Has the name and, unless a subclass says otherwise, the fingerprint of the model inside."""

    def __init__(self, inner: M_co) -> None:
        self._inner = inner

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._inner!r})"

    @property
    def name(self) -> str:
        """The string that opens the model inside."""
        return self._inner.name

    @property
    def fingerprint(self) -> str:
        """Identity of the answering model; part of every journal key."""
        return self._inner.fingerprint
