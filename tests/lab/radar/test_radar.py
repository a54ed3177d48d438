"""What the month before did not have is found in a handful of images; days like the month have nothing new."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.adapters.memory.store import MemoryStore
from pipeline.archive.archive import Archive
from pipeline.lab.drift.periods import periods
from pipeline.lab.radar import reading
from pipeline.lab.radar.clusters import clusters, least
from pipeline.lab.radar.find import Vocabulary, found, next_step
from pipeline.lab.radar.novelty import UNLIKE, Month
from pipeline.lab.radar.reading import sampled, sighted
from pipeline.lab.radar.record import Radar
from pipeline.ports import Store
from pipeline.rules.archive.remembered import as_kept, remembered
from pipeline.signals import WHOLE, Signals, regions_of
from tests.archive.made import MADE_BY, NOON, decision, keep
from tests.lab.drift.days import DAY

DIMENSION, THINGS = 64, 40


def unit(rows: np.ndarray) -> np.ndarray:
    return np.asarray(rows / np.linalg.norm(rows, axis=-1, keepdims=True), np.float32)


WORLD = unit(np.random.default_rng(0).normal(size=(THINGS + 2, DIMENSION)))
"""The directions of things; the stream has all but the last two."""


def pictures(rng: np.random.Generator, things: np.ndarray) -> np.ndarray:
    """A picture of each thing: its direction, and as much of its own."""
    return unit(WORLD[things] + rng.normal(size=(len(things), DIMENSION)) / np.sqrt(DIMENSION) * 0.8)


def write(store: Store, day: int, images: list[np.ndarray]) -> None:
    """One segment of that day, whose images have a row of features a view."""
    made = []
    for at, views in enumerate(images):
        signals = Signals(as_kept(views), regions_of([WHOLE] * len(views)), MADE_BY)
        number = 100_000 * day + at
        said = decision(number, signals, NOON + DAY * day + at / 10, image_id=f"{day}-{at}")
        made.append(remembered(said, signals, thumbnail=b"webp" if at % 2 else None))
    keep(store, made, start=100_000 * day)


def stream(rng: np.random.Generator, count: int) -> list[np.ndarray]:
    return [each[None] for each in pictures(rng, rng.integers(THINGS, size=count))]


def world(seed: int, *, planted: int, views: int = 1, days: int = 2) -> Store:
    """A month of 2,000 images and a day of 1,000, among which some show a thing that the month never had."""
    rng, store = np.random.default_rng(seed), MemoryStore()
    for day in range(days):
        write(store, day, stream(rng, 2_000 // days))
    last = stream(rng, 1_000)
    new = pictures(rng, np.full(planted, THINGS))
    with_others = [np.stack([*pictures(rng, rng.integers(THINGS, size=views - 1)), each]) for each in new]
    write(store, days, [*last, *with_others])
    return store


def radar(store: Store) -> tuple[Radar, list[list[bytes | None]]]:
    archive = Archive(store)
    of = periods(archive.segments())
    assert of is not None
    month = sampled(archive, of.before, lambda _: None)
    assert month is not None
    seen = sighted(archive, of.last, month, lambda _: None)
    words = Vocabulary.of({f"thing {at}": row for at, row in enumerate(WORLD)})
    answer = found(archive, of, month, seen, words)
    return answer.record, answer.thumbnails


def test_a_thing_that_the_month_never_had_is_found_and_named() -> None:
    record, thumbnails = radar(world(1, planted=25))
    [cluster] = record.clusters
    assert record.enough <= cluster.size <= 25
    assert cluster.phrases[0].text == f"thing {THINGS}"
    assert all(int(each.image_id.split("-")[1]) >= 1_000 for each in cluster.examples)
    assert [picture for picture in thumbnails[0] if picture] == [b"webp"] * sum(
        int(each.image_id.split("-")[1]) % 2 for each in cluster.examples
    )
    assert (record.images, record.month) == (1_025, 2_000)


def test_it_is_found_where_the_same_files_come_again_and_again() -> None:
    """To each image of the month another one is the very same; those of a new thing are not."""
    rng, store = np.random.default_rng(5), MemoryStore()
    files = pictures(rng, np.arange(THINGS))
    again = [each[None] for each in files[rng.integers(THINGS, size=1_500)]]
    write(store, 0, again[:1_000])
    new = unit(WORLD[THINGS] + rng.normal(size=(20, DIMENSION)) / np.sqrt(DIMENSION) * 0.05)
    write(store, 1, [*again[1_000:], *(each[None] for each in new)])
    record, _ = radar(store)
    assert [(each.size, each.phrases[0].text) for each in record.clusters] == [(20, f"thing {THINGS}")]
    assert record.unlike == 20


def test_it_is_found_in_one_view_of_an_image_whose_others_are_as_ever() -> None:
    record, _ = radar(world(2, planted=50, views=3))
    assert [each.phrases[0].text for each in record.clusters] == [f"thing {THINGS}"]


def test_days_like_the_month_have_nothing_new() -> None:
    records = [radar(world(seed, planted=0))[0] for seed in range(8)]
    assert [len(each.clusters) for each in records] == [0] * 8
    shares = [each.unlike / each.images for each in records]
    assert np.mean(shares) == pytest.approx(UNLIKE, abs=0.02)


def test_of_more_than_can_be_held_an_even_draw_still_finds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "KEPT", 60)
    monkeypatch.setattr(reading, "SAMPLED", 1_000)
    record, _ = radar(world(3, planted=150))
    assert record.unlike > 60
    assert [each.phrases[0].text for each in record.clusters] == [f"thing {THINGS}"]


def test_a_month_of_few_images_says_nothing() -> None:
    assert Month.of([row[None].astype(np.float16) for row in WORLD], THINGS, 0) is None


@given(st.integers(1, 10**6), st.integers(100, 16_000))
def test_so_many_are_enough_that_chance_makes_few_clusters(day: int, month: int) -> None:
    others = least(day, month) - 1
    assert day * (day / (day + month)) ** others <= 0.05 * (1 + 1e-9)
    assert day * (day / (day + month)) ** (others - 1) > 0.05 * (1 - 1e-9)


def test_clusters_are_of_alike_ones_the_largest_first_and_nobody_is_in_two() -> None:
    rng = np.random.default_rng(4)
    views = pictures(rng, np.array([0] * 12 + [1] * 20 + [2] * 4))
    cosines = views @ views.T
    near = float(min(cosines[:12, :12].min(), cosines[12:32, 12:32].min()))
    first, second = clusters(views, near, 5)
    assert sorted(first.members) == list(range(12, 32))
    assert sorted(second.members) == list(range(12))
    assert clusters(views[:0], near, 5) == []
    assert clusters(views, near, 21) == []


def test_the_next_step_is_a_command_that_a_shell_takes() -> None:
    said = next_step("a child's toy, red", "2026-03-01", "s3://a/b c")
    assert said == (
        """sluice search 'a child'"'"'s toy, red' --as-policy radar-a-child-s-toy-red --since 2026-03-01"""
        " --archive 's3://a/b c'"
    )
