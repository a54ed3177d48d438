"""Reviewed images as examples of their policy: a yes is a picture that matches, one flagged wrongly looks alike."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from pipeline.adapters.local.policy_folder import look_at
from pipeline.archive.archive import Archive, Block, Segment
from pipeline.errors import PolicyError, UsageError
from pipeline.lab.reviews.found import IDS, Ids, Wanted
from pipeline.lab.thresholds.write_back import write_back
from pipeline.rules.policies.examples_added import Examples, examples_lines, with_examples
from pipeline.rules.policies.files import parse_policies
from pipeline.rules.reviews.settled import PolicyReviews
from pipeline.rules.times import Window

LEAST = 2
"""Pictures that match: of one alone nobody can say how much is like it."""
BESIDE = ("thumbnail", "matches")
"""What is read of the row groups that hold reviewed images."""
Class = Literal["match", "look_alike"]


class Picture(NamedTuple):
    """A reviewed image that shows what its policy is about, or only looks like it."""

    of: Class
    event_id: str
    decided_at: int
    """Milliseconds since the epoch."""
    content: bytes
    """WebP."""

    @property
    def name(self) -> str:
        return f"{'yes' if self.of == 'match' else 'no'}-{self.event_id}.webp"


@dataclass(frozen=True)
class Pictured:
    """What the archive has of a policy's reviewed images."""

    pictures: Sequence[Picture]
    """The newest of each class, of those with a thumbnail."""
    without: int
    """Images of which no thumbnail was kept."""
    missing: int
    """Images that the archive does not have."""

    def of(self, kind: Class) -> int:
        return sum(each.of == kind for each in self.pictures)


def pictured(
    archive: Archive,
    segments: Sequence[Segment],
    window: Window,
    policy: str,
    reviews: PolicyReviews,
    most: int,
    advance: Callable[[], object],
) -> Pictured:
    """The newest `most` of each class. Raises `UsageError` where fewer than `LEAST` match."""
    wanted = Wanted[tuple[bool, str, bytes]]({policy: reviews.labels})
    decided, erased = dict[str, int](), archive.deny_list.load()
    for segment in segments:
        for block in archive.blocks([segment], IDS, window):
            ids = Ids(block)
            for event, _, at in list(wanted.among(ids, range(block.events))):
                block.need(BESIDE)
                wanted.take(policy, at, ids, event, _kept(block, event, policy))
                decided[ids.events[event]] = int(ids.decided_at[event])
        advance()
    if archive.deny_list.load() != erased:
        raise UsageError("somebody erased something meanwhile: run it again, of what is left")
    found, by_image = wanted.found(policy, reviews)
    meant = [
        Picture("match" if label.label == "yes" else "look_alike", event, decided[event], content)
        for label, (flagged, event, content) in found
        if label.label == "yes" or (label.label == "no" and flagged)
    ]
    seen = Pictured(
        [*_newest(meant, "match", most), *_newest(meant, "look_alike", most)],
        sum(not each.content for each in meant),
        len(by_image.labels) - len(found),
    )
    if seen.of("match") < LEAST:
        raise UsageError(_too_few(policy, seen))
    return seen


def _kept(block: Block, event: int, policy: str) -> tuple[bool, str, bytes]:
    """Whether the policy flagged it, its event id, and its thumbnail, which is empty where none was kept."""
    matches = block.column("matches")[event].as_py() or ()
    flagged = any(each["policy"] == policy for each in matches)
    return flagged, block.column("event_id")[event].as_py(), block.column("thumbnail")[event].as_py() or b""


def _newest(pictures: Sequence[Picture], kind: Class, most: int) -> Iterator[Picture]:
    """Of each class so many different pictures; what was sent twice shows nothing new."""
    there = sorted((each for each in pictures if each.of == kind and each.content), key=lambda each: -each.decided_at)
    yield from list({each.content: each for each in reversed(there)}.values())[::-1][:most]


def _too_few(policy: str, seen: Pictured) -> str:
    said = f"{seen.of('match')} reviewed images of {policy} can be had that show it, and it takes {LEAST}"
    if seen.without:
        said += f"; of {seen.without} no thumbnail was kept: run workers with --archive thumbnails"
    if seen.missing:
        said += f"; {seen.missing} are not in this archive"
    return said


def globs_of(policy: str, seen: Pictured) -> Examples:
    """What the policy names them by, relative to its file."""
    kinds: Mapping[Class, str] = {"match": "yes", "look_alike": "no"}
    return {kind: [f"examples/{policy}/{name}-*.webp"] for kind, name in kinds.items() if seen.of(kind)}


def write(path: Path, files: Mapping[str, bytes], policy: str, seen: Pictured) -> None:
    """Write the pictures beside the policy's file, and name them in it; all or nothing.

    `files` are those of the folder as they were read. Raises `UsageError` where the file has examples already or
    cannot be edited, where the folder of the pictures is there, and where nothing can be written.
    """
    content, beside = files[path.as_posix()], path.parent / "examples" / policy
    try:
        after = with_examples(content, globs_of(policy, seen))
    except ValueError as error:
        lines = "\n".join(examples_lines(globs_of(policy, seen)))
        raise UsageError(f"{path}: {error}; write them yourself, as without --write it is said:\n{lines}") from error
    try:
        beside.mkdir(parents=True)
    except OSError as error:
        raise UsageError(f"cannot make {beside}: {error.strerror}; move what is there away") from error
    try:
        for each in seen.pictures:
            (beside / each.name).write_bytes(each.content)
        reading = look_at(path.parent, edited={path.name: after})
        parse_policies(reading.files, assets=reading.assets)
        write_back({path: after}, files)
    except (OSError, PolicyError, UsageError) as error:
        shutil.rmtree(beside, ignore_errors=True)
        raise error if isinstance(error, UsageError) else UsageError(f"not written: {error}") from error
