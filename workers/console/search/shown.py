"""A selection as a policy that shows instead of tells: its pictures become examples beside it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from pipeline.adapters.local.policy_folder import look_at
from pipeline.errors import PolicyError, UsageError
from pipeline.rules.policies.files import parse_policies
from workers.console.pictures.gone import GoneError
from workers.console.pictures.pictures import Pictures, Wanted
from workers.console.search.making import BY
from workers.console.search.result import Result
from workers.policies.written import check_id, place_for, policy_text, title_of, write_new

LEAST, MOST = 2, 64
"""Pictures of such a policy: of one alone nobody can say how much is like it."""
REVIEW = 0.5
"""Its threshold: with four pictures the bundled model then finds 99% of what shows the thing, and 0.24% wrongly."""


def examples_of(result: Result, pictures: Pictures) -> list[bytes]:
    """The pictures of the selection, drawn anew as WebP: small, and without what their files say besides.

    Raises `UsageError` where fewer than `LEAST` can be had. What is erased is not among them.
    """
    before, drawn, gone = _erased(pictures), list[bytes](), 0
    for each in result.hits[:MOST]:
        day = each.nearby.decided_at[:10]
        try:
            drawn.append(pictures.clear(Wanted(each.source, each.event_id, day)))
        except GoneError:
            gone += 1
    if _erased(pictures) != before:
        raise UsageError("somebody erased something meanwhile; search again, and choose of what is left")
    if len(dict.fromkeys(drawn)) < LEAST:
        said = f"; {gone} of the chosen cannot be had" if gone else ""
        raise UsageError(f"examples are {LEAST} different pictures at least, better four or more{said}")
    return list(dict.fromkeys(drawn))


def write(folder: Path, name: str, words: Sequence[str], drawn: Sequence[bytes]) -> Path:
    """The policy's file in shadow mode, once its pictures lie beside it; both or nothing.

    Raises `UsageError` for a name that cannot be one or is taken, and where nothing can be written.
    """
    check_id(name, "the name")
    if not words:
        raise UsageError("say in words what they show: pictures are taken where they find more than the words do")
    place_for(folder, name, _text(name, words, with_pictures=False), name)
    beside, text = folder / "examples" / name, _text(name, words)
    try:
        beside.mkdir(parents=True)
    except OSError as error:
        raise UsageError(f"cannot make {beside}: {error.strerror}") from error
    try:
        for number, picture in enumerate(drawn, 1):
            (beside / f"{number:02}.webp").write_bytes(picture)
        reading = look_at(folder, edited={f"{name}.yaml": text})
        parse_policies(reading.files, assets=reading.assets)
        write_new(folder / f"{name}.yaml", text)
    except (OSError, PolicyError, UsageError) as error:
        shutil.rmtree(beside, ignore_errors=True)
        raise error if isinstance(error, UsageError) else UsageError(f"not written: {error}") from error
    return folder / f"{name}.yaml"


def _erased(pictures: Pictures) -> object:
    try:
        return pictures.erased()
    except GoneError as error:
        raise UsageError(str(error)) from error


def _text(name: str, words: Sequence[str], *, with_pictures: bool = True) -> bytes:
    comments = [
        f"Written by {BY}. In shadow mode it is scored and reported, and acts on nothing.",
        "`sluice policy check --examples` says what its pictures find of each other, and whether they are used.",
    ]
    examples = [f"examples/{name}/*.webp"] if with_pictures else []
    return policy_text(words, (), REVIEW, title=title_of(words), comments=comments, examples=examples)
