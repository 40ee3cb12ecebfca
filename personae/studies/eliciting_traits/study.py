"""Which personality does a trained reader see in what a model says of itself in interviews?

System   eliciting-traits
Paper    Hilliard, Munoz, Wu & Koshiyama 2024 (arXiv:2402.08341)
Asks     What do classifiers trained on labelled text read out of a model's interview answers, do
         questions that cue a trait bring it out, and can the classifiers see it at all?
Differs  a score is told only against the share its classifier was trained on (the published "high
         openness, low extraversion" is that share); classifiers are tested on authors they never
         met, beside floors and shuffled labels; the stem is never scored; refused and degenerate
         answers are counted; intervals resample stems with all their answers; texts under known
         personas show what the reader sees in this model; labels keep their direction (N high is
         neurotic); the classifiers are trained here, on the user's texts or on synthetic authors
Version  2
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import isnan

import numpy as np
import polars as pl

from personae.core import (
    BIG_FIVE,
    CONTROL,
    Answers,
    Cell,
    Estimate,
    Figure,
    Heading,
    InputError,
    Model,
    Note,
    Part,
    Persona,
    Report,
    Sampling,
    Table,
)
from personae.datasets.labelled_texts import load_labelled
from personae.induce.registry import find_induction
from personae.measure.interview import interview, read_interview, stems
from personae.readers.text.reader_skill import Skill, skill_table, skills
from personae.readers.text.self_descriptions import self_descriptions
from personae.readers.text.trained_readers import Reader, ReaderTraining, train_reader
from personae.report.render.figure_json import figure_from_data
from personae.stats.prediction.class_priors import shifted_share
from personae.studies.eliciting_traits.reader_estimates import (
    activation,
    between,
    distinguishability,
    lean,
    read_values,
    steadiness,
)

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
        model: who speaks.
        texts: JSONL file that the reader is trained on, with id, author, text and labels
            {scale: 0 or 1}; "statements" are synthetic authors of inventory sentences.
        reader: what the reader sees: sentences (a local encoder and word categories), features
            (word categories and style), words (TF-IDF).
        samples: answers to each question.
        seed: seed of the answers, of the training and of the resampling.
        quick: two traits, few questions, short answers.

    Raises:
        InputError: texts that aren't labelled on the Big Five, or too few of them.
        MissingExtra, ModelUnavailable: what the reader needs is not installed.
    """
    domains = ("E", "N") if quick else tuple(BIG_FIVE)
    trained = _trained(texts, domains, _training(reader, seed, quick=quick))
    seen = skills(trained, seed)
    asked = [*stems(most=5 if quick else None), *stems(domains, most=2 if quick else None)]
    draw = Sampling(max_tokens=40 if quick else 80, temperature=TEMPERATURE, top_p=TOP_P, seed=seed)
    count = min(samples, 2) if quick else samples
    plain = read_interview(trained, interview(model, asked, count, draw)).tag(
        respondent=model.name, arm=CONTROL
    )
    induced = _personas(
        model, trained, domains, (5, 1) if quick else (20, max(2, count // 4)), draw
    )
    answers = Answers.concat([plain, *induced])
    return Report(
        title=f"Traits elicited in interviews: {model.name}",
        parts=(
            *_parts(answers, trained, seen, seed),
            Heading("Coverage"),
            *_coverage(answers),
        ),
        answers=answers,
    )


def _training(recipe: str, seed: int, *, quick: bool) -> ReaderTraining:
    full = ReaderTraining(recipe=recipe, seed=seed)
    return replace(full, folds=3, penalties=(0.01,)) if quick and recipe != "words" else full


def _trained(texts: str, domains: tuple[str, ...], training: ReaderTraining) -> Reader:
    corpus = self_descriptions(seed=training.seed) if texts == STATEMENTS else load_labelled(texts)
    scales = [d for d in domains if d in corpus.scales]
    if not scales:
        raise InputError(
            f"the texts are labelled on {', '.join(corpus.scales)}; needed are Big "
            f"Five domains: {', '.join(domains)}"
        )
    return train_reader(corpus, scales, training)


def _personas(
    model: Model, reader: Reader, domains: Sequence[str], size: tuple[int, int], draw: Sampling
) -> list[Answers]:
    """Let the model answer plain questions as a person high, and low, on each trait."""
    sheets = []
    induction = find_induction("adjectives")
    for domain in (d for d in domains if d in reader.models):
        for sign, z in (("+", 2.0), ("-", -2.0)):
            persona = Persona(id=f"{domain}{sign}", traits={domain: z})
            with induction(model, persona) as speaker:
                said = interview(speaker, stems(most=size[0]), size[1], draw)
            sheet = read_interview(reader, said)
            sheets.append(sheet.tag(respondent=persona.id, arm=f"persona {persona.id}"))
    return sheets


def _parts(answers: Answers, reader: Reader, seen: Mapping[str, Skill], seed: int) -> list[Part]:
    own = answers.where(arm=CONTROL)
    plain = {s: lean(own.where(scale=s, facet="plain"), s, seed) for s in seen}
    cued = {s: lean(own.where(scale=s), s, seed, cueing=True) for s in seen}
    brought = activation(own, list(seen), seed)
    checks = {s: distinguishability(answers.where(scale=s), s, seed) for s in seen}
    middle = {s: between(answers.where(scale=s), s, seed) for s in seen}
    return [
        *_verdicts(middle, brought, checks, seen),
        _picture(
            {
                "plain questions": plain,
                "questions that cue traits": cued,
                "plain, from the middle of opposite personas": middle,
            }
        ),
        Heading("What is read, against what the reader was trained on"),
        _read_table(own, reader, (plain, cued, middle), seed),
        Heading("Do questions that cue a trait bring it out?"),
        _activation_table(brought),
        Heading("What the reader can see"),
        skill_table(dict(seen), reader),
        _check_table(checks),
        Heading("What was said"),
        _said(answers),
    ]


def _verdicts(
    middle: Mapping[str, Estimate],
    brought: Mapping[str, tuple[Estimate, ...]],
    checks: Mapping[str, Estimate],
    seen: Mapping[str, Skill],
) -> list[Part]:
    blind = [BIG_FIVE[s] for s, one in seen.items() if not one.sees]
    told = [s for s in seen if BIG_FIVE[s] not in blind]
    works = [s for s in told if checks[s].low > 0.5]
    fails = [BIG_FIVE[s] for s in told if s not in works]
    said: list[Part] = []
    if blind:
        said.append(
            Note(
                f"No signal: the reader does not tell {', '.join(blind)} on authors it "
                "never met, so that nothing is read of it here.",
                "verdict",
            )
        )
    if fails:
        said.append(
            Note(
                f"Not shown: that the reader sees {', '.join(fails)} in this model's "
                "answers, even under opposite personas; nothing is read of it.",
                "verdict",
            )
        )
    if works:
        leans = "; ".join(f"{BIG_FIVE[s]} {_lean_words(middle[s])}" for s in works)
        said.append(
            Note(
                "Between its own opposite personas, which the reader tells apart, the "
                f"model reads: {leans}.",
                "verdict",
            )
        )
    up = [BIG_FIVE[s] for s in works if brought[s][0].value > 0 and brought[s][0].p < 0.05]
    said.append(
        Note(
            f"Questions that cue a trait bring it out: {', '.join(up)}."
            if up
            else "That questions which cue a trait bring it out was not shown.",
            "verdict",
        )
    )
    return said


def _lean_words(found: Estimate) -> str:
    if isnan(found.value):
        return f"not known ({found.why_missing})"
    if isnan(found.low):
        return f"{found.value:+.2f} nats, without interval"
    side = "no nearer to either"
    if found.low > 0 or found.high < 0:
        side = "nearer high" if found.low > 0 else "nearer low"
    return f"{side} ({found.value:+.2f} nats [{found.low:.2f}, {found.high:.2f}])"


def _picture(leans: Mapping[str, Mapping[str, Estimate]]) -> Figure:
    rows = [
        {"name": BIG_FIVE[s], "group": kind, "estimate": found[s]}
        for kind, found in leans.items()
        for s in found
    ]
    told = [
        f"{kind}: " + ", ".join(f"{BIG_FIVE[s]} {_lean_words(e)}" for s, e in found.items())
        for kind, found in leans.items()
    ]
    return figure_from_data(
        name="leans",
        title="What is read, against the reader's training share",
        kind="intervals",
        data={"unit": "log-odds (nats)", "reference": 0.0, "rows": rows},
        alt=f"Zero is what a reader without eyes says. {'; '.join(told)}.",
    )


def _read_table(
    own: Answers,
    reader: Reader,
    leans: tuple[Mapping[str, Estimate], ...],
    seed: int,
) -> Table:
    """Put the raw output beside the training share, and what is left once that is taken away."""
    rows: list[tuple[Cell, ...]] = []
    for scale in leans[0]:
        mine = own.where(scale=scale, facet="plain")
        beyond, items = read_values(mine)
        share = reader.shares[scale]
        output = 1 / (1 + np.exp(-(beyond + np.log(share / (1 - share)))))
        average = float(output.mean()) if output.size else None
        high = float((output >= 0.5).mean()) if output.size else None
        rows.append(
            (
                BIG_FIVE[scale],
                share,
                average,
                high,
                *(found[scale] for found in leans),
                shifted_share(output, share, items, of="stem", seed=seed),
                steadiness(mine, seed),
            )
        )
    columns = (
        "trait",
        "training share high",
        "mean output",
        "share of outputs above half",
        "beyond the share, plain",
        "beyond the share, cueing",
        "from the middle of opposite personas",
        "share high by EM",
        "reliability of stems",
    )
    note = (
        "A mean output close to the training share says nothing of the model, and one far from it "
        "may be the register's: the middle of this model's own opposite personas, question by "
        "question, is free of it. Log-odds in nats, stems resampled with all their answers. EM "
        "(Saerens et al. 2002) assumes that high and low texts read alike in training and here. "
        "Reliability: split halves of the draws."
    )
    return Table(
        name="read",
        title="Traits read from plain interview answers",
        columns=columns,
        rows=tuple(rows),
        note=note,
    )


def _activation_table(brought: Mapping[str, tuple[Estimate, ...]]) -> Table:
    rows = [(BIG_FIVE[s], gap, gap.p, delta) for s, (gap, delta) in brought.items()]
    return Table(
        name="activation",
        title="The trait under its own cues, less under those of other traits",
        columns=("trait", "difference (nats)", "p (Holm)", "Cliff's delta"),
        rows=tuple(rows),
        note="Each stem counts once, by the mean over its answers; p by dealing out the stems.",
    )


def _check_table(checks: Mapping[str, Estimate]) -> Table:
    rows = tuple((BIG_FIVE[s], found) for s, found in checks.items())
    return Table(
        name="check",
        title="Texts under a high and a low persona, told apart",
        rows=rows,
        columns=("trait", "AUC"),
        note="Graded adjectives at +2 and -2 z, plain questions; 0.5 is chance.",
    )


def _said(answers: Answers) -> Table:
    first = answers.rows.filter(pl.col("repeat") == 0).unique(["arm", "item"], maintain_order=True)
    rows = first.select("arm", "item", "status", "raw").rows()
    return Table(
        name="texts",
        title="First answer to each question",
        columns=("arm", "question", "status", "text"),
        rows=tuple(rows),
    )


def _coverage(answers: Answers) -> list[Part]:
    texts = answers.rows.unique(["arm", "item", "repeat"], maintain_order=True)
    counted = Answers(texts).missing(by=("arm", "facet"))
    words = texts.with_columns(pl.col("raw").str.split(" ").list.len().alias("words"))
    length = words.group_by("arm", "facet", maintain_order=True).agg(pl.col("words").mean())
    whole = counted.join(length, on=["arm", "facet"], how="left")
    return [
        Table(
            name="coverage",
            title="Texts asked for and read",
            rows=tuple(whole.rows()),
            columns=("arm", "cue", *whole.columns[2:]),
        )
    ]
