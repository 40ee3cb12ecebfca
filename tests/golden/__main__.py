"""Writes golden reports: `make golden STUDIES="trait sac"`, or of every study without names."""

import sys
from pathlib import Path

from personae.report.render.report_json import report_json
from personae.run.study_registry import studies
from tests.contracts.test_studies import GOLDEN_SPEC, STUDIES, run

HERE = Path(__file__).parent / "studies"


def main(names: list[str]) -> None:
    for name in [studies.find(name).name for name in names] or STUDIES:
        text = report_json(run(STUDIES[name], GOLDEN_SPEC))
        (HERE / f"{name}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
