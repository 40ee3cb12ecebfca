"""Chat templates as transformers renders them, and the proof that a chat arrives in the prompt."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from tokenizers import Tokenizer, processors
from transformers.utils.chat_template_utils import render_jinja_template

from personae.core import Message, ModelError, Request, Sampling, say
from personae.models.codec.building import SYSTEM_MOVED, build_codec, codec_from_folder
from personae.models.codec.gguf_codec import codec_from_gguf
from personae.models.codec.templates import PLAIN_TEMPLATE, ChatTemplate
from personae.models.codec.text_codec import TextCodec
from personae.models.local.engine import LocalModel
from personae.models.local.loading import load_hf
from tests.support.gguf_files import tiny_metadata
from tests.support.tiny_folders import byte_tokenizer, piece_tokenizer, save_model, write_json

TURNS = (("system", "Be kind."), ("user", "Hi <b> é"), ("assistant", "Yes."), ("user", "And?"))
ROLES = "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}"
PROMPT = "{% if add_generation_prompt %}<assistant>{% endif %}"
DROPS = (
    "{% for m in messages %}{% if m.role == 'user' %}[INST] {{ m.content }} [/INST]"
    "{% elif m.role == 'assistant' %}{{ m.content }}{% endif %}{% endfor %}"
)
REFUSES = (
    "{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}"
    "{% endif %}" + ROLES + PROMPT
)
TEMPLATES = {
    "generation": "{% for m in messages %}{% if m.role == 'assistant' %}{% generation %}"
    "{{ m.content }}{% endgeneration %}{% else %}{{ m.content }}|{% endif %}{% endfor %}",
    "scope": "{% set x = 1 %}{% generation %}{% set x = 2 %}{{ x }}{% endgeneration %}{{ x }}"
    + ROLES,
    "trimmed generation": ROLES + "\n  {%- generation -%}  a  {%- endgeneration %}\n  b",
    "loop controls": "{% for m in messages %}{% if loop.index > 2 %}{% break %}{% endif %}"
    "{% if m.role == 'system' %}{% continue %}{% endif %}{{ m.content }}{% endfor %}",
    "tojson": "{{ messages | tojson }}{{ messages[1] | tojson(indent=2, sort_keys=true) }}"
    "{{ messages[1] | tojson(ensure_ascii=True, separators=(',', ':')) }}",
    "no tools": "{% if tools is none and documents is none %}none{% endif %}"
    "{% if tools is defined %}defined{% endif %}" + ROLES,
    "namespace": "{% set n = namespace(k=0) %}{% for m in messages %}{% set n.k = n.k + 1 %}"
    "{% endfor %}{{ n.k }}{{ dict(a=1) }}",
    "tokens": "{{ bos_token }}{{ 'x' if unk_token is defined else 'y' }}" + ROLES + PROMPT,
    "blocks": "{%- for m in messages %}\n    {%- if m.role == 'user' %}\n  {{ m.content }}\n"
    "    {% endif %}\n{% endfor %}\n",
}


@pytest.mark.parametrize("name", TEMPLATES)
def test_rendered_as_transformers_does(name: str) -> None:
    messages = [{"role": role, "content": text} for role, text in TURNS]
    for prompt in (False, True):
        expected, _ = render_jinja_template(
            [messages],
            chat_template=TEMPLATES[name],
            add_generation_prompt=prompt,
            bos_token="<s>",
        )
        template = ChatTemplate(TEMPLATES[name], {"bos_token": "<s>"})
        assert template.fill(TURNS, prompt=prompt) == expected[0]


def test_only_todays_date_is_not_todays() -> None:
    template = ChatTemplate("{{ strftime_now('%Y') }}" + ROLES)
    assert template.fill(TURNS[:2], prompt=True).startswith("2024<")
    assert datetime.now().year != 2024


def codec_of(template: str, tokenizer: Tokenizer | None = None, start: str = "") -> TextCodec:
    ids = {"bos": 0, "eos": 1, "padding": None}
    return build_codec(tokenizer or byte_tokenizer("<s>", "</s>"), template, ids, start=start)


@pytest.mark.parametrize("template", [DROPS, REFUSES])
def test_a_lost_system_text_moves_into_the_users_turn(template: str) -> None:
    codec = codec_of(template)
    assert codec.notes == (SYSTEM_MOVED,)
    moved = codec.render(say("Pick.", system="You are Ada."))
    assert moved == codec.render(say("You are Ada.\n\nPick."))
    assert codec.identity["system"] == "in the user's turn"
    assert "system" not in codec_of(ROLES + PROMPT).identity
    chat = (*say("One.", system="You are Ada."), Message("assistant", "Two."), *say("Three."))
    text = codec.render(chat)
    places = [text.index(words) for words in ("You are Ada.\n\nOne.", "Two.", "Three.")]
    assert places == sorted(places)
    begun = codec.render(say("Pick.", system="You are Ada.", lead="I pick "))
    assert begun.endswith("I pick ") and begun.count("You are Ada.") == 1


def test_ranges_of_moved_texts_are_those_of_their_messages() -> None:
    codec = codec_of(DROPS)
    chat = (*say(" One. ", system="You are Ada."), Message("assistant", "Two."), *say("Three."))
    ids, ranges = codec.turns(chat)
    texts = [codec.decode(ids[low:high]).strip() for low, high in ranges]
    assert texts == ["You are Ada.", "One.", "Two.", "Three."]


@pytest.mark.parametrize(
    "template",
    [
        ROLES + PROMPT,
        "{% for m in messages %}<{{ m.role }}>{{ m.content | trim }}{% endfor %}" + PROMPT,
        PLAIN_TEMPLATE,
        # Mistral's: the system text stands in the last turn of the user
        "{% for m in messages %}{% if m.role == 'user' %}[INST] {% if loop.last and "
        "messages[0].role == 'system' %}{{ messages[0].content + '\n\n' }}{% endif %}"
        "{{ m.content }}[/INST]{% elif m.role == 'assistant' %}{{ m.content }}{% endif %}"
        "{% endfor %}",
        # thoughts of earlier replies are left out
        "{% for m in messages %}<{{ m.role }}>{{ m.content.split('</think>')[-1] }}{% endfor %}",
    ],
)
def test_templates_that_bring_the_system_text_stay_as_they_are(template: str) -> None:
    codec = codec_of(template)
    assert codec.notes == () and not codec.is_system_moved
    thought = Message("assistant", "<think>Hm.</think>Yes.")
    assert "Yes." in codec.render((*say("A?", system="S."), thought, *say("B?")))


@pytest.mark.parametrize(
    "system",
    [
        "{{ m.content[:40] }}",  # cut
        "{{ m.content | replace('\n', ' ') }}",  # blanks squeezed
        "{{ m.content }}{{ m.content }}",  # twice
        "{% if messages | length < 3 %}{{ m.content }}{% endif %}",  # only in short chats
    ],
)
def test_a_system_text_that_arrives_changed_moves_too(system: str) -> None:
    template = (
        "{% for m in messages %}{% if m.role == 'system' %}" + system + "{% else %}"
        "<{{ m.role }}>{{ m.content }}{% endif %}{% endfor %}"
    )
    assert codec_of(template).is_system_moved


def test_what_else_a_template_cannot_carry_is_said_and_refused_in_use() -> None:
    single = codec_of("{{ messages[0].content }}|{{ messages[1].content if messages[1] }}")
    assert [note[:45] for note in single.notes] == ["The chat template can't carry a chat of sever"]
    with pytest.raises(ModelError, match=r"loses or changes a turn of the user: 'Three\.'"):
        single.render((*say("One."), Message("assistant", "Two."), *say("Three.")))
    closing = codec_of(
        "{% if messages[-1].role == 'assistant' %}{{ raise_exception('user must be last') }}"
        "{% endif %}" + ROLES
    )
    assert "begun reply: the model's chat template refuses this chat: user must" in closing.notes[0]
    with pytest.raises(ModelError, match="user must be last"):
        closing.render(say("Hi", lead="Well"))
    with pytest.raises(ModelError, match="loses or changes a turn of the user"):
        codec_of("Always the same prompt.")
    alternating = codec_of(
        "{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
        "{{ raise_exception('roles must alternate') }}{% endif %}{{ m.content }}{% endfor %}"
    )
    assert alternating.is_system_moved
    with pytest.raises(ModelError, match="must alternate"):
        alternating.render((*say("One."), *say("Two.")))


def test_notes_are_warned_of_once_and_kept_for_reports(tmp_path: Path) -> None:
    loaded = load_hf(str(save_model(tmp_path, byte_tokenizer("<s>", "</s>"), template=DROPS)))
    with pytest.warns(UserWarning, match="no place for a system turn") as warned:
        model = LocalModel(loaded)
    assert len(warned) == 1 and model.notes == (SYSTEM_MOVED,)


def test_a_model_without_a_chat_template_is_named_in_reports_without_a_warning(
    tmp_path: Path, recwarn: pytest.WarningsRecorder
) -> None:
    folder = save_model(tmp_path, byte_tokenizer("<s>", "</s>"), template=None)
    model = LocalModel(load_hf(str(folder)))
    assert "The model has no chat template" in model.notes[0] and not recwarn.list


def test_base_models_begin_as_their_tokenizer_begins(tmp_path: Path) -> None:
    for name, make in {"bytes": byte_tokenizer, "pieces": piece_tokenizer}.items():
        tokenizer = make("<unk>", "<s>", "</s>")
        tokenizer.post_processor = processors.TemplateProcessing(
            single="<s> $A", special_tokens=[("<s>", 1)]
        )
        folder = save_model(tmp_path / name, tokenizer, special={"unk_token": "<unk>"})
        codec = codec_from_folder(folder)
        library: Any = transformers.AutoTokenizer.from_pretrained(folder)
        plain = codec.render(say("Pick one")).removeprefix("<s>")
        assert codec.encode(codec.render(say("Pick one"))) == library(plain)["input_ids"]
        assert codec.encode(codec.render(())) == [1]
        back, ids = codec.seam(codec.render(()), "I am calm")
        assert [1, *ids] == library("I am calm")["input_ids"] and back == 0
        read, ranges = codec.turns(say("Pick one", lead="A"))
        assert codec.decode(read[slice(*ranges[0])]).strip() == "Pick one"


def test_a_template_that_writes_the_first_token_has_it_once(tmp_path: Path) -> None:
    tokenizer = byte_tokenizer("<s>", "</s>")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", special_tokens=[("<s>", 0)]
    )
    template = "{{ bos_token }}" + ROLES + PROMPT
    codec = codec_from_folder(save_model(tmp_path, tokenizer, template=template))
    assert codec.encode(codec.render(say("Hi"))).count(0) == 1
    without = tmp_path / "without"
    codec = codec_from_folder(save_model(without, byte_tokenizer("<s>", "</s>")))
    assert codec.encode(codec.render(say("Hi"))).count(0) == 0


def test_gguf_files_say_whether_a_text_has_a_first_token() -> None:
    def begins(pre: str, **changes: object) -> bool:
        more = {f"tokenizer.ggml.{k}": v for k, v in changes.items()}
        codec = codec_from_gguf("t", tiny_metadata("llama", pre) | more)
        return codec.encode(codec.render(say("Hi")))[0] == 0

    assert begins("llama-bpe") and not begins("gpt-2")
    assert begins("gpt-2", add_bos_token=True) and not begins("llama-bpe", add_bos_token=False)


def test_tokenizers_that_say_to_cut_texts_are_not_obeyed(tmp_path: Path) -> None:
    tokenizer = byte_tokenizer("<s>", "</s>")
    tokenizer.enable_truncation(8)
    tokenizer.enable_padding(length=200)
    codec = codec_from_folder(save_model(tmp_path, tokenizer))
    text = codec.render(say("A persona of more than eight tokens."))
    assert codec.decode(codec.encode(text)) == text


def test_named_templates_and_files_of_their_own(tmp_path: Path) -> None:
    tokenizer = byte_tokenizer("<s>", "</s>")
    named = {"default": ROLES + PROMPT, "rag": "{{ 1 / 0 }}"}
    folder = save_model(tmp_path / "named", tokenizer, template=named)
    assert codec_from_folder(folder).template == ROLES + PROMPT
    assert (folder / "chat_template.jinja").is_file()
    without = save_model(tmp_path / "without", tokenizer, template={"rag": ROLES, "tool": ROLES})
    with pytest.raises(ModelError, match=r"none of the model's 2 .* 'default', only rag, tool"):
        codec_from_folder(without)
    bare = save_model(tmp_path / "bare", tokenizer)
    write_json(bare / "chat_template.json", {"chat_template": ROLES})
    assert codec_from_folder(bare).template == ROLES

    def of_file(**templates: str) -> str:
        keys = {f"tokenizer.chat_template{k.strip('_')}": v for k, v in templates.items()}
        return codec_from_gguf("t", tiny_metadata("llama") | keys).template

    assert of_file(_=ROLES, **{"_.rag": "x"}) == ROLES == of_file(**{"_.default": ROLES})
    with pytest.raises(ModelError, match="only rag"):
        of_file(**{"_.rag": ROLES})


def test_a_reply_ends_at_every_end_that_the_configuration_names(tmp_path: Path) -> None:
    tokenizer = byte_tokenizer("<s>", "</s>", "<turn>", "<call>")

    def always_two_or_three(network: Any) -> None:
        network.lm_head.weight.zero_()
        network.lm_head.weight[2] = torch.ones(32)
        network.lm_head.weight[3] = -torch.ones(32)

    folder = save_model(tmp_path, tokenizer, template=ROLES, edit=always_two_or_three)
    write_json(folder / "generation_config.json", {"eos_token_id": [1, 2, 3]})
    loaded = load_hf(str(folder))
    assert loaded.codec.eos_ids == (1, 2, 3)
    reply = LocalModel(loaded).reply([Request(say("Hi"))], Sampling(max_tokens=6))[0]
    assert (reply.text, reply.status, reply.tokens_out) == ("", "ok", 1)
    (folder / "generation_config.json").unlink()
    assert codec_from_folder(folder).eos_ids == (1,)
    metadata = tiny_metadata("llama") | {"tokenizer.ggml.eom_token_id": 9}
    assert codec_from_gguf("t", metadata | {"tokenizer.ggml.eot_token_id": 8}).eos_ids[1:3] == (
        8,
        9,
    )
