"""Soul Engine: levels and identity of characters read from a frozen model, and put in by vectors.

System   soul-engine
Paper    Wang 2025 (arXiv:2512.07092)
Asks     Can two small heads on a frozen model's states read five levels and tell characters apart,
         are the traits' directions orthogonal, and does adding them inject a character unharmed?
Differs  the constant guess, words alone, a linear probe and an ideal reader stand beside every
         error; readers meet characters and sentences they never met; orthogonality is measured
         with intervals; utterances are read one by one and a subset is their mean, so each step
         draws afresh; two fixed subsets stand beside, and do as well where content is faint; a
         character is known again from utterances not shared; injection is judged on statements
         that chose nothing, with nulls and damage; strength is a share of the states' length;
         five directions and a small mixer in place of a hidden layer
Version  1
"""

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

import numpy as np

from personae.core import (
    BIG_FIVE,
    Array,
    Heading,
    InputError,
    OpenModel,
    Report,
    Site,
    Table,
    data_json,
    require_white_box,
)
from personae.designs.steering_calibration import Scan, calibrate
from personae.studies.soul_engine.characters import Character, load_characters, simulated_characters
from personae.studies.soul_engine.dual_head import HeadTraining, train_heads
from personae.studies.soul_engine.level_readout import (
    CharacterSpeech,
    LevelReadout,
    guesses,
    mean_overlap,
    record_speech,
    retrieval,
)
from personae.studies.soul_engine.soul_parts import (
    directions,
    injected,
    reading,
    removed,
    rows_of,
    verdicts,
)

__all__ = ["soul_engine"]

SEEN, UNSEEN = slice(0, 8), slice(8, 12)
GOAL = {"E": 0.8, "N": -0.8}
"""The character that is injected, as sliders at .9 and .1 give it; the others stand at .5."""


def soul_engine(
    model: OpenModel, characters: str = "", subset: int = 8, seed: int = 0, quick: bool = False
) -> Report:
    """Train two heads on what a model is like inside while characters speak; inject a character.

    Args:
        model: the frozen model.
        characters: a JSONL file of characters, utterances and levels; simulated ones without it.
        subset: how many of a character's utterances are met at a time.
        seed: seed of characters, splits, training and resampling.
        quick: fewer characters and training steps, a smaller scan.
    """
    subject = require_white_box(model, "the study soul_engine")
    site = Site(round(0.75 * (subject.anatomy.blocks - 1)))
    met, tests = _cast(subject, characters, site, seed, quick=quick)
    training = HeadTraining(subset=subset, steps=150 if quick else 400)
    heads = train_heads(met.states, met.levels, training, seed)
    fixed = train_heads(met.states, met.levels, replace(training, fixed=True), seed)
    reads = {
        name: [*guesses(met, unmet), LevelReadout("two heads", heads.profile(unmet.means))]
        for name, unmet in tests.items()
    }
    first = next(iter(tests.values()))
    hits = [retrieval(h, first, subset, seed) for h in (heads, fixed)]
    pairs = _pairs(subject, site)
    overlap = mean_overlap(pairs, seed)
    found = calibrate(subject, GOAL, _scan(subject.anatomy.blocks, quick=quick), seed)
    axes = np.stack([(high - low).mean(axis=0) for high, low in pairs.values()])
    return Report(
        title=f"Soul Engine: {subject.name}",
        parts=(
            *verdicts(reads, tests, hits, overlap, found, seed),
            Heading("Reading characters"),
            *reading(reads, tests, hits, seed),
            Heading("Directions"),
            *directions(overlap, heads.directions),
            removed(subject, met, first, axes, site, seed),
            Heading("Injection"),
            *injected(subject, found, GOAL, seed),
            Heading("Coverage"),
            _coverage({"met": met, **tests}),
        ),
        answers=rows_of(reads, tests, site),
    )


def _scan(depth: int, *, quick: bool) -> Scan:
    steps = (depth // 2, 2 * depth // 3) if quick else range(depth // 5, depth, max(1, depth // 8))
    return Scan(
        blocks=tuple(dict.fromkeys(steps)), strengths=(1.0, 2.0, 4.0), nulls=20 if quick else 100
    )


def _coverage(sides: Mapping[str, CharacterSpeech]) -> Table:
    rows = tuple(
        (name, len(side.characters), sum(map(len, side.states)), side.silent)
        for name, side in sides.items()
    )
    return Table(
        name="coverage",
        title="What was read",
        rows=rows,
        columns=("characters", "count", "utterances read", "unparsed"),
        note="Unparsed: utterances without text. The characters' words are given; nobody is asked.",
    )


def _cast(
    model: OpenModel, file: str, site: Site, seed: int, *, quick: bool
) -> tuple[CharacterSpeech, Mapping[str, CharacterSpeech]]:
    """Give the characters that readers meet, and those they are tested on."""
    if file:
        whole = load_characters(file)
        order = np.random.default_rng(seed).permutation(len(whole))
        cut = round(0.7 * len(whole))
        sides = [[whole[i] for i in part] for part in (order[:cut], order[cut:])]
        if min(map(len, sides)) < 3:
            raise InputError(f"{file}: ten characters or more are split 7 to 3, not {len(whole)}")
        return record_speech(model, sides[0], site), {
            "new characters": record_speech(model, sides[1], site)
        }
    count, said = (60, 24) if quick else (200, 40)
    met = simulated_characters(count, said, SEEN, seed)
    tests = {
        "new characters": simulated_characters(40, said, SEEN, seed + 1),
        "new characters, new sentences": simulated_characters(40, said, UNSEEN, seed + 2),
    }
    everyone = record_speech(model, [c for side in (met, *tests.values()) for c in side], site)
    ends = np.cumsum([0, len(met), *map(len, tests.values())])
    parts = [
        CharacterSpeech(everyone.characters[a:b], everyone.states[a:b], 0)
        for a, b in pairwise(ends)
    ]
    return parts[0], dict(zip(tests, parts[1:], strict=True))


def _pairs(model: OpenModel, site: Site) -> Mapping[str, tuple[Array, Array]]:
    """Read all shipped pairs of opposite sentences: by trait, high and low states."""
    statements = data_json("contrast_pairs.json")["statements"]
    said = [text for t in BIG_FIVE for side in (0, 1) for text in (p[side] for p in statements[t])]
    speaker = [
        Character(name=str(i), utterances=(text,), ocean=(0.5,) * 5) for i, text in enumerate(said)
    ]
    rows = np.concatenate(record_speech(model, speaker, site).states)
    found, at = {}, 0
    for trait in BIG_FIVE:
        count = len(statements[trait])
        found[trait] = (rows[at : at + count], rows[at + count : at + 2 * count])
        at += 2 * count
    return found
