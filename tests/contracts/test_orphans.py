"""No orphans: what nothing uses is deleted. Tests don't count as use."""

import ast
import re
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "personae"
FILES = sorted(PACKAGE.rglob("*.py"))
OUTSIDE = [
    *(ROOT / "examples").glob("*.py"),
    *(ROOT / "docs" / "guide").glob("*.md"),
    *(ROOT / "benchmarks").glob("*.py"),
    ROOT / "README.md",
]

# A library of statistics is used by its readers too: each of these answers a question that the
# cards of the published systems put, and the studies that will ask it are named.
AWAITED = {
    "icc_agreement": "administrations of one persona as raters",
    "latin_square": "forms over balanced orders",
    "omega_hierarchical": "facets under a domain",
    "retest": "drift over a conversation",
    "schmid_leiman": "facets under a domain",
    "tost": "groups of personas",
}


def names(path: Path) -> list[str]:
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__":
            return list(ast.literal_eval(node.value))
    return []


def test_every_public_name_is_used() -> None:
    texts = {p: p.read_text() for p in [*FILES, *OUTSIDE] if p.exists()}
    words = {p: Counter(re.findall(r"\w+", text)) for p, text in texts.items()}
    orphans = []
    for path in FILES:
        if path.name == "__init__.py":
            continue
        for name in names(path):
            elsewhere = any(
                name in found
                for other, found in words.items()
                if other != path and other.name != "__init__.py"
            )
            inside = words[path][name] > 2
            if not elsewhere and not inside and name not in AWAITED:
                orphans.append(f"{path.relative_to(ROOT)}: {name}")
    assert not orphans, "\n".join(orphans)


def test_what_is_awaited_exists_and_is_still_awaited() -> None:
    public = {name for path in FILES for name in names(path)}
    assert set(AWAITED) <= public, set(AWAITED) - public
