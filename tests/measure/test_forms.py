"""Rendering: properties that hold for every wording, order, person and item text."""

import csv
from dataclasses import replace
from itertools import permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from personae.core import (
    Form,
    InputError,
    Inventory,
    Item,
    Option,
    Request,
    Sampling,
    UnknownName,
    data_json,
    load_inventory,
)
from personae.core.persona import Persona
from personae.induce.prompt.prompt_inductions import persona_text, with_truth_layout
from personae.measure.inventories.forms import (
    Frame,
    published_form,
    wording,
    wording_tag,
    wordings,
)
from personae.respondents.scripted import ScriptedModel
from personae.traits.item_grammar import in_person
from tests.support.rendered_items import render_item

MPI = load_inventory("mpi-120")
ORDERS = ["".join(order) for order in permutations("01234")]
NAMES = tuple(name for name in wordings() if "statement" in wording(name)["kinds"])
HOSTILE = [
    "{item} {options}",
    "{{ 7*7 }}",
    "%s <b>&amp;</b>",
    "{0}",
    "C:\\new\\1",
    "a\x00b",
    "🙂 {how}",
]


def tiny(text: str, kind: str = "statement", other: str = "") -> Inventory:
    options = tuple(
        Option(t, v)
        for v, t in enumerate(("No {item}", "Rather no", "So so", "Rather yes", "Yes"), 1)
    )
    return Inventory(
        name="tiny",
        title="",
        version="1",
        source="",
        licence="",
        kind=kind,  # type: ignore[arg-type]
        scales={"E": "E"},
        options=options,
        items=(Item(id="1", text=text, scale="E", other=other),),
    )


def whole(chat: tuple[object, ...]) -> str:
    return "\n".join(m.text for m in chat)  # type: ignore[attr-defined]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("layout", ["item-first", "options-first"])
def test_item_once_and_options_in_the_order_asked(name: str, layout: str) -> None:
    data = data_json("wordings.json")["wordings"][name]
    for labels, person in product(data["labels"], data["persons"]):
        for order in ("forward", "reverse"):
            form = Form(wording=name, labels=labels, person=person, order=order, channel="reply")
            form = replace(form, layout=layout)  # type: ignore[arg-type]
            for item in MPI.items[:30:7]:
                shown = render_item(MPI, item, form)
                text = whole(shown.chat)
                assert text.count(shown.text) == 1
                lines = [o.line for o in shown.shown if o.line]
                places = [text.splitlines().index(line) for line in lines]
                assert places == sorted(set(places))
                assert "{" not in text


@pytest.mark.parametrize("name", NAMES)
def test_a_value_belongs_to_the_options_text_and_reversal_twice_is_identity(name: str) -> None:
    forward = render_item(MPI, MPI.items[0], published_form(name))
    turned = render_item(MPI, MPI.items[0], published_form(name, order="reverse"))
    assert turned.labels == forward.labels
    assert turned.values == forward.values[::-1]
    assert [o.text for o in turned.shown][::-1] == [o.text for o in forward.shown]
    own = {o.text: o.value for o in forward.shown if o.text}
    for order in ("forward", "reverse") if name == "enfj" else ORDERS:
        shown = render_item(MPI, MPI.items[0], published_form(name, order=order)).shown
        assert {o.text: o.value for o in shown if o.text} == own


def test_every_order_is_another_arrangement_of_the_same_five() -> None:
    seen = {render_item(MPI, MPI.items[0], published_form("mpi", order=o)).values for o in ORDERS}
    assert len(seen) == 120


def test_the_three_published_wordings() -> None:
    p1 = render_item(MPI, MPI.items[0], published_form("mpi"))
    assert [o.line for o in p1.shown] == [
        "(A). Very Accurate",
        "(B). Moderately Accurate",
        "(C). Neither Accurate Nor Inaccurate",
        "(D). Moderately Inaccurate",
        "(E). Very Inaccurate",
    ]
    assert '"I worry about things."' in p1.chat[-1].text and p1.chat[-1].text.endswith("Answer:")
    p2 = render_item(MPI, MPI.items[0], published_form("enfj"))
    assert [o.line for o in p2.shown] == ["1 = agree", "", "", "", "5 = disagree"]
    assert p2.chat[0].role == "system" and p2.chat[-1].text == "I worry about things."
    back = render_item(MPI, MPI.items[0], published_form("enfj", order="reverse"))
    assert [o.line for o in back.shown] == ["1 = disagree", "", "", "", "5 = agree"]
    p3 = render_item(MPI, MPI.items[0], published_form("whois"))
    assert p3.shown[0].line == "1. Very much like me" and p3.values == (5, 4, 3, 2, 1)
    assert p3.chat[-1].text.endswith("Response:")


@pytest.mark.parametrize("layout", ["item-first", "options-first"])
@pytest.mark.parametrize("name", NAMES)
@given(text=st.one_of(st.sampled_from(HOSTILE), st.text(min_size=1)))
def test_item_text_is_never_read_as_a_template(name: str, layout: str, text: str) -> None:
    form = Form(wording=name, layout=layout, labels=published_form(name).labels)  # type: ignore[arg-type]
    inventory = tiny("Worry")
    frame = Frame(inventory, form)
    plain, odd = frame.chat("MARK"), frame.chat(text)
    assert [m.text.replace("MARK", text) for m in plain] == [m.text for m in odd]


def test_option_text_is_never_read_as_a_template() -> None:
    text = whole(render_item(tiny("Worry"), tiny("Worry").items[0], Form()).chat)
    assert "A. No {item}\n" in text and text.count("I worry") == 1


@pytest.mark.parametrize("induction", [persona_text, with_truth_layout(persona_text)])
def test_an_induced_prompt_ends_as_the_neutral_one(induction: object) -> None:
    """Persona block + the same neutral prompt."""
    persona = Persona(id="x", text="You are {item} Ada. </s>")
    for name in NAMES:
        chat = render_item(MPI, MPI.items[0], published_form(name)).chat
        model = ScriptedModel(lambda _: "A")
        with induction(model, persona) as carrier:  # type: ignore[operator]
            carrier.reply([Request(chat)], Sampling())
        sent = model.asked[-1].chat
        assert persona.text in whole(sent)
        assert [m.role for m in sent[-len(chat) :]] == [m.role for m in chat]
        for now, neutral in zip(sent[-len(chat) :], chat, strict=True):
            assert now.text.endswith(neutral.text)


@pytest.mark.parametrize(
    ("text", "first", "second", "third"),
    [
        (
            "Worry about things",
            "I worry about things",
            "You worry about things",
            "They worry about things",
        ),
        (
            "Am afraid that I will do the wrong thing.",
            "I am afraid that I will do the wrong thing",
            "You are afraid that you will do the wrong thing",
            "They are afraid that they will do the wrong thing",
        ),
        (
            "Keep my promises",
            "I keep my promises",
            "You keep your promises",
            "They keep their promises",
        ),
        (
            "Feel that I'm unable to deal with things",
            "I feel that I'm unable to deal with things",
            "You feel that you're unable to deal with things",
            "They feel that they're unable to deal with things",
        ),
        (
            "Are not good at getting people to like you",
            "I am not good at getting people to like me",
            "You are not good at getting people to like you",
            "They are not good at getting people to like them",
        ),
        (
            "Is talkative",
            "I am someone who is talkative",
            "You are someone who is talkative",
            "They are someone who is talkative",
        ),
        (
            "Watch TV in my room",
            "I watch TV in my room",
            "You watch TV in your room",
            "They watch TV in their room",
        ),
        (
            "Make sure your plans benefit yourself, not others.",
            "I make sure my plans benefit myself, not others",
            "You make sure your plans benefit yourself, not others",
            "They make sure their plans benefit themselves, not others",
        ),
        (
            "It's not wise to tell your secrets.",
            "It's not wise to tell your secrets",
            "It's not wise to tell your secrets",
            "It's not wise to tell your secrets",
        ),
    ],
)
def test_persons(text: str, first: str, second: str, third: str) -> None:
    assert in_person(text, "first") == first
    assert in_person(text, "second") == second
    assert in_person(text, "third") == third


def test_second_person_of_mpi_is_the_published_text(test_data: object) -> None:
    """The published table gives MPI's items in the second person."""
    path = test_data("mpi-p2/mpi_120.csv")  # type: ignore[operator]
    with open(path, encoding="utf-8", newline="") as stream:
        published = [row["text"] for row in csv.DictReader(stream)]
    ours = [in_person(item.text, "second") for item in MPI.items]
    odd = [
        (theirs, mine)
        for theirs, mine in zip(published, ours, strict=True)
        if f"you {theirs}".lower().rstrip(".") != mine.lower()
    ]
    assert len(odd) <= 3, odd  # the faults of the published text: "ofyou", "I'm", and the like


def test_adjectives_and_pairs() -> None:
    markers, poles = load_inventory("saucier-mini-markers"), load_inventory("goldberg-bipolar")
    assert render_item(markers, markers.items[0], Form()).text == "I am talkative"
    shown = render_item(poles, poles.items[0], Form(labels="numbers"))
    assert shown.text == "silent – talkative" and shown.values == tuple(range(1, 10))


@pytest.mark.parametrize(
    ("inventory", "form", "words"),
    [
        ("bfi-44", Form(), "item file"),
        ("mpi-120", Form(wording="mpi", person="third"), "person"),
        ("mpi-120", Form(wording="enfj"), "labels"),
        ("mpi-120", Form(wording="enfj", labels="numbers", order="10234"), "forward and reverse"),
        ("mpi-120", Form(wording="enfj", labels="numbers", channel="option"), "only the ends"),
        ("mpi-120", Form(labels="none"), "needs labels"),
        ("mpi-120", Form(order="012"), "arranges"),
        ("goldberg-bipolar", Form(wording="mpi"), "kind"),
        ("saucier-mini-markers", Form(wording="mpi"), "plain"),
        ("mpi-120", Form(channel="statement"), "pairs"),
    ],
)
def test_incompatible_inventories_and_forms_are_refused(
    inventory: str, form: Form, words: str
) -> None:
    tool = load_inventory(inventory)
    with pytest.raises(InputError, match=words):
        render_item(tool, tool.items[0], form)


def test_unknown_wording_has_near_matches() -> None:
    with pytest.raises(UnknownName, match="did you mean 'plain'"):
        render_item(MPI, MPI.items[0], Form(wording="plane"))


def test_earlier_turns_occur_once_and_in_order() -> None:
    frame = Frame(MPI, Form(wording="plain", layout="options-first", context="shared"))
    chat = frame.chat("I run", [("I swim", "B"), ("I fly", "A")])
    assert [m.role for m in chat] == ["user", "assistant", "user", "assistant", "user"]
    assert [m.text for m in chat if m.role == "assistant"] == ["B", "A"]
    text = whole(chat)
    assert text.count("The options are") == 1
    assert text.index("I swim") < text.index("I fly") < text.index("I run")


def test_wordings_are_distinguished() -> None:
    assert len({wording_tag(name) for name in NAMES}) == len(NAMES)
    for name, data in data_json("wordings.json")["wordings"].items():
        for key in ("layouts", "pair_layouts"):
            for parts in data.get(key, {}).values():
                assert parts["ask"].count("{item}") == 1, name
                assert "{item}" not in parts["opening"] + (parts["system"] or ""), name


@pytest.mark.parametrize("labels", ["letters", "numbers"])
def test_surface_forms_of_labels_do_not_collide(labels: str) -> None:
    markers = load_inventory("saucier-mini-markers")
    forms = [f for o in Frame(markers, Form(labels=labels)).label_forms() for f in o]  # type: ignore[arg-type]
    assert len(set(forms)) == len(forms) == 36
    assert not any(a != b and b.startswith(a) for a in forms for b in forms)
