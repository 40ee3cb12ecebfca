"""Soul Engine: characters read from a frozen model, and injected into it by vectors.

System   soul-engine
Paper    Wang 2025 (arXiv:2512.07092)
Asks     Can two small heads on a frozen model's states read five levels and tell characters apart?
         Are the traits' directions orthogonal? Does adding them inject a character without damage?
Differs  a constant guess, words alone, a linear probe and an ideal reader stand beside every
         error; tests use characters and sentences outside the training; orthogonality has
         intervals; utterances are recorded one by one and a subset is their mean, so that each
         step can draw new subsets, compared with two fixed ones, which do as well where content is
         weak; a character is recognised from other utterances; injection is judged on held-out
         statements, with null vectors and damage; strength is a share of the states' length; five
         directions and a small mixer replace a hidden layer
Version  1
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from personae.core import (
    BIG_FIVE,
    Array,
    Edit,
    Heading,
    InputError,
    OpenModel,
    Part,
    Report,
    Site,
    Table,
    data_json,
    require_white_box,
)
from personae.designs.steering_calibration import Calibration, Scan, calibrate
from personae.report.build import Row, estimate_words, table, verdict
from personae.stats.effects.effect_sizes import paired_permutation
from personae.studies.soul_engine.characters import Character, load_characters, simulated_characters
from personae.studies.soul_engine.dual_head import DualHead, HeadTraining, train_heads
from personae.studies.soul_engine.injection import dose_parts, measured_dose, scan_figure
from personae.studies.soul_engine.level_readout import (
    CharacterSpeech,
    LevelReadout,
    Overlap,
    mean_overlap,
    record_speech,
    retrieval,
    simple_readouts,
)
from personae.studies.soul_engine.level_tables import (
    ReadingTest,
    direction_parts,
    error_parts,
    level_answers,
    recognition_table,
    removal_table,
)

__all__ = ["soul_engine"]

SEEN, UNSEEN = slice(0, 8), slice(8, 12)
"""Pairs of sentences that simulated characters say in training, and others."""
GOAL = {"E": 0.8, "N": -0.8}
"""The character that is injected: sliders at .9 and .1, the others at .5."""


def soul_engine(
    model: OpenModel, characters: str = "", subset: int = 8, seed: int = 0, quick: bool = False
) -> Report:
    """Train two heads on a model's states while characters speak; inject a character.

    Args:
        model: the frozen model.
        characters: a JSONL file of characters, utterances and levels; without it, simulated ones.
        subset: number of a character's utterances in one training subset.
        seed: seed of characters, splits, training and resampling.
        quick: fewer characters and training steps, a smaller scan.
    """
    subject = require_white_box(model, "the study soul_engine")
    site = Site(round(0.75 * (subject.anatomy.blocks - 1)))
    train, unseen = _speech(subject, characters, site, seed, quick=quick)
    training = HeadTraining(subset=subset, steps=150 if quick else 400)
    heads = {
        name: train_heads(train.states, train.levels, variant, seed)
        for name, variant in (
            ("drawn afresh", training),
            ("fixed subsets", replace(training, fixed=True)),
        )
    }
    tests = [_tested(name, train, test, heads["drawn afresh"]) for name, test in unseen.items()]
    hits = {n: retrieval(own, tests[0].speech, subset, seed) for n, own in heads.items()}
    pairs = _pairs(subject, site)
    overlap = mean_overlap(pairs, seed)
    axes = np.stack([(high - low).mean(axis=0) for high, low in pairs.values()])
    removal = Edit(site, axes, op="project")
    calibration = calibrate(subject, GOAL, _scan(subject.anatomy.blocks, quick=quick), seed)
    return Report(
        title=f"Soul Engine: {subject.name}",
        parts=(
            *_verdicts(tests, hits, overlap, calibration, seed),
            Heading("Reading characters"),
            *error_parts(tests, seed),
            recognition_table(hits, seed),
            Heading("Directions"),
            *direction_parts(overlap, heads["drawn afresh"].directions),
            removal_table(subject, train, tests[0], removal, seed),
            Heading("Injection"),
            scan_figure(calibration),
            *dose_parts(measured_dose(subject, calibration, GOAL, seed)),
            Heading("Coverage"),
            _coverage({"in training": train, **unseen}),
        ),
        answers=level_answers(tests, site),
    )


def _scan(depth: int, *, quick: bool) -> Scan:
    steps = (depth // 2, 2 * depth // 3) if quick else range(depth // 5, depth, max(1, depth // 8))
    return Scan(
        blocks=tuple(dict.fromkeys(steps)), strengths=(1.0, 2.0, 4.0), nulls=20 if quick else 100
    )


def _speech(
    model: OpenModel, file: str, site: Site, seed: int, *, quick: bool
) -> tuple[CharacterSpeech, Mapping[str, CharacterSpeech]]:
    """Record the training's characters, and those of each test by its name."""
    if file:
        cast = load_characters(file)
        order = np.random.default_rng(seed).permutation(len(cast))
        cut = round(0.7 * len(cast))
        sides = [[cast[i] for i in part] for part in (order[:cut], order[cut:])]
        if min(map(len, sides)) < 3:
            raise InputError(f"{file}: nine characters or more are split 7 to 3, not {len(cast)}")
        return record_speech(model, sides[0], site), {
            "new characters": record_speech(model, sides[1], site)
        }
    count, utterances = (60, 24) if quick else (200, 40)
    train = simulated_characters(count, utterances, SEEN, seed)
    tests = {
        "new characters": simulated_characters(40, utterances, SEEN, seed + 1),
        "new characters, new sentences": simulated_characters(40, utterances, UNSEEN, seed + 2),
    }
    speech = record_speech(model, [c for side in (train, *tests.values()) for c in side], site)
    ends = np.cumsum([0, len(train), *map(len, tests.values())])
    parts = [
        CharacterSpeech(speech.characters[a:b], speech.states[a:b], 0) for a, b in pairwise(ends)
    ]
    return parts[0], dict(zip(tests, parts[1:], strict=True))


def _pairs(model: OpenModel, site: Site) -> Mapping[str, tuple[Array, Array]]:
    """Record all shipped pairs of opposite sentences: trait -> high and low states."""
    statements = data_json("contrast_pairs.json")["statements"]
    texts = [text for t in BIG_FIVE for side in (0, 1) for text in (p[side] for p in statements[t])]
    speakers = [
        Character(name=str(i), utterances=(text,), ocean=(0.5,) * 5) for i, text in enumerate(texts)
    ]
    rows = np.concatenate(record_speech(model, speakers, site).states)
    pairs, start = {}, 0
    for trait in BIG_FIVE:
        count = len(statements[trait])
        pairs[trait] = (rows[start : start + count], rows[start + count : start + 2 * count])
        start += 2 * count
    return pairs


def _tested(
    name: str, train: CharacterSpeech, test: CharacterSpeech, heads: DualHead
) -> ReadingTest:
    heads_readout = LevelReadout("two heads", heads.profile(test.means))
    return ReadingTest(name, test, [*simple_readouts(train, test), heads_readout])


def _verdicts(
    tests: Sequence[ReadingTest],
    hits: Mapping[str, Array],
    overlap: Overlap,
    calibration: Calibration,
    seed: int,
) -> list[Part]:
    """State how well levels and identities are read, and whether injection works."""
    afresh, fixed = hits.values()
    gain = paired_permutation(afresh - fixed, of="character", unit="share", seed=seed)
    helps = "help" if gain.low > 0 else "are not shown to help"
    chance = float(np.sqrt(2 / (np.pi * tests[0].speech.means.shape[1])))
    orthogonal = "not orthogonal" if overlap.mean.low > 2 * chance else "about orthogonal"
    shifts = "shifts" if calibration.effect.low > 0 else "is not shown to shift"
    return [
        verdict(
            "Mean squared error of the levels read by two heads on a frozen model: "
            f"{'; '.join(_error_words(test, seed) for test in tests)}."
        ),
        verdict(
            f"New subsets at every training step {helps} to recognise a character: "
            f"{afresh.mean():.0%} are recognised against {fixed.mean():.0%} with fixed subsets, "
            f"{1 / len(afresh):.1%} by chance; {gain}."
        ),
        verdict(
            f"The traits' directions are {orthogonal}: mean |cosine| "
            f"{estimate_words(overlap.mean, '.2f')}; random directions {chance:.2f}."
        ),
        verdict(
            f"Injection {shifts} the character on held-out statements: {calibration.effect}; "
            f"{calibration.perplexity}."
        ),
    ]


def _error_words(test: ReadingTest, seed: int) -> str:
    truth = test.speech.levels
    explained = test.explained(test.heads, seed)
    return (
        f"{test.name} {test.heads.errors(truth).mean():.4f} against "
        f"{test.constant.errors(truth).mean():.4f} for a constant guess (R squared "
        f"{estimate_words(explained, '.2f')})"
    )


def _coverage(sides: Mapping[str, CharacterSpeech]) -> Table:
    rows: list[Row] = [
        {
            "characters": name,
            "count": len(speech.characters),
            "utterances read": sum(map(len, speech.states)),
            "unparsed": speech.empty,
        }
        for name, speech in sides.items()
    ]
    note = "Unparsed: utterances without text. The characters' words are given; nobody is asked."
    return table("coverage", "Utterances read", rows, note)
