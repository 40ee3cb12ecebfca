"""Builds codecs from tokenizers, and proves on each that a chat reaches the model.

Before a codec is used, a canary goes through its chat template: a system text that must stand in
the rendered chat, whole and once. Where it doesn't, because the template drops or refuses system
turns, system texts move into the user's turn, and the codec's notes say so.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import transformers
from tokenizers import Tokenizer

from personae.core.chat import Chat, Message, say
from personae.core.errors import BadFile, ModelError
from personae.models.codec.templates import PLAIN_TEMPLATE, default_template
from personae.models.codec.text_codec import TextCodec

__all__ = ["build_codec", "codec_from_folder"]

END_WORDS = ("<|endoftext|>", "<|im_end|>", "<|eot_id|>", "<|end|>", "<end_of_turn>", "</s>")
SYSTEM_MOVED = (
    "The chat template has no place for a system turn: system texts, such as personas, stand at "
    "the beginning of the user's turn, before a blank line."
)
CANARY = "This text of the system turn has to arrive.\n\nWhole, and once: 4817."
CHAT: Chat = (
    Message("user", "First 4818?"),
    Message("assistant", "Yes 4819."),
    Message("user", "4820?"),
)


def build_codec(
    tokenizer: Tokenizer,
    template: str,
    ids: Mapping[str, int | None],
    *,
    ends: Sequence[int] = (),
    names: Mapping[str, str] | None = None,
    start: str = "",
) -> TextCodec:
    """Build a codec and send the canary through its template.

    Args:
        tokenizer: the tokenizer.
        template: the Jinja source of the chat template.
        ids: those of bos, eos and padding, None where there is none.
        ends: further tokens that end a reply.
        names: words of special tokens, by the names that templates use.
        start: what the tokenizer writes before a plain text.

    Raises:
        ModelError: no token ends a text; the template is broken or loses what the user says.
    """
    known = [ids["eos"], *ends, *(tokenizer.token_to_id(word) for word in END_WORDS)]
    eos_ids = tuple(dict.fromkeys(i for i in known if i is not None))
    if not eos_ids:
        raise ModelError("the model's tokenizer names no token that ends a text")
    bos, pad = ids["bos"], ids["padding"]
    special = {"bos_token": bos, "eos_token": eos_ids[0], "pad_token": pad}
    words = {n: "" if i is None else str(tokenizer.id_to_token(i)) for n, i in special.items()}
    codec = TextCodec(
        tokenizer,
        template,
        bos,
        eos_ids,
        eos_ids[0] if pad is None else pad,
        {**words, **(names or {})},
        start,
    )
    return _proven(codec)


def _proven(codec: TextCodec) -> TextCodec:
    """Return the codec, with system texts in the user's turn where they wouldn't arrive.

    Raises:
        ModelError: the template is broken, or what the user says doesn't arrive.
    """
    codec.render(say("4820?"))
    notes: tuple[str, ...] = ()
    if not _system_arrives(codec.render):
        codec, notes = replace(codec, is_system_moved=True), (SYSTEM_MOVED,)
    if fault := _fault(codec.render, CHAT):
        notes += (f"The chat template can't carry a chat of several turns: {fault}.",)
    begun = say("4820?", lead="Begun 4821")
    fault = _fault(codec.render, begun)
    if fault or not codec.render(begun).endswith("Begun 4821"):
        notes += (f"The chat template can't carry a begun reply: {fault}.",)
    return replace(codec, notes=notes)


def _system_arrives(render: Callable[[Chat], str]) -> bool:
    system = Message("system", CANARY)
    chats: list[Chat] = [(system, *CHAT[-1:])]
    if not _fault(render, CHAT):
        chats.append((system, *CHAT))
    return all(not _fault(render, c) and render(c).count(CANARY) == 1 for c in chats)


def _fault(render: Callable[[Chat], str], chat: Chat) -> str:
    try:
        render(chat)
    except ModelError as error:
        return str(error).rstrip(".")
    return ""


def codec_from_folder(folder: Path, base: Path | None = None) -> TextCodec:
    """Build the codec of a model's folder: tokenizer, chat template, ends of turn.

    A reply ends at the tokens that generation_config.json names, as in `transformers`; without
    that file, at those of config.json. Where the folder is an adapter's, `base` is its
    model's, which has these files.

    Raises:
        ModelError: a slow tokenizer, one without an end token, or no usable chat template.
        BadFile: a configuration that isn't JSON.
    """
    tokenizer = transformers.AutoTokenizer.from_pretrained(
        folder, trust_remote_code=False, local_files_only=True
    )
    template = tokenizer.chat_template
    if template is None:  # of a model that also reads pictures, beside the tokenizer's files
        template = _json(folder / "chat_template.json").get("chat_template")
    return _codec_from_tokenizer(tokenizer, template=template, ends=_ends(base or folder))


def _ends(folder: Path) -> list[int]:
    config = _json(folder / "config.json")
    generation = folder / "generation_config.json"
    ends = (_json(generation) if generation.is_file() else config).get("eos_token_id")
    if ends is None and not generation.is_file() and isinstance(config.get("text_config"), dict):
        ends = config["text_config"].get("eos_token_id")
    return [i for i in (ends if isinstance(ends, list) else [ends]) if isinstance(i, int)]


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    except (ValueError, RecursionError) as error:
        raise BadFile(f"{path}: not JSON: {error}") from error
    if not isinstance(value, dict):
        raise BadFile(f"{path}: holds no JSON object")
    return value


def _codec_from_tokenizer(
    tokenizer: Any,  # noqa: ANN401  (transformers' class)
    *,
    template: str | Mapping[str, str] | None = None,
    ends: Sequence[int] = (),
) -> TextCodec:
    """Build a codec from a fast tokenizer of `transformers`; `ends` are further ends of a reply.

    Raises:
        ModelError: a slow tokenizer, one without any end token, or no usable chat template.
    """
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise ModelError("this model has no fast tokenizer (tokenizer.json), which is needed here")
    backend.no_truncation()  # a tokenizer.json may say to cut texts, silently
    backend.no_padding()
    template = template or tokenizer.chat_template or PLAIN_TEMPLATE
    size = backend.get_vocab_size(with_added_tokens=True)
    return build_codec(
        backend,
        template if isinstance(template, str) else default_template(template),
        {
            "bos": tokenizer.bos_token_id,
            "eos": tokenizer.eos_token_id,
            "padding": tokenizer.pad_token_id,
        },
        ends=[i for i in ends if 0 <= i < size],
        names={n: w for n, w in tokenizer.special_tokens_map.items() if isinstance(w, str)},
        start=_start(backend),
    )


def _start(tokenizer: Tokenizer) -> str:
    """Return what a tokenizer writes before a plain text, such as `<s>`."""
    full = tokenizer.encode("a").ids
    bare = tokenizer.encode("a", add_special_tokens=False).ids
    for count in range(1, len(full) - len(bare) + 1):
        if full[count : count + len(bare)] == bare:
            start = "".join(str(tokenizer.id_to_token(i)) for i in full[:count])
            same = tokenizer.encode(start, add_special_tokens=False).ids == full[:count]
            return start if same else ""
    return ""
