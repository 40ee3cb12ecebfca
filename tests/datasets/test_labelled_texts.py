"""Labelled texts: what a user's file may hold, and what is refused in plain words."""

import json
from pathlib import Path
from typing import Any

import pytest

from personae.core import BadFile
from personae.datasets.labelled_texts import lengths, load_labelled


def corpus_of(path: Path, *rows: Any) -> str:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return str(path)


def test_labels_are_read_in_each_of_their_forms(tmp_path: Path) -> None:
    path = tmp_path / "texts.jsonl"
    corpus = load_labelled(corpus_of(path, {"id": 1, "text": "I sing.", "labels": {"E": 1}}))
    assert (corpus.name, corpus.scales, corpus.texts[0].id) == ("texts", ("E",), "1")
    flat = {"id": "a", "posts": ["A post that is long."], "opn": 1, "neu": 0, "author": "x"}
    (text,) = load_labelled(corpus_of(path, flat)).texts
    assert (text.labels, text.group) == ({"O": 1, "N": 0}, "x")
    (text,) = load_labelled(corpus_of(path, {"id": "a", "text": "Hm.", "type": "iNTp"})).texts
    assert text.labels == {"IE": 0, "SN": 1, "FT": 1, "JP": 1}


def test_a_text_may_hold_any_separator_of_lines(tmp_path: Path) -> None:
    words = "one\u2028two\x85three\nfour"
    row = {"id": "a", "text": words, "labels": {"E": 1}}
    corpus = load_labelled(corpus_of(tmp_path / "texts.jsonl", row, {**row, "id": "b"}))
    assert [text.text for text in corpus.texts] == [words, words]
    assert lengths(corpus.texts) == [4.0, 4.0]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "texts need ids"),
        ([7], "expected `object`"),
        ([{"text": "a", "labels": {"E": 1}}], "required field `id`"),
        ([{"id": "a", "labels": {"E": 1}}], "needs a text"),
        ([{"id": "a", "posts": [1], "labels": {"E": 1}}], "expected `str`"),
        ([{"id": "a", "text": "a"}], "0 .low pole. or 1"),
        ([{"id": "a", "text": "a", "labels": {"E": 2}}], "0 .low pole. or 1"),
        ([{"id": "a", "text": "a", "labels": {"E": True}}], "0 .low pole. or 1"),
        ([{"id": "a", "text": "a", "type": "XNTP"}], "0 .low pole. or 1"),
        ([{"id": "a", "text": "a", "labels": {"E": 1}}] * 2, "repeated: .'a'."),
        ([{"id": n, "text": "a", "labels": {n: 1}} for n in "EA"], "no scale is labelled"),
    ],
)
def test_what_is_no_labelled_text_is_refused(rows: list[Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=message):
        load_labelled(corpus_of(tmp_path / "bad.jsonl", *rows))


def test_what_is_no_jsonl_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_text('{"id": ')
    for path in (tmp_path / "bad.jsonl", tmp_path / "nowhere.jsonl", tmp_path):
        with pytest.raises(BadFile, match=r"not valid JSON|no such file"):
            load_labelled(str(path))
