"""Text to tokens and chats to text, in the format that a model was trained on.

Tokenizers come from GGUF metadata (`gguf_codec`) or from a model folder, chat templates from
either. A template that loses the system text is noticed when the codec is built: the text then
stands at the beginning of the user's turn.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

from tokenizers import Tokenizer

from personae.core.chat import Chat, Role
from personae.core.errors import ModelError
from personae.models.codec.templates import PLAIN_TEMPLATE, ChatTemplate
from personae.models.weighing import common_beginning

__all__ = ["TextCodec"]

OPEN_END = "\ue000\uf8ff\ue000"  # stands for the open turn while the template runs
JOINER = "\u2060"
NO_TEMPLATE = (
    "The model has no chat template, as base models have none: chats are written out as plain text."
)


class _Turn(NamedTuple):
    """One turn of the template and the messages in it: one, or system texts and the user's."""

    role: Role
    texts: tuple[str, ...]

    @property
    def text(self) -> str:
        if len(self.texts) == 1:
            return self.texts[0]
        return "\n\n".join(text for text in self.texts if text)


@dataclass(frozen=True, eq=False)
class TextCodec:
    """A model's tokenizer and chat template.

    `template` is the Jinja source; `eos_ids` are all tokens that end a reply; `pad_id` is a token
    for padding; `names` gives templates the words of the special tokens. `start` is what the
    tokenizer itself writes before a plain text, such as `<s>`. `is_system_moved` puts system texts
    into the user's turn; `notes` say in full sentences what the template can't do.
    """

    tokenizer: Tokenizer
    template: str
    bos_id: int | None
    eos_ids: tuple[int, ...]
    pad_id: int
    names: Mapping[str, str] = field(default_factory=dict)
    start: str = ""
    is_system_moved: bool = False
    notes: tuple[str, ...] = ()

    @property
    def is_plain(self) -> bool:
        """Whether chats are written out as plain text, for want of a chat template."""
        return self.template == PLAIN_TEMPLATE

    @property
    def remarks(self) -> tuple[str, ...]:
        """What reports say: the notes, and that there is no chat template."""
        return (*self.notes, *((NO_TEMPLATE,) if self.is_plain else ()))

    @property
    def size(self) -> int:
        """Number of tokens, special ones included."""
        return int(self.tokenizer.get_vocab_size(with_added_tokens=True))

    @property
    def identity(self) -> dict[str, object]:
        """What tells codecs apart, as plain values: part of a model's fingerprint."""
        changes: dict[str, object] = {}
        if self.start and self.is_plain:
            changes["start"] = self.start
        if self.is_system_moved:
            changes["system"] = "in the user's turn"
        ids = [self.bos_id, self.eos_ids, self.pad_id]
        return {"template": self.template, "ids": ids, **changes}

    @cached_property
    def _literal(self) -> Tokenizer:
        """The same tokenizer, blind to special tokens."""
        twin = deepcopy(self.tokenizer)
        twin.encode_special_tokens = True
        return twin

    @cached_property
    def _start_ids(self) -> list[int]:
        return list(self.tokenizer.encode(self.start, add_special_tokens=False).ids)

    @cached_property
    def _chat_template(self) -> ChatTemplate:
        return ChatTemplate(self.template, self.names)

    def encode(self, text: str, *, special: bool = True) -> list[int]:
        """Encode a text as token ids; nothing is added before or after it.

        With `special`, words such as `<|im_start|>` become their control tokens; without, they
        are text like any other.
        """
        if not special:
            return list(self._literal.encode(text, add_special_tokens=False).ids)
        start, text = self._parted(text)
        ids = self.tokenizer.encode(text, add_special_tokens=False).ids
        return [*(self._start_ids if start else ()), *ids]

    def decode(self, ids: Sequence[int]) -> str:
        """Join token ids to text, special tokens included."""
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=False))

    def seam(self, text: str, option: str) -> tuple[int, tuple[int, ...]]:
        """Continue a rendered chat by an option: the tokens of both together, not of each alone.

        Returns how many of the chat's last tokens the option changes, and the tokens that then
        follow the others. Control words in the option are text. The cost is that of encoding what
        follows the chat's last control word, once for each option.
        """
        _, text = self._parted(text)
        last = max((word.start() for word in self._controls.finditer(text)), default=0)
        key = (text[last:], option)
        if key not in self._seams:
            self._seams[key] = self._new_seam(*key)
        return self._seams[key]

    @cached_property
    def _seams(self) -> dict[tuple[str, str], tuple[int, tuple[int, ...]]]:
        return {}

    def _new_seam(self, tail: str, option: str) -> tuple[int, tuple[int, ...]]:
        if self._controls.search(option):
            return 0, tuple(self.encode(option, special=False))
        alone, joint = self._tail_ids(tail), self._plain_ids(tail + option)
        common = common_beginning(alone, joint)
        return len(alone) - common, tuple(joint[common:])

    @cached_property
    def _last_tail(self) -> dict[str, list[int]]:
        return {}

    def _tail_ids(self, tail: str) -> list[int]:
        """Encode a prompt's tail; once for all its options, which follow each other."""
        if tail not in self._last_tail:
            self._last_tail.clear()
            self._last_tail[tail] = self._plain_ids(tail)
        return self._last_tail[tail]

    def _plain_ids(self, text: str) -> list[int]:
        return list(self.tokenizer.encode(text, add_special_tokens=False).ids)

    def _parted(self, text: str) -> tuple[str, str]:
        """Part what the tokenizer itself would write before a plain text from that text.

        Some tokenizers treat the first word of a text in another way than one after a token.
        """
        is_plain = self.is_plain or text == self.start
        if is_plain and self.start and text.startswith(self.start):
            return self.start, text[len(self.start) :]
        return "", text

    def render(self, chat: Chat) -> str:
        """Render a chat up to the point where the model continues.

        A last turn of the assistant is left open after its text. The empty chat is the bare start
        of a text: what the tokenizer begins it with, else the model's first or its end token. A
        control word inside a message, such as `<|im_end|>`, gets an invisible joiner after its
        first character: messages can't forge turns.

        Raises:
            ModelError: the model's template refuses the chat, loses one of its messages, or is
                broken.
        """
        if not chat:
            first = self.eos_ids[0] if self.bos_id is None else self.bos_id
            return self.start or str(self.tokenizer.id_to_token(first))
        turns = [(turn.role, turn.text) for turn in self._turns_of(chat)]
        if chat[-1].role != "assistant":
            text = self._fill(turns, prompt=True)
        else:
            *before, (_, begun) = turns
            blank = [*before, ("assistant", OPEN_END)]
            text, placeholder, _ = self._fill(blank, prompt=False).rpartition(OPEN_END)
            if not placeholder:
                raise ModelError("the model's chat template drops the turn that it should continue")
            text += begun
        _refuse_losses(turns, text)
        return text

    def turns(self, chat: Chat) -> tuple[list[int], list[tuple[int, int]]]:
        """Encode the rendered chat; give its tokens and, for each message, its range of them.

        A token belongs to a message if it holds a part of its text; the template's own don't.

        Raises:
            ModelError: the template changes messages, so that they can't be found again.
        """
        text = self.render(chat)
        start, rest = self._parted(text)
        encoded = self.tokenizer.encode(rest, add_special_tokens=False)
        offsets = [(0, len(start))] * len(self._start_ids if start else ())
        offsets += [(low + len(start), high + len(start)) for low, high in encoded.offsets]
        ends = [low for low, _ in offsets], [high for _, high in offsets]
        ranges = []
        for low, high in self._message_ranges(chat, text) if chat else ():
            first, last = bisect_right(ends[1], low), bisect_left(ends[0], high)
            ranges.append((first, max(first, last) if high > low else first))
        return self.encode(text), ranges

    def _message_ranges(self, chat: Chat, text: str) -> list[tuple[int, int]]:
        """Find each message in the rendered text, by the text between the turns."""
        turns = self._turns_of(chat)
        placeholders = [OPEN_END.replace("\uf8ff", f"\uf8ff{i}\uf8ff") for i in range(len(turns))]
        open_end = chat[-1].role == "assistant"
        blanks = [(turn.role, p) for turn, p in zip(turns, placeholders, strict=True)]
        remainder, between = self._fill(blanks, prompt=not open_end), []
        for placeholder in placeholders:
            before, separator, remainder = remainder.partition(placeholder)
            between.append(before if separator else "\0")
        texts = [turn.text for turn in turns]
        stripped = [s.strip() for s in texts]
        for variant in (texts, [*stripped[:-1], texts[-1]] if open_end else stripped):
            ranges, end = [], 0
            for gap, words, turn in zip(between, variant, turns, strict=True):
                end += len(gap)
                ranges += _ranges_within(turn, words, end)
                end += len(words)
            parts = [part for pair in zip(between, variant, strict=True) for part in pair]
            if "".join([*parts, "" if open_end else remainder]) == text:
                return ranges
        raise ModelError("the model's chat template changes messages: the turns cannot be located")

    def _turns_of(self, chat: Chat) -> list[_Turn]:
        """Part a chat into turns; a moved system text joins the user's turn that follows it."""
        if not self.is_system_moved:
            return [_Turn(message.role, (self._inert(message.text),)) for message in chat]
        turns: list[_Turn] = []
        waiting: tuple[str, ...] = ()
        for message in chat:
            text = self._inert(message.text)
            if message.role == "system":
                waiting = (*waiting, text)
                continue
            if message.role == "user":
                turns.append(_Turn("user", (*waiting, text)))
            else:
                turns += [_Turn("user", waiting)] if waiting else []
                turns.append(_Turn("assistant", (text,)))
            waiting = ()
        return [*turns, _Turn("user", waiting)] if waiting else turns

    @cached_property
    def _controls(self) -> re.Pattern[str]:
        added = self.tokenizer.get_added_tokens_decoder().values()
        words = sorted((t.content for t in added if t.special), key=len, reverse=True)
        return re.compile("|".join(map(re.escape, words)) if words else r"(?!)")

    def _inert(self, text: str) -> str:
        return self._controls.sub(lambda word: word[0][:1] + JOINER + word[0][1:], text)

    def _fill(self, turns: Sequence[tuple[str, str]], *, prompt: bool) -> str:
        start = self.start if self.is_plain else ""
        return start + self._chat_template.fill(turns, prompt=prompt)


def _ranges_within(turn: _Turn, words: str, start: int) -> list[tuple[int, int]]:
    """Find each message of a turn in the turn's text `words`, which begins at `start`."""
    if len(turn.texts) == 1:
        return [(start, start + len(words))]
    ranges, end = [], 0
    for text in turn.texts:
        part = text.strip()
        low = words.find(part, end)
        end = low + len(part)
        ranges.append((start + low, start + end))
    return ranges


def _refuse_losses(turns: Sequence[tuple[str, str]], text: str) -> None:
    """Look for every turn's words in the rendered text, the system's anywhere, others in order.

    Templates may strip blanks around a text, and leave out the thoughts of earlier replies.

    Raises:
        ModelError: a turn isn't there.
    """
    end = 0
    for role, words in turns:
        part = (words.rpartition("</think>")[2] if role == "assistant" else words).strip()
        start = text.find(part, 0 if role == "system" else end)
        if start < 0:
            excerpt = part if len(part) <= 40 else part[:37] + "..."
            raise ModelError(
                f"the model's chat template loses or changes a turn of the {role}: {excerpt!r}"
            )
        if role != "system":
            end = start + len(part)
