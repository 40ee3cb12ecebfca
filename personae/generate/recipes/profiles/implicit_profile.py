"""An implicit profile: who somebody is and how they talk, as far as a conversation shows.

After USP (Wang et al. 2025, arXiv 2502.18968): objective facts and subjective characteristics,
attribute by attribute from the user's turns alone, then two paragraphs. Departs: a value counts
only if the words quoted for it stand in what the user said; paragraphs are put together and not
written, so nothing is invented; both halves are kept apart as fields and never split by newlines.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from personae.core import BIG_FIVE, Chat, Persona, say
from personae.generate.biography.life import text_problem
from personae.generate.conversations import user_turns
from personae.generate.recipes.profiles.self_disclosures import (
    Disclosure,
    claimed_traits,
    find_disclosures,
    redact,
    writing_style,
)
from personae.generate.writer import FieldRequest, Writer, text_schema
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
_LONG = 1500


@dataclass(frozen=True, slots=True)
class ImplicitProfile:
    """What was found: facts with quotes, what is wanted in this chat, traits (z), and style."""

    facts: Mapping[str, Disclosure]
    scenario: str
    traits: Mapping[str, float]
    style: tuple[str, ...]

    @property
    def objective(self) -> str:
        """The objective paragraph, in the second person."""
        said = [OBJECTIVE[name].format(one.value) for name, one in self.facts.items()]
        return " ".join(
            [*said, *([f"You come with this: {self.scenario}"] if self.scenario else [])]
        )

    @property
    def subjective(self) -> str:
        """The subjective paragraph, in the second person; "" if nothing shows."""
        plain = [trait_side(d, 1 if z > 0 else -1).plain for d, z in self.traits.items() if z]
        said = [f"You come across as {', '.join(plain)}."] if plain else []
        return " ".join([*said, *([f"You write {', '.join(self.style)}."] if self.style else [])])

    def persona(self, id_: str, provenance: Mapping[str, str]) -> Persona:
        """Give the persona of a real speaker; the quotes stand in `extra` as evidence."""
        facts = {f"objective/{name}": one.value for name, one in self.facts.items()}
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
                "evidence": {name: one.quote for name, one in self.facts.items()},
            },
        )


def combine_profiles(first: ImplicitProfile, second: ImplicitProfile) -> ImplicitProfile:
    """Make a virtual profile: one's objective half with another's subjective half."""
    return ImplicitProfile(first.facts, first.scenario, second.traits, second.style)


def rule_based_profile(chat: Chat) -> ImplicitProfile:
    """Find a profile by rules, without a model."""
    turns = user_turns(chat)
    facts = find_disclosures(turns)
    ordered = {name: facts[name] for name in OBJECTIVE if name in facts}
    return ImplicitProfile(
        ordered, _scenario(turns), claimed_traits(turns), tuple(writing_style(turns))
    )


def _scenario(turns: Sequence[str]) -> str:
    """Give the first sentence of the first turn that asks for something, at most 120 letters."""
    first = redact(" ".join(turns[0].split())) if turns else ""
    sentences = re.split(r"(?<=[.!?])\s+", first)
    sentence = next((s for s in sentences if _REQUEST.search(s)), sentences[-1])
    return sentence if len(sentence) <= 120 else sentence[:117].rsplit(" ", 1)[0] + " ..."


def extract_profiles(writer: Writer, chats: Sequence[Chat]) -> list[ImplicitProfile]:
    """Let a model find what rules miss, each value with a quote that must stand in the turns.

    What rules found stays. `counts` gains `without evidence` for values whose quote doesn't stand.
    """
    profiles = [rule_based_profile(chat) for chat in chats]
    texts = ["\n".join(user_turns(chat)).replace("’", "'") for chat in chats]
    facts: list[dict[str, Disclosure]] = [dict(one.facts) for one in profiles]
    for name in OBJECTIVE:
        open_ = [i for i, known in enumerate(facts) if name not in known]
        answers = writer.ask([_wanted(name, texts[i]) for i in open_])
        for i, got in zip(open_, answers, strict=True):
            value, quote = (str(got.values.get(k, NONE)).strip() for k in ("value", "quote"))
            if value.lower().strip(".") in (NONE, "null", "n/a", ""):
                continue
            if _stands(quote, texts[i]):
                facts[i][name] = Disclosure(redact(value.rstrip(".")), redact(quote))
            else:
                writer.counts["without evidence"] += 1
    traits = _traits(writer, texts)
    return [
        ImplicitProfile(
            {name: found[name] for name in OBJECTIVE if name in found},
            profile.scenario,
            {**read, **profile.traits},
            profile.style,
        )
        for profile, found, read in zip(profiles, facts, traits, strict=True)
    ]


def _stands(quote: str, text: str) -> bool:
    """Tell whether a quote of two words or more, or of a number, is in the text."""
    plain = " ".join(quote.replace("’", "'").lower().strip(" .\"'").split())
    fits = len(plain.split()) >= 2 or plain.isdigit()
    return fits and plain in " ".join(text.lower().split())


def _wanted(name: str, text: str) -> FieldRequest:
    ask = (
        f"A user wrote this to an assistant:\n{text[:_LONG]}\n\nWhat does it say about the user's "
        f"own {name}? Answer in JSON with the value and the exact words of the user that say so; "
        f'if nothing does, both are "{NONE}".'
    )
    return FieldRequest(
        chat=say(ask),
        fields={"value": text_schema(1, 60), "quote": text_schema(1, 120)},
        check=lambda _, value: "" if str(value).isdigit() else text_problem(value, 1, 120),
    )


def _traits(writer: Writer, texts: Sequence[str]) -> list[dict[str, float]]:
    levels = {"low": -1.0, "no evidence": 0.0, "high": 1.0}
    titles = {title: code for code, title in BIG_FIVE.items()}
    wanted = [
        FieldRequest(
            chat=say(
                f"A user wrote this to an assistant:\n{text[:_LONG]}\n\nHow high does the user "
                f"seem in each of the Big Five? Say no evidence unless the words show it. JSON."
            ),
            fields={title: {"enum": list(levels)} for title in titles},
            check=lambda _, value: "" if value in levels else "none of low, no evidence, high",
        )
        for text in texts
    ]
    return [
        {titles[title]: z for title, v in got.values.items() if (z := levels[str(v)])}
        for got in writer.ask(wanted)
    ]
