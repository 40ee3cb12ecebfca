"""Inductions by prompt: what the model reads, where it stands, and what is kept of it."""

import pytest

from personae.core import (
    CONTROL,
    BadValue,
    Chat,
    Form,
    InputError,
    ModelError,
    Persona,
    Request,
    Sampling,
    UnknownName,
    load_inventory,
    nobody,
    say,
)
from personae.induce.combined import induction_text
from personae.induce.prompt.prompt_inductions import (
    PromptInduction,
    adjectives,
    naive,
    p2,
    persona_text,
    unchanged,
    with_truth_layout,
    words,
)
from personae.induce.registry import find_induction, inductions
from personae.measure.inventories.administer import administer
from personae.respondents.null import open_null
from personae.respondents.scripted import ScriptedModel
from personae.respondents.simulated import open_simulated
from personae.stats.scores.scales import scale_scores
from personae.traits.trait_words import ladder_step, read_standings, trait_side
from tests.support.rendered_items import render_item

ADA = Persona(id="ada", traits={"E": 1.0, "N": -2.0})
MODEL = open_simulated("simulated:noise=0")
MPI = load_inventory("mpi-120")


def test_traits_come_strongest_first() -> None:
    assert naive.text(MODEL, ADA) == "You are a stable person. You are an extraversive person."
    assert words.text(MODEL, ADA) == (
        "You have the traits of happy, elated, rational, outgoing, energetic, public."
    )


def test_the_ladder_maps_standings_to_steps() -> None:
    steps = {z: ladder_step(z) for z in (-5, -2, -1.5, -1, -0.5, -0.2, 0, 0.2, 0.5, 1, 1.5, 2, 5)}
    assert list(steps.values()) == [1, 1, 2, 3, 4, 5, 5, 5, 6, 7, 8, 9, 9]
    said = adjectives().text(MODEL, Persona(id="a", traits={"A": 2.0, "A:Modesty": -0.5}))
    assert "extremely generous" in said
    assert "a bit self-important" in said and "extremely humble" not in said
    assert adjectives(5).text(MODEL, ADA).count("neither") == 9 + 10
    with pytest.raises(BadValue, match="1 to 9"):
        adjectives(10)


@pytest.mark.parametrize("step", range(1, 10))
def test_ladder_texts_are_parsed_back_to_their_step(step: int) -> None:
    """Nine steps, half a z apart: the reader of simulated respondents inverts the writer."""
    text = adjectives(step).text(MODEL, Persona(id="a", traits=dict.fromkeys("OCEAN", 1.0)))
    read = read_standings(text)
    assert all(read[domain, ""] == (step - 5) / 2 for domain in "OCEAN")


@pytest.mark.parametrize("name", ["naive", "words", "p2", "p2-asked", "persona_text", "adjectives"])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("domain", list("OCEAN"))
def test_each_moves_its_trait_in_its_direction(name: str, domain: str, sign: int) -> None:
    """On a respondent that follows, every induction works for every trait and direction."""
    form = Form(wording="mpi")
    persona = Persona(id="p", traits={domain: 2.0 * sign})
    with find_induction(name)(MODEL, persona) as carrier:
        after = scale_scores(administer(carrier, MPI, form))
    before = scale_scores(administer(MODEL, MPI, form))
    gained = dict(zip(after["scale"], (after["mean"] - before["mean"]).to_list(), strict=True))
    assert sign * gained[domain] > 0.3
    assert all(abs(gained[d]) < 0.05 for d in "OCEAN" if d != domain)


def test_portraits_are_written_once() -> None:
    induction = p2()
    with induction(MODEL, ADA) as first, induction(MODEL, ADA) as second:
        assert first.fingerprint == second.fingerprint
    portrait = induction.portrait(MODEL, ADA)
    assert [p.text for p in induction.portraits.by_request.values()] == [portrait.text]
    assert portrait.words[0] == "calmness" and portrait.source == "shipped key words"
    assert portrait.text == induction.text(MODEL, ADA)
    assert not p2().portraits.by_request


def test_antonyms_can_be_the_models_own() -> None:
    induction = p2(ask_antonyms=True)
    low = Persona(id="low", traits={"N": -2.0})
    portrait = induction.portrait(MODEL, low)
    assert portrait.source == "antonyms by the model"
    assert portrait.words == trait_side("N", -1).keywords
    mute = induction.portrait(open_null("null:uniform"), low)
    assert mute.source == "shipped key words (the model named 1 of 6 antonyms)"
    assert mute.words == portrait.words


def test_portraits_of_many_personas_are_one_batch_with_equal_results() -> None:
    people = [Persona(id=d, traits={d: z}) for d in "EN" for z in (1.5, -1.5)]
    model = ScriptedModel(lambda chat: f"You are told: {chat[-1].text}")
    ahead, singly = p2(), p2()
    ahead.prepare(model, people)
    assert len(model.asked) == len(people)
    texts = [ahead.text(model, person) for person in people]
    assert len(model.asked) == len(people)
    assert texts == [singly.text(model, person) for person in people]
    assert len(set(texts)) == len(people)


def test_a_model_that_writes_no_portrait_is_an_error() -> None:
    with pytest.raises(ModelError, match="wrote no portrait"):
        p2().portrait(ScriptedModel(["  "]), ADA)


def test_truth_is_a_block_before_the_same_prompt() -> None:
    """MPI's induced prompt is the persona's block and the neutral prompt, unchanged."""
    chat = render_item(MPI, MPI.items[0], Form(wording="mpi", person="second")).chat
    induction = with_truth_layout(naive)
    seen = _seen(induction, ADA, chat)
    assert induction.name == "naive/truth" and len(seen) == len(chat) == 1
    assert seen[0].text == f"Truth:\n{naive.text(MODEL, ADA)}\n\n{chat[0].text}"
    asked = say("Question", system="Be brief.", lead="Answer")
    assert [m.text for m in _seen(induction, ADA, asked)][::2] == ["Be brief.", "Answer"]


def test_truth_reaches_a_respondent_that_follows() -> None:
    form = Form(wording="mpi", person="second")
    with with_truth_layout(naive)(MODEL, Persona(id="p", traits={"E": 2.0})) as carrier:
        after = scale_scores(administer(carrier, MPI, form))
    before = scale_scores(administer(MODEL, MPI, form))
    shift = dict(zip(after["scale"], (after["mean"] - before["mean"]).to_list(), strict=True))
    assert shift["E"] > 0.3


def test_persona_text_writes_out_the_layers() -> None:
    full = Persona(
        id="f",
        traits={"E": 2.0, "O": 0.0, "A:Modesty": -1.0},
        facts={"work/occupation": "nurse"},
        statements=("I love rain.",),
    )
    assert persona_text.text(MODEL, full) == (
        "You are extremely extraverted, self-important and neither closed to experience nor open "
        "to experience.\n\nAbout you:\n- occupation: nurse\n\nYou say of yourself:\n- I love rain."
    )
    assert persona_text.text(MODEL, Persona(id="t", text="You are Ada.")) == "You are Ada."


@pytest.mark.parametrize("name", [n for n in inductions() if n != CONTROL])
def test_an_empty_persona_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="give it"), find_induction(name)(MODEL, nobody()):
        pass


@pytest.mark.parametrize("name", ["naive", "words", "p2"])
def test_an_average_standing_has_no_direction(name: str) -> None:
    with pytest.raises(InputError, match="above or below average"):
        induction_text(find_induction(name), MODEL, Persona(id="a", traits={"E": 0.0}))


@pytest.mark.parametrize(
    "text",
    [
        "{item} {0} {{x}}",
        "{% for x in y %}{{ 7*7 }}{% endfor %}",
        "<script>alert(1)</script>",
        "%s %(name)s $HOME ${x}",
        "\\n\\1 (?P<x>)",
        "Truth:\n\nQuestion: {options}",
    ],
)
def test_template_syntax_is_inert(text: str) -> None:
    persona = Persona(id="t", text=text)
    for induction in (persona_text, with_truth_layout(persona_text)):
        seen = _seen(induction, persona, say("Hi"))
        assert text in seen[0].text and seen[-1].text.endswith("Hi")


def test_names_are_found_with_near_matches() -> None:
    assert find_induction("Persona-Text") is persona_text
    assert find_induction("adjectives:3").name == "adjectives:3"
    assert find_induction("unchanged") is unchanged
    with pytest.raises(UnknownName, match="did you mean 'naive'"):
        find_induction("naiv")


def _seen(induction: PromptInduction, persona: Persona, chat: Chat) -> Chat:
    """What reaches the model, in both of its capabilities."""
    spy = ScriptedModel(["said"])
    with induction(spy, persona) as carrier:
        carrier.choose([Request(chat, (("A",),))])
        carrier.reply([Request(chat)], Sampling())
    weighed, replied = spy.asked
    assert weighed.chat == replied.chat
    return weighed.chat


def test_persona_text_leaves_no_layer_out() -> None:
    everything = Persona(
        id="a",
        narrative="You grew up by a lake.",
        voice="Short sentences.",
        relations={"Jon": "your brother"},
        memories=("The flood.",),
    )
    said = persona_text.text(MODEL, everything)
    assert said == (
        "Your story:\nYou grew up by a lake.\n\nHow you talk:\nShort sentences.\n\n"
        "People in your life:\n- Jon: your brother\n\nWhat you remember:\n- The flood."
    )
