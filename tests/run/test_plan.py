"""What a plan says will be read, against what a model reads."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from tokenizers import Tokenizer

from personae.cli.perform import _announce
from personae.core import Message, Note, Report, Request, Sampling, requests_of, say
from personae.models.opening import open_model
from personae.run.plan import estimate_work, token_counter
from tests.support.tiny_folders import byte_tokenizer, piece_tokenizer, save_model

TURNS = (
    "{{ bos_token }}{% if messages[0].role != 'system' %}system: You are a helpful assistant, "
    "trained to answer.</s>{% endif %}{% for m in messages %}{{ m.role }}: {{ m.content }}</s>"
    "{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}"
)
NO_SYSTEM = (
    "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}"
    "{% endif %}[{{ m.role }}] {{ m.content }}</s>{% endfor %}"
)
FOLDERS: dict[str, tuple[Callable[[], Tokenizer], str | None]] = {
    "bytes": (lambda: byte_tokenizer("<s>", "</s>"), TURNS),
    "pieces": (lambda: piece_tokenizer("<unk>", "<s>", "</s>"), TURNS),
    "a base model's": (lambda: byte_tokenizer("<s>", "</s>"), None),
    "without a system turn": (lambda: byte_tokenizer("<s>", "</s>"), NO_SYSTEM),
}
PERSONA = "You are calm and kind. You worry about letters."
CHATS = [
    *(say(f"I am calm {i} times. Pick one letter.") for i in range(3)),
    *(say(f"I worry {i} times.", system=PERSONA) for i in range(3)),
    (*say("Pick A or B."), Message("assistant", "I pick")),
    (*say("", system=PERSONA), Message("assistant", "A"), Message("user", "And I?")),
]


@pytest.fixture(params=FOLDERS)
def model(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    tokenizer, template = FOLDERS[request.param]
    config = {"max_position_embeddings": 2048}
    folder = save_model(tmp_path / "tiny", tokenizer(), template=template, config=config)
    return open_model(f"hf:{folder}", device="cpu")


@pytest.mark.filterwarnings("ignore:hf:")
def test_a_plan_counts_in_the_models_own_tokens(model: Any) -> None:
    read = 0

    def work(chooser: Any) -> None:
        nonlocal read
        choices = chooser.choose([Request(chat, (("A",), ("B",))) for chat in CHATS])
        replies = chooser.reply(requests_of(CHATS[:2]), Sampling(max_tokens=2))
        read = sum(answer.tokens_in for answer in (*choices, *replies))

    plan = estimate_work(work, tokens_of=token_counter([model]))
    guess = estimate_work(work)
    work(model)
    assert plan.tokens_in == pytest.approx(read, rel=0.05)
    assert guess.tokens_in < 0.6 * read  # the fault that the counter mends
    assert plan.requests == guess.requests


@pytest.mark.filterwarnings("ignore:hf:")
def test_the_announced_plan_is_that_count(model: Any) -> None:
    def body(model: Any) -> Report:
        model.choose([Request(CHATS[0], (("A",), ("B",)))])
        return Report(title="One question", parts=(Note(text="."),))

    settings = {"ray": None, "price": None, "yes": False}
    log = Console(file=io.StringIO(), width=200)
    plan = _announce(body, {"model": model}, settings, log)
    assert plan is not None
    (choice,) = model.choose([Request(CHATS[0], (("A",), ("B",)))])
    assert plan.tokens_in == pytest.approx(choice.tokens_in, abs=3)


def test_models_elsewhere_have_no_count() -> None:
    assert token_counter([open_model("simulated:E=1")]) is None
