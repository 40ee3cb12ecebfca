"""Texts of a simulated respondent: sentences in the tone of its traits, and JSON by a schema.

No language model writes them: trait words are drawn by standing, so that readers and judges of text
see the respondent's traits. Every sentence depends only on its seed.
"""

import json
from collections.abc import Mapping
from typing import Any

from personae.core import BadValue
from personae.respondents.latent import keyed_uniform
from personae.respondents.stimuli import KnownProblem, WordRequest
from personae.traits.trait_words import antonym, graded, ladder_step, markers

__all__ = ["compose", "compose_with", "fill_schema", "work_out"]

_OPENERS = (
    "I would say that I am {}.",
    "Most days I am {}.",
    "In a moment like this I am {}.",
    "People who know me find me {}.",
    "When it matters I am {}.",
)
_PLAIN = (
    "I would take a moment and look around.",
    "Then I would do what seems right to me.",
    "After that I would go on with my day.",
)
_DEPTH = 6
"""Levels of an object below which optional fields are left out."""


def compose(standings: Mapping[str, float], seed: tuple[object, ...]) -> str:
    """Write a few sentences about oneself.

    `standings` maps each domain letter to z units; the further from 0, the more often its words
    occur, always from 1 on.
    """
    sentences = []
    for index, opener in enumerate(_OPENERS):
        domain = "OCEAN"[int(5 * keyed_uniform(seed, "domain", index))]
        pairs = markers(domain)
        low, high = pairs[int(len(pairs) * keyed_uniform(seed, "pair", index))]
        z = standings[domain]
        if keyed_uniform(seed, "shown", index) < min(1.0, abs(z)):
            sentences.append(opener.format(graded(low, high, ladder_step(z))))
    return " ".join([_PLAIN[0], *sentences, *_PLAIN[1:]])


def compose_with(request: WordRequest) -> str:
    """Write the opposites of the words asked for, or a portrait that holds the words.

    >>> compose_with(WordRequest(("timid", "calm"), opposites=True))
    'bold, angry'
    """
    if request.opposites:
        return ", ".join(antonym(word) for word in request.words)
    words = "; ".join(request.words)
    return f"You are a person whom these words describe well: {words}. It shows in all you do."


def work_out(problem: KnownProblem, *, solved: bool) -> str:
    """Write out the answer to a problem, or a wrong one where it isn't solved.

    >>> work_out(KnownProblem("What is 6 x 7?", "42"), solved=True)
    'Therefore, the answer is 42.'
    """
    return f"Therefore, the answer is {problem.answer if solved else problem.answer + '1'}."


def fill_schema(schema: str, seed: tuple[object, ...], answer: str = "") -> str:
    """Write JSON text that a JSON schema allows; choices in it depend on `seed` only.

    A choice that has `answer` among its values takes it.

    Raises:
        BadValue: not JSON, or a reference to a part that the schema lacks.
    """

    def with_answer(node: dict[str, Any]) -> dict[str, Any]:
        return {**node, "const": answer} if answer and answer in node.get("enum", ()) else node

    try:
        root = json.loads(schema, object_hook=with_answer)
    except ValueError as error:
        raise BadValue(f"the schema is not JSON: {error}") from error
    return json.dumps(_value(root, root, seed, 0), ensure_ascii=False)


def _value(node: Any, root: Any, seed: tuple[object, ...], depth: int) -> Any:  # noqa: ANN401
    if not isinstance(node, dict) or depth > 4 * _DEPTH:
        return None
    if "$ref" in node:
        return _value(_referred(node["$ref"], root), root, seed, depth + 1)
    for key in ("const", "default"):
        if key in node:
            return node[key]
    if "enum" in node:
        return node["enum"][int(len(node["enum"]) * keyed_uniform(seed, depth))]
    for key in ("anyOf", "oneOf", "allOf"):
        if key in node:
            return _value(node[key][0], root, seed, depth + 1)
    kind = node.get("type", "object" if "properties" in node else "string")
    return _typed(kind[0] if isinstance(kind, list) else kind, node, root, seed, depth)


def _typed(
    kind: str, node: Mapping[str, Any], root: object, seed: tuple[object, ...], depth: int
) -> Any:  # noqa: ANN401
    if kind == "object":
        optional = depth < _DEPTH
        return {
            name: _value(part, root, (*seed, name), depth + 1)
            for name, part in node.get("properties", {}).items()
            if optional or name in node.get("required", ())
        }
    if kind == "array":
        count = node.get("minItems", 1 if node.get("maxItems", 1) else 0)
        items = node.get("items", {})
        return [_value(items, root, (*seed, i), depth + 1) for i in range(count)]
    if kind in ("integer", "number"):
        return _number(kind, node, seed)
    if kind == "string":
        text = "Someone who does what seems right."
        text = text[: node.get("maxLength", len(text))]
        return text + "." * (node.get("minLength", 0) - len(text))
    return keyed_uniform(seed, "true") < 0.5 if kind == "boolean" else None


def _number(kind: str, node: Mapping[str, Any], seed: tuple[object, ...]) -> float:
    low = node.get("minimum", node.get("exclusiveMinimum", node.get("maximum", 1) - 1))
    high = node.get("maximum", node.get("exclusiveMaximum", low + 1))
    if kind == "number":
        return float(low + (high - low) * keyed_uniform(seed, "number"))
    first = int(low) + ("exclusiveMinimum" in node)
    last = int(high) - ("exclusiveMaximum" in node)
    return min(last, first + int((last - first + 1) * keyed_uniform(seed, "number")))


def _referred(path: str, root: Any) -> Any:  # noqa: ANN401
    node = root
    for part in path.removeprefix("#").strip("/").split("/"):
        if not isinstance(node, dict) or part not in node:
            raise BadValue(f"the schema refers to {path!r}, which it lacks")
        node = node[part]
    return node
