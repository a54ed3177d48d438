"""What the features topic carries: what is known of an image beside its decision, and the policy sets that decided.

Each value is one MessagePack map, of which ``kind`` says what it is.
"""

from __future__ import annotations

import msgspec

from pipeline.wire.decisions import Decision, ModelRef, Turned
from pipeline.wire.names import FEATURES_SCHEMA
from pipeline.wire.nesting import refuses_deep


class FeaturesRecord(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="features"):
    """A decision, and the signals that it was made by: V views in order, those of a second look last.

    Arrays are little-endian and without gaps.
    """

    schema: str = FEATURES_SCHEMA
    decision: Decision
    dimension: int
    """D"""
    features: bytes
    """``float16[V,D]``: exactly the features that were judged, which have no more digits than that."""
    regions: bytes
    """``pipeline.signals.REGION[V]``: frame ``uint32``, and left, top, right, bottom ``float32``, 20 bytes a view."""
    first_look: int
    """How many of the views, from the first, are those of the first look."""
    turned: list[Turned | None] = []
    """How each view of the second look was turned."""
    bar: float = 1.0
    """The least score that counts of a second look."""
    unseen: int = 0
    """As in `pipeline.signals.Signals`."""
    background: str = ""
    """Digest of the background that stood against the policies, by `background_digest`; empty without one."""
    background_lse: bytes = b""
    """``float32[V]``: for each view, the log of the sum over the whole background of ``exp(logit_scale * cos)``."""
    subject: str | None = None
    """Whom the image is of or from, as its event says; what an erasure may ask for."""
    thumbnail: bytes | None = None
    """A WebP of 256 pixels or less."""


class AssetRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A file that a policy names beside itself: its content, or the features that a model made of a picture."""

    sha256: str
    """Of the file, in hexadecimal digits."""
    content: bytes | None = None
    """None for a picture, and for what was left out."""
    left_out: str = ""
    """Why the content is not kept where it should be."""
    model: ModelRef | None = None
    """What made the features; None without any, as of the examples of a policy that is off."""
    preprocess: str = ""
    dimension: int = 0
    """D"""
    features: bytes = b""
    """``float16[V,D]``: exactly the features that the policy was fitted to."""
    regions: bytes = b""
    """``pipeline.signals.REGION[V]``, as in `FeaturesRecord`."""


class PolicySetRecord(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="policy_set"):
    """A policy set that went live: the files of its folder, by which its decisions can be made again."""

    schema: str = FEATURES_SCHEMA
    version: str
    files: dict[str, bytes]
    live_at: str
    """RFC 3339, when the worker that sent this took it up."""
    assets: dict[str, AssetRecord] = {}
    """What lies beside the policies, by path relative to their folder."""
    model: ModelRef | None = None
    """What made the features of its examples; None without any."""
    preprocess: str = ""
    parts: list[str] = []
    """The digests of the parts that hold the rest of its files and assets, and go before it under the same key."""


class PolicySetPart(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="policy_set_part"):
    """A part of a policy set that is too large for one record."""

    schema: str = FEATURES_SCHEMA
    digest: str
    """By which the set names it: the same for the same files and assets, so that whoever sends it sends the same."""
    files: dict[str, bytes] = {}
    assets: dict[str, AssetRecord] = {}


ArchiveRecord = FeaturesRecord | PolicySetRecord | PolicySetPart

_encode = msgspec.msgpack.Encoder().encode
_decoder: msgspec.msgpack.Decoder[ArchiveRecord] = msgspec.msgpack.Decoder(ArchiveRecord)


def archive_record_bytes(record: ArchiveRecord) -> bytes:
    """The record as the value of a Kafka record."""
    return _encode(record)


@refuses_deep
def parse_archive_record(value: bytes) -> ArchiveRecord:
    """Read a record back from its bytes; raises `msgspec.DecodeError` naming what does not fit."""
    return _decoder.decode(value)
