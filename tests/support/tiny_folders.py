"""Tiny random models as folders, as `hf:` and `vllm:` open them."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

__all__ = ["byte_tokenizer", "piece_tokenizer", "save_model"]

WORDS = "I am calm and I worry. A B C user assistant system Pick one letter\n<|>? A B [INST]"


def byte_tokenizer(*special: str) -> Tokenizer:
    """A byte-level tokenizer: every byte is a token, after the special ones."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    _train(tokenizer, [], special, pre_tokenizers.ByteLevel.alphabet())
    return tokenizer


def piece_tokenizer(*special: str, legacy: bool = False) -> Tokenizer:
    """A tokenizer of SentencePiece's kind, where a text begins with a blank.

    With `legacy`, every piece between special tokens does.
    """
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    if legacy:
        tokenizer.normalizer = normalizers.Sequence(
            [normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")]
        )
    else:
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first", split=False)
    tokenizer.decoder = decoders.Metaspace()
    _train(tokenizer, [WORDS] * 9, special, sorted(set(WORDS)))
    return tokenizer


def _train(
    tokenizer: Tokenizer, texts: list[str], special: tuple[str, ...], alphabet: list[str]
) -> None:
    trainer = trainers.BpeTrainer(
        vocab_size=340,
        special_tokens=list(special),
        initial_alphabet=alphabet,
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)


def save_model(
    folder: Path,
    tokenizer: Tokenizer,
    *,
    template: str | Mapping[str, str] | None = None,
    special: Mapping[str, str] | None = None,
    edit: Callable[[Any], object] | None = None,
    config: Mapping[str, Any] | None = None,
) -> Path:
    """Save a random llama with a tokenizer; `edit` changes its weights first."""
    torch.manual_seed(0)
    names = {"bos_token": "<s>", "eos_token": "</s>", **(special or {})}
    network: Any = transformers.LlamaForCausalLM(
        transformers.LlamaConfig(
            **{
                "vocab_size": tokenizer.get_vocab_size(),
                "hidden_size": 32,
                "intermediate_size": 48,
                "num_hidden_layers": 2,
                "num_attention_heads": 4,
                "max_position_embeddings": 512,
                "initializer_range": 0.25,
                "bos_token_id": tokenizer.token_to_id(names["bos_token"]),
                "eos_token_id": tokenizer.token_to_id(names["eos_token"]),
                **(config or {}),
            }
        )
    )
    with torch.no_grad():
        if edit is not None:
            edit(network)
    network.save_pretrained(folder)
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, **names)
    fast.chat_template = template
    fast.save_pretrained(folder)
    return folder


def write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value), encoding="utf-8")
