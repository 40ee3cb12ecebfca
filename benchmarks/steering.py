"""What recording and steering cost over the bare model, beside three libraries; sweeps in a batch.

Each library runs in an environment of its own under out/, on the same random Llama of the embedded
model's size saved to disk; every figure is a ratio to the bare model in the same process, runs in
turn (PERSONAE_BENCH_ROUNDS, 12 by default). The libraries' pins clash, so they share only torch and
what they don't pin with Personae.
"""

import json
import os
import subprocess
import sys
import sysconfig
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

OUT = Path("out/steering-bench")
OLDER = ("transformers==4.57.6", "tokenizers==0.22.1", "huggingface_hub==0.36.0")
LIBRARIES = {
    "repeng": ("--no-deps", "repeng==0.4.0", "numpy==1.26.4", *OLDER),
    "steering-vectors": ("--no-deps", "steering-vectors==0.12.2", *OLDER),
    "nnsight": ("nnsight==0.8.1",),
}
STEERED = tuple(range(10, 20))
TOKENS, WIDTH = 96, 576
ROUNDS = int(os.environ.get("PERSONAE_BENCH_ROUNDS", "12"))
VALUES = tuple(float(s) for s in range(-5, 6))


def ratios(ways: dict[str, Callable[[], object]], rounds: int = ROUNDS) -> dict[str, float]:
    """Time the ways in turn; give each one's median ratio to the first in the same round."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for way in ways.values():
        way()
    for _ in range(rounds):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            times[name].append(time.perf_counter() - start)
    first = next(iter(times.values()))
    return {n: median(a / b for a, b in zip(t, first, strict=True)) for n, t in times.items()}


def saved() -> Path:
    """A random Llama with the embedded model's shape and a byte tokenizer, on disk."""
    folder = OUT / "model"
    if (folder / "config.json").exists():
        return folder
    import torch
    import transformers
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    torch.manual_seed(0)
    config = transformers.LlamaConfig(
        vocab_size=512,
        hidden_size=WIDTH,
        intermediate_size=1536,
        num_hidden_layers=30,
        num_attention_heads=9,
        num_key_value_heads=3,
        max_position_embeddings=2048,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=1,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(folder)
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {w: i for i, w in enumerate(["<s>", "</s>", *letters])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", pad_token="</s>"
    ).save_pretrained(folder)
    return folder


def ours(folder: Path) -> dict[str, float]:
    import numpy as np
    import torch

    from personae.core import Edit, Site
    from personae.models.local.editing import EditCombinations, Editing
    from personae.models.local.forward.passes import ForwardPasses
    from personae.models.local.forward.shared_prefixes import Node, lay_out
    from personae.models.local.sites import Sites

    torch.set_num_threads(1)
    network = _network(folder)
    sites, combinations = Sites(network), EditCombinations()
    vector = np.random.default_rng(0).normal(size=WIDTH)
    edits = tuple(Edit(Site(b), vector, 0.01) for b in STEERED)
    bare = ForwardPasses(network, Editing(sites, combinations))
    steered = bare.under(Editing(sites, combinations, [edits]))
    seen: dict[int, Any] = {}

    def keep(block: int) -> Callable[[Any], None]:
        def see(hidden: Any) -> None:  # noqa: ANN401
            seen[block] = hidden.mean(0)

        return see

    hooks = [(Site(b), keep(b)) for b in range(30)]

    def forward(reader: ForwardPasses, show: Sequence[Any] = ()) -> Callable[[], object]:
        def run() -> object:
            tokens = reader.editing.marked(range(2, 2 + TOKENS), TOKENS)
            blocks = lay_out([Node(0, tokens, size=TOKENS)], None, reader.device)
            return reader.forward(
                blocks.tokens, blocks.positions, blocks.layout, [TOKENS - 1], show
            )

        return run

    return ratios(
        {"bare": forward(bare), "steered": forward(steered), "recorded": forward(bare, hooks)}
    )


def _network(folder: Path) -> Any:  # noqa: ANN401
    import transformers

    return transformers.AutoModelForCausalLM.from_pretrained(folder, dtype="float32").eval()


def sweep(folder: Path) -> dict[str, float]:
    """Eleven strengths: one batch against eleven runs, for replies and for choices."""
    import numpy as np
    import torch

    from personae.core import Edit, Request, Sampling, Site, say
    from personae.models.local.engine import LocalModel
    from personae.models.local.loading import load_hf

    torch.set_num_threads(1)
    model = LocalModel(load_hf(str(folder)))
    vector = np.random.default_rng(0).normal(size=WIDTH)
    rows = [(Edit(Site(15), vector, s * 0.01),) for s in VALUES]
    chat, free = say("Tell me."), Sampling(max_tokens=32)
    question = Request(chat, (("A",), ("B",)))

    def each(ask: Callable[[Any], object]) -> Callable[[], object]:
        def run() -> object:
            for own in rows:
                with model.edited(own) as edited:
                    ask(edited)
            return None

        return run

    replies = ratios(
        {
            "batch": lambda: model.reply([Request(chat, edits=own) for own in rows], free),
            "one by one": each(lambda m: m.reply([Request(chat)], free)),
        },
        3,
    )
    choices = ratios(
        {
            "batch": lambda: model.choose([replace(question, edits=own) for own in rows]),
            "one by one": each(lambda m: (m._reader.forget(), m.choose([question]))),
        },
        3,
    )
    return {"replies": replies["one by one"], "choices": choices["one by one"]}


THEIRS = """
import json, sys, time, torch, transformers
from statistics import median
torch.set_num_threads(1)
folder, library, first, last, tokens, rounds = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:7])
net = transformers.AutoModelForCausalLM.from_pretrained(folder, torch_dtype=torch.float32).eval()
ids = torch.arange(2, 2 + tokens)[None]
v = torch.randn(net.config.hidden_size) * .01
blocks = list(range(first, last + 1))
def plain():
    with torch.no_grad():
        return net(ids)
if library == "repeng":
    import numpy as np
    from repeng import ControlModel, ControlVector
    cm = ControlModel(net, blocks)
    cv = ControlVector("llama", {b: v.numpy() for b in blocks})
    def steered():
        cm.set_control(cv, 1.0)
        with torch.no_grad():
            cm.model(ids)
        cm.reset()
elif library == "steering-vectors":
    from steering_vectors import SteeringVector
    sv = SteeringVector({b: v for b in blocks}, "decoder_block")
    def steered():
        with sv.apply(net), torch.no_grad():
            net(ids)
else:
    from nnsight import LanguageModel
    tok = transformers.AutoTokenizer.from_pretrained(folder)
    lm = LanguageModel(net, tokenizer=tok)
    def steered():
        with torch.no_grad(), lm.trace(ids):
            for b in blocks:
                out = lm.model.layers[b].output
                lm.model.layers[b].output = (out[0] + v,) if isinstance(out, tuple) else out + v
plain(); steered()
found = []
for _ in range(rounds):
    t0 = time.perf_counter(); plain()
    t1 = time.perf_counter(); steered()
    found.append((time.perf_counter() - t1) / (t1 - t0))
print("RATIO", median(found))
"""


def theirs(folder: Path, library: str) -> str:
    """Time a library in an environment of its own; say why where it doesn't run."""
    env = OUT / library
    python = env / "bin" / "python"
    if not python.exists():
        subprocess.run([sys.executable, "-m", "venv", str(env)], check=True)
        (inside,) = env.glob("lib/python*/site-packages")
        (inside / "shared.pth").write_text(sysconfig.get_path("purelib") + "\n")
        made = subprocess.run(
            [str(python), "-m", "pip", "install", "-q", *LIBRARIES[library]],
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode:
            return f"not run: {(made.stderr.strip().splitlines() or ['pip failed'])[-1][:120]}"
    script = OUT / "theirs.py"
    script.write_text(THEIRS)
    numbers = map(str, (STEERED[0], STEERED[-1], TOKENS, ROUNDS))
    ran = subprocess.run(
        [str(python), str(script), str(folder), library, *numbers],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    line = next((x for x in ran.stdout.splitlines() if x.startswith("RATIO")), "")
    if not line:
        return f"not run: {(ran.stderr.strip().splitlines() or ['no output'])[-1][:120]}"
    return f"{float(line.split()[1]):.3f}"


def main() -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    folder = saved()
    found = ours(folder)
    print(
        f"{len(STEERED)} of 30 blocks steered, {TOKENS} tokens, one thread; ratio to the bare model"
        f" in the same process, median of {ROUNDS} rounds.\n"
    )
    print("| way | ratio to bare |\n|---|---|")
    print(f"| **Personae**, steered | {found['steered']:.3f} |")
    print(f"| **Personae**, all 30 blocks recorded and pooled | {found['recorded']:.3f} |")
    for library, packages in LIBRARIES.items():
        name = next(p for p in packages if "==" in p)
        print(f"| {name}, steered | {theirs(folder, library)} |")
    times = sweep(folder)
    print("\n11 strengths, one batch against one by one.\n")
    print("| request | times faster |\n|---|---|")
    for name, ratio in times.items():
        print(f"| {name} | {ratio:.1f} |")
    (OUT / "figures.json").write_text(json.dumps({**found, **times}))


if __name__ == "__main__":
    main()
