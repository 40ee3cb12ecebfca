"""Texts whose authors' traits are known: the user's own JSONL file, or a small set of our own.

A row is `{"id", "text" or "posts", "labels": {scale: 0 or 1}}`, with `author` where one author
wrote several texts. 1 always means the scale's high pole; for neuroticism that is high
neuroticism. The flat columns opn, con, ext, agr, neu and the four letters of a `type`, in which
the essays and posts of Yang et al. 2023 (arXiv 2310.20256) circulate, are read as well.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NotRequired, TypedDict, cast

from personae.core import (
    BadFile,
    content_key,
    data_json,
    file_sha256,
    json_lines,
    typed,
    usable_path,
)

__all__ = ["Corpus", "Labelled", "lengths", "load_labelled"]

OWN = "own"
_FLAT = {"opn": "O", "con": "C", "ext": "E", "agr": "A", "neu": "N"}
_TYPES = {"IE": ("I", "E"), "SN": ("S", "N"), "FT": ("F", "T"), "JP": ("J", "P")}
LEAST_CHARACTERS = 10
FORM = '{"id", "text" or "posts", "labels": {scale: 0 or 1}}'
WORDS_OF_TEXT = 2400
WORDS_OF_POST = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Labelled:
    """One author's text or posts, with 0 or 1 for each labelled scale.

    Texts of one `group`, usually an author, are never on both sides of a split.
    """

    id: str
    labels: Mapping[str, int]
    text: str = ""
    posts: tuple[str, ...] = ()
    group: str = ""

    @property
    def excerpt(self) -> str:
        """The text as it is read: whole up to 2,400 words, or its posts, numbered and cut.

        Posts of at most 10 characters are left out, and each is cut after 60 words. The limits are
        the 3,200 and 80 tokens of Yang et al. 2023, at three words to four tokens.

        >>> Labelled(id="a", labels={}, posts=("Too short.", "A post that is long enough.")).excerpt
        'Post 1: A post that is long enough.'
        """
        if not self.posts:
            return _cut(self.text, WORDS_OF_TEXT)
        posts = [p.strip() for p in self.posts if len(p.strip()) > LEAST_CHARACTERS]
        numbered = [f"Post {i}: {_cut(p, WORDS_OF_POST)}" for i, p in enumerate(posts, 1)]
        return _cut("\n".join(numbered), WORDS_OF_TEXT)


@dataclass(frozen=True, slots=True, kw_only=True)
class Corpus:
    """Labelled texts and their source; `tag` is their name and content hash."""

    name: str
    source: str
    tag: str
    texts: tuple[Labelled, ...]

    @property
    def scales(self) -> tuple[str, ...]:
        """The scales that every text is labelled on, in the order of the first."""
        first, *rest = self.texts
        return tuple(s for s in first.labels if all(s in text.labels for text in rest))


def load_labelled(name: str = OWN) -> Corpus:
    """Read labelled texts from a JSONL file, or the set that ships, `own`.

    Raises:
        BadFile: not readable, not JSONL, no texts, two with one id, no common scale, or a label
            that isn't 0 or 1.

    >>> own = load_labelled()
    >>> len(own.texts), own.scales
    (16, ('O', 'C', 'E', 'A', 'N'))
    """
    if name == OWN:
        data = data_json("labelled_texts.json")
        texts = tuple(_row(row, OWN) for row in data["texts"])
        tag = f"{OWN}@{data['version']}+{content_key(data['texts'])[:8]}"
        return Corpus(name=OWN, source=data["source"], tag=tag, texts=texts)
    path = usable_path(name)
    if not path.is_file():
        raise BadFile(f"{name}: no such file of labelled texts; the set that ships is {OWN!r}")
    texts = tuple(_row(row, where) for where, row in json_lines(path))
    corpus = Corpus(
        name=path.stem, source=path.name, texts=texts, tag=f"{path.stem}+{file_sha256(name)[:8]}"
    )
    _check(corpus, name)
    return corpus


def _check(corpus: Corpus, name: str) -> None:
    ids = [text.id for text in corpus.texts]
    if not ids or len(set(ids)) != len(ids):
        repeated = sorted({i for i in ids if ids.count(i) > 1})[:5]
        raise BadFile(f"{name}: texts need ids, each once; repeated: {repeated or 'none'}")
    if not corpus.scales:
        raise BadFile(f"{name}: no scale is labelled in every row; labels are {{scale: 0 or 1}}")


class _Row(TypedDict):
    id: str | int
    text: NotRequired[str]
    posts: NotRequired[tuple[str, ...]]
    author: NotRequired[str | int]
    labels: NotRequired[dict[str, object]]


def _row(row: object, where: str) -> Labelled:
    if isinstance(row, BadFile):
        raise row
    fields = typed(row, _Row, f"{where}: not a labelled text {FORM}")
    text, posts = fields.get("text", ""), fields.get("posts", ())
    if not (text or posts):
        raise BadFile(f"{where}: needs a text, or posts as a list of texts")
    labels = _labels(cast(Mapping[str, Any], row))
    wrong = {k: v for k, v in labels.items() if v not in (0, 1) or isinstance(v, bool)}
    if wrong or not labels:
        raise BadFile(
            f"{where}: labels map a scale to 0 (low pole) or 1 (high pole), not {wrong!r:.200}"
        )
    name = str(fields["id"])
    group = str(fields.get("author", name))
    return Labelled(id=name, labels=labels, text=text, posts=posts, group=group)


def _labels(row: Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(row.get("labels"), dict):
        return {str(scale): value for scale, value in row["labels"].items()}
    if isinstance(row.get("type"), str) and len(row["type"]) == len(_TYPES):
        return {
            scale: _TYPES[scale].index(letter) if letter in _TYPES[scale] else letter
            for scale, letter in zip(_TYPES, row["type"].upper(), strict=True)
        }
    return {scale: row[column] for column, scale in _FLAT.items() if column in row}


def _cut(text: str, words: int) -> str:
    words_of = text.split()
    return text.strip() if len(words_of) <= words else " ".join(words_of[:words])


def lengths(texts: Sequence[Labelled]) -> list[float]:
    """Count the words of each text's excerpt, shape (texts,)."""
    return [float(len(text.excerpt.split())) for text in texts]
