"""Reads labelled images from disk: a folder with a subfolder for each class, or a CSV file.

::

    photos/                          labels.csv
      knife/  one.jpg two.png          image,label,group
      dice/   three.jpg                one.jpg,knife,indoors
      none/   four.jpg                 two.png,knife;dice,outdoors
                                       four.jpg,none,indoors

No image is opened here: one that cannot be read is found, and named, when it is its turn.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from pipeline.disk import read_bytes, walk
from pipeline.errors import UsageError
from pipeline.lab.data.csv_rows import Row, read_rows
from pipeline.lab.data.dataset import Dataset, Example
from pipeline.rules.images.formats import PICTURE_SUFFIXES
from pipeline.rules.policies.names import NO_POLICY

NO_LABEL = NO_POLICY
"""What images that show none of the classes are labelled with, in any case of letters."""
SEPARATOR = ";"
"""What separates several labels in one cell."""


def read_labelled(path: Path, *, known: Sequence[str] | None = None) -> Dataset:
    """The data set at `path`: a folder with a subfolder for each class, or a CSV file.

    A subfolder's name is its images' label; those in ``none`` have no label. A CSV file has the columns ``image``
    (a path, relative to the file's own folder) and ``label`` (several are separated by ``;``; it is ``none``, or
    empty, for no label), and may have ``group`` and ``ignore`` (labels that could be argued either way, written like
    ``label``).

    The classes are the labels found, sorted; with `known` they are these, and any other label is an error.
    Raises `UsageError`: one line with file (and line) that says what to do.
    """
    if path.is_dir():
        examples = _from_folder(path, known)
    elif path.exists():
        examples = _from_csv(path, known)
    else:
        raise UsageError(f"no such file or folder: {path}")
    found = {label for example in examples for label in (*example.labels, *example.ignore)}
    return Dataset(file_name(path.name or path), examples, tuple(sorted(found)) if known is None else tuple(known))


def pictures_in(folder: Path) -> list[Path]:
    """The image files of a folder, searched all the way down, in the order of their names; known by their content.

    What cannot be read is among them (a link that leads nowhere, a folder without permission, a kind of picture that
    is not taken), to be named as unreadable instead of missing from the count.
    """
    return [Path(found.path) for found in walk(str(folder)) if not found.skipped]


def file_name(path: Path | str) -> str:
    """The path as text that can be written anywhere: bytes that are not UTF-8 are escaped."""
    return os.fsencode(path).decode("utf-8", "backslashreplace")


def _from_folder(folder: Path, known: Sequence[str] | None) -> list[Example]:
    inside = sorted(each for each in folder.iterdir() if not each.name.startswith("."))
    classes = [each for each in inside if each.is_dir()]
    if not classes:
        raise UsageError(f"{folder}: no subfolder in it; put the images of each class into one, named like the class")
    for stray in inside:
        if not stray.is_dir() and not next(walk(str(stray))).skipped:
            raise UsageError(f"{stray}: not in a class's subfolder; move it into one, or into none/ for no class")
    return [example for subfolder in classes for example in _of_class(subfolder, known)]


def _of_class(subfolder: Path, known: Sequence[str] | None) -> list[Example]:
    labels = () if _is_none(subfolder.name) else (file_name(subfolder.name),)
    unknown = _unknown(labels, known)
    if unknown:
        raise UsageError(f"{subfolder}: {unknown}")
    pictures = pictures_in(subfolder)
    if not pictures:
        kinds = " ".join(sorted(PICTURE_SUFFIXES))
        raise UsageError(f"{subfolder}: no images in this class's folder ({kinds}); add some or remove it")
    return [Example(file_name(picture), partial(read_bytes, str(picture)), labels) for picture in pictures]


def _from_csv(path: Path, known: Sequence[str] | None) -> list[Example]:
    first: dict[Path, int] = {}
    examples = []
    for row in read_rows(path, ("image", "label"), ("group", "ignore")):
        image = image_of(row)
        line = first.setdefault(image, row.line)
        if line != row.line:
            reason = f"the image is in line {line} already; give it one line, labels separated by {SEPARATOR}"
            raise row.problem(reason)
        labels, ignore = (_labels(row, column, known) for column in ("label", "ignore"))
        examples.append(
            Example(file_name(image), partial(read_bytes, str(image)), labels, row.cells["group"] or None, ignore)
        )
    return examples


def image_of(row: Row) -> Path:
    """The image that a row is about, its path taken relative to the file's folder. Raises `UsageError`."""
    if not row.cells["image"]:
        raise row.problem("no path under 'image'; write one, or remove the line")
    return row.file.parent / row.cells["image"]


def _labels(row: Row, column: str, known: Sequence[str] | None) -> tuple[str, ...]:
    """The labels of a cell, each once; of ``none`` there are none."""
    words = (word.strip() for word in row.cells[column].split(SEPARATOR))
    said = tuple(dict.fromkeys(word for word in words if word))
    labels = tuple(label for label in said if not _is_none(label))
    if labels and labels != said:
        raise row.problem(f"'none' and {labels[0]!r} under {column!r}; 'none' is for what shows nothing: keep one")
    unknown = _unknown(labels, known)
    if unknown:
        raise row.problem(unknown)
    return labels


def _is_none(label: str) -> bool:
    return label.lower() in NO_LABEL


def _unknown(labels: Sequence[str], known: Sequence[str] | None) -> str:
    """What is wrong with the first label that is not known; "" when nothing is."""
    for label in labels:
        if known is not None and label not in known:
            close = difflib.get_close_matches(label, known, n=1)
            hint = f"did you mean {close[0]!r}" if close else f"known are {', '.join(known)}"
            return f"unknown label {label!r}; {hint}"
    return ""
