"""Which way up a picture stands, by its EXIF; Sluice reads nothing else there.

It is taken as browsers take it: from the first directory of the first EXIF block, or the directory of EXIF's own tags
that it points to, and only where it is one SHORT from 1 to 8; any other is passed over. Pillow's reader takes other
types, falls back to XMP (which no browser does), and copies what every entry points to: 120 KB of EXIF that point to
the same bytes 5,000 times are 300 MB.

Sources: EXIF 2.32, 4.6.4 A and table 4; TIFF 6.0, section 2; WebKit's and Chromium's JPEG decoders.
"""

from __future__ import annotations

from struct import error, unpack_from

UPRIGHT = 1
_ORIENTATION, _EXIF = 0x0112, 0x8769
_SHORT, _LONG = 3, 4
_WAYS = range(1, 9)
MARK = b"Exif\x00"
"""What an EXIF block in a JPEG begins with, and a byte more, which Chromium does not look at."""
_ORDERS = {b"II*\x00": "<", b"MM\x00*": ">"}


def orientation(exif: bytes) -> int:
    """The orientation, 1 to 8, in an EXIF block with or without its mark; 1 where there is none that can be read."""
    tiff = exif[len(MARK) + 1 :] if exif.startswith(MARK) else exif
    order = _ORDERS.get(bytes(tiff[:4]))
    if order is None:
        return UPRIGHT
    try:
        (start,) = unpack_from(order + "I", tiff, 4)
    except error:
        return UPRIGHT
    return _first(tiff, order, start, may_point=True) or UPRIGHT


def _first(tiff: bytes, order: str, start: int, *, may_point: bool) -> int:
    """The first orientation from 1 to 8 in a directory and, where it points to EXIF's own, in that; 0 for none."""
    found = 0
    try:
        (count,) = unpack_from(order + "H", tiff, start)
        for index in range(count):
            tag, kind, values, entry = unpack_from(order + "HHI4s", tiff, start + 2 + 12 * index)
            if tag == _ORIENTATION and kind == _SHORT and values == 1:
                (value,) = unpack_from(order + "H", entry)
                found = value if value in _WAYS else 0
            elif tag == _EXIF and kind == _LONG and values == 1 and may_point:
                may_point = False
                found = _first(tiff, order, *unpack_from(order + "I", entry), may_point=False)
            if found:
                break
    except error:
        pass
    return found
