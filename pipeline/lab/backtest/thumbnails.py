"""Gives the images that a backtest tells of the pictures that the archive has of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from msgspec.structs import replace

from pipeline.archive.archive import Archive
from pipeline.lab.backtest.record import Near, PolicyRecord, Record

COLUMNS = ("record", "thumbnail")
Key = tuple[str, int]
"""A segment's path, and an offset in the features topic."""


def with_thumbnails(record: Record, archive: Archive, most: int) -> Record:
    """The same, with the pictures of the first `most` images that the archive still has. Erased ones have none."""
    wanted = dict.fromkeys(_key(near) for policy in record.policies for near in _told_of(policy))
    found = dict(pictures_of(archive, list(wanted)[:most]))

    def pictured(images: Iterable[Near]) -> tuple[Near, ...]:
        return tuple(replace(near, thumbnail=found.get(_key(near))) for near in images)

    return replace(record, policies=tuple(_each(policy, pictured) for policy in record.policies))


def _each(policy: PolicyRecord, change: Callable[[Iterable[Near]], tuple[Near, ...]]) -> PolicyRecord:
    thresholds = tuple(
        replace(each, above=change(each.above), below=change(each.below)) for each in policy.thresholds
    )
    return replace(policy, new=change(policy.new), let_go=change(policy.let_go), thresholds=thresholds)


def _told_of(policy: PolicyRecord) -> Iterator[Near]:
    yield from policy.new
    yield from policy.let_go
    for each in policy.thresholds:
        yield from (*each.above, *each.below)


def _key(near: Near) -> Key:
    return near.segment, near.record


def pictures_of(archive: Archive, keys: Iterable[Key]) -> Iterator[tuple[Key, bytes]]:
    """Look for pictures segment by segment. One that was compacted meanwhile has none: its path is another."""
    wanted: dict[str, set[int]] = {}
    for path, offset in keys:
        wanted.setdefault(path, set()).add(offset)
    for segment in archive.segments() if wanted else ():
        if segment.path in wanted:
            for block in archive.blocks([segment], COLUMNS):
                records = block.column("record").to_pylist()
                pictures = block.column("thumbnail")
                for at, offset in enumerate(records):
                    if offset in wanted[segment.path] and (picture := pictures[at].as_py()) is not None:
                        yield (segment.path, offset), picture
