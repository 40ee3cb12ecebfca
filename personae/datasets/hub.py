"""Reads data sets from a user's own copy or from the Hugging Face hub, both in the same way.

A source is a file, a folder, or a hub id `owner/name`. Files of a gated data set go into a
temporary folder, which is deleted once read; all others stay in the hub's usual cache.
"""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from personae.core import BadFile, MissingExtra, PersonaeError, usable_path
from personae.datasets.bounded_tables import TABLE_SUFFIXES, read_table

__all__ = ["Dataset", "read_dataset"]

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Dataset:
    """Rows of all files read; `file` is the column that names each row's file.

    `name` is the path or hub id, `revision` the hub's commit ("" for a local copy), `gated`
    whether the hub asks for consent before a download.
    """

    rows: pl.DataFrame
    name: str
    revision: str = ""
    gated: bool = False


def read_dataset(source: str | Path, pattern: str = "*") -> Dataset:
    """Read the tables of a data set: Parquet, JSONL, JSON (a list of objects) or CSV.

    `pattern` picks files by their path inside the folder or repository, such as
    `main/test-*.parquet`; `*` also matches slashes. A file given by itself is read whatever the
    pattern. Columns that one file lacks are null there.

    Raises:
        BadFile: no such source, no file matches the pattern, a broken table, no access to a gated
            data set, or no connection to the hub.
        MissingExtra: a hub id, and huggingface_hub isn't installed.
    """
    path = usable_path(source)
    if path.is_file():
        return Dataset(rows=_rows({path.name: path}, str(source)), name=str(source))
    if path.is_dir():
        files = sorted(p for p in path.rglob("*") if p.is_file())
        by_name = {p.relative_to(path).as_posix(): p for p in files}
        selected = _matching(list(by_name), pattern, str(source))
        return Dataset(rows=_rows({n: by_name[n] for n in selected}, str(source)), name=str(source))
    if not _HUB_ID.fullmatch(str(source)) or str(source).startswith("."):
        raise BadFile(
            f"{source}: no such file or folder, and no hub id (owner/name) either; give the path "
            f"of your own copy or the id of a data set"
        )
    return _from_hub(str(source), pattern)


def _matching(names: Sequence[str], pattern: str, source: str) -> list[str]:
    tables = [n for n in names if PurePosixPath(n).suffix in TABLE_SUFFIXES]
    selected = [n for n in tables if fnmatch(n, pattern)]
    if not selected:
        listed = ", ".join(tables[:8]) or "no table at all"
        raise BadFile(
            f"{source}: no table matches {pattern!r} ({', '.join(TABLE_SUFFIXES)}); it has {listed}"
        )
    return selected


def _rows(files: dict[str, Path], source: str) -> pl.DataFrame:
    frames = []
    for name, path in files.items():
        frames.append(read_table(path).with_columns(pl.lit(name).alias("file")))
    try:
        return pl.concat(frames, how="diagonal_relaxed")
    except pl.exceptions.PolarsError as error:
        raise BadFile(f"{source}: its files don't fit together ({error})") from error


def _from_hub(name: str, pattern: str) -> Dataset:
    if find_spec("huggingface_hub") is None:
        raise MissingExtra("huggingface_hub", "hub", f"the data set {name!r}")
    from huggingface_hub import HfApi  # noqa: PLC0415  (an extra)

    api = HfApi(endpoint=os.environ.get("HF_ENDPOINT"))
    with _explained(name):
        info = api.dataset_info(name)
        names = [sibling.rfilename for sibling in info.siblings or ()]
        selected = _matching(sorted(n for n in names if ".." not in n), pattern, name)
        gated = bool(info.gated)
        with TemporaryDirectory() as folder:
            target: dict[str, Any] = {"local_dir": folder} if gated else {}
            files = {
                file: Path(
                    api.hf_hub_download(
                        name, file, repo_type="dataset", revision=info.sha, **target
                    )
                )
                for file in selected
            }
            rows = _rows(files, name)
    return Dataset(rows=rows, name=name, revision=info.sha or "", gated=gated)


@contextmanager
def _explained(name: str) -> Iterator[None]:
    """Turn each failure of the hub into an error that says what to do."""
    from huggingface_hub import errors  # noqa: PLC0415  (an extra)

    remedy = "or give the path of your own copy instead of the id"
    try:
        yield
    except PersonaeError:
        raise
    except errors.GatedRepoError as error:
        raise BadFile(
            f"the data set {name!r} is gated: accept its terms on its page and log in (hf auth "
            f"login, or HF_TOKEN), {remedy}"
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise BadFile(
            f"the hub has no data set {name!r}, or not for you: check the id, log in if it is "
            f"private, {remedy}"
        ) from error
    except Exception as error:  # each version of huggingface_hub has another HTTP library
        raise BadFile(f"the hub could not be asked for {name!r} ({error}); {remedy}") from error
