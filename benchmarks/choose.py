"""120 items x 5 options under one persona: how fast `choose` is, beside the usual ways.

Both layouts of the prompt: the item first and the options after it, and the options first, which
lets all items share them. Ratios are between runs side by side in one process, on the same
prompts, weights and threads; the floor is what the arithmetic takes at this machine's measured
matrix-product rate. By default one thread and CPU seconds, which other work on the machine
disturbs least; PERSONAE_BENCH_THREADS=2 or more measures wall seconds. The lm-evaluation-harness
runs in an environment of its own (`make lm-eval`, in out/lm-eval) and is left out where that is
absent. `python -m benchmarks.choose`
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from personae.core import Request, load_inventory, say
from personae.models.local.engine import LocalModel
from personae.models.local.forward.shared_prefixes import build_tree
from personae.models.local.loading import Loaded, load_embedded

NAIVE_ITEMS = 16
ROUNDS = 3
THREADS = int(os.environ.get("PERSONAE_BENCH_THREADS", "1"))
clock = time.process_time if THREADS == 1 else time.perf_counter
LM_EVAL = Path(os.environ.get("PERSONAE_LM_EVAL", "out/lm-eval/bin/python"))
Layout = Literal["item first", "options first"]
PERSONA = (
    "You are Ada, a 36-year-old lighthouse keeper on a small island in the north. You grew up as "
    "the youngest of five sisters and left home early to see the world. You speak slowly and mean "
    "what you say. You keep a tidy house, rise before dawn, and write down the weather every day. "
    "Crowds tire you, but you love long evenings with two or three friends, strong tea and old "
    "songs. You have little patience for boasting. You forgive easily and forget nothing. When a "
    "storm comes you are calm, and when it is over you laugh. You have never learned to swim, you "
    "read travel books, and you have been saving for years for a journey to the south that you "
    "are not sure you will ever make."
)
ASKED = "How accurately does this statement describe you? Answer with one letter."


def questions(layout: Layout) -> list[Request]:
    """The 120 items as questions, five single-letter options each."""
    inventory = load_inventory("ipip-neo-120")
    letters = "ABCDE"
    labels = [option.text for option in inventory.options]
    shown = "\n".join(f"{a}. {t}" for a, t in zip(letters, labels, strict=True))
    forms = {
        "item first": ASKED + "\nStatement: I {}.\n" + shown,
        "options first": ASKED + "\n" + shown + "\nStatement: I {}.",
    }
    return [
        Request(
            chat=say(forms[layout].format(i.text.rstrip(".").lower()), system=PERSONA),
            options=tuple((a,) for a in letters),
        )
        for i in inventory.items
    ]


def prompts(loaded: Loaded, asked: Sequence[Request]) -> list[tuple[str, list[int]]]:
    """Each question's text and tokens."""
    texts = [loaded.codec.render(q.chat) for q in asked]
    return [(text, loaded.codec.encode(text)) for text in texts]


def naive(loaded: Loaded, asked: Sequence[Request]) -> list[list[float]]:
    """One pass for every item and option, as most scripts do: the whole logits, no cache."""
    found: list[list[float]] = []
    for question, (_, ids) in zip(asked, prompts(loaded, asked), strict=True):
        found.append([])
        for (form,) in question.options:
            option = loaded.codec.encode(form, special=False)
            with torch.no_grad():
                logits = loaded.network(torch.tensor([ids + option]), use_cache=False).logits[0]
            logp = torch.log_softmax(logits, -1)
            found[-1].append(sum(float(logp[len(ids) - 1 + i, t]) for i, t in enumerate(option)))
    return found


def per_item(loaded: Loaded, asked: Sequence[Request]) -> list[list[float]]:
    """One pass for every item; the options are read off its last token's logits."""
    found = []
    for question, (_, ids) in zip(asked, prompts(loaded, asked), strict=True):
        with torch.no_grad():
            out = loaded.network(torch.tensor([ids]), use_cache=False, logits_to_keep=1)
        logp = torch.log_softmax(out.logits[0, -1], -1)
        first = [loaded.codec.encode(f, special=False)[0] for (f,) in question.options]
        found.append([float(logp[t]) for t in first])
    return found


def engine(loaded: Loaded, asked: Sequence[Request]) -> list[list[float]]:
    """A new engine, so that no prefix is kept from an earlier round."""
    return [list(choice.loglik) for choice in LocalModel(loaded).choose(asked)]


LM_EVAL_CODE = """
import json, sys, time
import torch
threads = int(sys.argv[2])
torch.set_num_threads(threads)
clock = time.process_time if threads == 1 else time.perf_counter
from lm_eval.api.instance import Instance
from lm_eval.models.huggingface import HFLM
rows = json.load(open(sys.argv[1] + "/requests.json"))
requests = [
    Instance(request_type="loglikelihood", doc={}, arguments=tuple(row), idx=i)
    for i, row in enumerate(rows)
]
best = None
for batch in (1, 8, 32):  # the harness at its best: the fastest batch on a fifth of the work
    lm = HFLM(pretrained=sys.argv[1], device="cpu", dtype="float32", batch_size=batch)
    part = requests[: len(requests) // 5]
    started = clock()
    lm.loglikelihood(part, disable_tqdm=True)
    spent = clock() - started
    if best is None or spent < best[0]:
        best = (spent, batch, lm)
started = clock()
found = best[2].loglikelihood(requests, disable_tqdm=True)
print(json.dumps([clock() - started, best[1], [f[0] for f in found]]))
"""


def lm_eval(loaded: Loaded, asked: Sequence[Request]) -> tuple[float, int, list[list[float]]]:
    """Run the harness's `hf` back end; seconds for all requests, its batch size, its numbers."""
    from transformers import PreTrainedTokenizerFast

    rows = [
        (text, form)
        for question, (text, _) in zip(asked, prompts(loaded, asked), strict=True)
        for (form,) in question.options
    ]
    codec = loaded.codec
    end = codec.tokenizer.id_to_token(codec.eos_ids[0])
    with tempfile.TemporaryDirectory() as folder:
        network: Any = loaded.network
        network.save_pretrained(folder)
        tokenizer = PreTrainedTokenizerFast(tokenizer_object=codec.tokenizer, eos_token=end)
        tokenizer.save_pretrained(folder)
        Path(folder, "requests.json").write_text(json.dumps(rows), encoding="utf-8")
        threads = str(torch.get_num_threads())
        command = [str(LM_EVAL), "-c", LM_EVAL_CODE, folder, threads]
        environment = os.environ | {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": threads}
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise RuntimeError(f"lm-eval failed:\n{done.stderr[-2000:]}")
    seconds, batch, flat = json.loads(done.stdout.strip().splitlines()[-1])
    options = len(asked[0].options)
    return seconds, batch, [flat[i : i + options] for i in range(0, len(flat), options)]


def matrix_rate() -> float:
    """Floating-point operations a second of a 2048 cube in float32, best of five."""
    a, b = torch.randn(2048, 2048), torch.randn(2048, 2048)
    return 2 * 2048**3 / min(timed(lambda: a @ b)[0] for _ in range(5))


def arithmetic(loaded: Loaded, asked: Sequence[Request]) -> tuple[int, float]:
    """Count unique tokens, and the operations they take: weights, attention, head."""
    tree, _ = build_tree(list({tuple(ids) for _, ids in prompts(loaded, asked)}))
    network: Any = loaded.network
    config = network.config
    width, layers = config.hidden_size, config.num_hidden_layers
    head = network.get_output_embeddings().weight.numel()
    body = sum(p.numel() for p in network.parameters()) - head
    seen = sum(len(n.tokens) * (n.start + (len(n.tokens) + 1) / 2) for n in tree.walk())
    work = 2 * body * tree.size + 4 * width * layers * seen + 2 * head * len(asked)
    return tree.size, work


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    started = clock()
    result = work()
    return clock() - started, result


def gap(one: Sequence[Sequence[float]], two: Sequence[Sequence[float]]) -> float:
    """Largest difference between two tables of log-probabilities."""
    return float(np.abs(np.array(one) - np.array(two)).max())


def bench(loaded: Loaded, layout: Layout) -> None:
    asked = questions(layout)
    tokens, work = arithmetic(loaded, asked)
    engine(loaded, asked[:20])
    rounds = []
    for _ in range(ROUNDS):  # rate and engine in turn, so that both see the same machine
        rate = matrix_rate()
        spent, found = timed(lambda: engine(loaded, asked))
        rounds.append((work / rate / spent, spent, rate))
    share, seconds, rate = (statistics.median(column) for column in zip(*rounds, strict=True))
    whole, reference = timed(lambda: per_item(loaded, asked))
    some, first = timed(lambda: naive(loaded, asked[:NAIVE_ITEMS]))
    some *= len(asked) / NAIVE_ITEMS
    rows = [
        (
            f"one pass an item and option (timed on {NAIVE_ITEMS} items, scaled)",
            some,
            gap(first, reference[:NAIVE_ITEMS]),
        ),
        ("one pass an item", whole, 0.0),
    ]
    if LM_EVAL.exists():
        theirs, batch, numbers = lm_eval(loaded, asked)
        rows.append((f"lm-evaluation-harness hf, batch {batch}", theirs, gap(numbers, reference)))
    rows.append(("**Personae**", seconds, gap(found, reference)))
    name = f"{layout}, {tokens:,} unique tokens"
    for what, spent, difference in rows:
        print(f"| {name} | {what} | {spent:.2f} | {spent / seconds:.1f} | {difference:.0e} |")
    floor = f"floor: {work / 1e9:,.0f} GFLOP at {rate / 1e9:.0f} GFLOP/s"
    print(f"| {name} | {floor}; share {share:.0%} | {work / rate:.2f} | | |", flush=True)


def main() -> None:
    torch.set_num_threads(THREADS)
    loaded = load_embedded()
    kind = "one thread, CPU time" if THREADS == 1 else f"{THREADS} threads, wall time"
    print(f"120 items x 5 options, float32, {kind}.\n")
    print("| layout | way | seconds | times Personae | largest difference, nats |")
    print("|---|---|---|---|---|")
    for layout in ("item first", "options first"):
        bench(loaded, layout)
    if not LM_EVAL.exists():
        print(f"\nThe harness is absent ({LM_EVAL}); `make lm-eval` installs it.", file=sys.stderr)


if __name__ == "__main__":
    main()
