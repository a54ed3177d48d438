"""What a stranger's bytes look like, before any decoder touches them: judged by content, never by name.

Names only say which files of a person's own folder to look at.
"""

from __future__ import annotations

ACCEPTED = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "AVIF", "HEIC")
"""The formats that are decoded, mostly by Pillow's names: the fewer decoders, the less to attack. MPO opens as JPEG.

HEIC needs the extra ``sluice[heif]``.
"""

PICTURE_SUFFIXES = frozenset(
    {".jpg", ".jpeg", ".jfif", ".png", ".apng", ".webp", ".gif", ".bmp", ".avif", ".heic", ".heif", ".hif"}
)
"""What a folder is searched for, in lower case. A file that a person names is opened, whatever its name ends in."""

_STARTS = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"BM": "BMP",
}
_AVIF_BRANDS = (b"avif", b"avis")
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs")
_ICONS = (b"\x00\x00\x01\x00", b"\x00\x00\x02\x00")
"""The length of an ``ftyp`` box may be one of these, and browsers then show the icon that is in the file as well."""
_FTYP_BRANDS = {
    **dict.fromkeys((b"mif1", b"msf1", b"avci", b"avcs", b"jpeg", b"jpgs", b"j2ki", b"vvic"), "HEIF"),
    b"crx ": "a Canon raw picture",
    b"qt  ": "QuickTime video",
}
_OTHERS = {
    b"II*\x00": "TIFF",
    b"MM\x00*": "TIFF",
    b"II+\x00": "BigTIFF",
    b"MM\x00+": "BigTIFF",
    b"II\xbc\x01": "JPEG XR",
    b"%PDF": "PDF",
    b"PK\x03\x04": "a ZIP archive",
    b"\x1f\x8b": "gzip",
    b"\x00\x00\x01\x00": "an ICO icon",
    b"\x00\x00\x02\x00": "a CUR cursor",
    b"8BPS": "a Photoshop file",
    b"\x1aE\xdf\xa3": "a Matroska or WebM video",
    b"\x00\x00\x00\x0cjP": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    b"\xff\x0a": "JPEG XL",
    b"\x00\x00\x00\x0cJXL": "JPEG XL",
    b"RIFF": "RIFF audio or video",
    b"\x7fELF": "an ELF program",
    b"MZ": "a Windows program",
}
_MARKUP = ((b"<!doctype html", "HTML"), (b"<html", "HTML"), (b"<head", "HTML"), (b"<svg", "SVG"), (b"<?xml", "XML"))

_BEFORE_SVG = (b"<?xml", b"<!--", b"<!doctype svg")


def sniff(data: bytes) -> str | None:
    """The accepted format that these bytes start like, or None."""
    for start, name in _STARTS.items():
        if data.startswith(start):
            return name
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WEBP"
    if data.startswith(_ICONS):
        return None
    brands = _brands(data)
    if any(brand in _AVIF_BRANDS for brand in brands):
        return "AVIF"
    return "HEIC" if any(brand in _HEIC_BRANDS for brand in brands) else None


def _brands(data: bytes) -> list[bytes]:
    """The major and the compatible brands in an ISO-BMFF ``ftyp`` box."""
    if data[4:8] != b"ftyp":
        return []
    box = data[8 : min(int.from_bytes(data[:4], "big"), 256)]
    return [box[at : at + 4] for at in range(0, len(box), 4)]


def describe(data: bytes) -> str:
    """A few words on bytes that are no accepted image, for the person who reads the dead letter."""
    start = data[:512].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(_BEFORE_SVG) and b"<svg" in start:
        return "starts like SVG"
    for mark, name in _MARKUP:
        if start.startswith(mark):
            return f"starts like {name}"
    for mark, name in _OTHERS.items():
        if data.startswith(mark):
            return f"starts like {name}"
    if data[4:8] == b"ftyp":
        return f"starts like {_FTYP_BRANDS.get(data[8:12], 'MP4 video')}"
    return _describe_unknown(data)


def _describe_unknown(data: bytes) -> str:
    if not data.strip(b"\x00"):
        return f"{len(data):,} zero bytes"
    head = data[:32].decode("ascii", "replace")
    if all(letter.isprintable() or letter.isspace() for letter in head) and "\ufffd" not in head:
        return f"starts like text: {head!r}"
    return f"starts with the bytes {data[:8].hex(' ')}"


def is_cut_short(name: str, data: bytes) -> bool:
    """Whether a file of that format lacks its end: its closing mark, or bytes that its header announces."""
    if name == "JPEG":
        return b"\xff\xd9" not in data[-4096:]
    if name == "PNG":
        return b"IEND" not in data[-4096:]
    if name == "GIF":
        return not data.rstrip(b"\x00").endswith(b";")
    if name == "WEBP":
        return len(data) < 8 + int.from_bytes(data[4:8], "little")
    if name == "BMP":
        return len(data) < max(26, int.from_bytes(data[2:6], "little"))
    return False
