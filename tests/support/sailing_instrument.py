"""An instrument with words of its own: importing it makes respondents understand it."""

from personae.respondents.recognition import register
from personae.respondents.stimuli import AnswerScale, KeyedStatement, Prompt

ITEM = "Reef the sails early"
KNOTS = {"calm water": 0.0, "light breeze": 0.25, "breeze": 0.5, "gale": 0.75, "storm": 1.0}
PROMPT = "\n".join(["Which weather?", ITEM, "", *(f"- {word}" for word in KNOTS)])


@register(KeyedStatement, "sailing")
def sailing_item(prompt: Prompt) -> KeyedStatement | None:
    return KeyedStatement("C", "", 1, ITEM) if ITEM in prompt.text else None


@register(AnswerScale, "sailing")
def sailing_scale(prompt: Prompt) -> AnswerScale | None:
    return AnswerScale.among([KNOTS], prompt.options)
