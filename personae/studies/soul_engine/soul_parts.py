"""The report of characters read from inside and put in: errors, directions, injection."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from personae.core import (
    BIG_FIVE,
    Answers,
    Array,
    Cell,
    Edit,
    Estimate,
    Note,
    OpenModel,
    Part,
    Site,
    Table,
)
from personae.designs.steering_bench import shipped_bench
from personae.designs.steering_calibration import HELD_OUT, Calibration
from personae.induce.steer.contrasts import trait_vectors
from personae.report.render.figure_json import figure_from_data
from personae.stats.effects.effect_sizes import paired_permutation
from personae.stats.resample import bootstrap, mean
from personae.studies.soul_engine.level_readout import (
    CharacterSpeech,
    LevelReadout,
    linear,
    without_span,
)
from personae.studies.soul_engine.sliders import slide

__all__ = ["directions", "explained", "injected", "reading", "removed", "rows_of", "verdicts"]

SHARES = (-0.2, -0.1, -0.05, 0.0, 0.05, 0.1, 0.2)
Reads = Mapping[str, Sequence[LevelReadout]]
Tests = Mapping[str, CharacterSpeech]
Overlap = tuple[Array, tuple[float, float, float]]


def explained(read: LevelReadout, constant: LevelReadout, truth: Array, seed: int = 0) -> Estimate:
    """Give the share of the constant's squared error that a reader takes away (R squared)."""
    mine, plain = read.errors(truth).mean(axis=1), constant.errors(truth).mean(axis=1)
    found = bootstrap(lambda w: 1 - (w @ mine) / (w @ plain), len(mine), seed=seed)
    return replace(found, name=read.name, of="character", unit="R squared")


def verdicts(
    reads: Reads,
    tests: Tests,
    hits: Sequence[Array],
    overlap: Overlap,
    found: Calibration,
    seed: int,
) -> list[Part]:
    """Say what is read, told apart, orthogonal and injected."""
    told = []
    for name, readers in reads.items():
        heads, constant = readers[-1], readers[0]
        truth = tests[name].levels
        r2 = explained(heads, constant, truth, seed)
        told.append(
            f"{name}: MSE {heads.errors(truth).mean():.4f} against "
            f"{constant.errors(truth).mean():.4f} of the constant, R squared "
            f"{r2.value:.2f} [{r2.low:.2f}, {r2.high:.2f}]"
        )
    gain = paired_permutation(hits[0] - hits[1], of="character", unit="share", seed=seed)
    better = "helps" if gain.low > 0 else "is not shown to help"
    mean_cosine, low, high = overlap[1]
    width = next(iter(tests.values())).means.shape[1]
    chance = float(np.sqrt(2 / (np.pi * width)))
    apart = "are not orthogonal" if low > 2 * chance else "are about orthogonal"
    moved = "shifts" if found.effect.low > 0 else "is not shown to shift"
    return [
        Note(f"Two heads on a frozen model. {'; '.join(told)}.", "verdict"),
        Note(
            f"Drawing subsets afresh {better} to know a character again: {hits[0].mean():.0%} "
            f"against {hits[1].mean():.0%} with fixed ones, chance {1 / len(hits[0]):.1%}; "
            f"difference {gain}.",
            "verdict",
        ),
        Note(
            f"The traits' directions {apart}: mean |cosine| {mean_cosine:.2f} [{low:.2f}, "
            f"{high:.2f}]; random directions {chance:.2f}.",
            "verdict",
        ),
        Note(
            f"Injection {moved} the character on statements that chose nothing: {found.effect}; "
            f"perplexity {found.perplexity}.",
            "verdict",
        ),
    ]


def reading(reads: Reads, tests: Tests, hits: Sequence[Array], seed: int) -> list[Part]:
    """Draw and tabulate squared errors by reader; how often a character is known again."""
    names = list(dict.fromkeys(r.name for readers in reads.values() for r in readers))
    series: list[dict[str, object]] = []
    rows: list[tuple[Cell, ...]] = []
    told: list[str] = []
    for test, readers in reads.items():
        truth = tests[test].levels
        by_name = {r.name: r for r in readers}
        found = {
            n: mean(r.errors(truth).mean(axis=1), name=n, of="character", unit="MSE", seed=seed)
            for n, r in by_name.items()
        }
        series.append({"name": test, "values": [found.get(n) for n in names]})
        for name, read in by_name.items():
            each = read.errors(truth).mean(axis=0)
            r2 = None if name == "constant" else explained(read, readers[0], truth, seed)
            rows.append((test, name, found[name], r2, *(float(v) for v in each)))
            told.append(f"{test}, {name}: {found[name].value:.4f}")
    figure = figure_from_data(
        name="errors",
        title="Squared error of five levels in 0..1",
        kind="bars",
        data={"categories": names, "unit": "MSE", "series": series},
        alt="; ".join(told),
    )
    table = Table(
        name="errors",
        title="Squared error and share explained",
        rows=tuple(rows),
        columns=("characters", "reader", "MSE", "R squared", *BIG_FIVE.values()),
        note="The published .0113 is agreement with a teacher's labels: against a "
        "constant that alone says how much was read.",
    )
    known = Table(
        name="identity",
        title="The same character known from another subset",
        rows=tuple(
            (name, mean(h, name=name, of="character", unit="share", seed=seed), 1 / len(h))
            for name, h in zip(("drawn afresh", "fixed subsets"), hits, strict=True)
        ),
        columns=("training", "known again", "chance"),
    )
    return [figure, table, known]


def directions(overlap: Overlap, learned: Array) -> list[Part]:
    """Draw the cosines of the traits' mean differences; tabulate them beside the learned ones."""
    whole, _ = overlap
    names = list(BIG_FIVE.values())
    figure = figure_from_data(
        name="cosines",
        title="Cosines between traits' directions",
        kind="heatmap",
        data={
            "rows": names,
            "columns": names,
            "values": whole.tolist(),
            "unit": "cosine",
            "top": 1.0,
        },
        alt="; ".join(
            f"{a} and {b} {whole[i, j]:.2f}"
            for i, a in enumerate(names)
            for j, b in enumerate(names)
            if i < j
        ),
    )
    own = learned @ learned.T
    rows: list[tuple[Cell, ...]] = [
        (name, *(float(v) for v in own[i])) for i, name in enumerate(names)
    ]
    apart = float(((own - np.eye(5)) ** 2).sum())
    table = Table(
        name="learned",
        title="Cosines between the psychometric head's directions",
        columns=("", *names),
        rows=tuple(rows),
        note=f"Their overlap, which training keeps low, is {apart:.4f}; a head can keep "
        "directions apart in a space where the traits are not.",
    )
    return [figure, table]


def removed(
    model: OpenModel,
    met: CharacterSpeech,
    unmet: CharacterSpeech,
    axes: Array,
    site: Site,
    seed: int,
) -> Table:
    """Project the traits' span out: what a probe still reads, and what the model still knows."""
    truth = unmet.levels
    constant = LevelReadout("constant", np.tile(met.levels.mean(axis=0), (len(truth), 1)))
    probe = [
        explained(
            LevelReadout(name, linear(change(met.means), met.levels, change(unmet.means))),
            constant,
            truth,
            seed,
        )
        for name, change in (("whole", lambda x: x), ("without", lambda x: without_span(x, axes)))
    ]
    bench = shipped_bench((), texts=6, choices=20)
    measured = bench.measure(model, [(), (Edit(site, axes, op="project"),)])
    right = [mean(r, name="right", of="question", unit="share", seed=seed) for r in measured.right]
    nats = measured.nats[1] - measured.nats[0]
    loss = mean(nats, name="loss", of="text", unit="nats a token", seed=seed)
    return Table(
        name="removed",
        title=f"Without the span of five directions at block {site.block}",
        columns=("", "whole", "without", "change"),
        rows=(
            ("levels read by a linear probe", *probe, probe[1].value - probe[0].value),
            ("right answers", *right, right[1].value - right[0].value),
            ("loss on plain text", None, None, loss),
        ),
    )


def injected(
    model: OpenModel, found: Calibration, goal: Mapping[str, float], seed: int
) -> list[Part]:
    """Draw the scan over blocks and strengths, and the dose at the chosen block, both ways."""
    blocks = sorted({p.block for p in found.points})
    strengths = sorted({p.strength for p in found.points})
    at = {(p.block, p.strength): p for p in found.points}
    grid = [[at[b, s].effect for s in strengths] for b in blocks]
    scan = figure_from_data(
        name="scan",
        title="Shift towards the character by block and strength",
        kind="heatmap",
        data={
            "rows": [f"block {b}" for b in blocks],
            "columns": [f"{s:g}" for s in strengths],
            "values": grid,
            "unit": "nats a token",
        },
        alt="; ".join(
            f"block {p.block} at {p.strength:g}: {p.effect:.3f}, perplexity {p.perplexity:.2f}"
            for p in found.points
        ),
    )
    block = found.chosen.block if found.chosen else model.anatomy.blocks // 2
    site = Site(block)
    made = trait_vectors(model, tuple(goal), [site])
    sliders = {trait: (z + 1) / 2 for trait, z in goal.items()}
    unit = slide({t: np.asarray(v.by_site[site], float) for t, v in made.items()}, sliders)
    length = float(np.mean([v.quality[site].residual for v in made.values()]))
    bench = shipped_bench(tuple(goal), HELD_OUT, texts=6)
    measured = bench.measure(model, [(Edit(site, unit * length, share),) for share in SHARES])
    towards = measured.towards(goal)
    zero = SHARES.index(0.0)
    dose = [
        mean(row - towards[zero], name=f"{share:g}", of="pair", unit="nats a token", seed=seed)
        for share, row in zip(SHARES, towards, strict=True)
    ]
    growth = np.exp((measured.nats - measured.nats[zero]).mean(axis=1))
    rows: list[tuple[Cell, ...]] = [
        (share, shift, float(g)) for share, shift, g in zip(SHARES, dose, growth, strict=True)
    ]
    lines = figure_from_data(
        name="dose",
        title=f"Effect and damage at block {block}",
        kind="lines",
        data={
            "x": list(SHARES),
            "x_label": "strength, share of the states' length",
            "y_label": "nats a token",
            "series": [
                {"name": "shift towards the character", "y": dose},
                {"name": "loss on plain text", "y": [float(np.log(g)) for g in growth]},
            ],
            "reference": 0.0,
        },
        alt="; ".join(f"{e.name}: {e.value:.3f}" for e in dose),
    )
    table = Table(
        name="dose",
        title="Dose",
        columns=("strength", "shift", "perplexity ratio"),
        rows=tuple(rows),
        note="Statements that chose nothing; strength in shares of the "
        "states' mean length, the sum of sliders in unit length.",
    )
    return [scan, lines, table]


def rows_of(reads: Reads, tests: Tests, site: Site) -> Answers:
    """Make each level read by the heads a row."""
    return Answers.of(
        {
            "respondent": character.name,
            "arm": test,
            "inventory": "characters",
            "item": f"level {trait}",
            "scale": trait,
            "channel": "activation",
            "form": f"block {site.block}",
            "unit": "level",
            "raw": f"{level:.4f}",
            "value": float(level),
            "status": "ok",
        }
        for test, readers in reads.items()
        for character, levels in zip(tests[test].characters, readers[-1].levels, strict=True)
        for trait, level in zip(BIG_FIVE, levels, strict=True)
    )
