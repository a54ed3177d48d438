"""Which stores and folders a claim check may lead to, and whether what came is what it says.

A claim names an object as the tools of its store do: ``s3://bucket/key``, ``gs://bucket/key``, ``az://container/key``
with the key as it is, and ``file:///folder/name`` with what is special in a URL encoded.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import unquote_to_bytes, urlsplit

from pipeline.errors import ItemError, Reason
from pipeline.wire import Claim

FILE = "file"
STORES = ("s3", "gs", "az", FILE)
"""The schemes that have an allow list of their own; all others go by host."""
_LONGEST_KEY = 1024
"""Bytes, in each of these stores; Linux takes 4,096 for a path."""
_BUCKET = re.compile(r"[$A-Za-z0-9][A-Za-z0-9._-]{0,221}")
# What stores say of plain bytes: S3 keeps "aws-chunked", which is how an upload came. The last are no codings at all.
_PLAIN = frozenset({"", "identity", "aws-chunked", "none", "binary", "utf-8"})


@dataclass(frozen=True, slots=True)
class Location:
    """An object, or with fewer segments all objects below: `bucket` is empty for a file."""

    scheme: str
    bucket: str
    segments: tuple[str, ...]

    @property
    def store(self) -> str:
        """What is away or not as a whole: a bucket, a container, or all files below the first two folders."""
        return f"{self.scheme}://" + (self.bucket or "/" + "/".join(self.segments[:-1][:2]))

    @property
    def key(self) -> str:
        return "/".join(self.segments)

    def holds(self, other: Location) -> bool:
        """Whether the other lies below this one. ``s3://images/a`` holds ``a/1.png``, and not ``ab/1.png``."""
        depth = len(self.segments)
        return (
            (self.scheme, self.bucket) == (other.scheme, other.bucket)
            and len(other.segments) > depth
            and other.segments[:depth] == self.segments
        )

    def __str__(self) -> str:
        return f"{self.scheme}://{self.bucket}/{self.key}"


def scheme_of(uri: str) -> str:
    return uri.partition(":")[0].lower()


def located(uri: str) -> Location:
    """Read the address of an object. Raises `ItemError` (FETCH_REFUSED) for what is none or is ambiguous."""
    try:
        location = _read(uri)
    except ValueError as error:
        raise refused(str(error)) from error
    if not location.segments:
        raise refused(f"{uri[:100]} names no object")
    if location.scheme != FILE and len(location.key.encode()) > _LONGEST_KEY:
        raise refused(f"a key of more than {_LONGEST_KEY} bytes, which no store has")
    return location


def allowed_location(text: str) -> Location:
    """Read a line of the allow list: a bucket, a part of one, or a folder. Raises `ValueError` with what to write."""
    location = _read(text[:-1] if text.endswith("/") and not text.endswith("//") else text)
    if location.scheme == FILE and not location.segments:
        raise ValueError(
            "file:/// would allow every file of this machine; name a folder, such as file:///data/images"
        )
    return location


def _read(uri: str) -> Location:
    scheme, mark, rest = uri.partition("://")
    scheme = scheme.lower()
    if not mark or scheme not in STORES:
        raise ValueError("an address of a store begins with s3://, gs://, az:// or file:///")
    bucket, slash, path = rest.partition("/")
    segments = tuple(path.split("/")) if path else ()
    if scheme == FILE:
        segments = tuple(map(_decoded, segments))
        if bucket or not slash:
            raise ValueError("the address of a file begins with file:/// and has no host")
    elif not _BUCKET.fullmatch(bucket):
        raise ValueError("what stands for the bucket or container is no name of one")
    for segment in segments:
        if segment in {"", ".", ".."} or any(character < " " or character == "\x7f" for character in segment):
            raise ValueError("the address holds empty parts, '.', '..' or control characters")
    return Location(scheme, bucket, segments)


def _decoded(segment: str) -> str:
    """A part of a file's path, as `os.fsdecode` gives it. Raises `ValueError` for what can be read in two ways."""
    if re.search(r"[?#]|%(?![0-9A-Fa-f]{2})", segment):
        raise ValueError("in the address of a file, write % as %25, ? as %3F and # as %23")
    decoded = unquote_to_bytes(segment).decode("utf-8", "surrogateescape")
    if "/" in decoded:
        raise ValueError("the address of a file hides a slash")
    return decoded


def store_of(uri: str) -> str:
    """The store that a claim waits for while it is away: bucket, container, folder, or host and port.

    What is no address gives its scheme: it will be refused.
    """
    scheme = scheme_of(uri)
    try:
        return _read(uri).store if scheme in STORES else urlsplit(uri).netloc.rpartition("@")[2].lower()
    except ValueError:
        return scheme


def refused(why: str) -> ItemError:
    return ItemError(Reason.FETCH_REFUSED, f"fetch refused: {why}")


def too_large(sender: str, limit: int) -> ItemError:
    return ItemError(Reason.TOO_LARGE, f"{sender} sends more than {limit} bytes")


def check_plain(codings: Iterable[str], sender: str) -> None:
    """Raise `ItemError` (FETCH_REFUSED) where one of the values of ``content-encoding`` says compressed."""
    named = {coding.strip().lower() for value in codings for coding in value.split(",")}
    if not named <= _PLAIN:
        raise refused(f"{sender} sends compressed what was asked for as it is")


def checked(image: bytes, claim: Claim, sender: str) -> bytes:
    """The image, if it hashes as its claim says or the claim does not say. Raises `ItemError` (CHECKSUM_MISMATCH)."""
    if claim.sha256 is None:
        return image
    found = sha256(image).hexdigest()
    if claim.sha256.lower() != found:
        raise ItemError(Reason.CHECKSUM_MISMATCH, f"{sender} sent {found}, the claim check says {claim.sha256[:64]}")
    return image


def allowed(location: Location, stores: Sequence[Location]) -> Location:
    """The line of the allow list that holds the location. Raises `ItemError` (FETCH_REFUSED) where none does."""
    for store in stores:
        if store.holds(location):
            return store
    raise refused(f"{location.store} is not in fetch_allowed_stores, or not with that part of it")
