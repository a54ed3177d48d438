"""What an erasure did, for an auditor. It names nobody, and a digest over itself says whether it was changed."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import NamedTuple

import msgspec
from msgspec.structs import replace

from pipeline.archive.erasing.erasure import Found
from pipeline.archive.erasing.purging import Purged
from pipeline.errors import UsageError
from pipeline.rules.archive.denied import Erased

SCHEMA = "sluice.erasure.v1"
NOT_REACHED = (
    "what Kafka's topics hold until their retention: images, answers, features, reviews, audit events",
    "earlier versions of objects, in a bucket that keeps them, and every backup or replica of the archive",
    "files named .part-* of writers that were killed half-way, in an archive that is a folder",
    "blocks of a disk that are free and not yet written over",
    "caches of features (Redis, workers' memory), which know images by the sha256 of their bytes, until these expire",
    "logs, and what was made of the archive before: reports, contact sheets, exports, pictures beside policies",
)


class Receipt(msgspec.Struct, frozen=True, kw_only=True):
    """An erasure that has ended. Times are RFC 3339; hashes are sha256 in hex."""

    schema: str = SCHEMA
    archive: str
    """Its address, as it was given."""
    asked: list[Erased]
    by: str
    began_at: str
    ended_at: str
    software: str
    entries: list[str]
    """The objects of the deny list: what was asked, and which events that found."""
    objects: int
    """How many were looked at, each until nothing was found in it."""
    looked_bytes: int
    rows: int
    events: int
    reviews: int
    unreadable: int
    """Records that could not be read when they came, and held a value that was asked for."""
    rewritten: list[Purged]
    not_reached: tuple[str, ...] = NOT_REACHED
    digest: str = ""
    """The sha256 of all the rest, as JSON with this field empty."""


class Said(NamedTuple):
    """What an erasure knows of itself. Times are RFC 3339."""

    archive: str
    by: str
    began_at: str
    ended_at: str
    software: str


def receipt_of(found: Found, asked: Sequence[Erased], said: Said) -> Receipt:
    """The receipt of an erasure that has ended."""
    receipt = Receipt(
        archive=said.archive,
        asked=list(asked),
        by=said.by,
        began_at=said.began_at,
        ended_at=said.ended_at,
        software=said.software,
        entries=found.entries,
        objects=found.objects,
        looked_bytes=found.bytes,
        rows=found.rows,
        events=found.events,
        reviews=found.reviews,
        unreadable=found.unreadable,
        rewritten=found.rewritten,
    )
    return replace(receipt, digest=_digest(receipt))


def receipt_json(receipt: Receipt) -> bytes:
    """The receipt as JSON that a person can read."""
    return msgspec.json.format(msgspec.json.encode(receipt), indent=2)


def parse_receipt(data: bytes, name: str) -> Receipt:
    """Read a receipt back. Raises `UsageError` for what is none, or was changed since it was written."""
    try:
        receipt = msgspec.json.decode(data, type=Receipt)
    except msgspec.DecodeError as error:
        raise UsageError(f"{name} is no receipt of an erasure: {error}") from error
    if receipt.schema != SCHEMA:
        raise UsageError(f"{name} is a receipt of another release: {receipt.schema}")
    if _digest(receipt) != receipt.digest:
        raise UsageError(f"{name} is not as it was written: its digest is that of something else")
    return receipt


def _digest(receipt: Receipt) -> str:
    return sha256(msgspec.json.encode(replace(receipt, digest=""))).hexdigest()
