"""The verbs that ask a model: a card, a study, and a model that is steered within a block."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from personae.card.card import card as persona_card
from personae.core import (
    Chooser,
    InputError,
    Model,
    OpenModel,
    Persona,
    Report,
    checks_types,
    nobody,
    require_white_box,
)
from personae.induce.registry import find_induction
from personae.models.journal.journal import Journal
from personae.models.journal.recorded import recorded
from personae.models.notices import notify
from personae.models.opening import open_model
from personae.personas.exchange import import_personas, load_persona
from personae.run.conclusion import concluding, with_doubts
from personae.run.parameters import Parameter, bind, parameters, require_given
from personae.run.plan import announce
from personae.run.study_registry import studies

__all__ = ["as_model", "card", "run", "steer"]


@checks_types
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
        model: a model that gives likelihoods, or a model string, of which what it will be asked is
            told first.
        seed: seed of the resampling.
        quick: two wordings and two inductions alone.
        design: `inventory`, `inductions` and `sections`, as in `personae card --help`.

    Raises:
        InputError: the model gives no likelihoods; the persona has neither a text nor traits.
        UnknownName: an unknown option, inventory, induction or section.
        BadValue: an option of another type than it has.
        NoUsableAnswers: the model was asked, and gave next to nothing usable.

    >>> ada = Persona(id="ada", traits={"E": 1.5})
    >>> card(ada, "null:midpoint", quick=True, sections=()).title
    'Persona card: ada on null:midpoint'
    """
    chooser = as_model(model)
    if not isinstance(chooser, Chooser):
        raise InputError(f"a card needs likelihoods, which {chooser.name} doesn't give")
    person = persona if isinstance(persona, Persona) else load_persona(persona)
    options = bind(persona_card, {"seed": seed, "quick": quick} | design)
    if isinstance(model, str):
        announce(partial(persona_card, persona=person, **options), {"model": chooser}, notify)
    with Journal(":memory:") as journal:
        asked = recorded(chooser, journal)
        with concluding([asked]):
            report = persona_card(asked, person, **options)
        return with_doubts(report, [asked])


@checks_types
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
        model: a model, or a model string, of which what it will be asked is told first, as by the
            command.
        seed: seed of the resampling.
        quick: the study's short form.
        options: the study's own, as in `personae show STUDY`; personas may be files or folders, and
            further models model strings.

    Raises:
        UnknownName: no such study or option; carries near matches.
        BadValue: an option of another type than it has, or one that is needed is not given.
        NoUsableAnswers: a model was asked, and gave next to nothing usable.
        InputError: the study needs likelihoods, or an open model, and this model is not one.

    >>> run("sac", "null:midpoint", quick=True).title
    'Traits at levels: null:midpoint'
    """
    header = studies.find(study)
    function = studies.load(header)
    kinds = {parameter.name: parameter for parameter in parameters(function)}
    arguments = {name: _argument(kinds.get(name), value) for name, value in options.items()}
    arguments |= {"seed": seed, "quick": quick}
    require_given(function, arguments)
    opened = as_model(model)
    if kinds["model"].kind is OpenModel:
        require_white_box(opened, f"the study {header.name}")
    elif kinds["model"].kind is Chooser and not isinstance(opened, Chooser):
        raise InputError(
            f"the study {header.name} needs likelihoods, which {opened.name} doesn't give"
        )
    others = {
        name: value
        for name, value in arguments.items()
        if name in kinds and kinds[name].is_model and isinstance(value, Model)
    }
    if isinstance(model, str):
        plain = {name: value for name, value in arguments.items() if name not in others}
        body = partial(function, **bind(function, plain))
        announce(body, {"model": opened, **others}, notify)
    with Journal(":memory:") as journal:
        asked = recorded(opened, journal)
        wrapped = {name: recorded(other, journal) for name, other in others.items()}
        models = [asked, *wrapped.values()]
        with concluding(models):
            report = function(asked, **bind(function, arguments | wrapped))
        return with_doubts(report, models)


def _argument(parameter: Parameter | None, value: object) -> object:
    """Open a model, persona or file of personas that is given as a text."""
    if parameter is None or not isinstance(value, str | Path):
        return value
    if parameter.is_model:
        return open_model(str(value))
    if parameter.kind is Persona:
        return load_persona(value)
    return tuple(import_personas(value)) if parameter.is_personas else value


@checks_types
@contextmanager
def steer(model: Model | str, vectors: str, persona: Persona | None = None) -> Iterator[OpenModel]:
    """Steer an open model within a block; outside it the model is unchanged.

    Args:
        model: an open model, or the string of one (smollm2, hf:NAME-OR-FOLDER, gguf:FILE).
        vectors: as after `steer:` on the command line, such as "E=+4@15": trait or vector file,
            strength in trait vectors, block.
        persona: whose traits are steered where `vectors` names none, as in "2@15".

    Raises:
        InputError: the model is not an open one; no trait is named.
        BadValue: `vectors` can't be read; an argument of another type.
    """
    opened = require_white_box(as_model(model), "steering")
    with find_induction(f"steer:{vectors}")(opened, persona or nobody()) as steered:
        yield steered


def as_model(model: Model | str) -> Model:
    """Open a model that is given as a text."""
    return open_model(model) if isinstance(model, str) else model
