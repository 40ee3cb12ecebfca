"""Strict stand-ins for the servers that show whole texts: vLLM, SGLang, llama.cpp, TGI.

They serve a tiny random network, whose log-probabilities they compute; or a hash of each
pair of words, which costs nothing, where the numbers don't matter; a simulated respondent replies.
"""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import pairwise, takewhile
from typing import Any
from zlib import crc32

import torch

from personae.core import Chat, Request, Sampling
from tests.support.strict_servers import (
    CHAT_FIELDS,
    LABELS,
    MODEL,
    Handler,
    Refusal,
    StrictServer,
    chat_completion,
    chat_of,
)
from tests.support.tiny_networks import codec, network, tiny_model

TEMPLATE_FIELDS = frozenset(
    {"add_generation_prompt", "continue_final_message", "chat_template_kwargs"}
)
PAIRS = "pairs"
LEAST, MOST = -7.0, -3.0
"""Log-probabilities (nats) of a pair of words."""


class WordCodec:
    """Lines as tokens, and the words of the last one, numbered by their hash."""

    _PIECES = re.compile(r"</?s>|[^\n]*\n|\s?\w+|\s|[^\w\s]")

    def __init__(self) -> None:
        self._texts: dict[int, str] = {}

    def pieces(self, text: str) -> list[tuple[int, int, int]]:
        """Number, start and end of each word."""
        places = [(crc32(m[0].encode()), *m.span()) for m in self._PIECES.finditer(text)]
        self._texts |= {token: text[start:end] for token, start, end in places}
        return places

    def encode(self, text: str) -> list[int]:
        return [token for token, _, _ in self.pieces(text)]

    def decode(self, tokens: Sequence[int]) -> str:
        return "".join(self._texts[token] for token in tokens)


class NetworkCodec:
    """The tokenizer of the tiny networks."""

    def pieces(self, text: str) -> list[tuple[int, int, int]]:
        encoding = codec().tokenizer.encode(text, add_special_tokens=False)
        places = zip(encoding.ids, encoding.offsets, strict=True)
        return [(token, start, end) for token, (start, end) in places]

    def encode(self, text: str) -> list[int]:
        return codec().encode(text)

    def decode(self, tokens: Sequence[int]) -> str:
        return str(codec().tokenizer.decode(list(tokens), skip_special_tokens=False))


WORDS = WordCodec()


@cache
def of_pair(before: int, token: int) -> float:
    share = crc32(f"{before} {token}".encode()) / (1 << 32)
    return round(LEAST + (MOST - LEAST) * share, 4)


class _OpenServer(StrictServer):
    """What they share: a tiny network or a table of pairs, a tokenizer, a chat template."""

    def __init__(self, kind: str = PAIRS) -> None:
        super().__init__()
        self.kind = kind

    @property
    def codec(self) -> WordCodec | NetworkCodec:
        return WORDS if self.kind == PAIRS else NetworkCodec()

    def chat(self, body: Mapping[str, Any]) -> object:
        if self.kind == PAIRS:
            return chat_completion(self.reply_to(chat_of(body), body))
        with self.lock:
            sampling = Sampling(
                max_tokens=body.get("max_tokens", 16),
                temperature=body.get("temperature", 1.0),
                seed=body.get("seed", 0),
            )
            reply = tiny_model(self.kind).reply([Request(chat_of(body))], sampling)[0]
        return chat_completion(
            reply.text, finish_reason="length" if reply.status == "cut" else "stop"
        )

    def prompt(self, chat: Chat) -> list[int]:
        return self.codec.encode(codec().render(chat))

    def next_tokens(self, tokens: Sequence[int]) -> dict[int, float]:
        """Log-probabilities of tokens after these, likeliest first; of words, the labels' alone."""
        if self.kind == PAIRS:
            labels = [WORDS.encode(blank + label)[0] for label in LABELS for blank in ("", " ")]
            listed = {label: of_pair(tokens[-1], label) for label in labels}
        else:
            with self.lock, torch.no_grad():
                logits = network(self.kind)(torch.tensor([list(tokens)])).logits[0, -1]
            listed = dict(enumerate(torch.log_softmax(logits.float(), -1).tolist()))
        return dict(sorted(listed.items(), key=lambda pair: -pair[1]))

    def of_prompts(self, prompts: Sequence[Sequence[int]]) -> list[list[float]]:
        """Log-probabilities of each prompt's tokens but the first; a shared start is read once."""
        if self.kind == PAIRS:
            return [[of_pair(*pair) for pair in pairwise(tokens)] for tokens in prompts]
        places = zip(*(tokens[:-1] for tokens in prompts), strict=False)
        shared = sum(1 for _ in takewhile(lambda tokens: len(set(tokens)) == 1, places))
        longest = max(map(len, prompts)) - shared
        ends = [[*tokens[shared:], *[0] * (longest + shared - len(tokens))] for tokens in prompts]
        with self.lock, torch.no_grad():
            start = network(self.kind)(torch.tensor([list(prompts[0][:shared])]), use_cache=True)
            start.past_key_values.batch_repeat_interleave(len(prompts))
            rest = network(self.kind)(torch.tensor(ends), past_key_values=start.past_key_values)
        logits = torch.cat([start.logits.expand(len(prompts), -1, -1), rest.logits], dim=1)
        logp = torch.log_softmax(logits.float(), -1)
        return [
            [float(logp[row, place, token]) for place, token in enumerate(tokens[1:])]
            for row, tokens in enumerate(prompts)
        ]


class VllmServer(_OpenServer):
    """vLLM, or SGLang with `shows` another form of the prompt's log-probabilities."""

    paid_paths = ("/chat/completions", "/v1/completions", "/generate")

    def __init__(self, shows: str = "prompt_logprobs", kind: str = PAIRS) -> None:
        super().__init__(kind)
        self.shows = shows

    def paths(self) -> Mapping[str, tuple[frozenset[str], Handler]]:
        completion = {"model", "prompt", "max_tokens", "temperature"}
        shown = {"prompt_logprobs": {"prompt_logprobs"}, "echo": {"echo", "logprobs"}}
        fields = frozenset(completion | shown.get(self.shows, set()))
        paths: dict[str, tuple[frozenset[str], Handler]] = {
            "/v1/chat/completions": (CHAT_FIELDS | TEMPLATE_FIELDS, self.chat),
            "/tokenize": (
                TEMPLATE_FIELDS | {"model", "messages", "prompt", "add_special_tokens"},
                self.tokenize,
            ),
            "/detokenize": (frozenset({"model", "tokens"}), self.detokenize),
            "/v1/completions": (fields, self.complete),
        }
        if self.shows == "generate":
            own = frozenset({"input_ids", "sampling_params", "return_logprob", "logprob_start_len"})
            paths["/generate"] = (own, self.generate)
        return paths

    def tokenize(self, body: Mapping[str, Any]) -> object:
        if "messages" in body:
            is_begun = body["messages"][-1]["role"] == "assistant"
            if is_begun != body.get("continue_final_message", False):
                raise Refusal(400, "continue_final_message doesn't fit the last message")
            tokens = self.prompt(chat_of(body))
        else:
            tokens = self.codec.encode(body["prompt"])
        return {"tokens": tokens, "count": len(tokens), "max_model_len": 8192}

    def detokenize(self, body: Mapping[str, Any]) -> object:
        name = "text" if self.shows != "prompt_logprobs" else "prompt"
        return {name: self.codec.decode(body["tokens"])}

    def complete(self, body: Mapping[str, Any]) -> object:
        choices = []
        prompts = body["prompt"]
        for index, (tokens, values) in enumerate(
            zip(prompts, self.of_prompts(prompts), strict=True)
        ):
            choice: dict[str, Any] = {"index": index, "text": ""}
            if "prompt_logprobs" in body:
                places = zip(tokens[1:], values, strict=True)
                choice["prompt_logprobs"] = [None, *({str(t): {"logprob": v}} for t, v in places)]
            elif body.get("echo"):
                choice["logprobs"] = {"token_logprobs": [None, *values, -1.0]}
            choices.append(choice)
        usage = {"prompt_tokens": sum(map(len, prompts)), "completion_tokens": len(prompts)}
        return {"model": MODEL, "choices": choices[::-1], "usage": usage}

    def generate(self, body: Mapping[str, Any]) -> object:
        answers = []
        prompts = body["input_ids"]
        for tokens, known in zip(prompts, self.of_prompts(prompts), strict=True):
            values: list[float | None] = [None, *known]
            entries = [[value, token, None] for token, value in zip(tokens, values, strict=True)]
            answers.append({"text": "", "meta_info": {"input_token_logprobs": entries}})
        return answers


class LlamaServer(_OpenServer):
    """llama.cpp's server: a next token at a time, forced by a bias where it isn't listed."""

    paid_paths = ("/chat/completions", "/completion")

    def __init__(self, listed: int = 40, kind: str = PAIRS) -> None:
        super().__init__(kind)
        self.listed = listed
        self._next: dict[tuple[int, ...], dict[int, float]] = {}  # of each prompt, the next token's

    def paths(self) -> Mapping[str, tuple[frozenset[str], Handler]]:
        own = {"prompt", "n_predict", "n_probs", "temperature", "cache_prompt", "logit_bias"}
        return {
            "/v1/chat/completions": (CHAT_FIELDS | TEMPLATE_FIELDS, self.chat),
            "/apply-template": (TEMPLATE_FIELDS | {"messages"}, self.apply_template),
            "/tokenize": (
                frozenset({"content", "add_special", "parse_special", "model", "messages"})
                | TEMPLATE_FIELDS
                | {"add_special_tokens", "prompt"},
                self.tokenize,
            ),
            "/detokenize": (frozenset({"tokens"}), self.detokenize),
            "/completion": (frozenset(own), self.complete),
        }

    def apply_template(self, body: Mapping[str, Any]) -> object:
        return {"prompt": codec().render(chat_of(body))}

    def tokenize(self, body: Mapping[str, Any]) -> object:
        return {"tokens": self.codec.encode(body.get("content", ""))}

    def detokenize(self, body: Mapping[str, Any]) -> object:
        return {"content": self.codec.decode(body["tokens"])}

    def complete(self, body: Mapping[str, Any]) -> object:
        prompt = tuple(body["prompt"])
        if prompt not in self._next:
            self._next[prompt] = self.next_tokens(prompt)
        known = self._next[prompt]
        entries = [{"id": token, "logprob": value} for token, value in known.items()]
        forced = [token for token, bias in body.get("logit_bias", ()) if bias > 100]
        chosen = forced[0] if forced else next(iter(known))
        value = known[chosen] if self.kind != PAIRS else of_pair(prompt[-1], chosen)
        listed = entries[: min(body["n_probs"], self.listed)]
        first = {"id": chosen, "logprob": value, "top_logprobs": listed}
        return {"model": f"/models/{MODEL}", "content": "", "completion_probabilities": [first]}


class TgiServer(_OpenServer):
    """text-generation-inference: text in, the details of its tokens out where it was so started."""

    paid_paths = ("/chat/completions", "/generate")
    most_listed = 5

    def __init__(self, prefill: bool = True, kind: str = PAIRS) -> None:
        super().__init__(kind)
        self.prefill = prefill
        self.probes = 0 if prefill else 1

    def paths(self) -> Mapping[str, tuple[frozenset[str], Handler]]:
        chat = CHAT_FIELDS | TEMPLATE_FIELDS | {"reasoning_effort"}  # it reads over what it ignores
        return {
            "/v1/chat/completions": (chat, self.chat),
            "/chat_tokenize": (frozenset({"model", "messages"}), self.chat_tokenize),
            "/tokenize": (frozenset({"inputs"}), self.tokenize),
            "/generate": (frozenset({"inputs", "parameters"}), self.generate),
        }

    def chat(self, body: Mapping[str, Any]) -> object:
        if body.get("top_logprobs", 0) > self.most_listed:
            why = f"`top_n_tokens` must be >= 0 and <= {self.most_listed}. Given: 20"
            raise Refusal(422, f"Input validation error: {why}")
        answer: Any = super().chat(body)
        if body.get("logprobs"):
            known = list(self.next_tokens(self.prompt(chat_of(body))).items())
            entries = [
                {"token": self.codec.decode([token]), "logprob": value}
                for token, value in known[: body["top_logprobs"]]
            ]
            answer["choices"][0]["logprobs"] = {
                "content": [{**entries[0], "top_logprobs": entries}]
            }
        return answer

    def chat_tokenize(self, body: Mapping[str, Any]) -> object:
        text = codec().render(chat_of(body))
        return {"templated_text": text, "tokenize_response": self._listed(text)}

    def tokenize(self, body: Mapping[str, Any]) -> object:
        start = {"id": self.codec.encode("<s>")[0], "text": "", "start": 0, "stop": 0}
        return [start, *self._listed(body["inputs"])]

    def _listed(self, text: str) -> list[dict[str, Any]]:
        """Tokens with their places in bytes, as the tokenizer in Rust counts them."""
        return [
            {
                "id": token,
                "text": text[start:stop],
                "start": len(text[:start].encode()),
                "stop": len(text[:stop].encode()),
            }
            for token, start, stop in self.codec.pieces(text)
        ]

    def generate(self, body: Mapping[str, Any]) -> object:
        if not body["inputs"]:
            raise Refusal(422, "Input validation error: `inputs` cannot be empty")
        known = {"max_new_tokens", "do_sample", "decoder_input_details"}
        assert set(body["parameters"]) == known, body
        tokens = self.codec.encode("<s>" + body["inputs"])
        values = [None, *self.of_prompts([tokens])[0]]
        entries = [
            {"id": token, "text": self.codec.decode([token]), "logprob": value}
            for token, value in zip(tokens, values, strict=True)
        ]
        details = {"generated_tokens": 1, "prefill": entries if self.prefill else []}
        return {"generated_text": "", "details": details}
