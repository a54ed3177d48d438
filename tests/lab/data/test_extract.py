"""Features of a data set: in order, with every view, and with a name for each image that could not be read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from pipeline.errors import EncoderError, ItemError, Reason
from pipeline.items import Pixels
from pipeline.lab.data.dataset import Dataset, Example
from pipeline.lab.data.extract import CHUNK, Extracted, extract
from pipeline.ports import Decoded, EncoderSpec
from pipeline.rules.heads import Stacked
from pipeline.signals import Features, Provenance
from tests.signals_made import whole

SPEC = EncoderSpec("tiny", "f", "float32", (2, 2), (0.5,), (0.5,), "bicubic", "shortest", 2, 77, 100.0, None)


class Views:
    """Decodes the bytes ``b"VALUE VIEWS"`` to ``VIEWS`` views of ``VALUE``; ``b"bad"`` is no image."""

    name = "views"

    def __init__(self) -> None:
        self.decoded = 0

    def decode(self, image: bytes) -> Decoded:
        self.decoded += 1
        if image == b"bad":
            raise ItemError(Reason.NOT_AN_IMAGE, "no image at all")
        value, views = map(int, image.split())
        return Decoded(np.full((views, 2, 2, 3), value, np.uint8), whole(views))

    def tiles(self, image: bytes) -> Decoded:
        return self.decode(image)


@dataclass
class Means:
    """A view's features are its value, and which of the views so far it is; 99 overflows."""

    decoder: Views
    spec = SPEC

    def encode_images(self, pixels: Pixels) -> Features:
        values = pixels[:, 0, 0, 0].astype(np.float32)
        return np.stack([np.where(values == 99, np.nan, values), np.arange(len(values))], axis=1).astype(np.float32)

    def encode_texts(self, texts: Sequence[str]) -> Features:
        raise NotImplementedError

    def count_tokens(self, text: str) -> int:
        raise NotImplementedError


def unread() -> bytes:
    raise FileNotFoundError(2, "No such file or directory", "gone.jpg")


def too_large() -> bytes:
    raise ItemError(Reason.TOO_LARGE, "51,000,000 bytes")


def example(name: str, image: bytes) -> Example:
    return Example(name, lambda: image)


def test_views_stand_together_in_order_and_unreadable_images_are_named_with_their_reason() -> None:
    examples = [
        example("a", b"1 1"),
        example("rubbish", b"bad"),
        example("b", b"2 3"),
        Example("gone", unread),
        Example("huge", too_large),
        example("overflown", b"99 2"),
        example("c", b"3 2"),
    ]
    decoder, done = Views(), []
    found = extract(Dataset("d", examples, ()), decoder, Means(decoder), threads=2, progress=done.append)
    assert [each.name for each in found.examples] == ["a", "b", "c"]
    views = Stacked.of(found.signals)
    assert views.features[:, 0].tolist() == [1, 2, 2, 2, 3, 3]
    assert views.offsets == [0, 1, 4, 6]
    assert {each.made_by for each in found.signals} == {Provenance(SPEC.ref, "views")}
    assert [len(each.regions) for each in found.signals] == [1, 3, 2]
    assert [(each.name, each.reason) for each in found.unreadable] == [
        ("rubbish", "not_an_image"),
        ("gone", "fetch_failed"),
        ("huge", "too_large"),
        ("overflown", "stage_failed"),
    ]
    assert found.unreadable[1].message == "No such file or directory"
    assert sum(done) == 7
    values = np.array([[1, 5], [2, 9], [8, 1], [3, 3], [4, 4], [0, 6]], float)
    assert views.worst(values).tolist() == [[1, 5], [8, 9], [4, 6]]


def greatest(found: Extracted) -> np.ndarray:
    views = Stacked.of(found.signals)
    return views.worst(views.features.astype(float))


def test_a_part_has_its_own_views() -> None:
    decoder = Views()
    examples = [example(str(value), b"%d %d" % (value, 1 + value % 3)) for value in range(8)]
    found = extract(Dataset("d", examples, ()), decoder, Means(decoder), threads=1)
    parts = list(found.chunks(3))
    assert [len(part.examples) for part in parts] == [3, 3, 2]
    best = np.concatenate([greatest(part) for part in parts])
    assert best.tolist() == greatest(found).tolist()


def test_a_large_data_set_is_decoded_no_more_than_one_chunk_ahead() -> None:
    decoder = Views()
    encoder = Means(decoder)
    read: list[None] = []
    done: list[int] = []
    ahead: list[int] = []

    def one() -> bytes:
        read.append(None)
        return b"1 1"

    def progress(images: int) -> None:
        ahead.append(len(read) - sum(done))
        done.append(images)

    examples = [Example("x", one) for _ in range(5 * CHUNK + 7)]
    found = extract(Dataset("d", examples, ()), decoder, encoder, threads=2, progress=progress)
    assert sum(len(each.features) for each in found.signals) == 5 * CHUNK + 7
    assert max(ahead) <= 2 * CHUNK


def test_no_image_at_all_gives_no_features() -> None:
    decoder = Views()
    found = extract(Dataset("d", [example("a", b"bad")], ()), decoder, Means(decoder), threads=1)
    assert (found.examples, found.signals, len(found.unreadable)) == ((), (), 1)
    assert list(found.chunks(8)) == []


def test_a_device_that_fails_is_no_matter_of_one_image() -> None:
    class Broken(Means):
        def encode_images(self, pixels: Pixels) -> Features:
            raise EncoderError("gone")

    decoder = Views()
    with pytest.raises(EncoderError):
        extract(Dataset("d", [example("a", b"1 1")], ()), decoder, Broken(decoder), threads=1)
