"""Every trick, a line each."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from fnmatch import fnmatchcase

from PIL import ImageEnhance

from pipeline.errors import UsageError
from pipeline.lab.evasion import (
    beside,
    borders,
    colours,
    compression,
    dirt,
    frames,
    overlays,
    placement,
    profiles,
    slits,
    transparency,
    turns,
)
from pipeline.lab.evasion.trick import Seen, Trick
from pipeline.lab.scenes import surrounds

CONTROL = "saved-again"
_ONCE = (1.0,)
_LOOKING, _FLICKERING, _SOMEWHERE = Seen.LOOKING, Seen.FLICKERING, Seen.SOMEWHERE

TRICKS: tuple[Trick, ...] = (
    Trick(CONTROL, compression.saved_again, _ONCE, "saved as a PNG and nothing else: what the drill itself costs"),
    Trick("border-white", borders.plain("white"), (0.7, 0.45), "a white border; {} of the side is left"),
    Trick("border-black", borders.plain("black"), (0.7, 0.45), "a black border; {} of the side is left"),
    Trick("border-coloured", borders.coloured, (0.7, 0.45), "a border of some colour; {} of the side is left"),
    Trick("border-blurred", borders.blurred, (0.7, 0.45), "a border of itself, blurred; {} of the side is left"),
    Trick("border-patterned", borders.patterned, (0.7, 0.45), "a border of shapes; {} of the side is left"),
    Trick("border-striped", borders.striped, (0.7, 0.45), "nested loud frames; {} of the side is left"),
    Trick("border-round", borders.surrounded(surrounds.framed), _ONCE, "a coloured frame with round corners"),
    Trick(
        "bars-above", borders.bars_above("black"), (0.6, 0.35), "black bars above and below; {} of the height left"
    ),
    Trick("bars-beside", borders.bars_beside("white"), (0.6, 0.35), "white bars beside it; {} of the width is left"),
    Trick("bars-graded", borders.surrounded(surrounds.graded), _ONCE, "bars that run from one colour to another"),
    Trick("bars-noisy", borders.surrounded(surrounds.noisy), _ONCE, "bars with grain"),
    Trick("bars-screen", borders.surrounded(surrounds.shot), _ONCE, "a telephone's screenshot of it"),
    Trick("place-corner", placement.corner(None), (0.4, 0.25), "in a corner of a harmless picture; {} of the side"),
    Trick("place-corner-plain", placement.corner("white"), (0.4, 0.25), "in a corner of white; {} of the side"),
    Trick("place-edge", placement.edge(None), (0.4, 0.25), "at an edge of a harmless picture; {} of the side"),
    Trick("place-edge-plain", placement.edge("black"), (0.4, 0.25), "at an edge of black; {} of the side"),
    Trick("place-anywhere", placement.anywhere, (0.4, 0.25), "anywhere in a harmless picture; {} of the side"),
    Trick("beside-collage", beside.collage, (2, 3), "in a collage with {} pictures a side"),
    Trick("beside-pair", borders.surrounded(surrounds.beside), _ONCE, "beside a harmless picture"),
    Trick("beside-inset", borders.surrounded(surrounds.inset), _ONCE, "an inset of a harmless picture"),
    Trick("beside-strip", beside.strip, (4, 8), "in a row of {} pictures"),
    Trick("beside-column", beside.column, (4, 8), "in a column of {} pictures"),
    Trick("beside-panorama", beside.panorama, (5, 12), "on a plain strip of {} times its width"),
    Trick("turn-mirror", turns.mirrored, _ONCE, "left and right exchanged"),
    Trick("turn-quarter", turns.turned, (90, 270), "turned by {} degrees"),
    Trick("turn-half", turns.turned, (180,), "turned by {} degrees"),
    Trick("turn-askew", turns.turned, (20, 45), "turned by {} degrees, on white"),
    Trick("turn-and-mirror", turns.turned_and_mirrored, (90, 180), "mirrored, then turned by {} degrees"),
    Trick("turn-tilt", turns.tilted, (5, 10), "tilted by {} degrees, and cut straight"),
    Trick("shape-shear", turns.sheared, (0.3, 0.6), "sheared by {} of its height"),
    Trick("shape-perspective", turns.in_perspective, (0.7, 0.45), "from the side, the far edge {} of the near one"),
    Trick("shape-stretch", turns.stretched, (1.6, 2.5), "stretched {} times one way"),
    Trick("shape-crop", turns.cropped, (0.9, 0.8), "cut to the middle, {} of the side"),
    Trick("shape-wave", dirt.waved, (0.03, 0.06), "rows pushed in a wave of {} of the width"),
    Trick(
        "alpha-on-black",
        transparency.shows_on_black,
        (1, 0.6),
        "white, itself in its transparency, {} opaque",
        _SOMEWHERE,
    ),
    Trick(
        "alpha-on-white",
        transparency.shows_on_white,
        (1, 0.6),
        "black, itself in its transparency, {} opaque",
        _SOMEWHERE,
    ),
    Trick(
        "alpha-two-faced",
        transparency.two_faced,
        (0.7, 0.5),
        "on black the picture, {} bright; on white another",
        _SOMEWHERE,
    ),
    Trick("alpha-faint", transparency.faint, (0.6, 0.35), "evenly transparent, {} opaque"),
    Trick("alpha-cut-out", transparency.cut_out, (1, 0.8), "a disc of {} of the side, and nothing round it"),
    Trick("frame-gif", frames.strobing("GIF"), (24,), "one of {} frames of a GIF, the others a blink each"),
    Trick("frame-apng", frames.strobing("PNG"), (24,), "one of {} frames of an APNG, the others a blink each"),
    Trick("frame-webp", frames.strobing("WEBP"), (12, 48), "one of {} frames of a WebP, the others a blink each"),
    Trick("frame-second", frames.strobing("WEBP", 0.05), (24,), "the second of {} frames, the others a blink each"),
    Trick("frame-last", frames.strobing("GIF", 1.0), (24,), "the last of {} frames, the others a blink each"),
    Trick("frame-still", frames.in_a_still, (12, 48), "one of {} frames that are alike otherwise"),
    Trick("frame-faded", frames.faded_in, (24,), "swelling to three quarters in one of {} frames"),
    Trick("frame-revealed", frames.revealed, (24,), "drawn strip by strip over {} frames, whole in one"),
    Trick("slits-upright", slits.slits("GIF", 1), (4, 8), "{} upright slits, one a frame", _FLICKERING),
    Trick("slits-level", slits.slits("WEBP", 0), (4, 8), "{} level slits, one a frame", _FLICKERING),
    Trick("slits-comb", slits.comb, (2, 4), "every {}-th band of rows, in turn", _FLICKERING),
    Trick("slits-chess", slits.chequered, (6, 12), "the fields of a chessboard of {} a side, in turn", _FLICKERING),
    Trick("profile-swapped", profiles.swapped_with_profile, _ONCE, "channels exchanged; its profile puts them right"),
    Trick("profile-dark", profiles.dark_with_gamma, (0.1, 0.02), "stored dark, with a gamma of {} that shows it"),
    Trick("colour-grey", colours.grey, _ONCE, "without its colours"),
    Trick("colour-negative", colours.negative, _ONCE, "as a negative"),
    Trick("colour-hue", colours.hue_turned, (90, 180), "hues turned by {} degrees"),
    Trick("colour-toned", colours.toned, _ONCE, "in browns"),
    Trick("colour-posterised", colours.posterised, (2, 1), "with {} bits a channel", _LOOKING),
    Trick("colour-few", colours.few_colours, (16, 8), "with {} colours"),
    Trick("colour-outlines", colours.outlined, _ONCE, "its outlines alone, as drawn", _LOOKING),
    Trick("tone-dark", colours.enhanced(ImageEnhance.Brightness), (0.4, 0.25), "at {} of its brightness", _LOOKING),
    Trick("tone-bright", colours.enhanced(ImageEnhance.Brightness), (1.6, 2.2), "at {} times its brightness"),
    Trick("tone-flat", colours.enhanced(ImageEnhance.Contrast), (0.4, 0.2), "at {} of its contrast", _LOOKING),
    Trick("tone-hard", colours.enhanced(ImageEnhance.Contrast), (2, 4), "at {} times its contrast"),
    Trick("saved-jpeg", compression.jpeg_of, (30, 10, 5), "a JPEG of quality {}"),
    Trick("saved-webp", compression.webp_of, (20, 2), "a WebP of quality {}"),
    Trick("saved-often", compression.again_and_again, (10,), "{} times through a JPEG of quality 30"),
    Trick("saved-small", compression.shrunk, (64, 40), "scaled down to {} pixels and up again", _LOOKING),
    Trick("saved-pixelated", compression.pixelated, (48, 32), "as {} squares a side", _LOOKING),
    Trick("over-text", overlays.text_lines, (4, 8), "{} lines of text over it", _LOOKING),
    Trick("over-caption", overlays.caption, (0.12, 0.2), "a meme's two lines, each of {} of the height"),
    Trick("over-watermark", overlays.watermarked, (0.4, 0.7), "a watermark all over, {} opaque"),
    Trick("over-stickers", overlays.stickers, (2, 5), "{} stickers on it"),
    Trick("over-grid", overlays.grid, (6, 14), "a grid of {} lines each way"),
    Trick("over-bars", overlays.barred, (0.2, 0.4), "upright bars over {} of it"),
    Trick("over-chess", overlays.chequered, (8, 16), "half transparent fields, {} a side"),
    Trick("over-patch", overlays.covered, (0.15, 0.25), "a patch of {} of its side", _LOOKING),
    Trick("over-blend", overlays.blended, (0.25, 0.4), "a harmless picture shines through, with {}", _LOOKING),
    Trick("dirt-grain", dirt.grain, (30, 60), "noise of {} levels"),
    Trick("dirt-salt", dirt.salt, (0.05, 0.15), "{} of its pixels black or white"),
    Trick("dirt-blur", dirt.blurred, (0.012, 0.025), "blurred by {} of its side", _LOOKING),
    Trick("dirt-shake", dirt.shaken, (0.04, 0.08), "smeared over {} of its width", _LOOKING),
    Trick("dirt-scan-lines", dirt.scan_lines, (0.5, 0.9), "every other pair of rows darker by {}"),
)


def chosen(names: Sequence[str]) -> tuple[Trick, ...]:
    """The tricks of those names, families (``border``) or patterns (``*-white``); all of them without any.

    Raises `UsageError` for a name that there is not.
    """
    for name in names:
        if not any(_is_meant(trick, name) for trick in TRICKS):
            known = dict.fromkeys(word for trick in TRICKS for word in (trick.name, trick.family))
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else "--list shows all"
            raise UsageError(f"no trick and no family of tricks is called {name!r}; {hint}")
    return tuple(trick for trick in TRICKS if not names or any(_is_meant(trick, name) for name in names))


def _is_meant(trick: Trick, name: str) -> bool:
    return trick.family == name or fnmatchcase(trick.name, name)
