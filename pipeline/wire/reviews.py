"""A review: a human's judgement of one image under one policy, as an event on the reviews topic (key: image id)."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec

from pipeline.wire.names import REVIEW_SCHEMA
from pipeline.wire.nesting import refuses_deep

Label = Literal["yes", "no", "unsure"]

LEAST_CHANCE = 1e-9
"""The least ``inclusion_probability``: no stream is so large that a review stands for more images than a billion."""


class Review(msgspec.Struct, frozen=True, kw_only=True):
    """Whether a person says that the policy describes the image.

    ``inclusion_probability`` is the chance with which the image was chosen to be reviewed, from `LEAST_CHANCE` to 1:
    a review stands for ``1 / inclusion_probability`` images like it. ``at`` is RFC 3339.
    """

    schema: str = REVIEW_SCHEMA
    review_id: str
    event_id: str
    image_id: str = ""
    policy: str
    label: Label
    reviewer: str = ""
    inclusion_probability: Annotated[float, msgspec.Meta(ge=LEAST_CHANCE, le=1)] = 1.0
    at: str


_encode = msgspec.json.Encoder().encode
_decode = refuses_deep(msgspec.json.Decoder(Review).decode)


def review_json(review: Review) -> bytes:
    """The review as one line of JSON, without a line end."""
    return _encode(review)


def parse_review(value: bytes) -> Review:
    """Read a review back from its bytes; raises `msgspec.DecodeError` naming what does not fit."""
    return _decode(value)
