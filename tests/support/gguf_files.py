"""Small GGUF files, written byte by byte after ggml's description of the format."""

import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tests.support.tiny_networks import codec, network

Blob = tuple[tuple[int, ...], int, bytes]  # row-major shape, ggml type, data


def _text(value: str) -> bytes:
    data = value.encode()
    return struct.pack("<Q", len(data)) + data


def _value(value: Any) -> bytes:
    """A type number and the value: u32, f32, bool, string, or an array of strings, f32 or int32."""
    if isinstance(value, bool):
        return struct.pack("<I?", 7, value)
    if isinstance(value, int):
        return struct.pack("<II", 4, value)
    if isinstance(value, float):
        return struct.pack("<If", 6, value)
    if isinstance(value, str):
        return struct.pack("<I", 8) + _text(value)
    first = value[0] if value else 0
    if isinstance(first, str):
        kind, body = 8, b"".join(map(_text, value))
    else:
        kind, form = (6, "<f") if isinstance(first, float) else (5, "<i")
        body = b"".join(struct.pack(form, v) for v in value)
    return struct.pack("<IIQ", 9, kind, len(value)) + body


def gguf_bytes(metadata: Mapping[str, Any], tensors: Mapping[str, Blob], align: int = 32) -> bytes:
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata))
    head += b"".join(_text(k) + _value(v) for k, v in metadata.items())
    body = b""
    for name, (shape, kind, data) in tensors.items():
        dims = struct.pack(f"<{len(shape)}Q", *shape[::-1])
        head += _text(name) + struct.pack("<I", len(shape)) + dims
        head += struct.pack("<IQ", kind, len(body))
        body += data + b"\0" * (-len(data) % align)
    return head + b"\0" * (-len(head) % align) + body


NAMES = {
    "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}


def _name(name: str) -> str:
    if name.startswith("model.layers."):
        _, _, block, rest = name.split(".", 3)
        part, kind = rest.rsplit(".", 1)
        return f"blk.{block}.{NAMES[part]}.{kind}"
    outer = {"model.embed_tokens": "token_embd", "model.norm": "output_norm", "lm_head": "output"}
    stem, kind = name.rsplit(".", 1)
    return f"{outer[stem]}.{kind}"


def tiny_tensors(kind: str) -> dict[str, Blob]:
    """A tiny network's weights as F32, queries and keys paired as llama files store them."""
    net = network(kind)
    heads = {"q_proj": 4, "k_proj": 2}
    tensors = {}
    for name, weight in net.named_parameters():
        values = weight.detach().numpy()
        head = heads.get(name.split(".")[-2], 0) if kind == "llama" else 0
        if head:
            values = values.reshape(head, 2, -1, values.shape[-1]).swapaxes(1, 2)
        shape = tuple(weight.shape)
        tensors[_name(name)] = (shape, 0, np.ascontiguousarray(values, "<f4").tobytes())
    return tensors


def tiny_metadata(kind: str, pre: str = "gpt-2") -> dict[str, Any]:
    tokenizer = codec().tokenizer
    vocabulary = tokenizer.get_vocab(with_added_tokens=True)
    words: Sequence[str] = sorted(vocabulary, key=lambda word: vocabulary[word])
    return {
        "general.architecture": kind,
        f"{kind}.block_count": 3,
        f"{kind}.context_length": 512,
        f"{kind}.embedding_length": 32,
        f"{kind}.feed_forward_length": 48,
        f"{kind}.attention.head_count": 4,
        f"{kind}.attention.head_count_kv": 2,
        f"{kind}.attention.layer_norm_rms_epsilon": 1e-6,
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": pre,
        "tokenizer.ggml.tokens": words,
        "tokenizer.ggml.token_type": [3 if w in ("<s>", "</s>") else 1 for w in words],
        "tokenizer.ggml.merges": merges(),
        "tokenizer.ggml.bos_token_id": 0,
        "tokenizer.ggml.eos_token_id": 1,
    }


def merges() -> list[str]:
    made = json.loads(codec().tokenizer.to_str())["model"]["merges"]
    return [m if isinstance(m, str) else " ".join(m) for m in made]
