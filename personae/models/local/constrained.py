"""JSON that follows a schema, token by token, closed within the limit (llguidance grammars).

A reply that reaches its limit unfinished is cut back to the last point from which the shortest
known completion still fits, and is closed by that completion, so that every reply is valid.
"""

import heapq
import json
import string
from collections.abc import Sequence
from functools import cached_property
from itertools import count
from typing import Any

import llguidance
import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor

from personae.core import BadValue

__all__ = ["Grammar", "Guide"]

BETWEEN = '}],123456789"0tfn-.: [{'
"""Characters tried outside a string: those that close first; 0 late, as 0.000 may never end."""
LETTERS = string.ascii_letters + string.digits + string.punctuation + " "
MOST_BRANCHES = 16
"""A string that more characters than this can continue is free text, not one of a set of names."""
SEARCH = 64
"""Branchings of the search for a completion; after these only the first branch is followed."""
LONGEST_COMPLETION = 4096
"""A completion of more tokens than this counts as endless."""
STYLE: dict[str, Any] = {
    "whitespace_flexible": False,
    "item_separator": ", ",
    "key_separator": ": ",
}


class Grammar:
    """A JSON schema over a tokenizer's vocabulary.

    Raises:
        BadValue: not a JSON schema, or one that can't be enforced.
    """

    def __init__(self, tokens: llguidance.LLTokenizer, schema: str) -> None:
        self.tokens = tokens
        try:
            parsed = json.loads(schema)
            self.text = llguidance.LLMatcher.grammar_from_json_schema(schema, overrides=STYLE)
        except (ValueError, RecursionError) as error:
            raise BadValue(f"the schema is not a JSON object: {error}") from error
        if not isinstance(parsed, dict):
            raise BadValue(f"a schema is a JSON object, not {type(parsed).__name__}")
        problem = llguidance.LLMatcher.validate_grammar(self.text, tokens)
        if problem:
            raise BadValue(f"this JSON schema can't be enforced: {problem.strip()[:500]}")

    @staticmethod
    def vocabulary(tokenizer: Tokenizer, eos_ids: Sequence[int]) -> llguidance.LLTokenizer:
        """Prepare a tokenizer for grammars; takes about a second, so keep it."""
        plain = Tokenizer.from_str(tokenizer.to_str())
        plain.no_padding()
        plain.no_truncation()
        return llguidance.LLTokenizer(plain.to_str(), eos_token=list(eos_ids))

    def guide(self) -> "Guide":
        """Begin a reply."""
        return Guide(self)

    @cached_property
    def shortest(self) -> int | None:
        """Tokens of the shortest known reply; None if none is known."""
        completion = self.guide().completion(LONGEST_COMPLETION)
        return None if completion is None else len(completion)

    def token(self, char: str) -> int:
        """Return the token of a single character."""
        return int(self.tokens.greedy_tokenize(char)[0])

    def matcher(self) -> llguidance.LLMatcher:
        """Return the grammar's state before the first token."""
        return llguidance.LLMatcher(self.tokens, self.text, log_level=0)


class Guide:
    """One reply's path through a grammar."""

    def __init__(self, grammar: Grammar) -> None:
        self.grammar = grammar
        self.taken: list[int] = []
        self._matcher = grammar.matcher()

    def allowed(self, width: int) -> Tensor:
        """Return for each token of the vocabulary whether it may come next, shape (width,)."""
        bits = np.frombuffer(self._matcher.compute_bitmask(), dtype=np.uint8)
        flags = np.unpackbits(bits, bitorder="little")[:width].astype(bool)
        return torch.from_numpy(np.pad(flags, (0, width - len(flags))))

    def take(self, token: int) -> bool:
        """Append a token; return False once the reply is complete."""
        self._matcher.consume_token(token)
        if token not in self.grammar.tokens.eos_tokens:
            self.taken.append(token)
        return not self._matcher.is_stopped()

    def text(self) -> str:
        """Return the reply so far."""
        return self._text(self.taken)

    def close(self, limit: int) -> str:
        """Finish within `limit` tokens in total, dropping some of the last ones if necessary.

        Raises:
            BadValue: nothing fits; `Grammar.shortest` says what would.
        """
        length = min(len(self.taken), limit)
        while length >= 0:
            guide = self.grammar.guide()
            guide._matcher.consume_tokens(self.taken[:length])
            guide.taken = self.taken[:length]
            completion = guide.completion(LONGEST_COMPLETION) or []
            excess = length + len(completion) - limit
            if excess <= 0 and (completion or guide._matcher.is_accepting()):
                return self._text([*guide.taken, *completion])
            # half the excess, as a step back may also shorten the completion
            length = max(0, length - max(1, excess // 2)) if length else -1
        raise BadValue(f"no reply by this schema fits {limit} tokens")

    def completion(self, limit: int) -> list[int] | None:
        """Find tokens that complete the reply, at most `limit`; None if none are found.

        A best-first search by length, which branches where a name or a kind of value is to be
        chosen.
        """
        serial = count()
        heap: list[tuple[int, int, list[int], llguidance.LLMatcher]] = [
            (0, next(serial), [], self._matcher.deep_copy())
        ]
        branches = 0
        while heap:
            _, _, path, matcher = heapq.heappop(heap)
            if matcher.is_accepting():
                return path
            forced = matcher.compute_ff_tokens()
            steps = [forced] if forced else self._choices(matcher, [*self.taken, *path])
            for step in steps if branches < SEARCH else steps[:1]:
                further = matcher.deep_copy()
                if len(path) + len(step) <= limit and further.consume_tokens(step):
                    branches += 1 if len(steps) > 1 else 0
                    longer = [*path, *step]
                    heapq.heappush(heap, (len(longer), next(serial), longer, further))
        return None

    def _choices(self, matcher: llguidance.LLMatcher, before: list[int]) -> list[list[int]]:
        bits = np.frombuffer(matcher.compute_bitmask(), dtype=np.uint8)
        inside = _inside_string(self._text(before))
        allowed = [c for c in ('"' if inside else BETWEEN) if self._allows(bits, c)]
        if inside and not allowed:
            allowed = [c for c in LETTERS if self._allows(bits, c)]
            allowed = allowed if len(allowed) <= MOST_BRANCHES else allowed[:1]
        elif allowed and allowed[0] in '}],"0123456789':
            allowed = allowed[:1]
        if not allowed:
            return [[int(np.unpackbits(bits, bitorder="little").argmax())]]
        return [[self.grammar.token(c)] for c in allowed]

    def _allows(self, bits: NDArray[np.uint8], char: str) -> bool:
        token = self.grammar.token(char)
        return bool(bits[token >> 3] >> (token & 7) & 1)

    def _text(self, tokens: list[int]) -> str:
        data: bytes = self.grammar.tokens.decode_bytes(tokens)
        return data.decode("utf-8", "replace")


def _inside_string(text: str) -> bool:
    inside = escaped = False
    for char in text:
        if escaped:
            escaped = False
        elif char == "\\":
            escaped = inside
        elif char == '"':
            inside = not inside
    return inside
