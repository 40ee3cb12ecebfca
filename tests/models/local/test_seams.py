"""Options are weighed by the tokens of chat and option together; what can't be weighed is said."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from personae.core import (
    BadValue,
    Choice,
    Edit,
    ModelError,
    Request,
    Sampling,
    Site,
    requests_of,
    say,
)
from personae.models.codec.building import build_codec
from personae.models.codec.text_codec import TextCodec
from personae.models.local.engine import LocalModel
from personae.models.local.loading import Loaded, load_hf
from personae.models.weighing import weigh
from tests.support.tiny_folders import byte_tokenizer, piece_tokenizer, save_model
from tests.support.tiny_networks import codec as tiny_codec
from tests.support.tiny_networks import network, plain_logp, tiny_model

TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}</s>\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
SPECIAL = ("<unk>", "<s>", "</s>")
TOKENIZERS = {
    "bytes": byte_tokenizer(*SPECIAL),
    "pieces": piece_tokenizer(*SPECIAL),
    "legacy pieces": piece_tokenizer(*SPECIAL, legacy=True),
}


def codec_of(tokenizer: Tokenizer) -> TextCodec:
    return build_codec(tokenizer, TEMPLATE, {"bos": 1, "eos": 2, "padding": None})


@pytest.mark.parametrize("kind", TOKENIZERS)
@given(
    lead=st.sampled_from(["", "I am", "I am ", "A\n", " "]),
    system=st.sampled_from([None, "I am calm."]),
    option=st.text(alphabet="IAamclB \n|<.", min_size=1, max_size=6),
)
def test_seams_are_those_of_the_whole_text(
    kind: str, lead: str, system: str | None, option: str
) -> None:
    codec = codec_of(TOKENIZERS[kind])
    text = codec.render(say("Pick one", system=system, lead=lead))
    back, ids = codec.seam(text, option)
    prompt = codec.encode(text)
    assert prompt[: len(prompt) - back] + list(ids) == codec.encode(text + option)


def test_after_a_line_break_a_piece_has_no_blank(tmp_path: Path) -> None:
    folder = save_model(
        tmp_path, piece_tokenizer(*SPECIAL), template=TEMPLATE, special={"unk_token": "<unk>"}
    )
    model = LocalModel(load_hf(str(folder)))
    codec, chat = model.loaded.codec, say("Pick one")
    choice = model.choose([Request(chat, (("A",), ("B",)))])[0]
    net: Any = transformers.AutoModelForCausalLM.from_pretrained(folder)
    prompt = codec.encode(codec.render(chat))
    for option, loglik in zip("AB", choice.loglik, strict=True):
        token = int(codec.tokenizer.token_to_id(option) or 0)
        assert codec.encode(option) != [token]  # alone, it begins with a blank
        assert loglik == pytest.approx(plain_logp(net, prompt, [token]), abs=1e-4)


def test_options_that_change_the_end_of_the_chat_are_weighed_from_there() -> None:
    """`Very ` + `accurate` is ` accurate` in one token: both options are weighed with the blank."""
    coder: Any = tiny_codec()
    chat = say("Hm", lead="Very ")
    prompt = coder.encode(coder.render(chat))
    joint = [coder.encode(coder.render(chat) + option) for option in ("accurate", "!")]
    assert joint[0][: len(prompt)] != prompt == joint[1][: len(prompt)]
    cut = len(prompt) - 1
    expected = [plain_logp(network("llama"), ids[:cut], ids[cut:]) for ids in joint]
    choice = tiny_model("llama").choose([Request(chat, (("accurate",), ("!",)))])[0]
    assert choice.loglik == pytest.approx(expected, abs=1e-4)
    assert choice.tokens_in == cut


def test_control_words_in_options_are_text() -> None:
    codec = codec_of(TOKENIZERS["bytes"])
    _, ids = codec.seam(codec.render(say("Hi")), "</s>")
    assert 2 not in ids and codec.decode(ids) == "</s>"


LONG = "I am calm. " * 60


@pytest.mark.parametrize("kind", ["llama", "falcon"])
def test_questions_beyond_the_context_are_records_also_when_all_are(kind: str) -> None:
    model = tiny_model(kind)  # reads 512 tokens; falcon reads each text alone
    options = (("A",), ("B",))
    both = model.choose(requests_of([say("Hm"), say(LONG * 9)], options))
    alone = model.choose(requests_of([say(LONG * 9), say(LONG * 8)], options))
    assert [c.status for c in (*both, *alone)] == ["ok", "error", "error", "error"]
    assert "the model reads at most 512" in alone[1].why
    assert both[0].loglik == model.choose(requests_of([say("Hm")], options))[0].loglik
    sampling = Sampling(max_tokens=9)
    replies = model.reply(requests_of([say(LONG * 9), say("Hm"), say(LONG * 8)]), sampling)
    assert [r.status == "error" for r in replies] == [True, False, True]
    assert [r.status for r in model.reply(requests_of([say(LONG * 9)]), sampling)] == ["error"]
    assert model.choose([]) == [] == model.reply([], sampling)
    assert model.record([], [Site(0)], "last")[Site(0)].shape == (0, 32)
    edits = (Edit(Site(0), np.ones(32), 2.0),)
    edited = [Request(say(LONG * 9), options, edits=edits), Request(say(LONG * 8), options)]
    assert [c.status for c in model.choose(edited)] == ["error", "error"]
    with pytest.raises(BadValue, match="chat 0 has"):
        model.record([say(LONG * 9)], [], "last")


def test_a_reply_that_reaches_the_end_of_the_context_says_so() -> None:
    model = tiny_model("llama")
    text, length = "", 0
    while length < 500:
        text += " a b"
        length = len(tiny_codec().encode(tiny_codec().render(say(text))))
    reply = model.reply(requests_of([say(text)]), Sampling(max_tokens=60))[0]
    assert reply.tokens_out <= 512 - length
    if reply.status == "cut":
        assert "the model reads at most 512" in reply.why


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    for value in (float("nan"), float("inf")):

        def spoil(net: Any, value: float = value) -> None:
            net.model.layers[1].mlp.up_proj.weight[0, 0] = value

        folder = save_model(tmp_path, byte_tokenizer("<s>", "</s>"), edit=spoil)
        loaded = load_hf(str(folder))
        with pytest.raises(ModelError, match=r"layers\.1\.mlp\.up_proj.*NaN or infinite"):
            LocalModel(loaded)


def test_half_precision_sums_that_overflow_are_no_fault() -> None:
    net = torch.nn.Linear(64, 64).half()
    with torch.no_grad():
        net.weight.fill_(60000.0)
    coder: Any = tiny_codec()
    whole: Any = network("llama")
    whole.extra = net
    try:
        LocalModel(Loaded("tiny:half", whole, coder, "0"))
    finally:
        del whole.extra


def spoiled(value: float) -> LocalModel:
    """A model that computes NaN for some chats only: the embedding of one token is spoiled."""
    from copy import deepcopy  # noqa: PLC0415

    net: Any = deepcopy(network("llama"))
    coder: Any = tiny_codec()
    model = LocalModel(Loaded("tiny:spoiled", net, coder, "1"))
    with torch.no_grad():
        net.model.embed_tokens.weight[coder.encode("!")[0]] = value
    return model


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_numbers_that_are_no_probabilities_are_records_of_errors(value: float) -> None:
    model = spoiled(value)
    chats = [say("Hm"), say("Hm!")]
    requests = requests_of(chats, (("A",), ("B",)))
    assert [model.choose([r])[0].status for r in requests] == ["ok", "error"]
    replies = model.reply(requests, Sampling(max_tokens=3))
    assert [r.status == "error" for r in replies] == [False, True]
    assert "NaN or infinite" in replies[1].why and replies[1].text == ""


def test_a_network_whose_every_answer_is_nan_is_refused() -> None:
    model = spoiled(0.0)
    net: Any = model.loaded.network
    with torch.no_grad():
        net.model.norm.weight[0] = float("nan")
    with pytest.raises(ModelError, match="computes NaN"):
        model.choose(requests_of([say("Hm")], (("A",), ("B",))))


def test_log_probabilities_that_cannot_be_are_errors() -> None:
    def weighed(*logps: float) -> Choice:
        forms = [(i,) for i in range(len(logps))]
        return weigh([[f] for f in forms], dict(zip(forms, logps, strict=True)), 5)

    inf = float("inf")
    for logps in [(float("nan"), -1.0), (inf, -1.0), (0.5, -1.0), (-inf, -inf)]:
        choice = weighed(*logps)
        assert (choice.status, choice.loglik, choice.tokens_in) == ("error", (), 5)
    assert weighed(-inf, -1.0).logp == (-inf, 0.0)
