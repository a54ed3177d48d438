"""The sign for a picture that is nowhere any more."""

from __future__ import annotations

_SIGN = """<svg xmlns="http://www.w3.org/2000/svg" width="256" height="192" viewBox="0 0 256 192">
<rect width="256" height="192" fill="#8a8d96" fill-opacity=".18"/>
<g fill="none" stroke="#7d808a" stroke-width="4" stroke-linecap="round" stroke-linejoin="round">
<path d="M92 62h72v54h-72z"/><path d="M96 112l20-24 14 14 10-10 20 22"/><path d="M84 128L172 50"/>
</g>
<text x="128" y="158" text-anchor="middle" font-family="sans-serif" font-size="15" fill="#7d808a">gone</text>
</svg>"""


def gone() -> bytes:
    return _SIGN.encode()
