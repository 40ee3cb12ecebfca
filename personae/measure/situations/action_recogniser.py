"""Finds the actions of the shipped situations, keyed to the trait that they express."""

from collections.abc import Mapping
from functools import cache

from personae.core import data_json
from personae.respondents.recognition import register
from personae.respondents.stimuli import KeyedAction, Prompt, bare_words
from personae.traits.trait_words import related_domain

__all__: list[str] = []

_KEYS = {"high1": 1, "high2": 1, "low1": -1, "low2": -1}


@register(KeyedAction, "situations")
def _action(prompt: Prompt) -> KeyedAction | None:
    return _actions().get(bare_words(prompt.text))


@cache
def _actions() -> Mapping[str, KeyedAction]:
    actions = {}
    for row in data_json("situations/personae-trait.json")["items"]:
        domain, sign = related_domain(row["personality"])
        for name, key in _KEYS.items():
            words = bare_words(row[f"response_{name}"])
            actions[words] = KeyedAction(domain, "", key * sign, row["idx"], pair=True)
    return actions
