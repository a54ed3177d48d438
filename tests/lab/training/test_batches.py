"""A training batch is a function of the plan and the step; who is whose negative goes with it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch.utils.data import Dataset

from pipeline.lab.data.pairs import Pair, read_pairs
from pipeline.lab.scenes.lexicon import NOTHING
from pipeline.lab.training.batches import MOST_SHOWN, PairBatches, SceneBatches, TrainingBatch, load_batches, thing_of
from pipeline.lab.training.contrast import share_a_thing
from pipeline.lab.training.plan import Plan
from pipeline.lab.training.trainee import Normalise
from tests.images import HTML, encoded, flat
from tests.lab.conftest import write_pairs

PREPROCESS = {"size": 16, "mean": [0.5] * 3, "std": [0.5] * 3}
PLAN = Plan(samples=1000, batch=4)
HALF = Normalise((0.5,) * 3, (0.5,) * 3)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> list[Pair]:
    return list(read_pairs(write_pairs(tmp_path_factory.mktemp("pairs"), 10)))


def of(pairs: list[Pair], plan: Plan = PLAN) -> PairBatches:
    return PairBatches(plan, pairs, PREPROCESS)


def same(one: TrainingBatch, two: TrainingBatch) -> bool:
    tensors = ("pixels", "shown", "named")
    words = ("texts", "unreadable")
    return all(torch.equal(getattr(one, name), getattr(two, name)) for name in tensors) and all(
        getattr(one, name) == getattr(two, name) for name in words
    )


def test_the_same_step_is_the_same_batch_whatever_came_before(pairs: list[Pair]) -> None:
    one, two = of(pairs), of(pairs)
    _ = two[5], torch.rand(3)
    assert same(one[2], two[2])
    assert not same(one[2], one[3])


def test_making_a_batch_leaves_torchs_own_random_numbers_alone(pairs: list[Pair]) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    _ = of(pairs)[0]
    assert torch.equal(torch.rand(3), expected)


def test_every_pair_comes_once_an_epoch_and_each_epoch_has_its_own_order(pairs: list[Pair]) -> None:
    """Ten pairs in batches of four: an epoch ends within a batch."""
    batches = of(pairs)
    stream = [text for step in range(5) for text in batches[step].texts]
    epochs = stream[:10], stream[10:]
    for epoch in epochs:
        assert sorted(epoch) == sorted(pair.caption for pair in pairs)
    assert epochs[0] != epochs[1]


def test_each_picture_stands_beside_its_own_caption(pairs: list[Pair]) -> None:
    """Pictures are of one colour each, so a crop shows which one it is."""
    colours = {pair.caption: Image.open(pair.image).getpixel((0, 0)) for pair in pairs}
    batch = of(pairs)[0]
    for picture, text in zip(batch.pixels, batch.texts, strict=True):
        shade = (picture.mean((1, 2)) * 0.5 + 0.5) * 255
        assert shade.tolist() == pytest.approx(colours[text], abs=1.5)


def test_pictures_are_cropped_at_random(tmp_path: Path) -> None:
    ramp = Image.linear_gradient("L").convert("RGB")
    (tmp_path / "ramp.png").write_bytes(encoded(ramp))
    batches = of([Pair(tmp_path / "ramp.png", "a ramp")])
    assert len({float(picture.sum()) for picture in batches[0].pixels}) > 1


def test_a_picture_that_cannot_be_read_is_named_and_left_out(tmp_path: Path) -> None:
    whole = encoded(flat((200, 30, 30), (24, 24)))
    noise = encoded(Image.effect_noise((64, 64), 90))
    for name, data in {
        "good.png": whole,
        "page.png": HTML,
        "torn.png": noise[: len(noise) // 2],
        "empty.png": b"",
    }.items():
        (tmp_path / name).write_bytes(data)
    pairs = [Pair(tmp_path / f"{name}.png", f"a {name} one") for name in ("good", "page", "torn", "empty", "gone")]
    batch = of(pairs, Plan(samples=5, batch=5))[0]
    assert batch.texts == ["a good one"]
    assert (len(batch.pixels), len(batch.shown), len(batch.named)) == (1, 1, 1)
    named = sorted(Path(problem.split(": ")[0]).stem for problem in batch.unreadable)
    assert named == ["empty", "gone", "page", "torn"]
    assert all("\n" not in problem and problem.split(": ", 1)[1] for problem in batch.unreadable)


def test_a_batch_of_which_nothing_can_be_read_is_empty(tmp_path: Path) -> None:
    batch = of([Pair(tmp_path / "gone.png", "nothing")])[0]
    assert (batch.texts, len(batch.pixels), len(batch.shown), len(batch.named)) == ([], 0, 0, 0)
    assert len(batch.unreadable) == PLAN.batch


def test_captions_with_the_same_words_are_no_negatives_of_each_other(tmp_path: Path) -> None:
    for name in "abc":
        (tmp_path / f"{name}.png").write_bytes(encoded(flat((9, 9, 9), (24, 24))))
    texts = {"a": "A red  Card", "b": "a red card", "c": "a blue card"}
    pairs = [Pair(tmp_path / f"{name}.png", text) for name, text in texts.items()]
    batch = of(pairs, Plan(samples=3, batch=3))[0]
    alike = share_a_thing(batch.shown, batch.named)
    for row, one in enumerate(batch.texts):
        for column, other in enumerate(batch.texts):
            assert bool(alike[row, column]) == (thing_of(one) == thing_of(other))
    assert alike.sum() == 5, "red and red both ways, and each its own"


def test_no_caption_of_an_image_is_a_negative_of_it(tmp_path: Path) -> None:
    """A picture with several captions comes once for each of them; those are right of it, too."""
    for name in "ab":
        (tmp_path / f"{name}.png").write_bytes(encoded(flat((9, 9, 9), (24, 24))))
    pairs = [Pair(tmp_path / "a.png", f"caption {number}") for number in range(3)]
    pairs += [Pair(tmp_path / "b.png", "another")]
    batch = of(pairs)[0]
    alike = share_a_thing(batch.shown, batch.named)
    for row, one in enumerate(batch.texts):
        for column, other in enumerate(batch.texts):
            assert bool(alike[row, column]) == ((one == "another") == (other == "another"))


def test_a_picture_with_very_many_captions_is_told_by_some_of_them_and_its_own(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(encoded(flat((9, 9, 9), (24, 24))))
    pairs = [Pair(tmp_path / "a.png", f"caption {number}") for number in range(MOST_SHOWN + 4)]
    batch = of(pairs)[0]
    assert batch.shown.shape == (PLAN.batch, MOST_SHOWN)
    assert torch.equal(batch.shown[:, :1], batch.named)


def test_what_a_file_holds_under_full_transparency_is_not_seen(tmp_path: Path) -> None:
    (tmp_path / "clear.png").write_bytes(encoded(flat((255, 0, 0, 0), (24, 24), "RGBA")))
    palette = flat((0, 0, 0), (24, 24)).quantize(2)
    (tmp_path / "palette.png").write_bytes(encoded(palette, transparency=0))
    for name in ("clear", "palette"):
        assert torch.all(of([Pair(tmp_path / f"{name}.png", "white")])[0].pixels == 1.0)


def test_grey_of_16_bits_is_seen_as_viewers_show_it_and_grey_of_floats_is_named(tmp_path: Path) -> None:
    ramp = np.linspace(0, 255, 32 * 32, dtype=np.uint8).reshape(32, 32)
    Image.fromarray(ramp).save(tmp_path / "8.png")
    Image.fromarray(ramp.astype(np.uint16) * 257).save(tmp_path / "16.png")
    Image.fromarray(ramp.astype(np.float32) / 255).save(tmp_path / "float.tiff")
    shallow, deep = (of([Pair(tmp_path / f"{bits}.png", "a ramp")])[0].pixels for bits in (8, 16))
    assert torch.equal(shallow, deep)
    assert "store it with 8 or 16 bits" in of([Pair(tmp_path / "float.tiff", "a ramp")])[0].unreadable[0]


def test_a_photograph_stored_on_its_side_is_turned_upright(tmp_path: Path) -> None:
    wide = flat((250, 250, 250), (32, 32))
    wide.paste((0, 0, 0), (0, 0, 32, 16))
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "turned.png").write_bytes(encoded(wide.transpose(Image.Transpose.ROTATE_90), exif=exif))
    picture = of([Pair(tmp_path / "turned.png", "dark above")])[0].pixels[0]
    assert picture[:, :5].max() < 0 < picture[:, -5:].min()


@pytest.fixture
def scenes(atlas: object) -> Callable[[Plan], SceneBatches]:
    def make(plan: Plan) -> SceneBatches:
        batches = SceneBatches(plan, 24, HALF)
        batches.__dict__["atlas"] = atlas  # where `cached_property` keeps it
        return batches

    return make


def test_a_batch_of_scenes_names_only_what_it_shows(scenes: Callable[[Plan], SceneBatches]) -> None:
    batch = scenes(Plan(samples=64, batch=32))[1]
    assert batch.pixels.shape == (32, 3, 24, 24)
    assert -1 <= batch.pixels.min() < 0 < batch.pixels.max() <= 1
    for shown, named in zip(batch.shown.tolist(), batch.named.tolist(), strict=True):
        assert {*named} - {NOTHING}
        assert {*named} - {NOTHING} <= {*shown}
    assert share_a_thing(batch.shown, batch.named).diagonal().all()


def test_scenes_have_the_size_of_their_step(scenes: Callable[[Plan], SceneBatches]) -> None:
    batches = scenes(Plan(samples=16, batch=4, sizes=((0.5, 16),)))
    assert [batches[step].pixels.shape[-1] for step in range(4)] == [16, 16, 24, 24]


def test_scenes_of_nothing_stand_behind_those_with_captions_and_are_never_the_same(
    scenes: Callable[[Plan], SceneBatches],
) -> None:
    batches = scenes(Plan(samples=64, batch=16, empty=4))
    one, two = batches[0], batches[1]
    assert (len(one.pixels), len(one.texts), len(one.named)) == (16, 12, 12)
    assert (one.shown[12:] == NOTHING).all()
    assert (one.shown[:12, 0] != NOTHING).all()
    assert not torch.equal(one.pixels[12:], two.pixels[12:])
    assert torch.equal(one.pixels, batches[0].pixels)


def test_further_steps_load_in_order_and_worker_processes_give_the_same_batches(pairs: list[Pair]) -> None:
    batches: Dataset[TrainingBatch] = of(pairs)
    here = list(load_batches(batches, 1, 4, workers=0))
    there = list(load_batches(batches, 1, 4, workers=1))
    assert len(here) == len(there) == 3
    for step, (one, other) in enumerate(zip(here, there, strict=True), start=1):
        assert same(one, other)
        assert same(one, batches[step])


def test_scenes_that_are_shown_again_are_moved_under_the_same_captions(
    scenes: Callable[[Plan], SceneBatches],
) -> None:
    plan = Plan(samples=64, batch=8, shown=3)
    batches = scenes(plan)
    first, again, third, other = (batches[step] for step in range(4))
    assert first.texts == again.texts == third.texts != other.texts
    assert not torch.equal(first.pixels, again.pixels)
    assert not torch.equal(again.pixels, third.pixels)
    assert same(again, scenes(plan)[1])
    assert same(first, scenes(replace(plan, shown=1))[0])


def test_steps_that_one_process_makes_together_begin_where_they_should(pairs: list[Pair]) -> None:
    batches: Dataset[TrainingBatch] = of(pairs)
    alone = list(load_batches(batches, 2, 7, workers=0))
    together = list(load_batches(batches, 2, 7, workers=0, together=3))
    assert len(alone) == len(together) == 5
    assert all(same(one, other) for one, other in zip(alone, together, strict=True))
