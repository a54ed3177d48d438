"""What stands in bodies besides decisions, dead letters and claim checks; the OpenAPI document is made of it."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from pipeline.wire import ModelRef, Region

MOST_TEXTS = 256
Encoding = Literal["float", "base64"]


class Sentences(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sentences whose features are asked for."""

    texts: Annotated[
        list[Annotated[str, Meta(min_length=1, max_length=10_000)]], Meta(min_length=1, max_length=MOST_TEXTS)
    ]
    raw: Annotated[
        bool,
        Meta(description="As they stand, instead of through the templates that the policies' prompts go through."),
    ] = False


class Vector(msgspec.Struct, frozen=True, omit_defaults=True):
    """Features of one sentence, or of one view of an image; of length 1."""

    features: Annotated[
        list[float] | str,
        Meta(description="Numbers to eight decimals; or, as base64, float32, little-endian, exactly."),
    ]
    text: str | None = None
    region: Annotated[Region | None, Meta(description="Where the view was taken.")] = None


class Embeddings(msgspec.Struct, frozen=True):
    """Features, and what must be known to compare them: only those of one fingerprint and preprocessing can be.

    A sentence and a view score ``logit_scale`` * their dot product (+ ``logit_bias`` of a sigmoid model). Of an
    image with several views the one counts that is nearest.
    """

    model: ModelRef
    preprocess: Annotated[str | None, Meta(description="What made pixels of the image; null of sentences.")]
    logit_scale: float
    logit_bias: float | None
    dimension: int
    encoding: Encoding
    vectors: list[Vector]


class Problem(msgspec.Struct, frozen=True):
    """Why there is no answer (RFC 9457)."""

    title: str
    status: int
    detail: Annotated[str, Meta(description="What is wrong, and what to do, for a person.")]
