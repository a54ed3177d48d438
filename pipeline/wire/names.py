"""Names that stand on the wire: topics, schemas, headers, and what of a stranger's headers is carried through."""

from __future__ import annotations

from collections.abc import Sequence

IMAGES_TOPIC = "sluice.images.v1"
DECISIONS_TOPIC = "sluice.decisions.v1"
DEAD_LETTERS_TOPIC = "sluice.dlq.v1"
FEATURES_TOPIC = "sluice.features.v1"
REVIEWS_TOPIC = "sluice.reviews.v1"
AUDIT_TOPIC = "sluice.audit.v1"

DECISION_SCHEMA = "sluice.decision.v2"
DECISION_TYPE = "dev.sluice.decision.v2"
DEAD_LETTER_SCHEMA = "sluice.dead_letter.v1"
FEATURES_SCHEMA = "sluice.features.v1"
REVIEW_SCHEMA = "sluice.review.v1"
AUDIT_SCHEMA = "sluice.audit.v1"

CONTENT_TYPE = "content-type"
CLAIM_CONTENT_TYPE = "application/json"

CLOUD_EVENT_HEADERS = frozenset(
    ("content-type", "ce_specversion", "ce_id", "ce_type", "ce_source", "ce_subject", "ce_time")
)
"""The headers of every decision that are its own and not its event's."""

OUR_PREFIX = "sluice."
CONNECT_PREFIX = "__connect.errors."
REASON_HEADER = "sluice.reason"
EVENT_ID_HEADER = "sluice.event_id"
IMAGE_ID_HEADER = "sluice.image_id"
"""Stands on a dead letter whose image has its id from a claim check: there is no key to tell it."""
NOTE_HEADER = "sluice.note"
"""One header for each note of a dead letter, which has no other place for them."""
LEFT_OUT_HEADER = "sluice.left_out"
"""Stands on a dead letter in a smaller form, and says how much of its event is missing: key, headers or value."""
TIMESTAMP_HEADER = "sluice.timestamp"
"""The event's timestamp on its dead letter, in seconds as `event_id` takes it: the record's own is another time."""
POLICY_SET_HEADER = "sluice.policy_set"
"""The policy set that was live when a dead letter was made."""
ORIGIN_HEADER = "sluice.origin"
"""Stands on a replayed event: which event it repeats."""
REPLAYS_HEADER = "sluice.replays"
"""Stands on a replayed event: how many times it has been replayed, this time included."""
EVENT_PREFIX = "sluice.event."
"""Put before an event's header whose name is ours (its own ``ce_id``, or a ``sluice.reason`` from somewhere else)."""

KEY_LIMIT = 4096
"""Bytes of a key or an image id; a longer one is hashed. A decision repeats it three times."""
HEADER_LIMIT = 64 * 1024
"""Bytes of one header of an event, name and value, that a decision carries through."""
CARRIED_LIMIT = 256 * 1024
"""Bytes of all such headers together, so that a decision fits any topic that takes 1 MB."""
HEADER_COST = 16
"""Bytes that a header counts for besides its name and value: a million empty ones are not free."""
HEADERS_LIMIT = CARRIED_LIMIT // HEADER_COST
"""Most headers of an event: as many empty ones as a decision carries. Each is three objects in memory."""
HEADERS_ADDED = 100
"""More than an answer or a replay adds to the headers of its event."""
_NAMED = 5
_NAME_LETTERS = 60

Headers = Sequence[tuple[str, bytes | None]]


def renamed(headers: Headers, taken: frozenset[str]) -> list[tuple[str, bytes | None]]:
    """An event's headers, with `EVENT_PREFIX` before each whose name (in lower case) is `taken` or begins as ours."""
    return [(EVENT_PREFIX + name if _is_ours(name.lower(), taken) else name, value) for name, value in headers]


def restored(headers: Headers) -> list[tuple[str, bytes | None]]:
    """The event's own headers out of those of its dead letter: `renamed` is undone, and ours are left out."""
    return [
        (name.removeprefix(EVENT_PREFIX), value)
        for name, value in headers
        if name.startswith(EVENT_PREFIX) or not _is_ours(name.lower(), frozenset())
    ]


def carried(headers: Headers, taken: frozenset[str]) -> tuple[list[tuple[str, bytes | None]], list[str]]:
    """The headers that a decision carries through, renamed, and the names of those that are too large for it."""
    if sum(map(_size, headers)) <= HEADER_LIMIT:  # as nearly always
        return renamed(headers, taken), []
    kept, left_out, room = [], [], CARRIED_LIMIT
    for header in headers:
        size = _size(header)
        if size > HEADER_LIMIT or size > room:
            left_out.append(header[0])
        else:
            room -= size
            kept.append(header)
    return renamed(kept, taken), left_out


def listed(names: Sequence[str]) -> str:
    """A few of the names, each at a readable length, and how many there are besides."""
    shown = [repr(name if len(name) <= _NAME_LETTERS else name[:_NAME_LETTERS] + "...") for name in names[:_NAMED]]
    more = len(names) - len(shown)
    return ", ".join(shown) + (f" and {more:,} more" if more else "")


def _is_ours(name: str, taken: frozenset[str]) -> bool:
    return name in taken or name.startswith((OUR_PREFIX, CONNECT_PREFIX))


def _size(header: tuple[str, bytes | None]) -> int:
    name, value = header
    return len(name) + len(value or b"") + HEADER_COST
