"""Make personae/data/fidelity.json: what the embedded model says, by the library's own loader.

    pip install gguf accelerate; python -m tests.reference.make_fidelity

Loads the weights with `transformers` and the `gguf` package, not with our reader, in float32 on
the CPU, one plain forward pass per prompt (about 30 CPU-seconds).
"""

import json
from importlib import metadata
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM

from personae.core import Chat, say
from personae.models.codec.gguf_codec import codec_from_gguf
from personae.models.codec.text_codec import TextCodec
from personae.models.gguf.gguf_file import read_gguf
from personae.models.local.loading import WEIGHTS_SHA256, _embedded_path

OUT = Path(__file__).parents[2] / "personae" / "data" / "fidelity.json"
TOP = 200
QUESTIONS = [
    (None, "What is the capital of France?"),
    (None, "Is the sky blue? Answer Yes or No."),
    (None, "Name a colour, in one word."),
    (None, "How many legs does a dog have? Answer with one word."),
    (None, "Which is larger, the Sun or the Moon?"),
    (None, "Do you like large parties? Answer Yes or No."),
    (None, "Say hello to me."),
    (None, "Pick a letter: A, B, C or D."),
    ("You are a shy librarian who dislikes noise.", "How was your weekend?"),
    ("You are a cheerful salesman who talks a lot.", "How was your weekend?"),
    ("You answer in one word.", "What do bees make?"),
    ("You answer in one word.", "Are you happy?"),
    ("You are a strict teacher.", "May I leave the class early?"),
    ("You are a poet.", "Begin a poem about the sea."),
    ("You are a doctor.", "My head aches. What should I do?"),
    ("You are a pirate.", "Where is the treasure?"),
]
PASSAGE = (
    "In the spring of that year the river rose higher than anyone in the village could remember. "
    "The miller moved his sacks of flour to the loft, and the children, who had been told to stay "
    "away from the water, stood on the bridge and counted the branches that drifted past."
)
LAST = 24  # positions of the passage that are compared


def options_of(codec: TextCodec, logp: torch.Tensor) -> list[tuple[str, float]]:
    """Take the four likeliest first words, none the beginning of another."""
    found: list[tuple[str, float]] = []
    for index in logp.argsort(descending=True).tolist():
        word = codec.decode([index])
        clash = any(word.startswith(w) or w.startswith(word) for w, _ in found)
        if word.isascii() and word.isalpha() and not clash:
            found.append((word, round(float(logp[index]), 6)))
        if len(found) == 4:
            break
    return found


def main() -> None:
    path = _embedded_path()
    codec = codec_from_gguf(str(path), read_gguf(path).metadata)
    network = AutoModelForCausalLM.from_pretrained(
        path.parent, gguf_file=path.name, dtype=torch.float32
    ).eval()

    def logp(chat: Chat) -> torch.Tensor:
        ids = torch.tensor([codec.encode(codec.render(chat))])
        with torch.inference_mode():
            logits: torch.Tensor = network(input_ids=ids).logits[0]
        return logits.double().log_softmax(-1)

    questions: list[dict[str, Any]] = []
    for system, user in QUESTIONS:
        options = options_of(codec, logp(say(user, system=system))[-1])
        words, values = [w for w, _ in options], [v for _, v in options]
        questions.append({"system": system, "user": user, "options": words, "loglik": values})
    rows = logp(say("Tell me a story.", lead=PASSAGE))[-LAST:].topk(TOP)
    passage = {
        "user": "Tell me a story.",
        "lead": PASSAGE,
        "ids": rows.indices.tolist(),
        "logp": [[round(v, 5) for v in row] for row in rows.values.tolist()],
    }
    made = {
        "model": "smollm2",
        "source": "SmolLM2-135M-Instruct Q4_1 decoded to float32 by the library's own loader: "
        + ", ".join(f"{p} {metadata.version(p)}" for p in ("transformers", "gguf", "torch")),
        "made_by": "python -m tests.reference.make_fidelity",
        "weights_sha256": WEIGHTS_SHA256,
        "questions": questions,
        "passage": passage,
    }
    OUT.write_text(json.dumps(made, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
