"""How a server is called, and how long it is waited for."""

from dataclasses import dataclass

from personae.core import BadValue
from personae.models.server.requests.request_fields import RequestFields

__all__ = ["ServerSettings"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """How a server is called, and how long it is waited for.

    `at_once`: most requests under way. `first_answer`: most seconds until the server's first
    answer; `deadline`: of one try; `patience`: of a request with all its tries. `top`: how many
    first tokens to ask for in `choose`; `samples`: how many replies to count where the server shows
    none. `accept`: other names under which the model asked for may answer; the name itself, without
    its folder and with a date, always may. `headers` (NAME:VALUE) and `extra_body`, an object in
    JSON, go with every request; `thinking` is "off" or a number of tokens, "" for the server's
    default.

    Raises:
        BadValue: a number that isn't positive; a header, body or thinking that can't be sent.
    """

    at_once: int = 64
    first_answer: float = 60.0
    deadline: float = 120.0
    patience: float = 600.0
    top: int = 20
    samples: int = 20
    accept: tuple[str, ...] = ()
    headers: tuple[str, ...] = ()
    extra_body: str = ""
    thinking: str = ""

    def __post_init__(self) -> None:
        for name in ("at_once", "first_answer", "deadline", "patience", "samples"):
            if not getattr(self, name) > 0:
                raise BadValue(f"{name} is a positive number, not {getattr(self, name)}")
        if self.top < 0:
            raise BadValue(f"top is a number of tokens >= 0, not {self.top}")
        self.fields  # noqa: B018  (reading them checks them)

    @property
    def fields(self) -> RequestFields:
        """What is added to the body of every request."""
        return RequestFields.of(self.extra_body, self.thinking)
