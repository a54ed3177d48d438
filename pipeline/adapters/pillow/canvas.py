"""What the frames of an animation are drawn onto, one after the other, as browsers do."""

from __future__ import annotations

from PIL import Image

from pipeline.rules.images.headers.disposal import Disposal

_NOTHING = (0, 0, 0, 0)

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels of the canvas."""


class Canvas:
    """Begins as nothing. It is kept as ``RGB`` while it is opaque, else as ``RGBA``.

    Where frames are not `translucent`, each of their pixels is opaque or nothing, and laying them over costs less.
    """

    def __init__(self, size: tuple[int, int], *, translucent: bool) -> None:
        self._size = size
        self._translucent = translucent
        self._still: Image.Image | None = None
        self._last: tuple[Box, Disposal] = (0, 0, 0, 0), Disposal.STAYS
        self._before: Image.Image | None = None

    def drawn(self, frame: Image.Image, at: tuple[int, int], disposal: Disposal, *, over: bool) -> Image.Image:
        """All of the canvas after a frame, ``RGB`` or ``RGBA``; one object may come several times.

        The last frame is first disposed of as it said, `disposal` is for when the next one is due, and `over` says
        whether this one is laid over what is there or put in its place.
        """
        box = (*at, at[0] + frame.width, at[1] + frame.height)
        still = self._disposed()
        self._before = None
        if disposal is Disposal.TAKEN_BACK:
            self._before = Image.new("RGBA", frame.size) if still is None else still.crop(box)
        self._still, self._last = self._with(still, frame, box, over=over), (box, disposal)
        return self._still

    def _disposed(self) -> Image.Image | None:
        """The canvas without the frame that was drawn last, where it does not stay."""
        box, disposal = self._last
        if self._still is None or disposal is Disposal.STAYS:
            return self._still
        if disposal is Disposal.CLEARED or self._before is None:
            still = _of_mode(self._still, "RGBA")
            still.paste(_NOTHING, box)
            return still
        still = _of_mode(self._still, self._before.mode)
        still.paste(self._before, box)
        return still

    def _with(self, still: Image.Image | None, frame: Image.Image, box: Box, *, over: bool) -> Image.Image:
        opaque = frame.mode == "RGB"
        if opaque and box == (0, 0, *self._size):
            return frame
        still = Image.new("RGBA", self._size) if still is None else still
        if opaque or (over and (still.mode == "RGB" or not self._translucent)):
            still.paste(frame, box, None if opaque else frame)
        elif over:
            still.paste(Image.alpha_composite(still.crop(box), frame), box)
        else:
            still = _of_mode(still, "RGBA")
            still.paste(frame, box)
        return still


def _of_mode(still: Image.Image, mode: str) -> Image.Image:
    return still if still.mode == mode else still.convert(mode)
