"""A policy set that is too large for one record of Kafka goes as several: parts, and then the set, which names them.

A part is called by a digest of what it holds. So who sends a set again sends the same parts, an archive keeps each
once, and a set never gets a part of another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from hashlib import sha256

import msgspec

from pipeline.wire import AssetRecord, PolicySetPart, PolicySetRecord

MOST_BYTES = 900_000
"""Of what one record holds: Kafka takes 1,048,588 bytes by default, with the key and what stands around."""

_encode = msgspec.msgpack.Encoder().encode
_Piece = tuple[str, bytes | AssetRecord]


def in_parts(record: PolicySetRecord, most: int = MOST_BYTES) -> tuple[list[PolicySetPart], PolicySetRecord]:
    """The parts of a set, none where it fits into one record, and the set with what they leave to it.

    Files stay with the set as far as they fit. What is larger than `most` by itself is a part by itself.
    """
    pieces: list[_Piece] = [*sorted(record.files.items()), *sorted(record.assets.items())]
    first, *others = _filled(pieces, most)
    parts = [_part(each) for each in others]
    digests = [part.digest for part in parts]
    files, assets = _parted(first)
    return parts, msgspec.structs.replace(record, files=files, assets=assets, parts=digests)


def joined(record: PolicySetRecord, parts: Iterable[PolicySetPart]) -> PolicySetRecord:
    """The whole set, of what `in_parts` made of it."""
    files, assets = dict(record.files), dict(record.assets)
    for part in parts:
        files |= part.files
        assets |= part.assets
    return msgspec.structs.replace(record, files=files, assets=assets, parts=[])


def _filled(pieces: Iterable[_Piece], most: int) -> Iterator[list[_Piece]]:
    """Lists of pieces that fit into a record each, the first of which may be empty."""
    room, held = most, list[_Piece]()
    for piece in pieces:
        size = len(_encode(piece))
        if size > room:
            yield held
            room, held = most, []
        held.append(piece)
        room -= size
    yield held


def _part(pieces: list[_Piece]) -> PolicySetPart:
    files, assets = _parted(pieces)
    return PolicySetPart(digest=sha256(_encode(pieces)).hexdigest(), files=files, assets=assets)


def _parted(pieces: list[_Piece]) -> tuple[dict[str, bytes], dict[str, AssetRecord]]:
    files = {name: held for name, held in pieces if isinstance(held, bytes)}
    return files, {name: held for name, held in pieces if not isinstance(held, bytes)}
