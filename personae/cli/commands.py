"""The commands. They import heavy rooms when called, so that `personae --help` is immediate."""

import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import click

from personae import __version__
from personae.cli.framework.command_group import (
    ALIKE,
    WHOLE,
    Commands,
    report_page,
    show_report,
    takes_full,
)
from personae.cli.framework.completion import SHELLS, completion_script, with_completion
from personae.cli.framework.ending import exit_code
from personae.cli.framework.folded_help import with_examples
from personae.cli.framework.lazy_commands import LazyCommand, RecipeGroup, StudyGroup, study_command
from personae.cli.model_options import model_opener, with_model_options
from personae.cli.personas_command import personas

__all__ = ["main"]


class _Personae(Commands):
    """All commands, by what they are about."""

    sections: ClassVar[Mapping[str, Sequence[str]]] = {
        "Ask and measure": ("card", "run", "score", "vector"),
        "Personas": ("generate", "personas", "taxonomy"),
        "Results": ("report", "compare", "export"),
        "Look up and extend": ("list", "show", "doctor", "completion", "new"),
    }


HELP = """Personas and personality in language models: induce, measure, report.

Induce a persona in a model, measure the personality that results, and how certain that is.

\b
personae card examples/ada.json        a persona card, on the embedded model
personae run sac --quick               a published study in its short form
personae generate population -n 100    personas by exact quotas
personae show sac                      what a study asks, and its options
"""


@click.group(cls=_Personae, context_settings=ALIKE, help=HELP)
@click.version_option(__version__, prog_name="personae")
def _personae() -> None:
    """Group all commands."""


_personae.add_command(
    LazyCommand(
        "card", "Ask a model to be a persona; report the personality measured.", study_command
    )
)


@_personae.group(
    "run",
    cls=StudyGroup,
    context_settings=ALIKE,
    help=with_examples("Run a published study.", {"personae run sac --quick": "a first look"}),
)
def _run() -> None:
    """Group the commands of studies."""


@_personae.group("generate", cls=RecipeGroup, context_settings=ALIKE)
def _generate() -> None:
    """Generate personas by a recipe; report their diversity."""


_personae.add_command(personas)


@_personae.command("taxonomy")
@click.argument("source", type=click.Path(path_type=Path))
@click.option(
    "--model", default="smollm2", show_default=True, help="Model that reads conversations."
)
@click.option("--out", type=click.Path(path_type=Path), default=Path("taxonomy.json"))
@click.option("--seed", type=WHOLE, default=0, show_default=True, help="Seed of the readings.")
@with_model_options
def _taxonomy(**settings: Any) -> None:  # noqa: ANN401
    """Make a taxonomy for `generate deeppersona --taxonomy`.

    SOURCE is conversations (.jsonl), which a model reads, or a tree of attributes (.json), in which
    similar names are merged without a model.
    """
    from personae.cli.taxonomy_command import make_taxonomy

    for line in make_taxonomy(open_writer=model_opener(settings), **settings):
        click.echo(line)


@_personae.command("list")
def _list() -> None:
    """List studies, recipes, inventories, inductions and models."""
    from personae.cli.show_command import listing

    for line in listing():
        click.echo(line)


def _names(_: click.Context, __: click.Parameter, incomplete: str) -> list[str]:
    from personae.cli.show_command import known_names

    return [name for name in known_names() if name.startswith(incomplete)]


@_personae.command("show")
@click.argument("name", shell_complete=_names)
@takes_full
def _show(name: str, full: bool) -> None:
    """Show what a study, recipe, inventory, induction or model is, and its options."""
    from personae.cli.show_command import describe

    for part in describe(name):
        if isinstance(part, str):
            click.echo(part)
        else:
            show_report(part, full=full)


@_personae.command("completion")
@click.argument("shell", type=click.Choice(SHELLS))
def _completion(shell: str) -> None:
    """Complete names in a shell: eval "$(personae completion bash)"."""
    click.echo(completion_script(_personae, shell))


@_personae.command("score")
@click.argument("answers", type=click.Path(path_type=Path))
@click.option("--inventory", required=True, help="Name of an inventory, or a JSON file.")
@click.option("--items", type=click.Path(path_type=Path), help="Your own item texts (CSV).")
@click.option("--norms", help="Norm group to compare with, such as 'sex-neutral 21-40'.")
@click.option(
    "--missing",
    multiple=True,
    metavar="TEXT",
    help="A value that means no answer, such as 0; may be repeated.",
)
@click.option(
    "--shift", type=int, default=0, help="Added to each number; 1 where options begin at 0."
)
@click.option("--by-scale", is_flag=True, help="Columns E1, E2, ... are numbered within scale E.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the results.")
@click.option("--seed", type=WHOLE, default=0, show_default=True, help="Seed of the resampling.")
@takes_full
def _score(**settings: Any) -> None:  # noqa: ANN401
    """Score answers collected anywhere, of people or models.

    ANSWERS, one row per respondent or one per answer, is CSV, TSV, JSON, JSONL, Parquet, the export
    of a survey tool, or the folder of a run.
    """
    from personae.cli.score_command import score

    score(**settings)


@_personae.command("vector")
@click.argument("trait")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="A .safetensors file; .gguf for llama.cpp and EasySteer; .pt of one block for vLLM-Hook.",
)
@click.option("--model", default="smollm2", show_default=True, help="An open model.")
@click.option("--blocks", help="FIRST-LAST; by default all from block 1 on.")
@click.option("--method", default="mean", show_default=True, help="mean, pca, logistic or ridge.")
@click.option("--seed", type=WHOLE, default=0, show_default=True, help="Seed of the checks.")
@with_model_options
@takes_full
def _vector(full: bool, **settings: Any) -> None:  # noqa: ANN401
    """Make a trait's steering vector; report its quality at each block."""
    from personae.cli.vector_command import make_file

    show_report(make_file(open_reader=model_opener(settings), **settings), full=full)
    path = settings["out"]
    click.echo(f"Written to {path}; use it as steer:{path}*2@BLOCK", err=True)


@_personae.command("report")
@click.argument("folder", type=click.Path(path_type=Path))
@takes_full
def _report(folder: Path, full: bool) -> None:
    """Render a finished run again, without a model."""
    from personae.report.render.report_files import read_report, write_report

    report = read_report(folder)
    write_report(report, folder)
    show_report(report, full=full, page=report_page(folder))


@_personae.command("compare")
@click.argument("first", type=click.Path(path_type=Path))
@click.argument("second", type=click.Path(path_type=Path))
@click.option("--arms", metavar="A,B", help="Arm A of the first against arm B of the second.")
@click.option(
    "--unit",
    type=click.Choice(["item", "respondent"]),
    default="item",
    show_default=True,
    help="What is sampled: items, or respondents.",
)
@click.option("--each", is_flag=True, help="Compare each respondent separately.")
@click.option(
    "--margin",
    multiple=True,
    metavar="UNIT=X",
    help="Smaller differences count as none, such as points=0.2; may be repeated.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder for the results.")
@click.option("--seed", type=WHOLE, default=0, show_default=True, help="Seed of the resampling.")
@takes_full
def _compare(**settings: Any) -> None:  # noqa: ANN401
    """Compare two finished runs, or two folders of `score --out`.

    Answers to the same questions are paired; the report says what differs.
    """
    from personae.cli.compare_export import compare

    compare(**settings)


@_personae.command("export")
@click.argument("run", type=click.Path(path_type=Path), required=False)
@click.option(
    "--to",
    type=click.Choice(["inspect", "dpo", "lm-eval"]),
    required=True,
    help="inspect: a run as a log; dpo: a run as preference pairs; lm-eval: problems as tasks.",
)
@click.option("--problems", help="A shipped set of problems, or a JSONL file of your own.")
@click.option("--bank", help="A bank of situations, such as personae-trait.")
@click.option(
    "--pairs",
    type=click.Choice(["judged", "arms", "rated"]),
    help="What pairs come from: replies compared by a judge, two arms, or ratings; by default the "
    "first of these that the run has.",
)
@click.option("--arms", metavar="A,B", help="Choose the replies of arm A, reject those of B.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    required=True,
    help="A .eval or .json file (inspect), a .jsonl file (dpo), or a folder (lm-eval).",
)
def _export(**settings: Any) -> None:  # noqa: ANN401
    """Write a finished run, or problems, in another tool's format."""
    from personae.cli.compare_export import export

    click.echo(export(**settings))


@_personae.command("new")
@click.argument("kind", type=click.Choice(["study", "inventory", "induction", "recipe", "rubric"]))
@click.argument("name")
def _new(kind: str, name: str) -> None:
    """Begin your own study, inventory, induction, recipe or rubric.

    In a checkout of the repository, writes the files of the guide's page under the NAME given, and
    the golden report of a study. They pass their contracts as they are.
    """
    from personae.cli.new_command import guide, scaffold, write_golden_report

    for path, change in scaffold(kind, name).items():
        click.echo(f"{change}: {path}")
    if kind == "study":
        click.echo(f"Written: {write_golden_report(name)}")
    click.echo(f"Now make it your own. The remaining steps: {guide(kind)}")


@_personae.command("doctor")
@click.option("--check", is_flag=True, help="Also open models, compare and time the embedded one.")
def _doctor(check: bool) -> None:
    """Tell what is installed, which models open; --check tests them."""
    from personae.run.doctor import checkup

    for line in checkup(thorough=check):
        click.echo(line)


with_completion(_personae)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit with its code: 0 done, 2 input, 3 model, 4 budget."""
    words = sys.argv[1:] if arguments is None else arguments

    def run() -> None:
        for word in words:
            _require_utf8(word)
        _personae.main(args=list(words), prog_name="personae", standalone_mode=False)

    sys.exit(exit_code(run))


def _require_utf8(word: str) -> None:
    """Refuse a name of a file in another encoding, which no report or identity could hold."""
    try:
        word.encode()
    except UnicodeEncodeError as error:
        raise click.UsageError(f"{word!a} is not in UTF-8; rename the file") from error
