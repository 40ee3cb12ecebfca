"""Text to tokens and chats to text, in the format that a model was trained on.

Tokenizers come from GGUF metadata (`gguf_codec`) or from a model folder; chat templates are the
model's own Jinja, run in a sandbox. Unlike in `transformers`, templates that ask for today's date
get a fixed one, so that the same chat always gives the same text.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from json import dumps
from typing import Any

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment
from tokenizers import Tokenizer

from personae.core.chat import Chat
from personae.core.errors import ModelError

__all__ = ["PLAIN_TEMPLATE", "TextCodec", "build_codec", "codec_from_tokenizer"]

PLAIN_TEMPLATE = (
    "{% for m in messages %}{% if m.role == 'system' %}{{ m.content + '\\n\\n' }}"
    "{% elif m.role == 'user' %}{{ 'Question: ' + m.content + '\\n' }}"
    "{% else %}{{ 'Answer: ' + m.content + '\\n\\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'Answer:' }}{% endif %}"
)
"""For models that come without a chat template, as base models do."""

TODAY = date(2024, 7, 26)  # the date that Llama's own templates fall back to
OPEN_END = "\ue000\uf8ff\ue000"  # stands for the open turn while the template runs
JOINER = "\u2060"
END_WORDS = ("<|endoftext|>", "<|im_end|>", "<|eot_id|>", "<|end|>", "</s>")


def _fixed_date(form: str) -> str:
    return TODAY.strftime(form)


def _refuse(message: str) -> None:
    raise TemplateError(message)


def _json(value: object, **options: Any) -> str:  # noqa: ANN401  (json.dumps' own options)
    return dumps(value, ensure_ascii=False, **options)


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"]
    )
    environment.filters["tojson"] = _json
    environment.globals.update(raise_exception=_refuse, strftime_now=_fixed_date)
    return environment


@dataclass(frozen=True, eq=False)
class TextCodec:
    """A model's tokenizer and chat template.

    `template` is the Jinja source; `eos_ids` are all tokens that end a reply; `pad_id` is a token
    for padding; `names` gives templates the words of the special tokens.
    """

    tokenizer: Tokenizer
    template: str
    bos_id: int | None
    eos_ids: tuple[int, ...]
    pad_id: int
    names: Mapping[str, str] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Number of tokens, special ones included."""
        return int(self.tokenizer.get_vocab_size(with_added_tokens=True))

    @cached_property
    def _literal(self) -> Tokenizer:
        """The same tokenizer, blind to special tokens."""
        twin = deepcopy(self.tokenizer)
        twin.encode_special_tokens = True
        return twin

    def encode(self, text: str, *, special: bool = True) -> list[int]:
        """Encode a text as token ids; nothing is added before or after it.

        With `special`, words such as `<|im_start|>` become their control tokens; without, they
        are text like any other.
        """
        tokenizer = self.tokenizer if special else self._literal
        return list(tokenizer.encode(text, add_special_tokens=False).ids)

    def decode(self, ids: Sequence[int]) -> str:
        """Join token ids to text, special tokens included."""
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=False))

    def render(self, chat: Chat) -> str:
        """Render a chat up to the point where the model continues.

        A last turn of the assistant is left open after its text. The empty chat is the bare start
        of a text: the model's first (else its end) token. A control word inside a message, such as
        `<|im_end|>`, gets an invisible joiner after its first character: messages can't forge
        turns.

        Raises:
            ModelError: the model's template refuses the chat or is broken.
        """
        if not chat:
            start = self.eos_ids[0] if self.bos_id is None else self.bos_id
            return str(self.tokenizer.id_to_token(start))
        if chat[-1].role != "assistant":
            return self._fill([(m.role, self._inert(m.text)) for m in chat], prompt=True)
        turns = [*((m.role, self._inert(m.text)) for m in chat[:-1]), ("assistant", OPEN_END)]
        before, placeholder, _ = self._fill(turns, prompt=False).rpartition(OPEN_END)
        if not placeholder:
            raise ModelError("the model's chat template drops the turn that it should continue")
        return before + self._inert(chat[-1].text)

    def turns(self, chat: Chat) -> tuple[list[int], list[tuple[int, int]]]:
        """Encode the rendered chat; give its tokens and, for each message, its range of them.

        A token belongs to a message if it holds a part of its text; the template's own don't.

        Raises:
            ModelError: the template changes messages, so that they can't be found again.
        """
        text = self.render(chat)
        encoded = self.tokenizer.encode(text, add_special_tokens=False)
        ends = [low for low, _ in encoded.offsets], [high for _, high in encoded.offsets]
        ranges = []
        for low, high in self._message_ranges(chat, text) if chat else ():
            first, last = bisect_right(ends[1], low), bisect_left(ends[0], high)
            ranges.append((first, max(first, last) if high > low else first))
        return list(encoded.ids), ranges

    def _message_ranges(self, chat: Chat, text: str) -> list[tuple[int, int]]:
        """Find each message in the rendered text, by the text between the messages."""
        placeholders = [OPEN_END.replace("\uf8ff", f"\uf8ff{i}\uf8ff") for i in range(len(chat))]
        open_end = bool(chat) and chat[-1].role == "assistant"
        turns = [(m.role, placeholder) for m, placeholder in zip(chat, placeholders, strict=True)]
        remainder, between = self._fill(turns, prompt=not open_end), []
        for placeholder in placeholders:
            before, separator, remainder = remainder.partition(placeholder)
            between.append(before if separator else "\0")
        texts = [self._inert(m.text) for m in chat]
        stripped = [s.strip() for s in texts]
        for variant in (texts, [*stripped[:-1], texts[-1]] if open_end else stripped):
            ranges, end = [], 0
            for gap, words in zip(between, variant, strict=True):
                ranges.append((end + len(gap), end + len(gap) + len(words)))
                end = ranges[-1][1]
            parts = [part for pair in zip(between, variant, strict=True) for part in pair]
            if "".join([*parts, "" if open_end else remainder]) == text:
                return ranges
        raise ModelError("the model's chat template changes messages: the turns cannot be located")

    @cached_property
    def _controls(self) -> re.Pattern[str]:
        added = self.tokenizer.get_added_tokens_decoder().values()
        words = sorted((t.content for t in added if t.special), key=len, reverse=True)
        return re.compile("|".join(map(re.escape, words)) if words else r"(?!)")

    def _inert(self, text: str) -> str:
        return self._controls.sub(lambda word: word[0][:1] + JOINER + word[0][1:], text)

    def _fill(self, turns: Sequence[tuple[str, str]], *, prompt: bool) -> str:
        messages = [{"role": role, "content": text} for role, text in turns]
        try:
            return str(
                self._compiled.render(
                    messages=messages, add_generation_prompt=prompt, tools=None, **self.names
                )
            )
        except (
            TemplateError,
            ArithmeticError,
            AttributeError,
            LookupError,
            TypeError,
            ValueError,
        ) as error:
            raise ModelError(
                f"the model's chat template refuses this chat: {error}. Templates may forbid "
                "system turns, or turns that don't alternate"
            ) from error

    @cached_property
    def _compiled(self) -> Any:  # noqa: ANN401  (a jinja2 template)
        try:
            return _environment().from_string(self.template)
        except TemplateError as error:
            raise ModelError(f"the model's chat template is broken: {error}") from error


def build_codec(tokenizer: Tokenizer, template: str, ids: Mapping[str, int | None]) -> TextCodec:
    """Build a codec; `ids` are those of bos, eos, eot and padding, None where there is none.

    Raises:
        ModelError: no token ends a text.
    """
    ends = [ids["eos"], ids["eot"], *(tokenizer.token_to_id(word) for word in END_WORDS)]
    eos_ids = tuple(dict.fromkeys(i for i in ends if i is not None))
    if not eos_ids:
        raise ModelError("the model's tokenizer names no token that ends a text")
    bos, pad = ids["bos"], ids["padding"]
    special = {"bos_token": bos, "eos_token": eos_ids[0], "pad_token": pad}
    names = {n: "" if i is None else str(tokenizer.id_to_token(i)) for n, i in special.items()}
    return TextCodec(tokenizer, template, bos, eos_ids, eos_ids[0] if pad is None else pad, names)


def codec_from_tokenizer(tokenizer: Any) -> TextCodec:  # noqa: ANN401  (transformers' class)
    """Build a codec from a fast tokenizer of `transformers`.

    Raises:
        ModelError: a slow tokenizer, or one without any end token.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise ModelError("this model has no fast tokenizer (tokenizer.json), which is needed here")
    template = tokenizer.chat_template
    if isinstance(template, dict):
        template = template.get("default")
    ids = {
        "bos": tokenizer.bos_token_id,
        "eos": tokenizer.eos_token_id,
        "eot": None,
        "padding": tokenizer.pad_token_id,
    }
    return build_codec(backend, template or PLAIN_TEMPLATE, ids)
