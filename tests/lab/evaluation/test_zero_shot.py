"""Ranking: which class comes first, what counts as right, and how sure the model says it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from pipeline.items import Pixels
from pipeline.lab.data.dataset import Dataset, Example
from pipeline.lab.data.extract import Extracted
from pipeline.lab.evaluation.zero_shot import encode_classes, in_words, rank
from pipeline.ports import EncoderSpec
from pipeline.signals import Features
from tests.signals_made import signals

SPEC = EncoderSpec("tiny", "f", "float32", (2, 2), (0.5,), (0.5,), "bicubic", "shortest", 3, 77, 10.0, None)
CLASSES = ("knife", "dice", "cat")
TEXTS = np.eye(3, dtype=np.float32)


def example(*labels: str, ignore: tuple[str, ...] = ()) -> Example:
    return Example("x", lambda: b"", labels, None, ignore)


def extracted(examples: Sequence[Example], views: Sequence[Sequence[Sequence[float]]]) -> Extracted:
    return Extracted(tuple(examples), tuple(signals(each) for each in views))


def places(*each: tuple[Example, Sequence[Sequence[float]]]) -> list[int]:
    found = rank(extracted([one for one, _ in each], [views for _, views in each]), CLASSES, TEXTS, SPEC)
    return found.ranks.tolist()


def test_the_place_is_how_many_wrong_classes_come_before_the_right_one() -> None:
    view = [[0.9, 0.5, 0.1]]
    assert places((example("knife"), view), (example("dice"), view), (example("cat"), view)) == [0, 1, 2]


def test_of_several_labels_the_best_counts() -> None:
    assert places((example("cat", "knife"), [[0.9, 0.5, 0.1]]), (example("cat", "dice"), [[0.9, 0.5, 0.1]])) == [0, 1]


def test_the_view_that_shows_a_class_best_speaks_for_it() -> None:
    assert places((example("cat"), [[0.3, 0.2, 0.1], [0.1, 0.2, 0.8]])) == [0]
    assert places((example("knife"), [[0.3, 0.2, 0.1], [0.1, 0.2, 0.8]])) == [1]


def test_a_class_that_could_be_argued_does_not_compete() -> None:
    assert places((example("dice", ignore=("knife", "dice", "a stranger")), [[0.9, 0.5, 0.1]])) == [0]


def test_a_model_that_tells_nothing_apart_is_not_right() -> None:
    assert places((example("knife"), [[0.5, 0.5, 0.5]])) == [2]


def test_examples_without_a_label_are_left_out() -> None:
    pair = extracted([example(), example("dice")], [[[1, 0, 0]], [[0, 1, 0]]])
    found = rank(pair, CLASSES, TEXTS, SPEC)
    assert (len(found.examples), found.ranks.tolist(), found.first.tolist()) == (1, [0], [1])
    nothing = rank(extracted([], []), CLASSES, TEXTS, SPEC)
    assert (nothing.examples, nothing.ranks.shape, nothing.right.shape) == ((), (0,), (0,))


def test_the_confidence_is_the_softmax_at_the_models_scale_or_the_sigmoid_of_a_sigmoid_model() -> None:
    one = extracted([example("knife")], [[[0.3, 0.1, 0.0]]])
    softmax = np.exp(3) / (np.exp(3) + np.exp(1) + 1)
    assert rank(one, CLASSES, TEXTS, SPEC).confidence == pytest.approx([softmax], abs=1e-6)
    sigmoid = replace(SPEC, logit_bias=-2.0)
    assert rank(one, CLASSES, TEXTS, sigmoid).confidence == pytest.approx([1 / (1 + np.exp(-1))], abs=1e-6)


def test_parts_are_scored_like_the_whole() -> None:
    random = np.random.default_rng(1)
    views = [random.normal(size=(1 + index % 3, 3)).tolist() for index in range(700)]
    examples = [example(CLASSES[index % 3]) for index in range(700)]
    found = rank(extracted(examples, views), CLASSES, TEXTS, SPEC)
    best = np.array([np.max(view, axis=0) for view in views])
    assert found.first.tolist() == best.argmax(axis=1).tolist()
    assert (found.ranks == 0).tolist() == [best[i].argmax() == i % 3 for i in range(700)]


def test_folders_names_are_put_into_words() -> None:
    dataset = Dataset(
        "d", [example("kitchen_knife", "Kitchen-knife", ignore=("a__b",))], ("kitchen_knife", "a-b", "a_b")
    )
    found = in_words(dataset, "_-")
    assert found.classes == ("kitchen knife", "a b")
    assert (found.examples[0].labels, found.examples[0].ignore) == (("kitchen knife", "Kitchen knife"), ("a b",))
    assert in_words(dataset, "_").classes == ("kitchen knife", "a-b", "a b")


class Letters:
    """Texts as counts of a few letters, L2-normalised; remembers what it was asked."""

    spec = SPEC

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode_images(self, pixels: Pixels) -> Features:
        raise NotImplementedError

    def encode_texts(self, texts: Sequence[str]) -> Features:
        self.asked += texts
        features = np.array([[text.count(letter) + 0.5 for letter in "acp"] for text in texts], np.float32)
        return np.asarray(features / np.linalg.norm(features, axis=1, keepdims=True))

    def count_tokens(self, text: str) -> int:
        return len(text)


def test_classes_go_through_every_template_and_through_the_one_they_are_compared_with() -> None:
    encoder = Letters()
    found = encode_classes(encoder, ["cat", "apple"], ["a picture of {}.", "{}"])
    assert encoder.asked[:3] == ["a picture of cat.", "cat", "a photo of cat."]
    pair = encoder.encode_texts(["a picture of apple.", "apple"]).sum(axis=0)
    assert found.ensemble[1] == pytest.approx(pair / np.linalg.norm(pair), abs=1e-6)
    assert found.one[0] == pytest.approx(encoder.encode_texts(["a photo of cat."])[0])
