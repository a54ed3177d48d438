"""How colours with known primaries and transfer curve become sRGB: PNG's gAMA, cHRM and cICP, AVIF and HEIC.

Sources: ITU-T H.273, tables 2 and 3; IEC 61966-2-1 (sRGB); SMPTE ST 2084 (PQ); ARIB STD-B67 (HLG); PNG, third
edition, 11.3.2; the matrices are Lindbloom's, from primaries to XYZ and, by Bradford, to sRGB's white.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from pipeline.rules.images.headers.stored import Colour

Array = NDArray[np.float64]

_D65, _C = (0.3127, 0.329), (0.31, 0.316)
_PRIMARIES = {
    1: (*_D65, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06),
    4: (*_C, 0.67, 0.33, 0.21, 0.71, 0.14, 0.08),
    5: (*_D65, 0.64, 0.33, 0.29, 0.6, 0.15, 0.06),
    6: (*_D65, 0.63, 0.34, 0.31, 0.595, 0.155, 0.07),
    7: (*_D65, 0.63, 0.34, 0.31, 0.595, 0.155, 0.07),
    8: (*_C, 0.681, 0.319, 0.243, 0.692, 0.145, 0.049),
    9: (*_D65, 0.708, 0.292, 0.17, 0.797, 0.131, 0.046),
    11: (0.314, 0.351, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),
    12: (*_D65, 0.68, 0.32, 0.265, 0.69, 0.15, 0.06),
    22: (*_D65, 0.63, 0.34, 0.295, 0.605, 0.155, 0.077),
}
"""White, red, green and blue as x and y, by H.273's code; others are taken for sRGB's."""
_BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
_WHITE_NITS = 203.0
"""The brightness of white paper in HDR (ITU-R BT.2408); what is brighter is shown as white."""
_USUAL_GAMMA = 0.45455
"""1 / 2.2, which encoders write when they mean sRGB: its curve is taken for any gamma within a twentieth of this."""
_STEPS = 4096
_CLOSE = 3
"""Levels of 255: curves and primaries that differ from sRGB's by no more are taken for it."""


@dataclass(frozen=True)
class Curves:
    """`decode` gives linear light, 0 to 1, for each of 256 levels; `matrix` brings linear RGB to sRGB's primaries."""

    decode: Array
    matrix: Array

    def shown(self, levels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The picture, ``uint8[H,W,3]``, in sRGB."""
        linear = self.decode.astype(np.float32)[levels] @ self.matrix.T.astype(np.float32)
        steps = (linear.clip(0, 1) * (_STEPS - 1) + 0.5).astype(np.uint16)
        return _ENCODED[steps]

    def tones(self) -> list[int]:
        """What each of 256 levels becomes, where the primaries are sRGB's."""
        return [int(level) for level in _ENCODED[(self.decode.clip(0, 1) * (_STEPS - 1) + 0.5).astype(np.uint16)]]

    def without_tones(self) -> Curves | None:
        """What is left to do for levels that went through `tones`; None where nothing is."""
        return Curves(_srgb(np.arange(256) / 255), self.matrix).unless_idle()

    def unless_idle(self) -> Curves | None:
        """These curves, or None where they change no colour visibly."""
        levels = np.linspace(0, 255, 9).astype(np.uint8)
        grid = np.stack(np.meshgrid(levels, levels, levels), axis=-1)
        return None if np.abs(self.shown(grid).astype(int) - grid).max() <= _CLOSE else self


def curves(colour: Colour) -> Curves | None:
    """How to show numbers of `cicp`, or of `gamma` and `chromaticities`; None where they are sRGB's or senseless."""
    if colour.cicp is not None:
        primaries, transfer = colour.cicp
        decode = _TRANSFERS.get(transfer, _srgb)(np.arange(256) / 255)
        corners: tuple[float, ...] = _PRIMARIES.get(primaries, _PRIMARIES[1])
    else:
        gamma = colour.gamma or _USUAL_GAMMA
        levels_of_light = np.arange(256) / 255
        is_usual = abs(gamma - _USUAL_GAMMA) < _USUAL_GAMMA / 20
        decode = _srgb(levels_of_light) if is_usual else levels_of_light ** (1 / gamma)
        corners = colour.chromaticities or _PRIMARIES[1]
    try:
        made = Curves(decode, _to_srgb_primaries(corners))
    except np.linalg.LinAlgError:
        return None  # Chromium then does without the gamma, too
    except ZeroDivisionError:
        if not corners[1]:
            return None  # likewise, of a white that is none
        made = Curves(decode, np.eye(3))
    return made.unless_idle() if np.isfinite(made.matrix).all() else None


def _to_srgb_primaries(corners: tuple[float, ...]) -> Array:
    ours, theirs = _to_xyz(_PRIMARIES[1]), _to_xyz(corners)
    cones_there, cones_here = _BRADFORD @ theirs.sum(axis=1), _BRADFORD @ ours.sum(axis=1)
    adapt = np.linalg.inv(_BRADFORD) @ np.diag(cones_here / cones_there) @ _BRADFORD
    matrix: Array = np.linalg.inv(ours) @ adapt @ theirs
    return matrix


def _to_xyz(corners: tuple[float, ...]) -> Array:
    xyz = [np.array([x / y, 1.0, (1 - x - y) / y]) for x, y in zip(corners[::2], corners[1::2], strict=True)]
    columns = np.stack(xyz[1:], axis=1)
    scaled: Array = columns * np.linalg.solve(columns, xyz[0])
    return scaled


def _srgb(level: Array) -> Array:
    return np.where(level <= 0.04045, level / 12.92, ((level + 0.055) / 1.055) ** 2.4)  # noqa: PLR2004


def _pq(level: Array) -> Array:
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    root = level ** (1 / m2)
    nits: Array = 10_000 * (np.maximum(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1)
    return nits / _WHITE_NITS


def _hlg(level: Array) -> Array:
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(level <= 0.5, level**2 / 3, (np.exp((level - c) / a) + b) / 12)  # noqa: PLR2004
    white = (np.exp((0.75 - c) / a) + b) / 12
    return np.asarray((scene / white) ** 1.2)


_TRANSFERS: dict[int, Callable[[Array], Array]] = {
    4: lambda level: level**2.2,
    5: lambda level: level**2.8,
    8: lambda level: level,
    16: _pq,
    18: _hlg,
}
"""Curves by H.273's code; for television's (1, 6, 14, 15) sRGB's is taken, as browsers do."""
_LINEAR = np.arange(_STEPS) / (_STEPS - 1)
_CURVED = np.where(_LINEAR <= 0.0031308, _LINEAR * 12.92, 1.055 * _LINEAR ** (1 / 2.4) - 0.055)  # noqa: PLR2004
_ENCODED = (_CURVED * 255).round().astype(np.uint8)
