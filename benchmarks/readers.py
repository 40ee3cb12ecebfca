"""Readers of text: what they cost, what they can see, and what they find where nothing is.

Speed in CPU milliseconds; AUC on sentences of pools never met and on the sixteen own texts; the
share of runs in which the two text studies find something in random answers. Prints Markdown.
`python -m benchmarks.readers`
"""

import time
from collections.abc import Callable

from benchmarks.findings import found
from personae.core import Report
from personae.datasets.labelled_texts import load_labelled
from personae.encoders.text_features import FAMILIES, feature_table
from personae.models.opening import open_model
from personae.readers.text.reader_skill import skills
from personae.readers.text.self_descriptions import self_descriptions
from personae.readers.text.trained_readers import RECIPES, ReaderTraining, train_reader
from personae.stats.effects.proportions import rate
from personae.stats.prediction.classification import auc
from personae.studies.eliciting_traits.study import eliciting_traits
from personae.studies.psycot.study import psycot

RUNS = 100
FINDINGS: dict[str, tuple[str, Callable[[str, int], Report]]] = {
    "eliciting_traits": (
        "nearer",
        lambda spec, seed: eliciting_traits(open_model(spec), seed=seed, quick=True),
    ),
    "psycot": (
        "It is better than not reading",
        lambda spec, seed: psycot(open_model(spec), seed=seed),  # type: ignore[arg-type]
    ),
}


def speed() -> None:
    texts = [one.text for one in self_descriptions(200).texts]
    words = sum(len(text.split()) for text in texts)
    print("| family | CPU ms for 1,000 words |\n| --- | --- |")
    for family in FAMILIES:
        if family == "embedding":
            continue
        feature_table(texts[:2], [family])
        began = time.process_time()
        feature_table(texts, [family])
        print(f"| {family} | {1e6 * (time.process_time() - began) / words:.1f} |")


def skill() -> None:
    corpus, own = self_descriptions(), load_labelled()
    print("\n| reader | trait | AUC, pools never met | shuffled labels | AUC, own texts | CPU s |")
    print("| --- | --- | --- | --- | --- | --- |")
    for recipe in RECIPES:
        began = time.process_time()
        reader = train_reader(corpus, corpus.scales, ReaderTraining(recipe=recipe))
        took = time.process_time() - began
        carried = reader.probabilities([one.text for one in own.texts])
        for scale, one in skills(reader).items():
            far = auc([text.labels[scale] for text in own.texts], carried[scale])
            cells = [
                f"{e.value:.2f} [{e.low:.2f}, {e.high:.2f}]" for e in (one.auc, one.shuffled, far)
            ]
            print(f"| {recipe} | {scale} | {' | '.join(cells)} | {took:.1f} |")


def silence(runs: int) -> None:
    print("\n| study | finding in random answers |\n| --- | --- |")
    for name, (phrase, run) in FINDINGS.items():
        hits = [float(found(run(f"null:garbage,seed={s}", s), phrase)) for s in range(runs)]
        share = rate(hits, of="run")
        print(f"| {name} | {share.value:.2f} [{share.low:.2f}, {share.high:.2f}] |")


def main(runs: int = RUNS) -> None:
    speed()
    skill()
    silence(runs)


if __name__ == "__main__":
    main()
