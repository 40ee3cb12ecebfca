"""Mines attributes of people from conversations into a taxonomy.

Wang et al. 2025 (arXiv 2511.07338, section 3.1): select personal conversations, extract attribute
paths, judge each path, merge. Every step asks for a small object under a schema; whatever is
unreadable, rejected or merged is counted.
"""

from collections import Counter
from collections.abc import Sequence

from personae.core import BadValue, Chat, Message, say
from personae.generate.conversations import user_turns
from personae.generate.taxonomy.attribute_tree import AttributePath, shipped_taxonomy
from personae.generate.taxonomy.merging import ALIKE, MergedTaxonomy, merge_paths
from personae.generate.writer import FieldRequest, FieldSchema, Writer, text_schema

__all__ = ["mine_taxonomy"]

PERSONAL = ("not personal", "partly personal", "personal")
VERDICTS = ("keep", "too specific", "too vague", "not about a person")
PATHS = 2
"""Attribute paths taken out of one conversation."""
_LONG = 1500
"""Characters of a conversation that a request carries."""


def mine_taxonomy(
    writer: Writer,
    conversations: Sequence[Chat],
    categories: Sequence[str] = (),
    alike: float = ALIKE,
) -> MergedTaxonomy:
    """Make a taxonomy of what people reveal when they talk to an assistant.

    Categories are by default the twelve of the shipped taxonomy; `alike` (0..1) is the cosine at
    which siblings are merged. `dropped` in the result counts the dropped conversations and paths
    by reason.

    Raises:
        BadValue: no attribute was found, or none is left after merging.
    """
    titles = tuple(categories) or shipped_taxonomy().categories
    dropped: Counter[str] = Counter()
    personal = _personal_conversations(writer, conversations, dropped)
    paths = _judge_paths(writer, _extract_paths(writer, personal, titles, dropped), dropped)
    if not paths:
        raise BadValue(
            f"no attribute was found in {len(conversations)} conversations: {dict(dropped)}"
        )
    merged = merge_paths(paths, alike=alike)
    return MergedTaxonomy(merged.taxonomy, merged.counts, dict(dropped + Counter(merged.dropped)))


def _transcript(chat: Chat) -> str:
    return "\n".join(f"[{m.role}] {m.text.strip()}" for m in chat if m.role != "system")[:_LONG]


def _choice_request(chat: Chat, name: str, options: Sequence[str]) -> FieldRequest:
    return FieldRequest(chat=chat, fields={name: {"enum": list(options)}})


def _personal_conversations(
    writer: Writer, conversations: Sequence[Chat], dropped: Counter[str]
) -> list[Chat]:
    question = (
        "Would a good answer to this user depend on who the user is? Answer in JSON with one of: "
        f"{', '.join(PERSONAL)}.\n\n"
    )
    requests = [
        _choice_request(say(question + _transcript(chat)), "label", PERSONAL)
        for chat in conversations
    ]
    personal = []
    for chat, answers in zip(conversations, writer.at(0.0).ask(requests), strict=True):
        label = answers.values.get("label")
        if label is None:
            dropped["conversation: no readable label"] += 1
        elif label == PERSONAL[0] or not user_turns(chat):
            dropped["conversation: not personal"] += 1
        else:
            personal.append(chat)
    return personal


def _extract_paths(
    writer: Writer, chats: Sequence[Chat], titles: Sequence[str], dropped: Counter[str]
) -> list[AttributePath]:
    paths: list[AttributePath] = []
    requests = [_paths_request(chat, titles) for chat in chats]
    for answers in writer.ask(requests):
        for number in range(1, PATHS + 1):
            names = [
                answers.values.get(f"{part}_{number}")
                for part in ("category", "topic", "attribute")
            ]
            if None in names:
                dropped["path: unreadable"] += 1
            else:
                paths.append(tuple(str(name).strip() for name in names))
    return paths


def _paths_request(chat: Chat, titles: Sequence[str]) -> FieldRequest:
    fields: dict[str, FieldSchema] = {}
    for number in range(1, PATHS + 1):
        fields[f"category_{number}"] = {"enum": list(titles)}
        fields[f"topic_{number}"] = text_schema(3, 40)
        fields[f"attribute_{number}"] = text_schema(3, 40)

    question = (
        f"Name {PATHS} attributes of a person that this conversation touches, each as category, "
        f"topic and attribute, from general to particular; name the attribute and not its value "
        f"(topic Food, attribute Diet, and not Vegan). Answer in JSON.\n\n"
    )
    return FieldRequest(chat=(Message("user", question + _transcript(chat)),), fields=fields)


def _judge_paths(
    writer: Writer, paths: Sequence[AttributePath], dropped: Counter[str]
) -> list[AttributePath]:
    distinct = list(dict.fromkeys(paths))
    question = (
        "Is this a fit attribute to describe any person by? Answer in JSON with one of: "
        f"{', '.join(VERDICTS)}.\n\n"
    )
    requests = [
        _choice_request(say(question + " > ".join(path)), "verdict", VERDICTS) for path in distinct
    ]
    verdicts = {
        path: answers.values.get("verdict", "no readable verdict")
        for path, answers in zip(distinct, writer.at(0.0).ask(requests), strict=True)
    }
    for path in paths:
        if verdicts[path] != VERDICTS[0]:
            dropped[f"path: {verdicts[path]}"] += 1
    return [path for path in paths if verdicts[path] == VERDICTS[0]]
