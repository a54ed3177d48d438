"""The nearest of one share of an archive, as a value, and of all shares, which is the search of the whole."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from pathlib import Path

import msgspec
import numpy as np
from msgspec.structs import replace

from pipeline.archive.archive import Archive
from pipeline.archive.search.found import look_up
from pipeline.archive.search.search import Place, Seen
from pipeline.errors import UsageError
from pipeline.rules.archive.nearest import Line, Nearest
from pipeline.rules.heads import SCORE_DIGITS
from workers.archive.shards import Shard
from workers.search.record import Answer, Asked, Nearby, Record, record_of
from workers.search.run import Search, evidence

SCHEMA = "sluice.search-part.v1"


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """A line that may be one of the whole search, or to spare there."""

    score: float
    """In all its digits."""
    segment: str
    event: int
    """The record of its event in the features topic."""
    view: bytes
    """``float32[D]``, little-endian: by which it is told what is nearly the same."""
    folded: list[float]
    """The scores of those that are nearly the same."""
    nearby: Nearby
    """What is told of it; its rank and count are those of this part."""
    thumbnail: bytes | None = None


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """What one share of the segments holds."""

    schema: str = SCHEMA
    asked: Asked
    most: int
    model: str
    preprocess: str
    shard: str
    """As ``K/N``."""
    images: int
    rows: int
    best: float | None
    kept: list[Kept]

    def as_json(self) -> str:
        return msgspec.json.encode(self).decode()


def part_of(archive: Archive, what: Search, nearest: Nearest[Place], seen: Seen, shard: Shard) -> Part:
    """The nearest of a share, with those that stand by for lines that become one."""
    lines = [line for line in nearest.kept if line.score >= what.asked.least]
    kept = list[Kept]()
    for line, found in zip(lines, look_up(archive, [line.found for line in lines]), strict=True):
        if found is None:
            continue  # erased meanwhile
        kept.append(
            Kept(
                score=line.score,
                segment=line.found.segment.path,
                event=line.found.record,
                view=line.view.astype("<f4").tobytes(),
                folded=line.folded.tolist(),
                nearby=Nearby.of(len(kept) + 1, line.score, 1, found, evidence(what.query, found)),
                thumbnail=found.thumbnail,
            )
        )
    return Part(
        asked=what.asked,
        most=what.most,
        model=what.made_by.model.fingerprint,
        preprocess=what.made_by.preprocess,
        shard=str(shard),
        images=seen.images,
        rows=seen.rows,
        best=nearest.best if seen.images else None,
        kept=kept,
    )


def read_part(path: Path) -> Part:
    """Raises `UsageError` for a file that is no part, naming it."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=Part)
    except OSError as error:
        raise UsageError(f"--merge {path}: {error.strerror}") from error
    except msgspec.DecodeError as error:
        raise UsageError(f"--merge {path}: it is not what sluice search --shard K/N prints: {error}") from error


def merged(parts: Sequence[Part]) -> Answer:
    """The answer of the whole search. Raises `UsageError` where these are not all parts of one."""
    _check(parts)
    first = parts[0]
    nearest = Nearest[Kept](first.most, first.asked.alike, lambda each: (each.segment, each.event))
    for each in sorted((each for part in parts for each in part.kept), key=lambda each: -each.score):
        nearest.take(Line(each.score, each, np.frombuffer(each.view, "<f4"), array("d", each.folded)))
    lines = nearest.lines(first.asked.least)
    found = [
        replace(line.found.nearby, rank=rank, score=round(line.score, SCORE_DIGITS), alike=count - 1)
        for rank, (line, count) in enumerate(lines, 1)
    ]
    return Answer(_record(parts, found), [line.found.thumbnail for line, _ in lines])


def _record(parts: Sequence[Part], found: list[Nearby]) -> Record:
    seen = Seen(rows=sum(part.rows for part in parts), images=sum(part.images for part in parts))
    best = max((part.best for part in parts if part.best is not None), default=0.0)
    return record_of(parts[0].asked, parts[0].model, parts[0].preprocess, seen, best, found)


def _check(parts: Sequence[Part]) -> None:
    first = parts[0]
    if any(
        (each.asked, each.most, each.model, each.preprocess)
        != (first.asked, first.most, first.model, first.preprocess)
        for each in parts
    ):
        raise UsageError("these are no parts of one search: they differ in what was asked, the archive or the model")
    of = first.shard.partition("/")[2]
    there, wanted = sorted(each.shard for each in parts), sorted(f"{part}/{of}" for part in range(1, int(of) + 1))
    if there != wanted:
        raise UsageError(f"these are parts {', '.join(there)}; a search is whole with {', '.join(wanted)}, each once")
