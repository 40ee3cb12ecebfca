"""Finds attributes of people in conversations, and makes a taxonomy of them.

Wang et al. 2025 (arXiv 2511.07338, section 3.1): keep what a personal answer would need, take
attribute paths out of it, judge each path, merge. Every step is a small object under a schema;
what is unreadable, judged away or merged is counted.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

from personae.core import BadValue, Chat, Message, say
from personae.generate.biography.life import text_problem
from personae.generate.conversations import user_turns
from personae.generate.taxonomy.attribute_tree import AttributePath, shipped_taxonomy
from personae.generate.taxonomy.merging import ALIKE, MergedTaxonomy, merge_paths
from personae.generate.writer import FieldRequest, Writer, text_schema

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

    Categories are by default the twelve of the shipped taxonomy. `dropped` counts conversations
    and paths that went, by reason.

    Raises:
        BadValue: nothing was left to make a taxonomy of.
    """
    titles = tuple(categories) or shipped_taxonomy().categories
    dropped: Counter[str] = Counter()
    personal = _personal(writer, conversations, dropped)
    paths = _judged(writer, _extracted(writer, personal, titles, dropped), dropped)
    if not paths:
        raise BadValue(
            f"no attribute was found in {len(conversations)} conversations: {dict(dropped)}"
        )
    merged = merge_paths(paths, alike=alike)
    return MergedTaxonomy(merged.taxonomy, merged.counts, dict(dropped + Counter(merged.dropped)))


def _shown(chat: Chat) -> str:
    return "\n".join(f"[{m.role}] {m.text.strip()}" for m in chat if m.role != "system")[:_LONG]


def _choice(chat: Chat, name: str, options: Sequence[str]) -> FieldRequest:
    return FieldRequest(
        chat=chat,
        fields={name: {"enum": list(options)}},
        check=lambda _, value: "" if value in options else "none of the options",
    )


def _personal(writer: Writer, conversations: Sequence[Chat], dropped: Counter[str]) -> list[Chat]:
    ask = (
        "Would a good answer to this user depend on who the user is? Answer in JSON with one of: "
        f"{', '.join(PERSONAL)}.\n\n"
    )
    wanted = [_choice(say(ask + _shown(chat)), "label", PERSONAL) for chat in conversations]
    kept = []
    for chat, got in zip(conversations, writer.at(0.0).ask(wanted), strict=True):
        label = got.values.get("label")
        if label is None:
            dropped["conversation: no readable label"] += 1
        elif label == PERSONAL[0] or not user_turns(chat):
            dropped["conversation: not personal"] += 1
        else:
            kept.append(chat)
    return kept


def _extracted(
    writer: Writer, chats: Sequence[Chat], titles: Sequence[str], dropped: Counter[str]
) -> list[AttributePath]:
    found: list[AttributePath] = []
    wanted = [_paths_wanted(chat, titles) for chat in chats]
    for got in writer.ask(wanted):
        for place in range(1, PATHS + 1):
            names = [
                got.values.get(f"{part}_{place}") for part in ("category", "topic", "attribute")
            ]
            if None in names:
                dropped["path: unreadable"] += 1
            else:
                found.append(tuple(str(name).strip() for name in names))
    return found


def _paths_wanted(chat: Chat, titles: Sequence[str]) -> FieldRequest:
    fields: dict[str, Mapping[str, object]] = {}
    for place in range(1, PATHS + 1):
        fields[f"category_{place}"] = {"enum": list(titles)}
        fields[f"topic_{place}"] = text_schema(3, 40)
        fields[f"attribute_{place}"] = text_schema(3, 40)

    def check(name: str, value: object) -> str:
        if name.startswith("category"):
            return "" if value in titles else "none of the categories"
        return text_problem(value, 3, 40)

    ask = (
        f"Name {PATHS} attributes of a person that this conversation touches, each as category, "
        f"topic and attribute, from general to particular; name the attribute and not its value "
        f"(topic Food, attribute Diet, and not Vegan). Answer in JSON.\n\n"
    )
    return FieldRequest(chat=(Message("user", ask + _shown(chat)),), fields=fields, check=check)


def _judged(
    writer: Writer, paths: Sequence[AttributePath], dropped: Counter[str]
) -> list[AttributePath]:
    distinct = list(dict.fromkeys(paths))
    ask = (
        "Is this a fit attribute to describe any person by? Answer in JSON with one of: "
        f"{', '.join(VERDICTS)}.\n\n"
    )
    wanted = [_choice(say(ask + " > ".join(path)), "verdict", VERDICTS) for path in distinct]
    verdicts = {
        path: got.values.get("verdict", "no readable verdict")
        for path, got in zip(distinct, writer.at(0.0).ask(wanted), strict=True)
    }
    for path in paths:
        if verdicts[path] != VERDICTS[0]:
            dropped[f"path: {verdicts[path]}"] += 1
    return [path for path in paths if verdicts[path] == VERDICTS[0]]
