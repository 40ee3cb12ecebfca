"""Scores texts by classifiers from the hub that have a harmful class."""

import logging
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

from personae.core import Array, BadFile, MissingExtra

__all__ = ["TextClassifier", "load_classifier"]

HARMFUL = ("toxic", "hate", "hateful", "offensive", "negative", "label_1")
BATCH = 16


class TextClassifier:
    """Scores texts by the probability of the harmful class, whose name is `label`."""

    def __init__(self, name: str, tokenizer: Any, network: Any, label_index: int) -> None:  # noqa: ANN401
        self.name = f"hub:{name}"
        self.label = str(network.config.id2label[label_index])
        self._tokenizer, self._network, self._label_index = tokenizer, network, label_index

    def harm(self, texts: Sequence[str]) -> Array:
        """Return the probability of the harmful class for each text, shape (texts,)."""
        import torch  # noqa: PLC0415

        probabilities = []
        for start in range(0, len(texts), BATCH):
            part = [text or " " for text in texts[start : start + BATCH]]
            inputs = self._tokenizer(part, return_tensors="pt", padding=True, truncation=True)
            with torch.no_grad():
                logits = self._network(**inputs).logits.float()
            kind = getattr(self._network.config, "problem_type", "")
            is_multi_label = kind == "multi_label_classification"
            shares = torch.sigmoid(logits) if is_multi_label else torch.softmax(logits, dim=-1)
            probabilities += shares[:, self._label_index].tolist()
        return np.array(probabilities, dtype=np.float64)


def load_classifier(name: str) -> TextClassifier:
    """Open a text classifier by hub name or folder; weights from safetensors only.

    Raises:
        MissingExtra: torch or transformers is not installed.
        BadFile: no classifier there, or none of its classes has a harmful name.
    """
    for package in ("torch", "transformers"):
        if find_spec(package) is None:
            raise MissingExtra(package, "local", "a hub classifier")
    # transformers imports torchao, which tells of optional kernels that nothing here needs
    for package in ("torchao", "torch.utils._pytree"):
        logging.getLogger(package).setLevel(logging.ERROR)
    from transformers import (  # noqa: PLC0415
        AutoModelForSequenceClassification,
        AutoTokenizer,
    )

    try:
        tokenizer = AutoTokenizer.from_pretrained(name)
        network = AutoModelForSequenceClassification.from_pretrained(name, use_safetensors=True)
    except (OSError, ValueError, KeyError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadFile(f"hub:{name}: there is no text classifier ({first})") from error
    labels = {str(label).lower(): int(i) for i, label in network.config.id2label.items()}
    known = [label for label in HARMFUL if label in labels]
    if not known:
        raise BadFile(
            f"hub:{name}: none of its classes {sorted(labels)} is a harmful one; "
            f"known are {', '.join(HARMFUL)}"
        )
    return TextClassifier(name, tokenizer, network.eval(), labels[known[0]])
