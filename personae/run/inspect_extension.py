"""Personae in inspect_ai: its models as `personae/MODEL`, and a solver that answers as a persona.

    inspect eval task.py --model personae/smollm2 --solver personae/persona -S who=ada.json

inspect_ai finds both through the entry point; this module is imported only with the extra
`inspect`.
"""

from dataclasses import dataclass
from typing import Any

import anyio
import anyio.to_thread
from inspect_ai.model import (
    ChatCompletionChoice,
    ChatMessage,
    ChatMessageAssistant,
    ChatMessageSystem,
    ChatMessageUser,
    GenerateConfig,
    Logprob,
    Logprobs,
    ModelAPI,
    ModelOutput,
    ModelUsage,
    modelapi,
)
from inspect_ai.solver import Generate, Solver, TaskState, solver

from personae.core import (
    Chat,
    Chooser,
    InputError,
    Message,
    ModelError,
    Persona,
    Reply,
    Request,
    Sampling,
)
from personae.induce.registry import find_induction
from personae.models.opening import open_model
from personae.personas.exchange import load_persona
from personae.respondents.scripted import ScriptedModel

__all__ = ["persona"]

FORMS = {"system": ChatMessageSystem, "user": ChatMessageUser, "assistant": ChatMessageAssistant}
STOPS = {"ok": "stop", "cut": "max_tokens", "refused": "content_filter"}


@dataclass(eq=False)
class _Job:
    request: Request
    sampling: Sampling
    reply: Reply | None = None


class _PersonaeModels(ModelAPI):  # type: ignore[misc]  # inspect_ai isn't here when types are checked
    """A model of Personae behind inspect_ai's interface; waiting requests become one batch."""

    def __init__(
        self,
        model_name: str,
        base_url: str | None = None,
        api_key: str | None = None,
        config: GenerateConfig = GenerateConfig(),  # noqa: B008  (the interface's default)
        **options: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(model_name, base_url, api_key, [], config)
        self._model = open_model(model_name, **options)
        self._waiting: list[_Job] = []
        self._turn = anyio.Lock()

    async def generate(
        self,
        input: list[ChatMessage],
        tools: list[Any],
        tool_choice: object,
        config: GenerateConfig,
    ) -> ModelOutput:
        """Reply to a chat of texts; `num_choices` replies are draws of their own.

        With `logprobs` a choice has one entry, the whole reply with its log-probability (nats),
        where the model gives likelihoods.
        """
        if tools:
            raise InputError(f"{self._model.name} calls no tools: give the task without them")
        chat = tuple(map(_message, input))
        jobs = [
            _Job(Request(chat), _sampling(config, draw)) for draw in range(config.num_choices or 1)
        ]
        self._waiting += jobs
        for job in jobs:
            async with self._turn:
                if job.reply is None:
                    await anyio.to_thread.run_sync(self._answer, job.sampling)
        replies = [job.reply for job in jobs if job.reply is not None]
        for reply in replies:
            if reply.status == "error":
                raise ModelError(f"{self._model.name}: {reply.why}")
        logprobs: list[Logprobs | None] = [None] * len(replies)
        if config.logprobs and isinstance(self._model, Chooser):
            weigh = self._model, chat, replies
            logprobs = await anyio.to_thread.run_sync(_logprobs, *weigh)
        return self._output(replies, logprobs)

    def max_connections(self) -> int:
        """How many samples wait at a time, and so the largest batch."""
        return 32

    def _answer(self, sampling: Sampling) -> None:
        """Answer all waiting jobs with this sampling as one batch."""
        batch = [job for job in self._waiting if job.sampling == sampling]
        self._waiting = [job for job in self._waiting if job.sampling != sampling]
        replies = self._model.reply([job.request for job in batch], sampling)
        for job, reply in zip(batch, replies, strict=True):
            job.reply = reply

    def _output(self, replies: list[Reply], logprobs: list[Logprobs | None]) -> ModelOutput:
        choices = [
            ChatCompletionChoice(
                message=ChatMessageAssistant(content=reply.text, model=self._model.name),
                stop_reason=STOPS.get(reply.status, "unknown"),
                logprobs=weights,
            )
            for reply, weights in zip(replies, logprobs, strict=True)
        ]
        read, written = (sum(getattr(r, n) for r in replies) for n in ("tokens_in", "tokens_out"))
        usage = ModelUsage(input_tokens=read, output_tokens=written, total_tokens=read + written)
        return ModelOutput(model=self._model.name, choices=choices, usage=usage)


@modelapi(name="personae")  # type: ignore[untyped-decorator]
def _personae_models() -> type[ModelAPI]:
    """Register the models: `personae/smollm2`, `personae/hf:NAME` and all other model strings."""
    return _PersonaeModels


@solver  # type: ignore[untyped-decorator]
def persona(who: str | Persona, induction: str = "persona_text", *, answer: bool = True) -> Solver:
    """Put a persona into a task's messages, as an induction of Personae does, and answer.

    Args:
        who: a persona, or a file with one; FILE#ID names one of several.
        induction: an induction by prompt, as in `personae list`; it must not ask the model.
        answer: whether the model answers at once; without, another solver has it answer.
    """
    person = load_persona(who) if isinstance(who, str) else who
    put_in = find_induction(induction)

    async def solve(state: TaskState, generate: Generate) -> TaskState:
        chat = tuple(map(_message, state.messages))
        inner = ScriptedModel(lambda _: "")
        try:
            with put_in(inner, person) as model:
                model.reply([Request(chat)], Sampling())
        except ModelError as error:
            raise InputError(
                f"the induction {induction!r} asks the model, the solver can't"
            ) from error
        state.messages = [
            FORMS[message.role](content=message.text) for message in inner.asked[-1].chat
        ]
        return await generate(state) if answer else state

    return solve


def _message(message: ChatMessage) -> Message:
    if message.role not in FORMS or getattr(message, "tool_calls", None):
        raise InputError("chats hold system, user and assistant messages only: no tools")
    if not isinstance(message.content, str) and any(c.type != "text" for c in message.content):
        raise InputError("chats hold text only: no images, audio or files")
    return Message(message.role, message.text)


def _sampling(config: GenerateConfig, draw: int) -> Sampling:
    usual = Sampling()
    given = {
        "max_tokens": config.max_tokens,
        "temperature": config.temperature,
        "top_p": config.top_p,
        "stop": None if config.stop_seqs is None else tuple(config.stop_seqs),
        "seed": config.seed,
    }
    fields = {name: value for name, value in given.items() if value is not None}
    return Sampling(**{"max_tokens": usual.max_tokens, **fields}, repeat=draw)


def _logprobs(model: Chooser, chat: Chat, replies: list[Reply]) -> list[Logprobs | None]:
    texts = list(dict.fromkeys(reply.text for reply in replies if reply.text))
    choices = model.choose([Request(chat, ((text,),)) for text in texts])
    entries = {
        text: Logprobs(content=[Logprob(token=text, logprob=choice.loglik[0])])
        for text, choice in zip(texts, choices, strict=True)
        if choice.status == "ok"
    }
    return [entries.get(reply.text) for reply in replies]
