"""The macros in the texts of character cards, replaced by what they stand for.

Source: character card specifications, versions 1 to 3: `{{char}}` or `<BOT>` is the character's
name, `{{user}}` or `<USER>` the person who talks to it, in upper or lower case; `<START>` begins an
example dialogue; `{{original}}` is the application's own prompt, which there is none of here.
"""

import re

__all__ = ["example_dialogues", "fill_macros"]

_CHARACTER = re.compile(r"\{\{\s*char\s*\}\}|<(?:bot|char)>", re.I)
_SPEAKER = re.compile(r"^(\s*)(?:\{\{\s*user\s*\}\}|<user>)(?=\s*:)", re.I | re.M)
_USER = re.compile(r"\{\{\s*user\s*\}\}|<user>", re.I)
_NOTHING = re.compile(r"\{\{\s*(?:original\s*|//[^{}]*)\}\}", re.I)
_START = re.compile(r"\s*<start>\s*", re.I)


def fill_macros(text: str, name: str) -> str:
    """Fill in the character's name, and "the user" for the other person; other macros stay.

    >>> fill_macros("{{char}} trusts {{User}}.", "Mira")
    'Mira trusts the user.'
    """
    if name:
        text = _CHARACTER.sub(lambda _: name, text)
    text = _SPEAKER.sub(lambda match: f"{match[1]}User", text)
    return _NOTHING.sub("", _USER.sub("the user", text))


def example_dialogues(text: str) -> str:
    r"""Put a blank line between example dialogues, where `<START>` stood.

    >>> example_dialogues("<START>\nUser: Hi\nMira: Hm.\n<START>\nUser: Bye")
    'User: Hi\nMira: Hm.\n\nUser: Bye'
    """
    return _START.sub("\n\n", text).strip() if _START.search(text) else text
