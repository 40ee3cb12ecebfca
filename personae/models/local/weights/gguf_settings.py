"""Settings of one architecture in a GGUF file's metadata, typed and bounded."""

from personae.core.errors import BadFile
from personae.models.gguf.gguf_file import Gguf

__all__ = ["GgufSettings"]


class GgufSettings:
    """The metadata of one architecture; keys are given without its name."""

    def __init__(self, file: Gguf, family: str) -> None:
        self.file, self.family = file, family

    @property
    def stated(self) -> set[str]:
        """The keys that the file has."""
        start = f"{self.family}."
        return {k.removeprefix(start) for k in self.file.metadata if k.startswith(start)}

    @property
    def head_width(self) -> int:
        """The width of a head's queries and keys."""
        usual = self.count("embedding_length") // self.count("attention.head_count")
        return self.count("attention.key_length", usual)

    def count(self, key: str, default: int | None = None) -> int:
        """Return a whole number of 1 to 2^24.

        Raises:
            BadFile: it is absent and has no default, or is anything else.
        """
        value = self.file.metadata.get(f"{self.family}.{key}", default)
        if not isinstance(value, int) or not 1 <= value <= 1 << 24:
            raise BadFile(f"{self.file.path}: {self.family}.{key} is {value!r}, not a count")
        return value

    def real(self, key: str, default: float | None = None) -> float:
        """Return a number above 0.

        Raises:
            BadFile: it is absent and has no default, or is anything else.
        """
        value = self.file.metadata.get(f"{self.family}.{key}", default)
        if not isinstance(value, int | float) or not 0 < value < 1e12:
            raise BadFile(f"{self.file.path}: {self.family}.{key} is {value!r}, not above 0")
        return float(value)

    def text(self, key: str, default: str) -> str:
        """Return a text.

        Raises:
            BadFile: it is anything else.
        """
        value = self.file.metadata.get(f"{self.family}.{key}", default)
        if not isinstance(value, str):
            raise BadFile(f"{self.file.path}: {self.family}.{key} is {value!r}, not a text")
        return value
