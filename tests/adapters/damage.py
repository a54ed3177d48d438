"""Files as a bad disk, a bad network or a bad stranger leaves them."""

from __future__ import annotations

from hypothesis import strategies as st


@st.composite
def damaged(draw: st.DrawFn, valid: bytes) -> bytes:
    """A valid file with bytes overwritten, cut out and doubled."""
    result = bytearray(valid)
    for _ in range(draw(st.integers(1, 6))):
        at = draw(st.integers(0, len(result) - 1))
        length = draw(st.integers(1, 40))
        kind = draw(st.sampled_from(["overwrite", "cut", "double"]))
        if kind == "overwrite":
            result[at : at + length] = draw(st.binary(min_size=length, max_size=length))
        elif kind == "cut" and len(result) > length + 1:
            del result[at : at + length]
        else:
            result[at:at] = result[at : at + length]
    return bytes(result)
