"""Which personality a trained reader detects in what a model says of itself in interviews.

System   eliciting-traits
Paper    Hilliard, Munoz, Wu & Koshiyama 2024 (arXiv:2402.08341)
Asks     Which traits do classifiers trained on labelled text predict from a model's interview
         answers, do questions that cue a trait bring it out, and can the classifiers detect it?
Differs  a score is reported only against the share of high labels in its classifier's training data
         (the published "high openness, low extraversion" is that share); classifiers are tested on
         held-out authors, beside floors and shuffled labels; the stem is never scored; refused and
         degenerate answers are counted; intervals resample stems with all their answers; texts
         under known personas show what the reader detects in this model; labels keep their
         direction (N high is neurotic); the classifiers are trained here, on the user's texts or on
         synthetic authors
Version  2
"""

from collections.abc import Sequence
from dataclasses import replace

from personae.core import (
    BIG_FIVE,
    CONTROL,
    Answers,
    BadValue,
    Heading,
    InputError,
    Model,
    Persona,
    Report,
    Sampling,
)
from personae.datasets.labelled_texts import load_labelled
from personae.induce.registry import find_induction
from personae.measure.interview import interview, read_interview, stems
from personae.readers.text.reader_skill import skills
from personae.readers.text.self_descriptions import self_description_reader
from personae.readers.text.trained_readers import Reader, ReaderTraining, train_reader
from personae.studies.eliciting_traits.interview_tables import coverage_of_texts, result_parts

__all__ = ["eliciting_traits"]

STATEMENTS = "statements"
TEMPERATURE, TOP_P = 1.0, 0.95


def eliciting_traits(
    model: Model,
    texts: str = STATEMENTS,
    reader: str = "sentences",
    samples: int = 20,
    seed: int = 0,
    quick: bool = False,
) -> Report:
    """Let a model answer interview questions; read its traits from the answers.

    Args:
        model: who is interviewed.
        texts: JSONL file that the reader is trained on, with id, author, text and labels
            {scale: 0 or 1}; "statements" are synthetic authors of inventory sentences.
        reader: what the reader is given: sentences (a local encoder and word categories), features
            (word categories and style), words (TF-IDF).
        samples: number of answers to each question.
        seed: seed of the answers, of the training and of the resampling.
        quick: two traits, few questions, short answers.

    Raises:
        BadValue: less than one answer to a question.
        InputError: texts that aren't labelled on the Big Five, or too few of them.
        MissingExtra, ModelUnavailable: what the reader needs is not installed.
    """
    if samples < 1:
        raise BadValue(f"samples is at least 1, not {samples}")
    domains = ("E", "N") if quick else tuple(BIG_FIVE)
    trained = _trained(texts, domains, _training(reader, seed, quick=quick))
    skill = skills(trained, seed)
    questions = [*stems(most=5 if quick else None), *stems(domains, most=2 if quick else None)]
    draw = Sampling(max_tokens=40 if quick else 80, temperature=TEMPERATURE, top_p=TOP_P, seed=seed)
    count = min(samples, 2) if quick else samples
    own = read_interview(trained, interview(model, questions, count, draw)).tag(
        respondent=model.name, arm=CONTROL
    )
    size = (5, 1) if quick else (20, max(2, count // 4))
    answers = Answers.concat([own, *_persona_interviews(model, trained, domains, size, draw)])
    return Report(
        title=f"Traits elicited in interviews: {model.name}",
        parts=(
            *result_parts(answers, trained, skill, seed),
            Heading("Coverage"),
            coverage_of_texts(answers),
        ),
        answers=answers,
    )


def _training(recipe: str, seed: int, *, quick: bool) -> ReaderTraining:
    full = ReaderTraining(recipe=recipe, seed=seed)
    return replace(full, folds=3, penalties=(0.01,)) if quick and recipe != "words" else full


def _trained(texts: str, domains: tuple[str, ...], training: ReaderTraining) -> Reader:
    if texts == STATEMENTS:
        return self_description_reader(domains, training, training.seed)
    corpus = load_labelled(texts)
    scales = [d for d in domains if d in corpus.scales]
    if not scales:
        raise InputError(
            f"the texts are labelled on {', '.join(corpus.scales)}; needed are Big Five domains: "
            f"{', '.join(domains)}"
        )
    return train_reader(corpus, scales, training)


def _persona_interviews(
    model: Model, reader: Reader, domains: Sequence[str], size: tuple[int, int], draw: Sampling
) -> list[Answers]:
    """Let the model answer plain questions as a persona high, and as one low, on each trait.

    Args:
        model: who is interviewed.
        reader: rates the answers.
        domains: traits, of which those that the reader was trained on are used.
        size: number of questions, and of answers to each.
        draw: how answers are drawn.
    """
    induction = find_induction("adjectives")
    interviews = []
    for domain in (d for d in domains if d in reader.models):
        for sign, z in (("+", 2.0), ("-", -2.0)):
            persona = Persona(id=f"{domain}{sign}", traits={domain: z})
            with induction(model, persona) as speaker:
                spoken = interview(speaker, stems(most=size[0]), size[1], draw)
            answers = read_interview(reader, spoken)
            interviews.append(answers.tag(respondent=persona.id, arm=f"persona {persona.id}"))
    return interviews
