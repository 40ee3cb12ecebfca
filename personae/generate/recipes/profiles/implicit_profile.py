"""An implicit profile: who a user is and how they write, as far as a conversation shows.

After USP (Wang et al. 2025, arXiv 2502.18968): objective facts and subjective characteristics,
extracted attribute by attribute from the user's turns alone, then two paragraphs. Differs: a value
is accepted only if the words quoted for it occur in the user's turns; paragraphs are filled
templates, so that nothing is invented; the two halves are separate fields, not split at newlines.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from personae.core import BIG_FIVE, Chat, Persona, say
from personae.generate.conversations import user_turns
from personae.generate.recipes.profiles.self_disclosures import (
    Disclosure,
    claimed_traits,
    find_disclosures,
    redact,
    writing_style,
)
from personae.generate.writer import FieldRequest, Writer, text_problem, text_schema
from personae.traits.trait_words import trait_side

__all__ = ["ImplicitProfile", "combine_profiles", "extract_profiles", "rule_based_profile"]

OBJECTIVE = {
    "age": "You are {} years old.",
    "gender": "You are a {}.",
    "location": "You live in {}.",
    "occupation": "You work as: {}.",
    "education": "You studied {}.",
    "family": "In your family there is: {}.",
    "routines": "A habit of yours: {}.",
    "experience": "Of your past: {}.",
    "goals": "You want to {}.",
}
NONE = "none"
_REQUEST = re.compile(
    r"\?|\b(?:please|help|how|what|which|fix|write|explain|give)\b", re.IGNORECASE
)
_LONGEST_TEXT = 1500


@dataclass(frozen=True, slots=True)
class ImplicitProfile:
    """Facts with quotes, the scenario (the user's request), traits (z) and writing style."""

    facts: Mapping[str, Disclosure]
    scenario: str
    traits: Mapping[str, float]
    style: tuple[str, ...]

    @property
    def objective(self) -> str:
        """The objective paragraph, in the second person."""
        sentences = [
            OBJECTIVE[name].format(disclosure.value) for name, disclosure in self.facts.items()
        ]
        return " ".join(
            [*sentences, *([f"You come with this: {self.scenario}"] if self.scenario else [])]
        )

    @property
    def subjective(self) -> str:
        """The subjective paragraph, in the second person; "" if nothing shows."""
        descriptions = [
            trait_side(d, 1 if z > 0 else -1).plain for d, z in self.traits.items() if z
        ]
        sentences = [f"You come across as {', '.join(descriptions)}."] if descriptions else []
        return " ".join(
            [*sentences, *([f"You write {', '.join(self.style)}."] if self.style else [])]
        )

    def persona(self, id_: str, provenance: Mapping[str, str]) -> Persona:
        """Build the persona of a real speaker; the quotes are kept in `extra` as evidence."""
        facts = {f"objective/{name}": disclosure.value for name, disclosure in self.facts.items()}
        facts |= {"objective/scenario": self.scenario} if self.scenario else {}
        facts |= {"subjective/style": ", ".join(self.style)} if self.style else {}
        return Persona(
            id=id_,
            kind="individual",
            text="\n\n".join(filter(None, (self.objective, self.subjective))) or "You are a user.",
            facts=facts,
            traits=self.traits,
            voice=f"writes {', '.join(self.style)}" if self.style else "",
            provenance=provenance,
            extra={
                "objective": self.objective,
                "subjective": self.subjective,
                "evidence": {name: disclosure.quote for name, disclosure in self.facts.items()},
            },
        )


def combine_profiles(
    objective_source: ImplicitProfile, subjective_source: ImplicitProfile
) -> ImplicitProfile:
    """Combine one user's objective half and another's subjective half into a virtual profile."""
    return ImplicitProfile(
        objective_source.facts,
        objective_source.scenario,
        subjective_source.traits,
        subjective_source.style,
    )


def rule_based_profile(chat: Chat) -> ImplicitProfile:
    """Extract a profile by rules, without a model."""
    turns = user_turns(chat)
    facts = find_disclosures(turns)
    ordered = {name: facts[name] for name in OBJECTIVE if name in facts}
    return ImplicitProfile(
        ordered, _scenario(turns), claimed_traits(turns), tuple(writing_style(turns))
    )


def _scenario(turns: Sequence[str]) -> str:
    """Return the first turn's first request, or else its last sentence, in 120 characters."""
    first_turn = redact(" ".join(turns[0].split())) if turns else ""
    sentences = re.split(r"(?<=[.!?])\s+", first_turn)
    sentence = next((s for s in sentences if _REQUEST.search(s)), sentences[-1])
    return sentence if len(sentence) <= 120 else sentence[:117].rsplit(" ", 1)[0] + " ..."


def extract_profiles(writer: Writer, chats: Sequence[Chat]) -> list[ImplicitProfile]:
    """Let a model find what the rules miss; each value needs a quote that occurs in the turns.

    What the rules find is kept. Values whose quote doesn't occur are left out and counted as
    `without evidence`.
    """
    profiles = [rule_based_profile(chat) for chat in chats]
    texts = ["\n".join(user_turns(chat)).replace("’", "'") for chat in chats]
    facts: list[dict[str, Disclosure]] = [dict(profile.facts) for profile in profiles]
    for name in OBJECTIVE:
        unknown = [i for i, known in enumerate(facts) if name not in known]
        answers = writer.ask([_fact_request(name, texts[i]) for i in unknown])
        for i, answer in zip(unknown, answers, strict=True):
            value, quote = answer.text("value", NONE), answer.text("quote", NONE)
            if value.lower().strip(".") in (NONE, "null", "n/a", ""):
                continue
            if _is_evident(quote, texts[i]):
                facts[i][name] = Disclosure(redact(value.rstrip(".")), redact(quote))
            else:
                writer.counts["without evidence"] += 1
    traits = _read_traits(writer, texts)
    return [
        ImplicitProfile(
            {name: disclosures[name] for name in OBJECTIVE if name in disclosures},
            profile.scenario,
            {**claimed, **profile.traits},
            profile.style,
        )
        for profile, disclosures, claimed in zip(profiles, facts, traits, strict=True)
    ]


def _is_evident(quote: str, text: str) -> bool:
    """Tell whether a quote is in the text and long enough: two words or more, or a number."""
    phrase = " ".join(quote.replace("’", "'").lower().strip(" .\"'").split())
    is_long_enough = len(phrase.split()) >= 2 or phrase.isdigit()
    return is_long_enough and phrase in " ".join(text.lower().split())


def _fact_request(name: str, text: str) -> FieldRequest:
    question = (
        f"A user wrote this to an assistant:\n{text[:_LONGEST_TEXT]}\n\nWhat does it say about "
        f"the user's own {name}? Answer in JSON with the value and the exact words of the user "
        f'that say so; if nothing does, both are "{NONE}".'
    )
    return FieldRequest(
        chat=say(question),
        fields={"value": text_schema(1, 60), "quote": text_schema(1, 120)},
        check=lambda _, value: "" if str(value).isdigit() else text_problem(value, 1, 120),
    )


def _read_traits(writer: Writer, texts: Sequence[str]) -> list[dict[str, float]]:
    levels = {"low": -1.0, "no evidence": 0.0, "high": 1.0}
    titles = {title: code for code, title in BIG_FIVE.items()}
    requests = [
        FieldRequest(
            chat=say(
                f"A user wrote this to an assistant:\n{text[:_LONGEST_TEXT]}\n\nHow high does "
                f"the user seem in each of the Big Five? Say no evidence unless the words show it. "
                f"JSON."
            ),
            fields={title: {"enum": list(levels)} for title in titles},
        )
        for text in texts
    ]
    return [
        {titles[title]: z for title, v in answer.values.items() if (z := levels[str(v)])}
        for answer in writer.ask(requests)
    ]
