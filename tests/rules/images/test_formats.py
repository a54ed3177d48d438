"""What a file is by its first bytes, what is said of what is none, and whether a file lacks its end."""

from __future__ import annotations

import pytest

from pipeline.rules.images.formats import describe, is_cut_short, sniff
from tests import images

STILL = images.photograph(40, 30)
FILES = {name: images.encoded(STILL, name) for name in ("JPEG", "PNG", "GIF", "WEBP", "BMP", "AVIF")}


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_told_by_its_first_bytes(name: str) -> None:
    assert sniff(FILES[name]) == name
    assert sniff(FILES[name][1:]) is None
    assert sniff(b"") is None


@pytest.mark.parametrize(
    ("brands", "name"),
    [
        (b"heic\0\0\0\0mif1", "HEIC"),
        (b"mif1\0\0\0\0heix", "HEIC"),
        (b"mif1\0\0\0\0heicavif", "AVIF"),
        (b"msf1\0\0\0\0avis", "AVIF"),
        (b"mif1\0\0\0\0jpeg", None),
        (b"isom\0\0\0\0mp42", None),
    ],
)
def test_an_iso_file_is_told_by_any_of_its_brands(brands: bytes, name: str | None) -> None:
    size = (8 + len(brands)).to_bytes(4, "big")
    assert sniff(size + b"ftyp" + brands + b"heic of the next box") == name
    assert sniff(size + b"free" + brands) is None


@pytest.mark.parametrize("brand", [b"avif", b"avis", b"heic"])
@pytest.mark.parametrize(("size", "said"), [(256, "starts like an ICO icon"), (512, "starts like a CUR cursor")])
def test_an_iso_file_that_is_an_icon_as_well_is_none(size: int, said: str, brand: bytes) -> None:
    """Browsers look for an icon first. One byte more or less, and it is none."""
    rest = b"ftyp" + brand + bytes(4) + brand * ((size - 16) // 4)
    assert sniff(size.to_bytes(4, "big") + rest) is None
    assert describe(size.to_bytes(4, "big") + rest) == said
    assert sniff((size - 4).to_bytes(4, "big") + rest) is not None


@pytest.mark.parametrize(
    ("start", "said"),
    [
        (b"\xef\xbb\xbf\r\n <!DOCTYPE HTML><html>", "starts like HTML"),
        (b"<head>", "starts like HTML"),
        (b"<svg xmlns='x'>", "starts like SVG"),
        (b"<?xml version='1.0'?>", "starts like XML"),
        (b"<?xml version='1.0'?>\n<svg xmlns='x'>", "starts like SVG"),
        (b"<!-- drawn by hand --><svg>", "starts like SVG"),
        (b"II*\x00abc", "starts like TIFF"),
        (b"II+\x00abc", "starts like BigTIFF"),
        (b"MM\x00+abc", "starts like BigTIFF"),
        (b"II\xbc\x01", "starts like JPEG XR"),
        (b"\xff\x4f\xff\x51", "starts like JPEG 2000"),
        (b"%PDF-1.7", "starts like PDF"),
        (b"PK\x03\x04", "starts like a ZIP archive"),
        (b"RIFF\x00\x00\x00\x00WAVE", "starts like RIFF audio or video"),
        (b"\x00\x00\x00\x18ftypmif1", "starts like HEIF"),
        (b"\x00\x00\x00\x18ftypj2ki", "starts like HEIF"),
        (b"\x00\x00\x00\x18ftypcrx ", "starts like a Canon raw picture"),
        (b"\x00\x00\x00\x18ftypqt  ", "starts like QuickTime video"),
        (b"\x00\x00\x00\x18ftypisom", "starts like MP4 video"),
        (bytes(2000), "2,000 zero bytes"),
        (b"", "0 zero bytes"),
        (b"hello,\n world", "starts like text: 'hello,\\n world'"),
        (b"\x01\x02\xff\xfe12345678", "starts with the bytes 01 02 ff fe 31 32 33 34"),
        ("h\u00e9llo".encode(), "starts with the bytes 68 c3 a9 6c 6c 6f"),
    ],
)
def test_what_is_no_accepted_image_is_described_in_a_few_words(start: bytes, said: str) -> None:
    assert describe(start) == said


@pytest.mark.parametrize("name", FILES)
def test_a_whole_file_is_not_cut_short(name: str) -> None:
    assert not is_cut_short(name, FILES[name])


@pytest.mark.parametrize(("name", "less"), [("JPEG", 1), ("PNG", 8), ("GIF", 1), ("WEBP", 1), ("BMP", 1)])
def test_a_file_that_lacks_its_end_is_cut_short(name: str, less: int) -> None:
    assert is_cut_short(name, FILES[name][:-less])


def test_end_marks_are_looked_for_near_the_end_and_padding_is_no_end() -> None:
    assert not is_cut_short("GIF", FILES["GIF"] + bytes(100))
    for name in ("JPEG", "PNG"):
        assert not is_cut_short(name, FILES[name] + bytes(4000))
        assert is_cut_short(name, FILES[name] + bytes(5000))
    assert is_cut_short("BMP", b"BM" + bytes(20))
    assert not is_cut_short("BMP", b"BM" + bytes(24))
