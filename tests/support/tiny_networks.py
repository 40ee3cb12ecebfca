"""Tiny random networks of several architectures, with a tokenizer of their own, and the plain path.

The plain path is the definition that the engine must meet: one forward pass for each chat and
option, batch of one, no cache, nothing shared.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from personae.core import Chat, Request, content_key
from personae.models.local.engine import LocalModel
from personae.models.local.loading import Loaded

LINES = (
    "I am the life of the party. I worry about things. I agree strongly, or not at all.",
    "Please answer with one letter: A, B, C, D or E. Very accurate. Moderately inaccurate.",
    '{"name": "Ada", "age": 36, "traits": ["kind", "calm"], "note": "likes long walks"}',
)
VOCABULARY = 320
KINDS = ("llama", "gpt2", "qwen2", "mistral", "gemma2")
SHARED = (
    *KINDS,
    "qwen3",
    "qwen3_moe",
    "gemma3",
    "phi3",
    "gpt_neox",
    "olmo2",
    "cohere2",
    "granite",
    "smollm3",
    "opt",
    "deepseek_v3",
)
"""Families whose texts share passes."""
ALONE = ("falcon", "bloom", "gpt_oss", "lfm2", "recurrent_gemma", "mamba", "falcon_h1")
"""Families of which each text is read alone."""

ENDS: dict[str, Any] = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
SMALL = {"vocab_size": VOCABULARY, "hidden_size": 32, **ENDS}
HEADS = {
    **SMALL,
    "intermediate_size": 48,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "max_position_embeddings": 512,
    "initializer_range": 0.25,
}
GROUPS = {**HEADS, "num_key_value_heads": 2}
SLIDING = {**GROUPS, "sliding_window": 24}
NETWORKS: dict[str, tuple[str, dict[str, Any]]] = {
    "llama": ("Llama", GROUPS),
    "long": ("Llama", {**GROUPS, "max_position_embeddings": 8192}),
    "qwen2": ("Qwen2", GROUPS),
    "mistral": ("Mistral", SLIDING),
    "gemma2": ("Gemma2", {**SLIDING, "head_dim": 8, "attn_logit_softcapping": 5.0}),
    "gpt2": (
        "GPT2",
        {
            **{"vocab_size": VOCABULARY, "n_embd": 32, "n_layer": 3, "n_head": 4, **ENDS},
            **{"n_positions": 512, "initializer_range": 0.25},
        },
    ),
    "qwen3": ("Qwen3", {**GROUPS, "head_dim": 8}),
    "qwen3_moe": (
        "Qwen3Moe",
        {**GROUPS, "num_experts": 4, "moe_intermediate_size": 16, "num_experts_per_tok": 2},
    ),
    "gemma3": (
        "Gemma3Text",
        {
            **SLIDING,
            "head_dim": 8,
            "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
        },
    ),
    "phi3": ("Phi3", SLIDING),
    "gpt_neox": ("GPTNeoX", HEADS),
    "olmo2": ("Olmo2", GROUPS),
    "cohere2": ("Cohere2", SLIDING),
    "granite": ("Granite", GROUPS),
    "smollm3": ("SmolLM3", GROUPS),
    "opt": (
        "OPT",
        {
            **{**SMALL, "ffn_dim": 48, "num_hidden_layers": 3, "num_attention_heads": 4},
            **{"max_position_embeddings": 512, "word_embed_proj_dim": 32, "init_std": 0.25},
        },
    ),
    "deepseek_v3": (
        "DeepseekV3",
        {
            **{**HEADS, "num_key_value_heads": 4, "q_lora_rank": 16, "kv_lora_rank": 16},
            **{"qk_rope_head_dim": 4, "qk_nope_head_dim": 8, "v_head_dim": 8},
            **{"n_routed_experts": 4, "num_experts_per_tok": 2, "n_group": 1, "topk_group": 1},
            "moe_intermediate_size": 16,
        },
    ),
    "falcon": ("Falcon", {**HEADS, "num_kv_heads": 2, "new_decoder_architecture": True}),
    "bloom": ("Bloom", {**SMALL, "n_layer": 3, "n_head": 4, "initializer_range": 0.25}),
    "gpt_oss": (
        "GptOss",
        {**SLIDING, "head_dim": 8, "num_local_experts": 4, "num_experts_per_tok": 2},
    ),
    "lfm2": ("Lfm2", {**GROUPS, "layer_types": ["conv", "full_attention", "conv"]}),
    "recurrent_gemma": (
        "RecurrentGemma",
        {**GROUPS, "lru_width": 32, "attention_window_size": 24},
    ),
    "mamba": ("Mamba", {**SMALL, "num_hidden_layers": 3, "state_size": 8}),
    "falcon_h1": (
        "FalconH1",
        {**GROUPS, "mamba_d_ssm": 32, "mamba_n_heads": 4, "mamba_d_state": 8},
    ),
}
"""Kind -> the library's config, and its settings: large weights, so that answers differ clearly."""


class TinyCodec:
    """A byte-level tokenizer trained on three lines, and a bare chat template."""

    def __init__(self) -> None:
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        tokenizer.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=VOCABULARY,
            special_tokens=["<s>", "</s>"],
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        tokenizer.train_from_iterator(LINES, trainer)
        self.tokenizer = tokenizer
        self.bos_id = 0
        self.eos_ids = (1,)
        self.pad_id = 1
        self.notes: tuple[str, ...] = ()
        self.remarks: tuple[str, ...] = ()

    def encode(self, text: str, *, special: bool = True) -> list[int]:
        if special:
            ids: list[int] = self.tokenizer.encode(text, add_special_tokens=False).ids
            return ids
        return [i for i in self.encode(text.replace("<", "\x00")) if i > 1]

    def seam(self, text: str, option: str) -> tuple[int, tuple[int, ...]]:
        """By encoding both texts from the last turn on, which is as exact as in `turns`."""
        tail = text[text.rfind("\nassistant:") + 1 :]
        alone, joint = self.encode(tail), self.encode(tail + option)
        common = 0
        while alone[common : common + 1] == joint[common : common + 1] != []:
            common += 1
        return len(alone) - common, tuple(joint[common:])

    def decode(self, ids: Sequence[int]) -> str:
        text: str = self.tokenizer.decode(list(ids), skip_special_tokens=True)
        return text

    def render(self, chat: Chat) -> str:
        lines = [f"{m.role}: {m.text}\n" for m in chat]
        if chat and chat[-1].role == "assistant":
            return "<s>" + "".join(lines)[:-1]
        return "<s>" + "".join(lines) + ("assistant:" if chat else "")

    def turns(self, chat: Chat) -> tuple[list[int], list[tuple[int, int]]]:
        """By encoding beginnings, which is exact for this template: a line ends before a word."""
        ranges = []
        for index, message in enumerate(chat):
            before = "<s>" + "".join(f"{m.role}: {m.text}\n" for m in chat[:index])
            text = f"{before}{message.role}:"
            ranges.append((len(self.encode(text)), len(self.encode(f"{text} {message.text}"))))
        return self.encode(self.render(chat)), ranges


@cache
def codec() -> TinyCodec:
    return TinyCodec()


@cache
def network(kind: str) -> Any:
    """A random network with weights large enough that its answers differ clearly."""
    torch.manual_seed(7)
    config, settings = NETWORKS[kind]
    made = getattr(transformers, f"{config}Config")(**settings)
    return transformers.AutoModelForCausalLM.from_config(made).eval()


def tiny_model(kind: str = "long", **options: Any) -> LocalModel:
    """A random network as an open model; `long` reads long texts. Nothing is to be found in it."""
    coder: Any = codec()
    return LocalModel(Loaded(f"tiny:{kind}", network(kind), coder, content_key(kind)), **options)


def plain_logp(net: Any, prompt: list[int], option: list[int]) -> float:
    """Log-probability of an option after a prompt, by one pass of its own."""
    with torch.no_grad():
        logits = net(torch.tensor([prompt + option])).logits[0]
    logp = torch.log_softmax(logits.float(), -1)
    return float(sum(logp[len(prompt) - 1 + i, t] for i, t in enumerate(option)))


def plain_forms(coder: Any, question: Request) -> tuple[list[int], list[list[list[int]]]]:
    """The prompt of a question and the tokens of each form after it.

    All of them are encoded as whole texts, and the prompt ends where the first of these parts.
    """
    text = coder.render(question.chat)
    whole = [[coder.encode(text + form) for form in forms] for forms in question.options]
    prompt = coder.encode(text)
    while any(ids[: len(prompt)] != prompt for forms in whole for ids in forms):
        prompt.pop()
    return prompt, [[ids[len(prompt) :] for ids in forms] for forms in whole]


def plain_logliks(net: Any, coder: Any, question: Request) -> list[list[float]]:
    """Log-probability of each form of each option."""
    prompt, options = plain_forms(coder, question)
    return [[plain_logp(net, prompt, form) for form in forms] for forms in options]
