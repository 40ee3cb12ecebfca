"""A respondent's understanding of a chat, from its text alone, as for any model.

This module reads what is common to all instruments: the persona, the last request and the options
listed. What the request asks is left to the instruments' recognisers.
"""

from dataclasses import dataclass

from personae.core import Chat
from personae.respondents.option_lines import OptionLine, displayed_options
from personae.respondents.recognition import reading_cache, recognise
from personae.respondents.stimuli import (
    AuthoredText,
    JudgedTexts,
    KeyedStatement,
    KnownProblem,
    PersonaBlock,
    Prompt,
    TaskTrial,
)

__all__ = ["Comprehension", "comprehend"]


@dataclass(frozen=True, slots=True)
class Comprehension:
    """The parts of a chat.

    `persona`: what the chat says of the respondent; `about`: a text whose author is asked about in
    its place; `request`: the last turn of the user; `options`: those listed; `turns`: the number
    of earlier answers.
    """

    persona: str
    about: str
    request: str
    options: tuple[OptionLine, ...]
    turns: int

    @property
    def statement(self) -> KeyedStatement | None:
        """The statement asked about, if there is one."""
        return recognise(KeyedStatement, self._prompt)

    @property
    def trial(self) -> TaskTrial | None:
        """The trial of a behavioural task, if the request is one."""
        return recognise(TaskTrial, self._prompt)

    @property
    def problem(self) -> KnownProblem | None:
        """The problem to solve, if it is a known one."""
        return recognise(KnownProblem, self._prompt)

    @property
    def judged(self) -> JudgedTexts | None:
        """The texts to judge, if there are any."""
        return recognise(JudgedTexts, self._prompt)

    @property
    def _prompt(self) -> Prompt:
        return Prompt(self.request, lines=tuple(option.line for option in self.options))


@reading_cache
def comprehend(chat: Chat) -> Comprehension:
    r"""Read a chat; a part that is missing is an empty field, never an error.

    >>> from personae.core import say
    >>> comprehend(say("Truth:\nYou are calm.\n\nQuestion: How are you?")).request
    'Question: How are you?'
    """
    users = [message.text for message in chat if message.role == "user"]
    system = [message.text for message in chat if message.role == "system"]
    personas = list(system)
    if users and (block := recognise(PersonaBlock, Prompt(users[0]))) is not None:
        personas.append(block.persona)
        users[0] = block.rest
    about = ""
    for index, text in enumerate(users):
        if (authored := recognise(AuthoredText, Prompt(text))) is not None:
            about, users[index] = authored.text, authored.rest
    request = users[-1] if users else ""
    if recognise(TaskTrial, Prompt(request)) is not None:  # its options stand in the same turn
        options = displayed_options([request], [])
    else:
        options = displayed_options(users, system)
    return Comprehension(
        persona="\n".join(personas),
        about=about,
        request=request,
        options=options,
        turns=sum(message.role == "assistant" for message in chat[:-1]),
    )
