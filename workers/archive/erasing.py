"""Whom an erasure is asked for on the command line, in the words of the archive."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from pipeline.archive.erasing.erasure import Asked
from pipeline.errors import UsageError
from pipeline.rules.archive.denied import Kind
from pipeline.wire import short_key

Images = Annotated[
    list[str], typer.Option("--image", metavar="ID", help="The image of that id, as decisions name it.")
]
Hashes = Annotated[
    list[str], typer.Option("--sha256", metavar="HEX", help="The image of these bytes, under whatever id.")
]
Subjects = Annotated[
    list[str], typer.Option("--subject", metavar="WHOM", help="Every image whose event named that subject.")
]
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)


def asked(images: list[str], hashes: list[str], subjects: list[str]) -> list[Asked]:
    """All that was named. Raises `UsageError` for an empty value, and for what is no sha256."""
    named = [Asked(Kind.IMAGE, _as_kept(each)) for each in images]
    named += [Asked(Kind.SHA256, each.strip().lower()) for each in hashes]
    named += [Asked(Kind.SUBJECT, each) for each in subjects]
    for each in named:
        if not each.value:
            raise UsageError(f"--{each.kind} is empty: say which")
        if each.kind is Kind.SHA256 and not _SHA256.fullmatch(each.value):
            raise UsageError(f"--sha256 {each.value}: that is 64 hex digits, as sha256sum prints them")
    return list(dict.fromkeys(named))


def _as_kept(image: str) -> str:
    """An id as decisions have it, where a key that is very long stands as its hash."""
    return short_key(image.encode("utf-8", "surrogateescape")).decode("utf-8", "backslashreplace")
