"""Tokenizers of GGUF files that ours doesn't build, by `transformers`."""

from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import transformers
from tokenizers import Tokenizer
from transformers.integrations.gguf import gguf_tokenizer_mapping

__all__ = ["is_library_tokenizer", "library_splits", "library_tokenizer"]


def library_splits() -> tuple[str, ...]:
    """Name the ways of splitting words, by `tokenizer.ggml.pre`, that the library knows."""
    return tuple(getattr(gguf_tokenizer_mapping, "GGUF_PRE_TOKENIZER_SPLITS", ()))


def is_library_tokenizer(metadata: Mapping[str, Any]) -> bool:
    """Tell whether the library builds the tokenizer that metadata describes, and builds it right.

    It splits words by a default of its own where it doesn't know how a byte-level tokenizer does,
    and begins texts with a blank in SentencePiece's kind even where the file says not to.
    """
    kind = metadata.get("tokenizer.ggml.model")
    if kind == "gpt2":
        return metadata.get("tokenizer.ggml.pre") in library_splits()
    has_blank = bool(metadata.get("tokenizer.ggml.add_space_prefix", True))
    is_gemma = str(metadata.get("general.architecture")).startswith("gemma")
    return kind == "llama" and has_blank != is_gemma


def library_tokenizer(path: str) -> Tokenizer:
    """Build the tokenizer of a GGUF file by the library."""
    with TemporaryDirectory() as empty:  # nothing beside the file is to be opened with it
        # `AutoTokenizer` builds the same, but only beside the networks that the library reads
        tokenizer = transformers.PreTrainedTokenizerFast.from_pretrained(
            empty,
            gguf_file=str(Path(path).absolute()),
            trust_remote_code=False,
            local_files_only=True,
        )
    backend: Tokenizer = tokenizer.backend_tokenizer
    backend.no_truncation()
    backend.no_padding()
    return backend
