"""A model in vLLM's offline engine as a `Chooser`, and as a steerable one where a layer allows it.

Chats become tokens by our own codec, so that a question is the same as on `hf:`. Options are
weighed by the log-probabilities of their tokens (`option_tokens`).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy
from typing import Any, Self

from personae.core import (
    Activations,
    Anatomy,
    BadValue,
    Chat,
    Choice,
    Done,
    Edit,
    InputError,
    Pool,
    Reply,
    Request,
    Sampling,
    Site,
    Status,
    Touch,
    edits_key,
    refuse_edits,
    require_options,
)
from personae.models.codec.posed_questions import PosedQuestion, QuestionEncoder, TokenQuestion
from personae.models.codec.token_counter import TokenCounter
from personae.models.local.drawing import stream
from personae.models.package_versions import installed_versions
from personae.models.vllm.option_tokens import option_logps
from personae.models.vllm.steering_layers import Edits
from personae.models.vllm.vllm_engine import Engine, open_engine
from personae.models.weighing import Tokens, weigh

__all__ = ["VllmModel", "open_vllm"]

CHUNK = 512
"""Requests handed to vLLM at a time: enough to fill its batches, few enough to lose in a crash."""


def open_vllm(text: str, *, dtype: str = "auto") -> "VllmModel":
    """Open `vllm:NAME-OR-FOLDER`; with a steering layer installed, one that can be steered.

    Raises:
        UnknownName: an argument that a model string can't set.
        ModelUnavailable: neither a folder nor a name on the hub.
        ModelError: vLLM or the codec can't be opened.
    """
    engine = open_engine(text, dtype)
    return VllmModel(engine) if engine.layer is None else _SteerableVllmModel(engine)


class VllmModel:
    """A model in vLLM's engine; its answers vary in the last digits with what is asked together."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._edits: Edits = ()

    @property
    def name(self) -> str:
        """The string that opens it."""
        return self.engine.name

    @property
    def fingerprint(self) -> str:
        """Weights, precision, tokenizer, template, vLLM's version; joined with edits in force."""
        return edits_key(self.engine.fingerprint, self._edits)

    @property
    def notes(self) -> tuple[str, ...]:
        """What reports say about it: what its chat template can't do, or that there is none."""
        return self.engine.codec.remarks

    @property
    def packages(self) -> dict[str, str]:
        """Versions of vLLM, of what it computes by, and of the steering layer."""
        import vllm

        layer = self.engine.layer
        versions = installed_versions(["torch", "transformers", "tokenizers"])
        versions["vllm"] = vllm.__version__
        if layer is not None:  # EasySteer may come as vLLM's source alone
            release = installed_versions([layer.package]).get(layer.package, vllm.__version__)
            versions[layer.name] = release
        return versions

    def token_counter(self) -> TokenCounter:
        """Return a count of the tokens that a chat will have."""
        return TokenCounter(self.engine.codec)

    def choose(self, requests: Sequence[Request], *, done: Done | None = None) -> list[Choice]:
        """Weigh each request's options; a chat beyond the context length gets the status `error`.

        Raises:
            InputError: a request without options, or with edits where no steering layer is.
            BadValue: an edit that the steering layer can't make.
        """
        require_options(requests)
        self._check(requests)
        encode = QuestionEncoder(self.engine.codec, self.engine.limit - 1)  # vLLM writes a token
        answers: list[Choice] = []
        for start in range(0, len(requests), CHUNK):
            chunk = requests[start : start + CHUNK]
            questions = [encode(PosedQuestion(r.chat, r.options)) for r in chunk]
            for choice in self._choices(chunk, questions):
                answers.append(choice)
                if done is not None:
                    done(len(answers) - 1, choice)
        return answers

    def _choices(
        self, requests: Sequence[Request], questions: Sequence[tuple[TokenQuestion | None, str]]
    ) -> Iterator[Choice]:
        askable = [
            (question, _active(request.edits))
            for request, (question, _) in zip(requests, questions, strict=True)
            if question is not None
        ]
        logps = iter(option_logps(askable, self._generate))
        for question, reason in questions:
            if question is None:
                yield Choice(status="error", why=reason)
            else:
                yield weigh(question.options, next(logps), len(question.prompt))

    def reply(
        self, requests: Sequence[Request], sampling: Sampling, *, done: Done | None = None
    ) -> list[Reply]:
        """Reply to each request; a draw's seed follows from seed, repeat and chat.

        Under a JSON schema vLLM constrains the reply; one that reaches `max_tokens` is cut, and may
        not be valid.

        Raises:
            InputError: a request with edits where no steering layer is.
            BadValue: an edit that the steering layer can't make.
        """
        self._check(requests)
        answers: list[Reply] = []
        for start in range(0, len(requests), CHUNK):
            for reply in self._replies(requests[start : start + CHUNK], sampling):
                answers.append(reply)
                if done is not None:
                    done(len(answers) - 1, reply)
        return answers

    def _replies(self, requests: Sequence[Request], sampling: Sampling) -> Iterator[Reply]:
        codec, limit = self.engine.codec, self.engine.limit
        texts = [codec.render(request.chat) for request in requests]
        prompts = [tuple(codec.encode(text)) for text in texts]
        rooms = [min(sampling.max_tokens, limit - len(prompt)) for prompt in prompts]
        asked = [i for i, room in enumerate(rooms) if room >= 1 and prompts[i]]
        parameters = [self._sampling(sampling, texts[i], rooms[i]) for i in asked]
        edits = [requests[i].edits for i in asked]
        outputs = self._generate([prompts[i] for i in asked], parameters, edits)
        by_index = dict(zip(asked, outputs, strict=True))
        for index, prompt in enumerate(prompts):
            if index in by_index:
                yield self._read(by_index[index], sampling, len(prompt))
                continue
            reason = f"the chat has {len(prompt):,} tokens; the model reads at most {limit:,}"
            yield Reply(text="", status="error", why=reason, tokens_in=len(prompt))

    def _read(self, output: Any, sampling: Sampling, tokens_in: int) -> Reply:  # noqa: ANN401
        completion = output.outputs[0]
        ids = list(completion.token_ids)
        if completion.finish_reason not in ("stop", "length"):
            reason = f"vLLM ended the reply: {completion.finish_reason}"
            return _reply("", tokens_in, ids, status="error", why=reason)
        codec = self.engine.codec
        ended = bool(ids) and ids[-1] in codec.eos_ids
        text = codec.decode(ids[:-1] if ended else ids)
        stops = [start for start in map(text.find, sampling.stop) if start >= 0]
        if stops:
            text = text[: min(stops)]
        if completion.finish_reason == "length" and not stops and not ended:
            return _reply(text, tokens_in, ids, status="cut", why=f"cut at {len(ids)} tokens")
        return _reply(text, tokens_in, ids)

    def _sampling(self, sampling: Sampling, text: str, room: int) -> Any:  # noqa: ANN401
        options: dict[str, Any] = {
            "max_tokens": room,
            "temperature": sampling.temperature,
            "top_p": sampling.top_p,
            "seed": int(stream(sampling, text).integers(1 << 31)),
            "stop": list(sampling.stop) or None,
            "stop_token_ids": list(self.engine.codec.eos_ids),
            "skip_special_tokens": False,
        }
        if sampling.schema is not None:
            if sampling.stop:
                raise BadValue(
                    "a JSON schema ends the reply by itself; give it without stop strings"
                )
            options |= _structured(sampling.schema)
        return self._parameters(**options)

    def _parameters(self, **options: Any) -> Any:  # noqa: ANN401  (vllm.SamplingParams)
        from vllm import SamplingParams

        return SamplingParams(**options)

    def _check(self, requests: Sequence[Request]) -> None:
        refuse_edits(requests, self.name)

    def _generate(
        self, prompts: Sequence[Tokens], parameters: Sequence[Any], edits: Sequence[Edits]
    ) -> list[Any]:
        """Answer prompts; `edits` are empty, unless a steering layer is there."""
        if not prompts:
            return []
        given = [{"prompt_token_ids": list(prompt)} for prompt in prompts]
        more: Mapping[str, Any] = {}
        if self.engine.layer is not None:
            more = self.engine.layer.attach(
                parameters, [(*self._edits, *_active(group)) for group in edits]
            )
        generate = self.engine.llm.generate
        return list(generate(given, list(parameters), use_tqdm=False, **more))


class _SteerableVllmModel(VllmModel):
    """A model in vLLM's engine: a steering layer edits its activations, but nothing reads them."""

    @property
    def anatomy(self) -> Anatomy:
        """How many blocks and heads the network has, and their widths."""
        config = self.engine.config.hf_text_config
        width, heads = int(config.hidden_size), int(config.num_attention_heads)
        head_width = int(getattr(config, "head_dim", None) or width // heads)
        return Anatomy(int(config.num_hidden_layers), width, heads, head_width)

    def record(self, chats: Sequence[Chat], sites: Sequence[Site], pool: Pool) -> Activations:
        """Refuse: vLLM gives no activations.

        Raises:
            InputError: always.
        """
        raise InputError(
            f"{self.name} gives no activations, from which vectors are made: make the vector on "
            "hf:NAME-OR-FOLDER (personae vector TRAIT --out FILE) and steer by the file"
        )

    @contextmanager
    def edited(self, edits: Sequence[Edit], *, trace: list[Touch] | None = None) -> Iterator[Self]:
        """Yield this model with the edits in force; the model itself stays as it is.

        Raises:
            BadValue: an edit that the steering layer can't make.
            InputError: a trace is wanted, which vLLM doesn't give.
        """
        if trace is not None:
            raise InputError(f"{self.name} doesn't show what edits do to each token")
        twin = copy(self)
        twin._edits = (*self._edits, *_active(edits))
        twin._check([])
        yield twin

    def _check(self, requests: Sequence[Request]) -> None:
        anatomy, layer = self.anatomy, self.engine.layer
        assert layer is not None
        for edits in {_active(request.edits) for request in requests} | {()}:
            layer.check((*self._edits, *edits))
            for edit in (*self._edits, *edits):
                size, block = edit.vector.shape[-1], edit.site.block
                if size != anatomy.width or block >= anatomy.blocks:
                    raise BadValue(
                        f"a direction of {size} numbers at block {block} doesn't fit "
                        f"{self.name}: {anatomy.blocks} blocks of width {anatomy.width}"
                    )


def _active(edits: Sequence[Edit]) -> Edits:
    return tuple(edit for edit in edits if edit.strength != 0)


def _reply(
    text: str, tokens_in: int, ids: Sequence[int], *, status: Status = "ok", why: str = ""
) -> Reply:
    return Reply(text=text, status=status, why=why, tokens_in=tokens_in, tokens_out=len(ids))


def _structured(schema: str) -> dict[str, Any]:
    """Return the argument by which vLLM constrains a reply to a JSON schema."""
    from vllm.sampling_params import StructuredOutputsParams

    return {"structured_outputs": StructuredOutputsParams(json=schema)}
