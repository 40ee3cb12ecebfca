"""Learns which parts of a request a server refuses, and sends the next ones without them.

Servers differ in the parameters they take, and say so only in the text of a refusal. A part is
left out only if the refusal names it, for the rest of the run, and every answer says so. What the
user asked for by name is never left out.
"""

import re
from collections.abc import Collection, Mapping
from typing import Any

from personae.models.server.endpoint import Rejected

__all__ = ["RequestAdapter"]

_WORDS = re.compile(
    r"unsupported|n[o']t support|unknown|unrecogni|unexpected|extra|not permitted|forbidden"
    r"|n[o']t allowed|not enabled|invalid|cannot find|deprecated|only the default|only supports"
    r"|not available|unavailable|disabled|not implemented|incompatible|must be|must end|must alt"
    r"|no endpoints found|at most|maximum|cannot|can't|not valid|too (large|many)|exceed"
    r"|less than|out of range",
    re.IGNORECASE,
)
_TOO_LONG = re.compile(
    r"context (length|window|size)|too long|reduce the length|(prompt|input) (length|tokens)",
    re.IGNORECASE,
)
_CAP = re.compile(
    r"at most|maximum|exceed|less than|<=|too (large|many)|between|range|must be", re.I
)
_OTHER_WORDS = {
    "logprobs": r"log[- _]?prob(abilitie)?s?",
    "top_logprobs": r"top_n_tokens",
    "response_format": r"json[ _]schema|json[ _]mode|structured output",
    "system": r"system[ _](role|message|prompt|instruction)|(role|developer)\b.{0,30}\bsystem"
    r"|['\"`]system['\"`]|developer (instruction|message)|roles must alternate",
    "begun": r"prefill|end with a user|(last|final) message",
}
FEWER_LISTED = 5
"""Most first tokens that the stricter servers list."""
_LEAST_EFFORTS = {"none": "minimal", "minimal": "low"}
_NEWER_LENGTH = "max_completion_tokens"
_UNKNOWN = re.compile(r"unsupported|n[o']t support|unknown|unrecogni|not permitted", re.IGNORECASE)
_PERMANENT = frozenset({"model", "messages", "prompt", _NEWER_LENGTH})
_LEARNT_FROM = frozenset({400, 403, 404, 405, 422, 501})


def _refused_part(rejection: Rejected, body: Mapping[str, Any]) -> str | None:
    """Name the part of a request that a refusal is about, or None where it names none.

    A part is a key of `body`; `system` is the role of the first turn, `begun` a last turn of the
    assistant.

    >>> body = {"model": "m", "messages": [], "seed": 1, "top_logprobs": 5, "logprobs": True}
    >>> _refused_part(Rejected(400, "", 'Unknown name "seed": Cannot find field.'), body)
    'seed'
    """
    if rejection.status not in _LEARNT_FROM or _TOO_LONG.search(rejection.why):
        return None
    roles = [turn.get("role") for turn in body.get("messages", ()) if isinstance(turn, Mapping)]
    parts = [key for key in body if key not in _PERMANENT]
    parts += ["system"] * (roles[:1] == ["system"]) + ["begun"] * (roles[-1:] == ["assistant"])
    if "max_tokens" in body and _NEWER_LENGTH in rejection.why:
        return "max_tokens"
    parameter = re.split(r"[.\[]", rejection.parameter)[0]
    if parameter in parts:
        return parameter
    if not _WORDS.search(rejection.why):
        return None
    return _first_mentioned(parts, rejection.why)


def _first_mentioned(parts: Collection[str], why: str) -> str | None:
    """Return the part that the text names first: by its key, else in other words."""
    keys = {part: rf"(?<![A-Za-z_]){re.escape(part)}(?![A-Za-z_])" for part in parts}
    others = {part: _OTHER_WORDS[part] for part in parts if part in _OTHER_WORDS}
    for patterns in ({k: v for k, v in keys.items() if k not in ("system", "begun")}, others):
        mentions = {p: re.search(text, why, re.IGNORECASE) for p, text in patterns.items()}
        named = {part: mention.start() for part, mention in mentions.items() if mention}
        if named:
            return min(named, key=lambda part: named[part])
    return None


class RequestAdapter:
    """Writes each request so that the server takes it, as far as its refusals have told.

    `requested` are the names of parameters that the user asked for; they are never left out.
    """

    def __init__(self, requested: Collection[str] = ()) -> None:
        self._requested = frozenset(requested)
        self._refused: dict[str, str] = {}
        self._accepted: set[str] = set()
        self._top = 1 << 20
        self._effort = ""
        self.system_in_user = False

    @property
    def refused(self) -> Mapping[str, str]:
        """The refused parts, and the server's reason for each."""
        return self._refused

    def top(self, wanted: int) -> int:
        """Return how many first tokens the server is asked for, of so many wanted."""
        return min(wanted, self._top)

    def adapt(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Write the request without what is refused."""
        new = {key: value for key, value in body.items() if key not in self._refused}
        if "max_tokens" in self._refused and "max_tokens" in body:
            new[_NEWER_LENGTH] = body["max_tokens"]
        if "logprobs" in self._refused:
            new.pop("top_logprobs", None)
        if "top_logprobs" in new:
            new["top_logprobs"] = min(new["top_logprobs"], self._top)
        if self._effort and "reasoning_effort" in new:
            new["reasoning_effort"] = self._effort
        return new

    def learn(self, sent: Mapping[str, Any], rejection: Rejected) -> bool:
        """Learn from the refusal of a request as it was sent; whether another try may succeed."""
        if self.adapt(sent) != sent:
            return True  # learnt meanwhile from another request
        part = _refused_part(rejection, sent)
        if part is None or part in self._requested or part in self._accepted:
            return False
        if part == "system":
            self.system_in_user = True
        elif part == "max_tokens" and not _UNKNOWN.search(rejection.why):
            return False  # a number that is too large, not a name that isn't known
        elif part == "top_logprobs" and self._lowers_top(sent, rejection.why):
            return True
        elif part == "reasoning_effort" and sent[part] in _LEAST_EFFORTS:
            self._effort = _LEAST_EFFORTS[sent[part]]
            return True
        self._refused["logprobs" if part == "top_logprobs" else part] = rejection.why
        return part != "begun"  # the same turns would be refused again; later ones aren't begun

    def _lowers_top(self, sent: Mapping[str, Any], why: str) -> bool:
        if sent["top_logprobs"] <= FEWER_LISTED or not _CAP.search(why):
            return False
        self._top = FEWER_LISTED
        return True

    def accept(self, sent: Mapping[str, Any]) -> None:
        """Note what the server took; a later refusal that names it is about that request alone."""
        # some models take one temperature and refuse another
        self._accepted.update(key for key in sent if key != "temperature")
        if sent.get("messages", [{}])[0].get("role") == "system":
            self._accepted.add("system")

    def remark(self, body: Mapping[str, Any]) -> str:
        """Say what a request of this form is sent without; "" if nothing."""
        keys = [key for key in self._refused if key in body and key != "max_tokens"]
        return f"sent without {', '.join(keys)}" if keys else ""
