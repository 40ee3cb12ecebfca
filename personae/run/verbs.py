"""The verbs of `import personae`: what the commands do, as functions that return objects.

A model is a model string or an opened model; a persona, answers and an inventory are objects, or
the files and names that the commands take.
"""

import json
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
from rich.console import Console

from personae.analyses.compare import Run, compare_runs
from personae.analyses.run_differences import ComparisonRules
from personae.analyses.score import score_report
from personae.card.card import card as persona_card
from personae.core import (
    Answers,
    BadValue,
    Chooser,
    InputError,
    Inventory,
    Model,
    OpenModel,
    Persona,
    Report,
    atomic_path,
    load_inventory,
    nobody,
    require_white_box,
    usable_path,
    write_atomically,
)
from personae.datasets.answer_tables import read_answer_file
from personae.generate.recipe import Order, Population
from personae.generate.recipe_registry import recipes
from personae.induce.registry import find_induction
from personae.models.journal.journal import Journal
from personae.models.journal.recorded import recorded
from personae.models.opening import open_model
from personae.personas import load_personas
from personae.personas.exchange import import_personas, load_persona
from personae.run.conclusion import concluding, with_unasked
from personae.run.export.finished_run import open_run
from personae.run.parameters import Parameter, bind, parameters
from personae.run.population.population_files import Commission
from personae.run.population.population_run import generate as generate_file
from personae.run.study_registry import studies

__all__ = ["card", "compare", "generate", "run", "score", "steer"]


def card(
    persona: Persona | str | Path,
    model: Model | str = "smollm2",
    *,
    seed: int = 0,
    quick: bool = False,
    **design: object,
) -> Report:
    """Ask a model to be a persona, and report the resulting personality.

    Args:
        persona: who the model is asked to be: a persona, or a file of any format (or FILE#ID).
        model: a model that gives likelihoods, or a model string.
        seed: seed of the resampling.
        quick: two wordings and two inductions alone.
        design: `inventory`, `inductions` and `sections`, as in `personae card --help`.

    Raises:
        InputError: the model gives no likelihoods; the persona has neither a text nor traits.
        UnknownName: an unknown option, inventory, induction or section.
        NoUsableAnswers: the model was asked, and gave next to nothing usable.

    >>> ada = Persona(id="ada", traits={"E": 1.5})
    >>> card(ada, "null:midpoint", quick=True, sections=()).title
    'Persona card: ada on null:midpoint'
    """
    chooser = _opened(model)
    if not isinstance(chooser, Chooser):
        raise InputError(f"a card needs likelihoods, which {chooser.name} doesn't give")
    person = persona if isinstance(persona, Persona) else load_persona(persona)
    with Journal(":memory:") as journal:
        asked = recorded(chooser, journal)
        with concluding([asked]):
            options = bind(persona_card, design)
            report = persona_card(asked, person, seed=seed, quick=quick, **options)
        return with_unasked(report, [asked])


def run(
    study: str,
    model: Model | str = "smollm2",
    *,
    seed: int = 0,
    quick: bool = False,
    **options: object,
) -> Report:
    """Run a published study by name: the same as `personae run STUDY`.

    Args:
        study: name of a study, as in `personae list`.
        model: a model, or a model string.
        seed: seed of the resampling.
        quick: the study's short form.
        options: the study's own, as in `personae show STUDY`; personas may be files or folders, and
            further models model strings.

    Raises:
        UnknownName: no such study or option; carries near matches.
        NoUsableAnswers: a model was asked, and gave next to nothing usable.
        InputError: the study needs likelihoods, or an open model, and this model is not one.

    >>> run("sac", "null:midpoint", quick=True).title
    'Traits at levels: null:midpoint'
    """
    header = studies.find(study)
    function = studies.load(header)
    kinds = {parameter.name: parameter for parameter in parameters(function)}
    arguments = {name: _argument(kinds.get(name), value) for name, value in options.items()}
    opened = _opened(model)
    if kinds["model"].kind is OpenModel:
        require_white_box(opened, f"the study {header.name}")
    elif kinds["model"].kind is Chooser and not isinstance(opened, Chooser):
        raise InputError(
            f"the study {header.name} needs likelihoods, which {opened.name} doesn't give"
        )
    with Journal(":memory:") as journal:
        asked = recorded(opened, journal)
        others = {
            name: recorded(value, journal)
            for name, value in arguments.items()
            if name in kinds and kinds[name].is_model and isinstance(value, Model)
        }
        models = [asked, *others.values()]
        with concluding(models):
            report = function(asked, seed=seed, quick=quick, **bind(function, arguments | others))
        return with_unasked(report, models)


def _argument(parameter: Parameter | None, value: object) -> object:
    """Open a model, persona or file of personas that is given as a text."""
    if parameter is None or not isinstance(value, str | Path):
        return value
    if parameter.is_model:
        return open_model(str(value))
    if parameter.is_personas:
        return tuple(import_personas(value))
    return load_persona(value) if parameter.kind is Persona else value


def generate(
    recipe: str, n: int, *, seed: int = 0, model: Model | str | None = None, **options: object
) -> tuple[Persona, ...]:
    """Generate personas by a recipe: the same as `personae generate RECIPE` writes to a file.

    Args:
        recipe: name of a recipe, as in `personae list`.
        n: number of personas.
        seed: seed of all draws.
        model: who writes the texts; without one, from structure alone.
        options: the recipe's own, as in `personae generate RECIPE --help`. Where it takes a file, a
            path, a frame, or what the JSON file would hold (a dict, or a list of dicts) will do.

    Warns:
        UserWarning: some personas could not be generated; says how many.

    Raises:
        UnknownName: no such recipe or option; carries near matches.
        BadValue: a value that the recipe doesn't take, or no persona could be generated.

    >>> [persona.id for persona in generate("type_bank", 2, seed=1)]
    ['type-1-0000000', 'type-1-0000001']
    """
    header = recipes.find(recipe)
    function = recipes.load(header)

    def build(writer: Model | None) -> Population:
        return function(Order(n=n, seed=seed, model=writer), **arguments)

    with TemporaryDirectory() as folder:
        options = {name: _as_file(name, v, Path(folder)) for name, v in options.items()}
        arguments = bind(function, options)
        out = Path(folder) / "personas.parquet"
        job = Commission(recipe=header.name, version=header.version, options=options, out=out)
        writer = None if model is None else _opened(model)
        generate_file(job, build, writer, Console(quiet=True))
        personas = load_personas(out)
    if len(personas) < n:
        warnings.warn(f"{n - len(personas)} of {n} personas could not be generated", stacklevel=2)
    return personas


@contextmanager
def steer(
    model: OpenModel | str, vectors: str, persona: Persona | None = None
) -> Iterator[OpenModel]:
    """Steer an open model within a block; outside it the model is unchanged.

    Args:
        model: an open model, or the string of one (smollm2, hf:NAME-OR-FOLDER, gguf:FILE).
        vectors: as after `steer:` on the command line, such as "E=+4@15": trait or vector file,
            strength in trait vectors, block.
        persona: whose traits are steered where `vectors` names none, as in "2@15".

    Raises:
        InputError: the model is not an open one; no trait is named.
        BadValue: `vectors` can't be read.
    """
    opened = require_white_box(_opened(model), "steering")
    with find_induction(f"steer:{vectors}")(opened, persona or nobody()) as steered:
        yield steered


def score(
    answers: Answers | str | Path,
    inventory: Inventory | str,
    *,
    norms: str | None = None,
    seed: int = 0,
) -> Report:
    """Score answers collected anywhere, from people or models.

    Args:
        answers: answers, or a file with one row a respondent or one row an answer.
        inventory: an inventory, or the name or JSON file of one.
        norms: the norm group to compare with, such as "sex-neutral 21-40".
        seed: seed of the resampling.

    Raises:
        UnknownName: no such inventory or norm group.
        BadFile: the file of answers can't be read.
        BadValue: no answers.
    """
    tool = inventory if isinstance(inventory, Inventory) else load_inventory(inventory)
    if isinstance(answers, Answers):
        return score_report(answers, tool, norms_group=norms, seed=seed)
    file = read_answer_file(answers, tool)
    return score_report(file.answers, tool, norms_group=norms, seed=seed, reading=file.reading)


def compare(
    first: Run | Report | str | Path,
    second: Run | Report | str | Path,
    *,
    arms: tuple[str, str] | None = None,
    judging: ComparisonRules | None = None,
) -> Report:
    """Compare two runs or reports, answer by answer paired.

    Args:
        first: the folder of a finished run, or a report that holds its answers.
        second: what is compared with it; shifts are second minus first.
        arms: an arm of the first and the arm of the second to set against it.
        judging: what is sampled, margins of equivalence, seed.

    Raises:
        BadValue: a report without answers; versions that aren't comparable; nothing to pair.
        BadFile: a folder holds no finished run.
    """
    runs = _run(first, "first"), _run(second, "second")
    return compare_runs(*runs, arms, judging)


def _as_file(name: str, value: object, folder: Path) -> object:
    """Return an option's value, with a path as text and data in a file of the folder."""
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, pl.DataFrame):
        with atomic_path(folder / f"{name}.parquet") as part:
            value.write_parquet(part)
        return str(folder / f"{name}.parquet")
    listed = isinstance(value, list | tuple) and any(isinstance(v, Mapping) for v in value)
    if not (isinstance(value, Mapping) or listed):
        return value
    path = folder / f"{name}.json"
    try:
        data = json.dumps(value, ensure_ascii=False).encode()
    except (TypeError, ValueError) as error:
        raise BadValue(f"{name}: JSON has no such values ({error})") from error
    write_atomically(path, data)
    return str(path)


def _opened(model: Model | str) -> Model:
    return open_model(model) if isinstance(model, str) else model


def _run(source: Run | Report | str | Path, label: str) -> Run:
    """Read a run from a folder or a report; a report's provenance is its identity."""
    if isinstance(source, Run):
        return source
    if not isinstance(source, Report):
        return open_run(usable_path(source))
    if source.answers is None or not len(source.answers):
        raise BadValue(f"the {label} report, {source.title!r}, holds no answers to compare")
    origin = source.provenance
    rows = source.answers.rows
    identity: dict[str, object] = {"report": source.title, "answers": rows.hash_rows().sum()}
    if origin is not None:
        identity |= {
            "study": origin.study,
            "study_version": origin.study_version,
            "models": {"model": {"name": origin.model, "fingerprint": origin.fingerprint}},
            "options": dict(origin.options),
        }
    return Run(
        folder=Path(label),
        id="",
        started=origin.date if origin else "",
        identity=identity,
        report=source,
        answers=source.answers,
    )
