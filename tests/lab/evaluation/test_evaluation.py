"""An evaluation as a whole: what is counted where, and what is refused before and after a model has worked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from pipeline.errors import UsageError
from pipeline.lab.data.dataset import Dataset, Example
from pipeline.lab.data.extract import Extracted, Unreadable
from pipeline.lab.evaluation.evaluate import check, evaluate
from pipeline.lab.evaluation.zero_shot import ONE_TEMPLATE, ClassTexts
from pipeline.ports import EncoderSpec
from tests.signals_made import split

SPEC = EncoderSpec("tiny", "f", "float32", (2, 2), (0.5,), (0.5,), "bicubic", "shortest", 2, 77, 10.0, None)
TEMPLATES = ("a photo of {}.", "{}")
KNIFE, DICE = [1.0, 0.0], [0.0, 1.0]
TEXTS = ClassTexts(("knife", "dice"), np.eye(2, dtype=np.float32), np.array([DICE, KNIFE], np.float32))
"""Through all templates every class is where it should be, through the one they are exchanged."""


def example(name: str, *labels: str, group: str | None = None) -> Example:
    return Example(name, lambda: b"", labels, group)


def seen(dataset: Dataset, views: Sequence[Sequence[float]], unreadable: int = 0) -> Extracted:
    """The first examples as those views, the others unreadable."""
    lost = dataset.examples[len(views) :]
    assert len(lost) == unreadable
    rows = np.array(views, np.float32).reshape(-1, 2)
    lost_ones = tuple(Unreadable(each.name, "not_an_image", "starts like HTML") for each in lost)
    return Extracted(tuple(dataset.examples[: len(views)]), split(rows, [1] * len(views)), lost_ones)


def data(name: str, *examples: Example) -> Dataset:
    return Dataset(name, examples, ("knife", "dice"))


def test_every_image_is_counted_once_and_templates_are_compared_on_the_same_images() -> None:
    dataset = data("d", example("a", "knife"), example("b", "dice"), example("c"), example("d", "dice"))
    found = evaluate(dataset, seen(dataset, [KNIFE, DICE, KNIFE], 1), TEXTS, TEMPLATES, SPEC)
    assert (found.images, found.scored, found.unlabelled, len(found.unreadable)) == (4, 2, 1, 1)
    assert [top.accuracy.value for top in found.top] == [1.0]
    assert found.template_gain is not None
    assert found.template_gain.value == 1.0
    assert (found.groups, found.gap, found.shifts) == ((), None, ())


def test_the_one_template_alone_has_nothing_to_be_compared_with() -> None:
    dataset = data("d", example("a", "knife"))
    assert evaluate(dataset, seen(dataset, [KNIFE]), TEXTS, [ONE_TEMPLATE], SPEC).template_gain is None


def test_another_data_set_is_compared_and_its_unreadable_images_are_its_own() -> None:
    dataset = data("photos", example("a", "knife"), example("b", "dice"))
    other = data("drawings", example("c", "knife"), example("d", "knife"), example("e", "knife"))
    compared = (other, seen(other, [KNIFE, DICE], 1))
    found = evaluate(dataset, seen(dataset, [KNIFE, DICE]), TEXTS, TEMPLATES, SPEC, others=[compared])
    (shift,) = found.shifts
    assert (shift.classes, shift.before.value, shift.after.value) == (1, 1.0, 0.5)
    assert (len(found.unreadable), [each.name for each in found.shift_unreadable]) == (0, ["e"])


def test_where_nothing_can_be_read_the_first_image_is_named_with_its_reason() -> None:
    dataset = data("photos", example("a.jpg", "knife"), example("b.jpg", "dice"))
    with pytest.raises(UsageError, match=r"photos: none of its 2 images can be read; a\.jpg: starts like HTML"):
        evaluate(dataset, seen(dataset, [], 2), TEXTS, TEMPLATES, SPEC)


def test_images_without_a_label_alone_measure_nothing() -> None:
    dataset = data("photos", example("a.jpg"), example("b.jpg", "dice"))
    with pytest.raises(UsageError, match="photos: no image that has a label can be read"):
        evaluate(dataset, seen(dataset, [KNIFE], 1), TEXTS, TEMPLATES, SPEC)


def test_classes_that_no_readable_image_shares_cannot_be_compared() -> None:
    dataset, other = data("photos", example("a", "knife")), data("drawings", example("b", "dice"))
    with pytest.raises(UsageError, match="drawings: none of its classes has an image in both"):
        evaluate(dataset, seen(dataset, [KNIFE]), TEXTS, TEMPLATES, SPEC, others=[(other, seen(other, [DICE]))])


@pytest.mark.parametrize(
    ("classes", "templates", "shown", "said"),
    [
        (("", "knife"), TEMPLATES, None, "photos: the name of a class has no word in it"),
        (
            ("Knife", "dog", "knife"),
            TEMPLATES,
            None,
            "photos: the classes 'Knife' and 'knife' differ in capitals alone",
        ),
        ((), TEMPLATES, None, "photos: no label at all; an evaluation needs two classes or more"),
        (("knife",), TEMPLATES, None, "photos: only the class 'knife'; an evaluation needs two"),
        (("knife", "dice"), ["a photo"], None, "the template 'a photo' has no {} where the class name goes"),
        (
            ("knife", "dice"),
            TEMPLATES,
            ("knifes",),
            "drawings: the class 'knifes' is not one of photos; did you mean",
        ),
        (
            ("knife", "dice"),
            TEMPLATES,
            ("zebra",),
            "drawings: the class 'zebra' is not one of photos; leave its images",
        ),
        (
            ("knife", "dice"),
            TEMPLATES,
            (),
            "drawings: no label at all; --shift needs images of the classes of photos",
        ),
    ],
)
def test_what_can_be_known_before_a_model_is_loaded_is_said_then(
    classes: tuple[str, ...], templates: Sequence[str], shown: tuple[str, ...] | None, said: str
) -> None:
    others = () if shown is None else [Dataset("drawings", [example("x", *shown)], shown)]
    with pytest.raises(UsageError) as error:
        check(Dataset("photos", [], classes), templates, others)
    assert str(error.value).startswith(said)
