"""HEIC as phones make it, through the optional pillow-heif; only its decoder is used, and no opener is registered."""

from __future__ import annotations

from PIL import Image

from pipeline.errors import ItemError, Reason
from pipeline.extras import install


def open_heic(data: bytes) -> Image.Image:
    """The primary picture, decoded, turned and mirrored as its properties say (``irot``, ``imir``).

    Raises `ItemError` where pillow-heif is not installed, and whatever it raises where the file is broken.
    """
    try:
        import pillow_heif  # noqa: PLC0415 - an extra that may not be installed
    except ImportError as error:
        raise ItemError(
            Reason.NOT_AN_IMAGE, f"a HEIC picture, which this installation does not read: {install('heif')}"
        ) from error
    options = pillow_heif.options
    options.DECODE_THREADS = 1  # one of our threads decodes one picture
    options.THUMBNAILS = options.DEPTH_IMAGES = options.AUX_IMAGES = False
    pictures = pillow_heif.open_heif(data, convert_hdr_to_8bit=True)
    return pictures[pictures.primary_index].to_pillow()
