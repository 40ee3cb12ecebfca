"""The commands of studies and recipes, listed from headers and made from signatures when called."""

from collections.abc import Callable
from typing import Any

import click

from personae.cli.framework.command_group import ALIKE, WholeSentences

__all__ = ["LazyCommand", "RecipeGroup", "StudyGroup", "recipe_command", "study_command"]


class LazyCommand(click.Command):
    """A command that is listed with its help alone, and made only when it is called."""

    def __init__(self, name: str, help: str, make: Callable[[str], click.Command]) -> None:
        super().__init__(name, help=help)
        self._make = make

    def make_context(
        self,
        info_name: str | None,
        args: list[str],
        parent: click.Context | None = None,
        **extra: Any,  # noqa: ANN401
    ) -> click.Context:
        """Make the command, then its context."""
        return self._make(str(self.name)).make_context(info_name, args, parent, **extra)


def study_command(name: str) -> click.Command:
    """Make a study's command from its signature."""
    from personae.cli.framework.completion import with_completion
    from personae.cli.framework.folded_help import FoldedCommand, with_examples
    from personae.cli.perform import COMMON, TOPICS, perform
    from personae.cli.signature import all_options
    from personae.run.parameters import parameters
    from personae.run.study_registry import studies

    study = studies.find(name)
    function = studies.load(study)

    def run_study(**settings: Any) -> None:  # noqa: ANN401
        perform(study, function, settings)

    own_options = all_options([p for p in parameters(function) if p.name != "model"])
    call = "personae card examples/ada.json" if name == "card" else f"personae run {name}"
    examples = {
        f"{call} --quick": "a first look",
        f"{call} --model gguf:FILE": "your own model",
        f"personae show {name}": "its source and method",
    }
    command = FoldedCommand(
        name,
        topics=TOPICS,
        params=[*own_options, *COMMON],
        callback=run_study,
        help=with_examples(study.summary, examples, f"Asks: {study.fields['Asks']}"),
        context_settings=ALIKE,
    )
    return with_completion(command)


class StudyGroup(WholeSentences):
    """One command a study."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name them in alphabetical order."""
        from personae.run.study_registry import studies

        return [study.name for study in studies.headers() if study.name != "card"]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        """Find one by name; raises `UnknownName` with near matches."""
        from personae.run.study_registry import studies

        study = studies.find(cmd_name)
        return LazyCommand(study.name, study.summary, study_command)


class RecipeGroup(WholeSentences):
    """One command a recipe."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Name them in alphabetical order."""
        from personae.generate.recipe_registry import recipes

        return [recipe.name for recipe in recipes.headers()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command:
        """Find one by name; raises `UnknownName` with near matches."""
        from personae.generate.recipe_registry import recipes

        recipe = recipes.find(cmd_name)
        return LazyCommand(recipe.name, recipe.summary, recipe_command)


def recipe_command(name: str) -> click.Command:
    """Make a recipe's command from its signature."""
    from personae.cli.framework.completion import with_completion
    from personae.cli.generate_command import make_command

    return with_completion(make_command(name, ALIKE))
