"""Which files of a folder show a picture."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.rules.images.pictures import HEAD_BYTES, no_picture

PADDING = bytes(100)


@pytest.mark.parametrize(
    "head",
    [
        b"\xff\xd8\xff\xe0",
        b"II*\x00",
        b"%PDF-1.7",
        b"\x00\x00\x00\x18ftypheic",
        b"\x00\x00\x00\x18ftypisom",
        b"RIFF\x00\x00\x00\x00AVI ",
        b"<?xml version='1.0'?>\n<!-- a drawing -->\n<svg xmlns=",
        b"\xef\xbb\xbf  <SVG ",
        b"BM" + bytes(12) + (40).to_bytes(4, "little"),
    ],
)
def test_what_a_viewer_shows_is_a_picture_under_any_name(head: bytes) -> None:
    assert no_picture("notes.txt", head + PADDING) == ""


@pytest.mark.parametrize(
    ("head", "said"),
    [
        (b"", "empty"),
        (b"BM is how a bitmap begins", "text"),
        (b"<html><body>", "HTML"),
        (b"PK\x03\x04", "ZIP"),
        (b"RIFF\x00\x00\x00\x00WAVE", "RIFF"),
        (b"\x00\x00\x00\x18ftypM4A ", ""),
        (b"\x7fELF", "program"),
    ],
)
def test_everything_else_is_none_unless_its_name_says_that_it_is(head: bytes, said: str) -> None:
    assert said in no_picture("thing", head if said in {"text", "empty"} else head + PADDING)
    assert no_picture("thing", head)
    assert no_picture("thing.JPG", head) == no_picture("thing.tiff", head) == ""


@given(st.text(), st.binary(max_size=HEAD_BYTES))
def test_any_name_and_any_bytes_are_one_or_the_other(name: str, head: bytes) -> None:
    assert isinstance(no_picture(name, head), str)
