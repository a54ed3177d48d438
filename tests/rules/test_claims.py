"""Which stores a claim may lead to: the allow list, and addresses that may be read in two ways."""

from __future__ import annotations

from contextlib import suppress
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import ItemError, Reason
from pipeline.rules.claims import (
    Location,
    allowed,
    allowed_location,
    check_plain,
    checked,
    located,
    store_of,
)
from pipeline.wire import Claim


@pytest.mark.parametrize(
    ("uri", "location"),
    [
        ("s3://images/a.png", Location("s3", "images", ("a.png",))),
        ("S3://images/a/b c?d#e%20.png", Location("s3", "images", ("a", "b c?d#e%20.png"))),
        ("gs://images.example.com/a", Location("gs", "images.example.com", ("a",))),
        ("az://$web/a", Location("az", "$web", ("a",))),
        ("file:///data/images/a%20b.png", Location("file", "", ("data", "images", "a b.png"))),
        ("FILE:///data/ü", Location("file", "", ("data", "ü"))),
    ],
)
def test_an_address_is_read_as_the_stores_own_tools_do(uri: str, location: Location) -> None:
    assert located(uri) == location


@pytest.mark.parametrize("text", ["s3://images", "s3://images/", "s3://images/a/b", "file:///data/", "az://c/a/"])
def test_a_bucket_a_part_of_one_or_a_folder_can_be_allowed(text: str) -> None:
    assert str(allowed_location(text)).rstrip("/") == text.rstrip("/")


@pytest.mark.parametrize(
    "text",
    [
        "images",
        "s3:images",
        "s3://",
        "s3:///a",
        "s3://*/a",
        "s3://a b",
        "s3://images//",
        "s3://images/../a",
        "s3a://images",
        "https://images",
        "file:///",
        "file://",
        "file://host/a",
        "file:///a/../b",
        "/data/images",
        "",
    ],
)
def test_what_cannot_be_allowed_is_said_with_what_to_write(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w{3}"):
        allowed_location(text)


SEGMENT = st.text(st.characters(exclude_characters="/\x7f", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=5)
SEGMENTS = st.lists(SEGMENT.filter(lambda text: text not in {".", ".."}), max_size=4)


@given(SEGMENTS, SEGMENTS.filter(bool))
def test_what_is_allowed_lies_below_in_whole_parts(prefix: list[str], key: list[str]) -> None:
    store = allowed_location("/".join(["s3://images", *prefix]))
    below = located("/".join(["s3://images", *key]))
    held = key[: len(prefix)] == prefix and len(key) > len(prefix)
    assert store.holds(below) == held
    assert not store.holds(located("/".join(["gs://images", *key])))
    assert not store.holds(located("/".join(["s3://image", *key])))


@given(st.one_of(st.text(max_size=60), st.text("s3gfile:/.%2eE5c\\\0", max_size=40)))
def test_any_text_is_an_address_or_is_refused_and_no_address_climbs(text: str) -> None:
    for uri in (text, f"s3://{text}", f"s3://images/{text}", f"file:///{text}"):
        with suppress(ValueError):  # hosts in brackets
            assert isinstance(store_of(uri), str)
        try:
            location = located(uri)
        except ItemError as error:
            assert error.reason is Reason.FETCH_REFUSED  # noqa: PT017 - either is fine
        else:
            assert location.segments
            assert not {"", ".", ".."} & set(location.segments)
            assert not any("/" in segment or "\0" in segment for segment in location.segments)


def test_the_first_line_that_holds_a_location_is_the_one_that_allows_it() -> None:
    lines = [allowed_location("s3://images/a"), allowed_location("s3://images")]
    assert allowed(located("s3://images/a/b"), lines) == lines[0]
    assert allowed(located("s3://images/b"), lines) == lines[1]
    with pytest.raises(ItemError, match="fetch_allowed_stores"):
        allowed(located("s3://other/b"), lines)


@pytest.mark.parametrize(
    ("uri", "store"),
    [
        ("s3://images/a/b", "s3://images"),
        ("gs://images/c", "gs://images"),
        ("file:///mnt/nfs1/deep/down/a", "file:///mnt/nfs1"),
        ("file:///mnt/a", "file:///mnt"),
        ("https://user:secret@CDN.example:8443/a", "cdn.example:8443"),
        ("https://cdn.example/a", "cdn.example"),
        ("s3://../a", "s3"),
        ("nothing", ""),
        ("https://[cdn.example.com]/a", "https"),
        ("http://[", "http"),
    ],
)
def test_claims_wait_together_where_one_store_is_away_for_all_of_them(uri: str, store: str) -> None:
    assert store_of(uri) == store


@pytest.mark.parametrize(
    "values", [[], [""], ["identity"], ["aws-chunked"], ["AWS-Chunked, "], ["", "aws-chunked,identity"]]
)
def test_plain_bytes_have_many_names(values: list[str]) -> None:
    check_plain(values, "store")


@pytest.mark.parametrize("values", [["gzip"], ["aws-chunked,gzip"], ["", "br"], ["identity", "ZSTD"], ["x"]])
def test_compressed_bytes_are_refused_whatever_stands_beside(values: list[str]) -> None:
    with pytest.raises(ItemError, match="compressed") as caught:
        check_plain(values, "store")
    assert caught.value.reason is Reason.FETCH_REFUSED


def test_a_hash_is_checked_where_there_is_one() -> None:
    assert checked(b"image", Claim("x"), "store") == b"image"
    assert checked(b"image", Claim("x", sha256=sha256(b"image").hexdigest().upper()), "store") == b"image"
    with pytest.raises(ItemError, match="store sent") as caught:
        checked(b"image", Claim("x", sha256="0" * 64), "store")
    assert caught.value.reason is Reason.CHECKSUM_MISMATCH
