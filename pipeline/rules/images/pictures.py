"""Which files of a person's folder show a picture, by their content and, where that is unclear, by their name.

What a viewer would show as a picture is to be judged, even where no decoder of ours takes it: it is then named as
unread instead of passed over. Everything else in a folder (notes, thumbnails' databases, programs) is no picture.
"""

from __future__ import annotations

from pathlib import PurePath

from pipeline.rules.images.formats import PICTURE_SUFFIXES, describe, sniff

HEAD_BYTES = 4096
"""Bytes of a file that are looked at: SVG may have comments and a document type before its first element."""

_OTHER_PICTURES = (
    *(b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+", b"IIRO", b"IIRS", b"IIU\x00"),  # TIFF, BigTIFF, raw cameras
    *(b"FUJIFILMCCD-RAW", b"II\xbc\x01"),
    *(b"\x00\x00\x00\x0cjP  ", b"\xff\x4f\xff\x51", b"\xff\x0a", b"\x00\x00\x00\x0cJXL "),  # JPEG 2000, JPEG XL
    *(b"\x00\x00\x01\x00", b"\x00\x00\x02\x00", b"icns"),
    *(b"8BPS", b"gimp xcf", b"%PDF", b"%!PS", b"\xc5\xd0\xd3\xc6", b"AT&TFORM"),
    *(b"qoif", b"v/1\x01", b"#?RADIANCE", b"DDS ", b"BPG\xfb", b"FLIF", b"SIMPLE  =", b"\xd7\xcd\xc6\x9a"),
    *(b"P1\n", b"P2\n", b"P3\n", b"P4\n", b"P5\n", b"P6\n", b"P7\n", b"Pf\n", b"PF\n"),
    *(b"\x1aE\xdf\xa3", b"FLV\x01", b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3", b"0&\xb2u\x8ef\xcf\x11"),  # videos
)
_OTHER_SUFFIXES = frozenset(
    {
        *(".jpe", ".jif", ".tif", ".tiff", ".heic", ".heif", ".hif", ".jp2", ".j2k", ".jxl", ".jxr", ".svg", ".svgz"),
        *(".ico", ".psd", ".pdf", ".tga", ".pcx", ".ppm", ".pgm", ".pbm", ".pnm"),
        *(".dng", ".cr2", ".cr3", ".nef", ".arw", ".raf", ".orf", ".rw2"),
        *(".mp4", ".mov", ".m4v", ".avi", ".mkv", ".webm", ".wmv", ".mpg", ".mpeg"),
    }
)
_AUDIO_BRANDS = (b"M4A ", b"M4B ", b"M4P ")
_BITMAP_HEADERS = frozenset({12, 16, 40, 52, 56, 64, 108, 124})
"""Sizes of the header that follows a BMP file's first 14 bytes. 'BM' alone proves nothing: a text may begin so."""


def no_picture(name: str, head: bytes) -> str:
    """Why a file of that name that starts with `head` is no picture, in a few words; "" where it is or may be one."""
    suffix = PurePath(name).suffix.lower()
    if suffix in PICTURE_SUFFIXES or suffix in _OTHER_SUFFIXES or shows_a_picture(head):
        return ""
    return describe(head) if head else "empty"


def shows_a_picture(head: bytes) -> bool:
    """Whether a viewer would show a picture (or a page, or a film) of a file that starts so."""
    accepted = sniff(head)
    if accepted == "BMP":
        return int.from_bytes(head[14:18], "little") in _BITMAP_HEADERS
    if accepted is not None or head.startswith(_OTHER_PICTURES):
        return True
    if head[4:8] == b"ftyp":
        return head[8:12] not in _AUDIO_BRANDS
    if head.startswith(b"RIFF"):
        return head[8:12] == b"AVI "
    return head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<") and b"<svg" in head.lower()
