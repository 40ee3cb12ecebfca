"""The local engine: an open model on this machine, read in batches with shared prefixes."""

import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from typing import Any, Self, cast

from llguidance import LLTokenizer
from torch.nn import Parameter

from personae.core import (
    Activations,
    Anatomy,
    Chat,
    Choice,
    Done,
    Edit,
    ModelError,
    Pool,
    Reply,
    Request,
    Sampling,
    Site,
    Touch,
    edits_key,
    require_options,
)
from personae.models.codec.posed_questions import PosedQuestion
from personae.models.codec.token_counter import TokenCounter
from personae.models.local.choosing import choices
from personae.models.local.constrained import Grammar
from personae.models.local.editing import EditCombinations, Editing
from personae.models.local.forward.passes import ForwardPasses
from personae.models.local.generating import ReplyWriter
from personae.models.local.loading import Loaded
from personae.models.local.recording import record
from personae.models.local.sites import Sites
from personae.models.package_versions import installed_versions

__all__ = ["LocalModel", "context_length"]


def context_length(loaded: Loaded) -> int:
    """Return the context length of a network in tokens, from its configuration."""
    config = cast(Any, loaded.network).config.get_text_config()
    length = int(getattr(config, "max_position_embeddings", None) or 1 << 30)
    if "chunked_attention" in (getattr(config, "layer_types", None) or ()):
        length = min(length, int(config.attention_chunk_size))  # beyond it, chunks are not computed
    return length


def _refuse_unsound(loaded: Loaded) -> None:
    """Refuse weights that are no numbers.

    Raises:
        ModelError: a weight is NaN or infinite.
    """
    for name, weights in loaded.network.named_parameters():
        if weights.is_meta or type(weights) is not Parameter or not weights.is_floating_point():
            continue  # elsewhere, or quantised
        # a sum is quick, but can overflow in half precision
        if not bool(weights.sum().isfinite()) and not bool(weights.isfinite().all()):
            raise ModelError(f"{loaded.name}: the weights of {name} hold NaN or infinite numbers")


Edits = tuple[Edit, ...]


class LocalModel:
    """A transformers network and its tokenizer as an `OpenModel`.

    `token_budget` is the most tokens of one pass, `rows` the most replies written at a time,
    `blocks` the name of the list of decoder blocks, for a network in which it can't be found.
    Results depend neither on these nor on what else is asked in the same call, except for rounding
    (1e-4 nats in float32).

    Raises:
        ModelError: a weight is NaN or infinite.
    """

    def __init__(
        self,
        loaded: Loaded,
        *,
        token_budget: int = 1024,
        rows: int = 32,
        blocks: str | None = None,
    ) -> None:
        _refuse_unsound(loaded)
        for note in loaded.codec.notes:
            warnings.warn(f"{loaded.name}: {note}", stacklevel=2)
        self.loaded = loaded
        self.limit = context_length(loaded)
        self.sites = Sites(loaded.network, blocks)
        self._rows, self._combinations = rows, EditCombinations()
        self._edits: Edits = ()
        self._trace: list[Touch] | None = None
        self._reader = ForwardPasses(
            loaded.network,
            Editing(self.sites, self._combinations),
            token_budget=token_budget,
            attention=loaded.runtime.attention,
        )
        self._tokens: LLTokenizer | None = None

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    @property
    def name(self) -> str:
        """The string that opens it."""
        return self.loaded.name

    @property
    def fingerprint(self) -> str:
        """The weights' fingerprint; with edits in force, joined with them."""
        return edits_key(self.loaded.fingerprint, self._edits)

    @property
    def notes(self) -> tuple[str, ...]:
        """What reports say: how it runs if not in float32 on the CPU, its template's limits."""
        obstacle = self._reader.sharing_obstacle
        alone = f"each text is read alone, which is slower: {obstacle}"
        return (
            *self.loaded.runtime.notes,
            *self.loaded.codec.remarks,
            *([alone] if obstacle else []),
        )

    @property
    def packages(self) -> dict[str, str]:
        """Versions of the packages by which it computes and was read."""
        is_read_by_gguf = self.name.startswith("gguf:") and "gguf" in sys.modules
        return installed_versions(
            [*self.loaded.runtime.packages, *(["gguf"] if is_read_by_gguf else [])]
        )

    def token_counter(self) -> TokenCounter:
        """Return a count of the tokens that a chat will have."""
        return TokenCounter(self.loaded.codec)

    @property
    def anatomy(self) -> Anatomy:
        """How many blocks and heads the network has, and their widths.

        Raises:
            ModelError: its decoder blocks can't be found.
        """
        return self.sites.anatomy

    def choose(
        self,
        requests: Sequence[Request],
        *,
        done: Done | None = None,
    ) -> list[Choice]:
        """Weigh each request's options under its edits; the chat is read once for all options.

        A chat that exceeds the context length with an option gets the status `error`.

        Raises:
            InputError: a request without options.
            BadValue: an edit that doesn't fit the network.
        """
        require_options(requests)
        reader, variants = self._under(requests)
        questions = [
            PosedQuestion(r.chat, r.options, v) for r, v in zip(requests, variants, strict=True)
        ]
        return choices(reader, self.loaded.codec, questions, self.limit, done)

    def reply(
        self,
        requests: Sequence[Request],
        sampling: Sampling,
        *,
        done: Done | None = None,
    ) -> list[Reply]:
        """Reply to each request under its edits; a draw follows from seed, repeat and chat only.

        A stop string ends a reply before itself; `max_tokens` cuts it (status `cut`, text kept).
        Under a JSON schema every reply is valid: one that reaches `max_tokens` is closed by force.

        Raises:
            BadValue: the schema can't be enforced or can't fit `max_tokens`, or an edit doesn't
                fit the network.
        """
        grammar = None if sampling.schema is None else self._grammar(sampling.schema)
        reader, variants = self._under(requests)
        writer = ReplyWriter(reader, self.loaded.codec, self.limit, self._rows)
        chats = [(request.chat, v) for request, v in zip(requests, variants, strict=True)]
        return writer.replies(chats, sampling, grammar, done)

    def _under(self, requests: Sequence[Request]) -> tuple[ForwardPasses, list[int]]:
        """Return a reader for requests under edits of their own, and each request's variant."""
        if not any(request.edits for request in requests):
            return self._reader, [0] * len(requests)
        numbers: dict[Edits, int] = {}
        variants = [
            numbers.setdefault((*self._edits, *_active(request.edits)), len(numbers))
            for request in requests
        ]
        return self._reader.under(self._editing(list(numbers), self._trace)), variants

    def _editing(self, variants: Sequence[Edits], trace: list[Touch] | None) -> Editing:
        editing = Editing(self.sites, self._combinations, variants, trace)
        editing.check()
        return editing

    def _grammar(self, schema: str) -> Grammar:
        if self._tokens is None:
            codec = self.loaded.codec
            self._tokens = Grammar.vocabulary(codec.tokenizer, codec.eos_ids)
        return Grammar(self._tokens, schema)

    def record(self, chats: Sequence[Chat], sites: Sequence[Site], pool: Pool) -> Activations:
        """Read activations at the sites, pooled over the tokens of each rendered chat.

        `last` is the token after which the model would answer, `mean` all tokens including the
        template's, `all` every token of every chat, one after another; `replies` gives for each
        turn of the assistant, in order, the mean over its own text, nothing of the template.
        Edits in force are seen; every token counts as the prompt's.

        Raises:
            BadValue: an unknown site or pool, a chat longer than the network reads, or under
                `replies` a chat in which the assistant says nothing.
        """
        return record(self._reader, self.loaded.codec, chats, (sites, pool), self.limit)

    @contextmanager
    def edited(self, edits: Sequence[Edit], *, trace: list[Touch] | None = None) -> Iterator[Self]:
        """Yield this model with the edits in force; the model itself stays as it is.

        Edits live only in passes of the model that is yielded, so nothing is left behind. They
        come after those in force already. Strength 0 is the identity: such edits are left out,
        also of the fingerprint. `trace` receives what the edits do to each token of each pass.

        Raises:
            BadValue: an edit that doesn't fit the network.
        """
        Editing(self.sites, self._combinations, [tuple(edits)]).check()
        twin = copy(self)
        twin._edits = (*self._edits, *_active(edits))
        twin._trace = self._trace if trace is None else trace
        twin._reader = self._reader.under(self._editing([twin._edits], twin._trace))
        yield twin


def _active(edits: Sequence[Edit]) -> Edits:
    return tuple(edit for edit in edits if edit.strength != 0)
