"""A canary on the wire: the event that goes out, and what an answer says of it."""

from __future__ import annotations

from dataclasses import dataclass
from hashlib import sha256

from pipeline.wire.decisions import parse_decision
from pipeline.wire.events import Event
from pipeline.wire.names import REASON_HEADER
from pipeline.wire.records import Record

CANARY_HEADER = "sluice-canary"
"""On a canary and, carried through, on its answer. Its value is a nonce that only its sender knows beforehand.

Whoever reads answers may leave those out that have it; anybody may send it, so nothing else should go by it.
"""
CANARY_IDS = "sluice-canary/"
"""How the image ids of canaries begin, for those who read decisions without their headers."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What an answer says of the event with that nonce: the hash of its content, and its verdict, if it has one."""

    nonce: str
    content_sha256: str
    verdict: str | None


def marked(image: bytes, nonce: str) -> bytes:
    """The image with the nonce behind its end, where no decoder looks: the same picture in bytes that are new.

    Workers remember what they have seen, and would answer an image known byte for byte without looking at it. The
    nonce stands in a box of free space, as those formats have it that read boxes to the end of a file.
    """
    free = b"free" + nonce.encode()
    return image + (len(free) + 4).to_bytes(4, "big") + free


def canary_record(topic: str, image_id: str, image: bytes, nonce: str) -> Record:
    """The canary's event, which is `marked`."""
    key = (CANARY_IDS + image_id).encode("utf-8", "surrogateescape")
    return Record(topic, key, marked(image, nonce), [(CANARY_HEADER, nonce.encode())])


def reply_in(answer: Event) -> Reply | None:
    """What a record of the decisions or the dead-letter topic says of a canary; None where it is about none.

    An answer that its topic took only without the event's headers is not known as one.
    """
    nonce = answer.header(CANARY_HEADER)
    if nonce is None:
        return None
    try:
        if answer.header(REASON_HEADER) is not None:
            return Reply(nonce, sha256(answer.value or b"").hexdigest(), None)
        decision = parse_decision(answer.value or b"")
    except ValueError:  # somebody else's idea of an answer
        return None
    return Reply(nonce, decision.content_sha256, decision.verdict)
