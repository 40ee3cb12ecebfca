"""Builds the codec of a GGUF file from its metadata: its tokenizer and the file's chat template.

The digit split of the "smollm" pre-tokenizer is kept, which `transformers` drops for GGUF files.
"""

from collections.abc import Mapping
from typing import Any

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers

from personae.core.errors import BadFile, ModelError
from personae.models.codec.building import build_codec
from personae.models.codec.gguf_tokenizers import (
    is_library_tokenizer,
    library_splits,
    library_tokenizer,
)
from personae.models.codec.templates import PLAIN_TEMPLATE, default_template
from personae.models.codec.text_codec import TextCodec

__all__ = ["codec_from_gguf"]

CASED = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|"
TAIL = r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2, LLAMA3 = CASED + r"\p{N}" + TAIL, CASED + r"\p{N}{1,3}" + TAIL


def _split(pattern: str) -> list[Any]:
    return [
        pre_tokenizers.Split(Regex(pattern), "isolated"),
        pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
    ]


def _bytes() -> Any:  # noqa: ANN401  (tokenizers carries no types)
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)


PRE_TOKENIZERS = {
    "gpt-2": lambda: [_bytes()],
    "olmo": lambda: [_bytes()],
    "smollm": lambda: [pre_tokenizers.Digits(individual_digits=True), _bytes()],
    "qwen2": lambda: _split(QWEN2),
    "llama-bpe": lambda: _split(LLAMA3),
}
COMPOSED = ("qwen2", "olmo")
"""Tokenizers that read composed characters (NFC)."""


def _bpe(metadata: Mapping[str, Any], pre: str) -> Tokenizer:
    words = metadata["tokenizer.ggml.tokens"]
    merges = [tuple(pair.split(" ", 1)) for pair in metadata["tokenizer.ggml.merges"]]
    tokenizer = Tokenizer(
        models.BPE(
            vocab={word: index for index, word in enumerate(words)},
            merges=merges,
            ignore_merges=pre == "llama-bpe",
        )
    )
    if pre in COMPOSED:
        tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(PRE_TOKENIZERS[pre]())
    tokenizer.decoder = decoders.ByteLevel()
    kinds = metadata.get("tokenizer.ggml.token_type", ())
    for number, special in ((3, True), (4, False)):  # control tokens, then user-defined ones
        added = [w for w, kind in zip(words, kinds, strict=False) if kind == number]
        add = tokenizer.add_special_tokens if special else tokenizer.add_tokens
        add([AddedToken(w, special=special, normalized=False) for w in added])
    return tokenizer


def _required(path: str, metadata: Mapping[str, Any], key: str, kind: type) -> Any:  # noqa: ANN401
    value = metadata.get(key)
    if not isinstance(value, kind):
        raise BadFile(f"{path}: its metadata lacks {key!r}, or has something else there")
    return value


def codec_from_gguf(path: str, metadata: Mapping[str, Any]) -> TextCodec:
    """Build tokenizer and template from GGUF metadata; `path` is for error messages.

    Raises:
        BadFile: the metadata is incomplete or contradicts itself.
        ModelError: a kind of tokenizer that is not supported here.
    """
    kind, pre = metadata.get("tokenizer.ggml.model"), metadata.get("tokenizer.ggml.pre")
    ours = pre if kind == "gpt2" and isinstance(pre, str) and pre in PRE_TOKENIZERS else ""
    words = _required(path, metadata, "tokenizer.ggml.tokens", list)
    if ours:
        _required(path, metadata, "tokenizer.ggml.merges", list)
    elif not is_library_tokenizer(metadata):
        splits = ", ".join([*PRE_TOKENIZERS, *library_splits()])
        raise ModelError(
            f"{path}: tokenizer {kind!r} with pre-tokenizer {pre!r} is not built here, only "
            f"'llama' and 'gpt2' with {splits}. Use the model's own folder with hf:"
        )
    template = _template(metadata)
    ids = {
        name: metadata.get(f"tokenizer.ggml.{name}_token_id")
        for name in ("bos", "eos", "eot", "eom", "padding")
    }
    for name, index in ids.items():
        if index is not None and not (isinstance(index, int) and 0 <= index < len(words)):
            raise BadFile(f"{path}: its {name} token {index!r} is not in the vocabulary")
    if len(set(words)) != len(words) or not isinstance(template, str):
        raise BadFile(f"{path}: its vocabulary repeats a token, or its template is not text")
    try:
        tokenizer = _bpe(metadata, ours) if ours else library_tokenizer(path)
    except Exception as error:  # the library raises nothing narrower
        raise BadFile(f"{path}: its vocabulary and merges don't fit: {error}") from error
    if tokenizer.get_vocab_size(with_added_tokens=True) != len(words):
        raise BadFile(f"{path}: its vocabulary and its tokens don't fit")
    bos, ends = ids["bos"], [i for i in (ids["eot"], ids["eom"]) if i is not None]
    # llama.cpp's default where the file doesn't say
    has_start = bool(
        metadata.get("tokenizer.ggml.add_bos_token", pre == "llama-bpe" or kind == "llama")
    )
    start = words[bos] if has_start and bos is not None else ""
    return build_codec(tokenizer, template, ids, ends=ends, start=start)


def _template(metadata: Mapping[str, Any]) -> Any:  # noqa: ANN401  (a file may hold anything)
    """Return the chat template, the default among several, or the plain one."""
    key = "tokenizer.chat_template"
    if key in metadata:
        return metadata[key]
    named = {k[len(key) + 1 :]: v for k, v in metadata.items() if k.startswith(f"{key}.")}
    return default_template(named) if named else PLAIN_TEMPLATE
