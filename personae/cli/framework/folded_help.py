"""Help on one screen: options that many commands share are named, and explained on request."""

from collections.abc import Mapping, Sequence
from typing import Any

import click

__all__ = ["FoldedCommand", "with_examples"]

FULL_HELP = "personae.full_help"


class FoldedCommand(click.Command):
    """A command whose help names its shared options by topic; `--help --full` explains them too."""

    def __init__(
        self,
        name: str,
        *,
        topics: Mapping[str, Sequence[click.Parameter]],
        **settings: Any,  # noqa: ANN401
    ) -> None:
        super().__init__(name, **settings)
        self.topics = topics

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Note whether the whole help is meant before --help, which comes first, is obeyed."""
        ctx.meta[FULL_HELP] = "--full" in args
        return super().parse_args(ctx, args)

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the command's own options, then the shared ones by topic."""
        shared = [option for options in self.topics.values() for option in options]
        own = [p for p in self.params if isinstance(p, click.Option) and p not in shared]
        _write(formatter, "Options", ctx, own)
        topics = {
            topic: [option for option in options if option in self.params]
            for topic, options in self.topics.items()
        }
        if ctx.meta.get(FULL_HELP):
            for topic, options in topics.items():
                _write(formatter, topic, ctx, options)
            return
        rows = [
            (topic, ", ".join(option.opts[0] for option in options))
            for topic, options in topics.items()
            if options
        ]
        if rows:
            with formatter.section(f"More options, explained by {ctx.command_path} --help --full"):
                formatter.write_dl(rows)


def with_examples(summary: str, examples: Mapping[str, str], more: str = "") -> str:
    """Return a help text: what a command does, examples with their meanings, and more."""
    width = max(map(len, examples))
    lines = [f"{example:<{width}}   {meaning}" for example, meaning in examples.items()]
    return "\n\n".join(filter(None, (summary, "\n".join(("\b", *lines)), more)))


def _write(
    formatter: click.HelpFormatter,
    title: str,
    ctx: click.Context,
    options: Sequence[click.Parameter],
) -> None:
    rows = [row for option in options if (row := option.get_help_record(ctx))]
    if rows:
        with formatter.section(title):
            formatter.write_dl(rows)
