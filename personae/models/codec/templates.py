"""Chat templates: a model's own Jinja, run as `transformers` runs it, in a sandbox.

The environment has what transformers' has: loop controls, `{% generation %}` blocks, `tojson` that
escapes no HTML, `raise_exception`, `strftime_now`. Unlike there, templates that ask for today's
date get a fixed one, so that the same chat always gives the same text.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from json import dumps
from typing import Any

from jinja2 import TemplateError, nodes
from jinja2.ext import Extension
from jinja2.parser import Parser
from jinja2.sandbox import ImmutableSandboxedEnvironment

from personae.core.errors import ModelError

__all__ = ["PLAIN_TEMPLATE", "ChatTemplate", "default_template"]

PLAIN_TEMPLATE = (
    "{% for m in messages %}{% if m.role == 'system' %}{{ m.content + '\\n\\n' }}"
    "{% elif m.role == 'user' %}{{ 'Question: ' + m.content + '\\n' }}"
    "{% else %}{{ 'Answer: ' + m.content + '\\n\\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'Answer:' }}{% endif %}"
)
"""For models that come without a chat template, as base models do."""

TODAY = date(2024, 7, 26)  # the date that Llama's own templates fall back to
FAULTS = (TemplateError, ArithmeticError, AttributeError, LookupError, TypeError, ValueError)
"""What a template can raise while it runs."""


class _Generation(Extension):
    """`{% generation %}` marks what the assistant writes; its text stands as it is."""

    tags = {"generation"}  # noqa: RUF012  (as in the base class)

    def parse(self, parser: Parser) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        # a call block, as in transformers: variables set inside are unknown outside
        return nodes.CallBlock(self.call_method("_text"), [], [], body).set_lineno(line)

    def _text(self, caller: Callable[[], str]) -> str:
        return caller()


def _fixed_date(form: str) -> str:
    return TODAY.strftime(form)


def _refuse(message: str) -> None:
    raise TemplateError(message)


def _json(value: object, ensure_ascii: bool = False, **options: Any) -> str:  # noqa: ANN401
    return dumps(value, ensure_ascii=ensure_ascii, **options)


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=[_Generation, "jinja2.ext.loopcontrols"],
    )
    environment.filters["tojson"] = _json
    environment.globals.update(raise_exception=_refuse, strftime_now=_fixed_date)
    return environment


@dataclass(frozen=True, eq=False)
class ChatTemplate:
    """A Jinja source, and the special tokens' words under the names that templates use."""

    source: str
    names: Mapping[str, str] = field(default_factory=dict)

    def fill(self, turns: Sequence[tuple[str, str]], *, prompt: bool) -> str:
        """Write turns (role, text); with `prompt`, up to where the assistant's turn begins.

        Raises:
            ModelError: the template is broken or refuses the chat.
        """
        messages = [{"role": role, "content": text} for role, text in turns]
        try:
            return str(
                self._compiled.render(
                    messages=messages,
                    tools=None,
                    documents=None,
                    add_generation_prompt=prompt,
                    **self.names,
                )
            )
        except FAULTS as error:
            raise ModelError(
                f"the model's chat template refuses this chat: {error}. Templates may forbid "
                "system turns, or turns that don't alternate"
            ) from error

    @cached_property
    def _compiled(self) -> Any:  # noqa: ANN401  (a jinja2 template)
        try:
            return _environment().from_string(self.source)
        except TemplateError as error:
            raise ModelError(f"the model's chat template is broken: {error}") from error


def default_template(templates: Mapping[str, str]) -> str:
    """Return the template called `default` among a model's named ones.

    Raises:
        ModelError: none is.
    """
    if "default" in templates:
        return templates["default"]
    raise ModelError(
        f"none of the model's {len(templates)} chat templates is called 'default', only "
        f"{', '.join(sorted(templates))}; save the one for chats as chat_template.jinja"
    )
