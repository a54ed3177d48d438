"""Reads images with captions to train on: from a CSV file, or a folder with a text file beside each image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipeline.errors import UsageError
from pipeline.lab.data.csv_rows import read_rows
from pipeline.lab.data.dataset_files import image_of, pictures_in


@dataclass(frozen=True, slots=True)
class Pair:
    """An image file and one sentence that describes it. Whether the image can be read is not known yet."""

    image: Path
    caption: str


def read_pairs(path: Path) -> Sequence[Pair]:
    """The pairs at `path`, in order.

    A CSV file has the columns ``image`` (a path, relative to the file's own folder) and ``caption``; an image may
    have several lines. In a folder, searched all the way down, ``beach.jpg`` has its caption in ``beach.txt``.
    Raises `UsageError`: one line with file (and line) that says what to do.
    """
    if path.is_dir():
        return _from_folder(path)
    if path.exists():
        return _from_csv(path)
    raise UsageError(f"no such file or folder: {path}")


def _from_csv(path: Path) -> list[Pair]:
    pairs = []
    for row in read_rows(path, ("image", "caption")):
        if not row.cells["caption"]:
            raise row.problem("no text under 'caption'; write what the image shows, or remove the line")
        pairs.append(Pair(image_of(row), row.cells["caption"]))
    return pairs


def _from_folder(folder: Path) -> list[Pair]:
    pictures = pictures_in(folder)
    if not pictures:
        raise UsageError(f"{folder}: no images in it; put each beside a .txt file of the same name with its caption")
    return [Pair(picture, _caption(picture)) for picture in pictures]


def _caption(picture: Path) -> str:
    """The text beside the picture, on one line."""
    path = picture.with_suffix(".txt")
    try:
        caption = " ".join(path.read_text(encoding="utf-8-sig").split())
    except FileNotFoundError:
        raise UsageError(f"{picture}: no {path.name} beside it; write its caption there") from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        raise UsageError(f"{path}:{line}: not UTF-8 text; save the caption in UTF-8") from error
    if not caption:
        raise UsageError(f"{path}: the file is empty; write the image's caption there")
    return caption
